//! What is recorded and into which folder: HOST, CLUSTER and a scope.
//!
//! All three become folders below AUDIT_DIR and segments of a URL, so they are parsed here, and
//! what these types hold cannot leave its folder.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// The longest CLUSTER or NAMESPACE, in bytes: a file name with room for a suffix.
const FOLDER_BYTES: usize = 200;
/// The longest name that file systems take, in bytes.
const FILE_NAME_BYTES: usize = 255;
/// The longest host name, in bytes (RFC 1035).
const HOST_BYTES: usize = 253;

/// Why a text is not part of a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// Neither a host name nor an IP address.
    #[error("a host is a DNS name, an IPv4 address or an IPv6 address in brackets, with an optional `:PORT`")]
    Host,
    /// The part behind the host's colon.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// Name and port together make no folder's name.
    #[error("a host with its port is at most 255 bytes long")]
    HostTooLong,
    /// Not a folder's name.
    #[error(
        "it may hold only letters, digits, `.`, `_` and `-`, must begin with a letter or digit, and may be at most 200 bytes long"
    )]
    Folder,
    /// A name from elsewhere that makes no folder's name.
    #[error("it is empty or, with what is no letter or digit encoded, more than 200 bytes long")]
    Derived,
}

/// A host as people write it: `sample.k8s.hostname`, `10.0.0.1:6443`, `[::1]:6443`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// The text as given, fit for the authority of a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its folder: lower case, `_` for `:`, without brackets.
    #[must_use]
    pub fn folder(&self) -> String {
        self.0.to_lowercase().replace(['[', ']'], "").replace(':', "_")
    }
}

impl FromStr for Host {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        // A URL given as a host would otherwise be told that its port is wrong.
        if text.contains('/') {
            return Err(TargetError::Host);
        }
        let (host, port) = split_port(text)?;
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let known = match address {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_host_name(host),
        };
        if !known {
            return Err(TargetError::Host);
        }
        if port.is_some_and(|port| !is_port(port)) {
            return Err(TargetError::Port);
        }
        let host = Self(text.to_owned());
        if host.folder().len() > FILE_NAME_BYTES {
            return Err(TargetError::HostTooLong);
        }
        Ok(host)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a cluster or namespace, which is also its folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FolderName(String);

impl FolderName {
    /// The name, one path segment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A folder for a name that somebody else chose, such as a context's cluster: what a folder's name cannot hold
    /// is percent-encoded, and so is what it cannot begin with. Two names never make one folder.
    ///
    /// # Errors
    /// It is empty, or too long once it is encoded.
    pub fn derived(name: &str) -> Result<Self, TargetError> {
        use std::fmt::Write as _;
        let mut folder = String::new();
        for (index, byte) in name.bytes().enumerate() {
            let begins = index > 0 || byte.is_ascii_alphanumeric();
            if begins && (byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
                folder.push(char::from(byte));
            } else {
                // Writing into a string cannot fail.
                let _ = write!(folder, "%{byte:02X}");
            }
        }
        let fits = (1..=FOLDER_BYTES).contains(&folder.len());
        fits.then_some(Self(folder)).ok_or(TargetError::Derived)
    }
}

impl FromStr for FolderName {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        (begins && text.len() <= FOLDER_BYTES && text.bytes().all(allowed))
            .then(|| Self(text.to_owned()))
            .ok_or(TargetError::Folder)
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which objects of a cluster are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one namespace.
    Namespace(FolderName),
    /// Those of every namespace.
    AllNamespaces,
    /// Those that are in no namespace.
    Cluster,
}

impl Scope {
    /// What stands in the place of a namespace's name. No name given by hand or by a cluster begins so.
    #[must_use]
    pub fn folder(&self) -> &str {
        match self {
            Self::Namespace(name) => name.as_str(),
            Self::AllNamespaces => "_all",
            Self::Cluster => "_cluster",
        }
    }

    /// The term of filters and manifests for it.
    #[must_use]
    pub fn term(&self) -> &'static str {
        match self {
            Self::Namespace(_) => "namespace",
            Self::AllNamespaces => "all-namespaces",
            Self::Cluster => "cluster",
        }
    }

    /// The namespace, if it is one.
    #[must_use]
    pub fn namespace(&self) -> Option<&FolderName> {
        match self {
            Self::Namespace(name) => Some(name),
            Self::AllNamespaces | Self::Cluster => None,
        }
    }
}

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The API server's host, as the folder is named.
    pub host: Host,
    /// The cluster behind it.
    pub cluster: FolderName,
    /// Which part of the cluster.
    pub scope: Scope,
}

impl Target {
    /// The three folders below AUDIT_DIR, outermost first.
    #[must_use]
    pub fn folders(&self) -> [String; 3] {
        [self.host.folder(), self.cluster.to_string(), self.scope.folder().to_owned()]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.folders().join("/"))
    }
}

/// Parts `HOST:PORT`; within brackets a colon belongs to the address.
fn split_port(text: &str) -> Result<(&str, Option<&str>), TargetError> {
    let end = if text.starts_with('[') { text.find(']').ok_or(TargetError::Host)? + 1 } else { 0 };
    match text[end..].split_once(':') {
        Some((rest, port)) => Ok((&text[..end + rest.len()], Some(port))),
        None => Ok((text, None)),
    }
}

fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(allowed)
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    };
    // What ends in a number is an IPv4 address to a URL (WHATWG URL, "ends in a number checker").
    let numeric = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return false;
    }
    host.len() <= HOST_BYTES && host.split('.').all(label)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_their_folders() {
        for (host, folder) in [
            ("sample.k8s.hostname", "sample.k8s.hostname"),
            ("API.Example.ORG:6443", "api.example.org_6443"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]:6443", "__1_6443"),
            ("[fe80::1]", "fe80__1"),
        ] {
            assert_eq!(host.parse::<Host>().unwrap().folder(), folder);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = ["a".repeat(63).as_str(); 5].join(".");
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            "a/b",
            "a b",
            "-a",
            "a_b",
            "http://a",
            "user@a",
            "1.2.3",
            "1.2.3.4.5",
            "[::1",
            "[::1]x",
            "[zz]",
            "::1",
            "a\0",
            &long,
        ] {
            assert_eq!(bad.parse::<Host>(), Err(TargetError::Host), "{bad:?}");
        }
        let name = ["a".repeat(62).as_str(); 4].join(".");
        assert!(format!("{name}:123").parse::<Host>().is_ok());
        assert_eq!(format!("{name}:12345").parse::<Host>(), Err(TargetError::HostTooLong));
        for bad in ["a:", "a:0", "a:65536", "a:+1", "[::1]:", "a:1:2"] {
            assert_eq!(bad.parse::<Host>(), Err(TargetError::Port), "{bad:?}");
        }
    }

    #[test]
    fn folders_cannot_be_left() {
        assert!("sample_namespace".parse::<FolderName>().is_ok());
        assert!("0.a-B".parse::<FolderName>().is_ok());
        let long = "a".repeat(201);
        for bad in
            ["", ".", "..", "../x", "a/b", "_all", "_cluster", "-a", ".ledger", "a b", "a\0", "ä", &long]
        {
            assert_eq!(bad.parse::<FolderName>(), Err(TargetError::Folder), "{bad:?}");
        }
    }
}
