//! The filter `cel` as it is embedded: one expression decides, whatever has no meaning is refused
//! before anything is recorded, and nothing that is nested reaches the end of a guest's stack.

use minutebook::model::target::{Scope, Target};
use minutebook::select::{Compiler, Error, Failed, Limits, Loaded, Selected, Selector, Source, stock};

use super::{HOUR, catalog, target, verdicts};

/// Compiled once for all expressions of a test.
struct Cel {
    selector: Selector,
    filter: Loaded,
}

impl Cel {
    fn load() -> Self {
        let selector = Selector::new(Compiler::here(), None).unwrap();
        let source = Source { origin: "cel", bytes: stock("cel").unwrap(), pin: None };
        let filter = selector.load(&source).unwrap();
        Self { selector, filter }
    }

    fn of(&self, target: &Target, expression: &str) -> Result<Selected, Box<Failed>> {
        let limits = Limits { timeout: HOUR, ..Limits::default() };
        let settings = serde_json::json!({ "select": expression }).to_string();
        self.selector.decide(&self.filter, limits, &settings, target, &catalog(), HOUR)
    }

    fn selects(&self, expression: &str) -> Vec<bool> {
        verdicts(&self.of(&target(), expression).expect(expression))
    }

    fn error(&self, expression: &str) -> Error {
        self.of(&target(), expression).expect_err(expression).error
    }
}

#[test]
fn one_expression_decides_and_the_reason_is_what_it_said() {
    let cel = Cel::load();
    let rule = "resource.namespaced && 'list' in resource.verbs && !(resource.name in ['secrets'])";
    let selected = cel.of(&target(), rule).unwrap();
    assert_eq!(verdicts(&selected), [false, false, true]);
    let reasons: Vec<_> = selected.selection.verdicts.iter().map(|verdict| verdict.reason.as_str()).collect();
    assert_eq!(reasons, ["select is false", "select is false", "select is true"]);
    assert_eq!(selected.filter.name, "cel");
    assert_eq!(selected.filter.version.as_deref(), Some("0.1.0"));

    assert_eq!(
        cel.selects("resource.name.startsWith('config') || resource.kind == 'kind'"),
        [false, false, true]
    );
    assert_eq!(cel.selects("size(resource.verbs) < 3 && resource.shortNames == ['x']"), [true, true, false]);
    assert_eq!(cel.selects("resource.name.matches('^c.+s$')"), [false, true, true]);
}

#[test]
fn the_target_is_known_by_host_cluster_scope_and_namespace() {
    let cel = Cel::load();
    let (host, cluster) = (target().host, target().cluster);
    for (scope, expression) in [
        (target().scope, "target.scope == 'namespace' && target.namespace == 'sample_namespace'"),
        (Scope::AllNamespaces, "target.scope == 'all-namespaces' && target.namespace == ''"),
        (Scope::Cluster, "target.scope == 'cluster' && target.namespace == ''"),
    ] {
        let target = Target { host: host.clone(), cluster: cluster.clone(), scope };
        let expression = format!(
            "{expression} && target.host == 'sample.k8s.hostname' && target.cluster == 'sample_cluster'"
        );
        assert_eq!(verdicts(&cel.of(&target, &expression).unwrap()), [true; 3], "{expression}");
    }
}

#[test]
fn the_same_expression_selects_the_same_for_the_same_price() {
    let cel = Cel::load();
    let run = || cel.of(&target(), "resource.verbs.exists(v, v in {'list': 1, 'watch': 2})").unwrap();
    let (once, again) = (run(), run());
    assert_eq!(verdicts(&once), [false, true, true]);
    assert_eq!(once.selection.fuel, again.selection.fuel);
}

#[test]
fn what_has_no_meaning_is_refused_with_its_place_or_its_name() {
    let cel = Cel::load();
    for (expression, message) in [
        ("resource.namespaced &&", "line 1, column 23: something is missing at the end"),
        ("'é' == resource.name\n  or true", "line 2, column 3: unexpected 'or'; it is written ||"),
        (
            "false && resorce.namespaced",
            "line 1, column 10: unknown name \"resorce\"; did you mean resource?",
        ),
        (
            "resource.nam == 'pods'",
            "line 1, column 10: \"resource\" has no field \"nam\"; it has \"group\", ",
        ),
        (
            "resource.name.startswith('p')",
            "line 1, column 15: unknown function \"startswith\"; did you mean \"startsWith\"?",
        ),
        ("resource.name.matches('[')", "line 1, column 15: \"[\" is no regular expression: "),
        ("list in resource.verbs", "line 1, column 1: \"list\" is the name of a type; "),
        (
            "true &&\n resource.namespaced == 'true'",
            "line 2, column 2: resource.namespaced is a boolean and 'true' a string: they are never equal; ",
        ),
        (
            "true || resource.verbs.contains('list')",
            "line 1, column 24: resource.verbs is a list, and contains needs a string; what a list has is asked with in: 'list' in resource.verbs",
        ),
        ("target.scope == 'namespaces'", "line 1, column 1: target.scope is never 'namespaces'; it is "),
        (
            "'list' && 'watch' in resource.verbs",
            "line 1, column 1: 'list' is a string, where true or false is needed; each is asked for by itself: ",
        ),
        ("'name' == 'pods'", "line 1, column 1: 'name' == 'pods': it is the same for every resource; "),
        ("resource.name", "line 1, column 1: resource.name is a string, where true or false is needed; "),
    ] {
        let Error::Settings(words) = cel.error(expression) else { panic!("{expression} is accepted") };
        let message = format!("the setting \"select\": {message}");
        assert!(words.starts_with(&message), "{expression}: {words}");
    }
}

#[test]
fn what_is_named_and_is_not_there_is_a_warning_in_every_scope() {
    let cel = Cel::load();
    for (expression, warnings) in [
        ("!(resource.name in ['configmaps', 'bindings']) && resource.group == ''", vec![]),
        (
            "!(resource.name in ['configmaps', 'Secrets']) && resource.group != 'core'",
            vec![
                "no resource has the name \"Secrets\"; names are in lower case",
                "no resource has the group \"core\"; the core group is ''",
            ],
        ),
    ] {
        for scope in [target().scope, Scope::AllNamespaces, Scope::Cluster] {
            let selected = cel.of(&Target { scope, ..target() }, expression).unwrap();
            assert_eq!(selected.selection.warnings, warnings, "{expression}");
        }
    }
}

#[test]
fn what_is_no_boolean_or_fails_for_one_resource_selects_nothing_and_names_it() {
    let cel = Cel::load();
    for (expression, message) in [
        ("dyn(resource.name)", "fails on bindings: it must be true or false, not of type string"),
        ("resource.verbs[1] == 'list'", "fails on bindings: the list has no element 1"),
        ("resource.namespaced || 1 / 0 == 1", "fails on componentstatuses: division by zero"),
        ("resource[resource.verbs[0]] == 'x'", "fails on bindings: there is no key \"create\""),
    ] {
        let Error::Refused(words) = cel.error(expression) else { panic!("{expression} is accepted") };
        assert_eq!(words, format!("the setting \"select\" {message}"), "{expression}");
    }
}

/// What is nested, how it is written so many times, and how many times it may be.
type Shape<'a> = (&'a str, &'a dyn Fn(usize) -> String, usize);

/// Each is nested as far as it may be: it must be decided. The next is refused, in words.
#[test]
fn nesting_ends_before_the_stack_does() {
    let cel = Cel::load();
    let within = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let shapes: [Shape<'_>; 11] = [
        ("brackets", &|times| within("(", "true", ")", times), 32),
        ("lists", &|times| within("[", "1", "]", times - 1) + " != []", 33),
        ("maps", &|times| within("{'a': ", "1", "}", times) + " != {}", 32),
        ("negations", &|times| within("!(", "true", ")", times * 2), 16),
        ("calls", &|times| within("string(", "'a'", ")", times) + " == 'a'", 32),
        ("lists in lists", &|times| within("true in [", "resource.namespaced", "]", times) + " || true", 32),
        ("macros", &|times| within("[1].exists(x, ", "true", ")", times), 32),
        ("conditions", &|times| "false ? true : ".repeat(times) + "true", 32),
        ("sums", &|times| format!("1 < 2{}", " + 2".repeat(times)), 126),
        ("comparisons", &|times| format!("resource.namespaced{}", " == true".repeat(times)), 126),
        ("selections", &|times| format!("true || dyn([]){}", "[0]".repeat(times)), 125),
    ];
    for (what, shape, most) in shapes {
        let selected = cel.of(&target(), &shape(most));
        assert!(selected.is_ok(), "{most} {what}: {}", selected.err().unwrap());
        for times in [most + 1, most * 2] {
            let error = cel.error(&shape(times));
            assert!(
                matches!(&error, Error::Settings(words) if words.contains(" are taken") || words.contains(" on top of each other")),
                "{times} {what}: {error}"
            );
        }
    }
    // As much as fits in, of what the parser is quickest and the evaluation slowest with.
    let error = cel.error(&("1 < 2".to_owned() + &" + 2".repeat(4000)));
    assert!(matches!(&error, Error::Settings(words) if words.contains(" on top of each other")), "{error}");
    assert_eq!(cel.selects(&vec!["resource.namespaced"; 700].join(" && ")), [true, false, true]);
}
