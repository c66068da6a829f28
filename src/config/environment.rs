//! Variables that look like options and are none: a spelling mistake must not pass in silence.

/// What all variables of ours begin with.
const PREFIX: &str = "MINUTEBOOK_";

/// The variables among `names` that no option reads.
///
/// A Kubernetes Service called `minutebook` injects `MINUTEBOOK_PORT…` and `MINUTEBOOK_SERVICE_…` into pods: those
/// are nobody's mistake.
pub fn unknown_variables<'a>(
    names: impl Iterator<Item = &'a str>,
    known: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    let injected = |rest: &str| rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_");
    let unknown = |name: &&str| name.strip_prefix(PREFIX).is_some_and(|rest| !injected(rest)) && !known(name);
    let mut unknown: Vec<&str> = names.filter(unknown).collect();
    unknown.sort_unstable();
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_found_and_services_are_not_mistakes() {
        let names = [
            "PATH",
            "MINUTEBOOK_HOST",
            "MINUTEBOOK_HOTS",
            "MINUTEBOOK_PORT",
            "MINUTEBOOK_PORT_80_TCP_ADDR",
            "MINUTEBOOK_SERVICE_HOST",
            "MINUTEBOOK_PORTS",
            "XMINUTEBOOK_A",
        ];
        let found = unknown_variables(names.into_iter(), |name| name == "MINUTEBOOK_HOST");
        assert_eq!(found, ["MINUTEBOOK_HOTS", "MINUTEBOOK_PORTS"]);
    }
}
