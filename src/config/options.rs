//! What the user said, on the command line or in the environment: one option, one field.
//!
//! Every option is a flag, a variable `MINUTEBOOK_…` and a key of a file, spelled alike.
//! A value is parsed here as far as it can be by itself, and what a target's values mean together; the
//! rest is for [`super::resolve`].

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{Args, ValueEnum};
use url::Url;

use crate::cluster::Layout;
use crate::cycle::{FilterSource, SettingsSource};
use crate::model::digest::Sha256;
use crate::model::settings::check_settings;
use crate::model::target::{FolderName, Host};
use crate::select::{Limits, stock_names};

/// The options of a target.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The API server, which also names the folder: a DNS name or IP address, with an optional port. With a
    /// kubeconfig only the folder [default: the server's name]
    #[arg(long, env = "MINUTEBOOK_HOST", value_name = "HOST", help_heading = "What to record")]
    pub host: Option<Host>,

    /// The cluster behind it [default: as the kubeconfig's context calls it]
    #[arg(long, env = "MINUTEBOOK_CLUSTER", value_name = "NAME", help_heading = "What to record")]
    pub cluster: Option<FolderName>,

    /// The namespace whose objects are recorded; of several, separated by commas, each is a target of its own
    /// [default: the context's or the pod's]
    #[arg(
        long,
        env = "MINUTEBOOK_NAMESPACE",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "What to record"
    )]
    pub namespace: Vec<FolderName>,

    /// Record the objects of all namespaces, into the folder `_all`
    #[arg(short = 'A', long, env = "MINUTEBOOK_ALL_NAMESPACES", value_parser = BoolishValueParser::new(), help_heading = "What to record")]
    pub all_namespaces: bool,

    /// Record the objects that are in no namespace, such as nodes, into the folder `_cluster`
    #[arg(long, env = "MINUTEBOOK_CLUSTER_SCOPE", value_parser = BoolishValueParser::new(), help_heading = "What to record")]
    pub cluster_scope: bool,

    /// Record `secrets` like all else, in the clear; without it they are withheld in layout `kubernetes`,
    /// whatever the filter says
    #[arg(long, env = "MINUTEBOOK_INCLUDE_SECRETS_IN_CLEAR", value_parser = BoolishValueParser::new(), help_heading = "What to record")]
    pub include_secrets_in_clear: bool,

    /// The kubeconfig that says where to connect and as whom [default: without --host `$KUBECONFIG`, else
    /// `~/.kube/config`]
    #[arg(long, env = "MINUTEBOOK_KUBECONFIG", value_name = "FILE", help_heading = "How to connect")]
    pub kubeconfig: Option<PathBuf>,

    /// The kubeconfig's context [default: its current one]
    #[arg(long, env = "MINUTEBOOK_CONTEXT", value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "How to connect")]
    pub context: Option<String>,

    /// Where the server has the API [default: kata with --host and no kubeconfig, else kubernetes]
    #[arg(long, env = "MINUTEBOOK_LAYOUT", value_name = "LAYOUT", help_heading = "How to connect")]
    pub layout: Option<LayoutOption>,

    /// Where to connect, when that is not `https://HOST` or the kubeconfig's server: a proxy, or a test on
    /// loopback; a path is for layout `kubernetes` alone
    // Parsed later: clap repeats what it refuses, and people put passwords into URLs.
    #[arg(long, env = "MINUTEBOOK_SERVER", value_name = "URL", help_heading = "How to connect")]
    pub server: Option<String>,

    /// A file with a bearer token, read anew for each cycle
    #[arg(long, env = "MINUTEBOOK_TOKEN_FILE", value_name = "FILE", help_heading = "How to connect")]
    pub token_file: Option<PathBuf>,

    /// A file with CA certificates (PEM) that replace the system's
    #[arg(long, env = "MINUTEBOOK_CA_FILE", value_name = "FILE", help_heading = "How to connect")]
    pub ca_file: Option<PathBuf>,

    /// A file with a client certificate (PEM)
    #[arg(
        long,
        env = "MINUTEBOOK_CLIENT_CERT",
        value_name = "FILE",
        requires = "client_key",
        help_heading = "How to connect"
    )]
    pub client_cert: Option<PathBuf>,

    /// A file with the client certificate's private key (PEM)
    #[arg(
        long,
        env = "MINUTEBOOK_CLIENT_KEY",
        value_name = "FILE",
        requires = "client_cert",
        help_heading = "How to connect"
    )]
    pub client_key: Option<PathBuf>,

    /// Where archives go: AUDIT_DIR/HOST/CLUSTER/NAMESPACE/TIME.audit.tar.gz
    #[arg(
        long,
        env = "MINUTEBOOK_AUDIT_DIR",
        value_name = "DIR",
        default_value = "/audit",
        help_heading = "Where and when"
    )]
    pub audit_dir: PathBuf,

    /// From one cycle to the next, at least 1s
    #[arg(long, env = "MINUTEBOOK_INTERVAL", value_name = "TIME", default_value = "60s", value_parser = parse_interval, help_heading = "Where and when")]
    pub interval: Duration,

    /// The rule that decides what is recorded: a filter's name or a component's file, and the
    /// digest that it must have
    #[arg(
        long,
        env = "MINUTEBOOK_FILTER",
        value_name = "NAME|FILE[@sha256:HEX]",
        default_value = "default",
        help_heading = "The filter"
    )]
    pub filter: FilterOption,

    /// Settings for the filter: JSON, or a file with JSON that is read anew for each cycle
    #[arg(long, env = "MINUTEBOOK_FILTER_SETTINGS", value_name = "JSON|@FILE", default_value = "{}", value_parser = parse_settings, help_heading = "The filter")]
    pub filter_settings: SettingsSource,

    /// What the filter may use up.
    #[command(flatten)]
    pub filter_limits: FilterLimits,

    /// Size of the largest list that is recorded
    #[arg(long, env = "MINUTEBOOK_MAX_LIST_BYTES", value_name = "BYTES", default_value = "1GiB", value_parser = parse_bytes, help_heading = "Limits")]
    pub max_list_bytes: u64,

    /// Size of all lists of a cycle together
    #[arg(long, env = "MINUTEBOOK_MAX_CYCLE_BYTES", value_name = "BYTES", default_value = "8GiB", value_parser = parse_bytes, help_heading = "Limits")]
    pub max_cycle_bytes: u64,
}

/// What a filter may use up.
#[derive(Debug, Clone, Args)]
pub struct FilterLimits {
    /// Memory that the filter may use
    #[arg(long, env = "MINUTEBOOK_FILTER_MEMORY", value_name = "BYTES", default_value = "64MiB", value_parser = parse_bytes, help_heading = "The filter")]
    pub filter_memory: u64,

    /// Time that the filter may take for one selection
    #[arg(long, env = "MINUTEBOOK_FILTER_TIMEOUT", value_name = "TIME", default_value = "1s", value_parser = parse_filter_timeout, help_heading = "The filter")]
    pub filter_timeout: Duration,

    /// Fuel that the filter may use for one selection; most instructions use one unit
    #[arg(
        long,
        env = "MINUTEBOOK_FILTER_FUEL",
        value_name = "UNITS",
        default_value = "5000000000",
        help_heading = "The filter"
    )]
    pub filter_fuel: u64,
}

impl From<&FilterLimits> for Limits {
    fn from(limits: &FilterLimits) -> Self {
        Self { memory: limits.filter_memory, timeout: limits.filter_timeout, fuel: limits.filter_fuel }
    }
}

/// Where the API is on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutOption {
    /// Below /k8s/clusters/CLUSTER, and every list in one group: the exercise's
    Kata,
    /// Where every Kubernetes API server has it
    Kubernetes,
}

impl From<LayoutOption> for Layout {
    fn from(option: LayoutOption) -> Self {
        match option {
            LayoutOption::Kata => Self::Kata,
            LayoutOption::Kubernetes => Self::Kubernetes,
        }
    }
}

/// A filter and its pin.
#[derive(Debug, Clone)]
pub struct FilterOption {
    /// Where its bytes are.
    pub source: FilterSource,
    /// The digest that they must have.
    pub pin: Option<Sha256>,
}

impl FromStr for FilterOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, pin) = match text.rsplit_once("@sha256:") {
            Some((place, hex)) => (place, Some(hex.parse::<Sha256>().map_err(|error| error.to_string())?)),
            None => (text, None),
        };
        if place.is_empty() {
            return Err("a filter is a name or a file".to_owned());
        }
        let source = if place.contains('/')
            || Path::new(place).extension().is_some_and(|suffix| suffix == "wasm")
        {
            FilterSource::File(place.into())
        } else if stock_names().any(|name| name == place) {
            FilterSource::Stock(place.to_owned())
        } else {
            let known: Vec<_> = stock_names().map(|name| format!("`{name}`")).collect();
            let known = known.join(", ");
            return Err(format!(
                "there is no filter of this name, only {known}; a file has a `/` in its path or ends with `.wasm`"
            ));
        };
        Ok(Self { source, pin })
    }
}

/// Parses `--server`. The error does not repeat the text.
pub(super) fn parse_server(text: &str) -> Result<Url, String> {
    let url: Url =
        text.parse().map_err(|error| format!("{error}; a server is a URL such as https://HOST:PORT"))?;
    let extra = if !matches!(url.scheme(), "http" | "https") {
        Some("its scheme is neither http nor https")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("it holds user information; credentials belong into --token-file or --client-cert")
    } else if url.query().is_some() {
        Some("it has a query")
    } else if url.fragment().is_some() {
        Some("it has a fragment")
    } else {
        None
    };
    extra.map_or(Ok(url), |extra| Err(extra.to_owned()))
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_time(text)?;
    if interval < Duration::from_secs(1) {
        return Err("an interval is at least 1s".to_owned());
    }
    Ok(interval)
}

/// A filter that had less would decide or not as the machine has it.
fn parse_filter_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_time(text)?;
    if timeout < Duration::from_millis(1) {
        return Err("a filter's time is at least 1ms".to_owned());
    }
    Ok(timeout)
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; a time is written like 1s, 500ms or 2m"))?;
    // More than a century would overflow somewhere, and helps nobody.
    if time.is_zero() || time > Duration::from_secs(100 * 365 * 24 * 60 * 60) {
        return Err("a time is above zero and at most a century".to_owned());
    }
    Ok(time)
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(0)) => Err("a size is at least one byte".to_owned()),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(_) => Err("a size is a number of bytes, or one with a unit such as 64MiB".to_owned()),
    }
}

/// Parses `--filter-settings`.
///
/// # Errors
/// It is neither JSON as settings are (see [`check_settings`]) nor `@` and a file's name.
pub fn parse_settings(text: &str) -> Result<SettingsSource, String> {
    match text.strip_prefix('@') {
        Some("") => Err("a file's name follows the `@`".to_owned()),
        Some(file) => Ok(SettingsSource::File(file.into())),
        None => match check_settings(text) {
            Ok(()) => Ok(SettingsSource::Inline(text.to_owned())),
            Err(why) => Err(format!("{why}; settings from a file are written @FILE")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_name_or_a_file_with_or_without_a_pin() {
        let parse = |text: &str| text.parse::<FilterOption>();
        assert!(matches!(parse("default").unwrap().source, FilterSource::Stock(name) if name == "default"));
        for file in ["./x", "x.wasm", "/a/b@c.wasm", "default.wasm", "@sha256.wasm"] {
            assert!(
                matches!(parse(file).unwrap().source, FilterSource::File(path) if path.to_str() == Some(file)),
                "{file}"
            );
        }
        let hex = Sha256::of(b"").to_string();
        let pinned = parse(&format!("default@sha256:{hex}")).unwrap();
        assert_eq!(pinned.pin, Some(Sha256::of(b"")));
        for bad in ["", "other", "default@sha256:12", &format!("@sha256:{hex}")] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_server_is_an_address_without_credentials() {
        for good in ["https://h", "http://127.0.0.1:8001", "https://[::1]:6443/", "https://h/k8s/clusters/c"]
        {
            assert!(parse_server(good).is_ok(), "{good}");
        }
        for bad in ["h", "ftp://h", "https://u@h", "https://:p@h", "https://h?x", "https://h#x", "https://"] {
            assert!(parse_server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(
            (parse_bytes("64MiB"), parse_bytes("1000"), parse_bytes("1kB")),
            (Ok(64 << 20), Ok(1000), Ok(1000))
        );
        for bad in ["", "0", "-1", "x", "1 lightyear"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_time("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(parse_interval("999ms").is_err() && parse_interval("1s").is_ok());
        assert!(parse_filter_timeout("999us").is_err() && parse_filter_timeout("1ms").is_ok());
        for bad in ["", "0s", "60", "-1s", "200years"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn inline_settings_are_json() {
        assert!(matches!(parse_settings("{}"), Ok(SettingsSource::Inline(_))));
        assert!(matches!(parse_settings("@f.json"), Ok(SettingsSource::File(_))));
        assert!(
            parse_settings("@").is_err()
                && parse_settings("{").is_err()
                && parse_settings("include: x").is_err()
        );
    }
}
