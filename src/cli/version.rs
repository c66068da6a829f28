//! What `--version` tells: enough to find the source, and to compare two machines.

use std::fmt::Write as _;
use std::sync::LazyLock;

use minutebook::built;
use minutebook::model::digest::Sha256;
use minutebook::select;

/// The build's facts, one a line, behind the program's name.
pub(super) fn long() -> &'static str {
    // clap wants a text that lives as long as the program.
    static LONG: LazyLock<String> = LazyLock::new(render);
    &LONG
}

fn render() -> String {
    let commit = match (built::COMMIT, built::COMMIT_DATE) {
        (Some(commit), Some(date)) => format!("{commit} ({date})"),
        (commit, _) => or_unknown(commit).to_owned(),
    };
    let mut text = built::VERSION.to_owned();
    for (name, value) in [
        ("commit", commit.as_str()),
        ("rustc", or_unknown(built::RUSTC.map(|rustc| rustc.trim_start_matches("rustc ")))),
        ("target", or_unknown(built::TARGET)),
        ("wasmtime", built::WASMTIME),
    ] {
        // A string takes everything.
        let _ = write!(text, "\n{name}: {value}");
    }
    for name in select::stock_names() {
        let digest = select::stock(name).map(|bytes| format!("{:?}", Sha256::of(bytes)));
        let _ = write!(text, "\nfilter {name}: {}", or_unknown(digest.as_deref()));
    }
    text
}

fn or_unknown(fact: Option<&str>) -> &str {
    fact.unwrap_or("unknown")
}
