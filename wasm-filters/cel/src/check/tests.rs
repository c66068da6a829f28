//! What is refused, in which words, and what must not be.

use cel::parser::PrattParser;

pub(super) fn checked(text: &str) -> Result<(), String> {
    super::check(&PrattParser::new().parse(text).unwrap()).map_err(|fault| fault.in_words(text))
}

#[test]
fn what_may_be_true_is_taken() {
    for text in [
        "resource.namespaced",
        "resource.namespaced == true && resource.namespaced != (target.scope == 'cluster')",
        "resource.namespaced < true",
        "'list' in resource.verbs && !('a' in resource.categories)",
        "resource.verbs == ['list'] || resource.verbs == [] || ['a'] + ['b'] == resource.shortNames",
        "resource.verbs.map(v, size(v)) == resource.verbs",
        "resource.verbs in [['get'], ['get', 'list']]",
        "size(resource.verbs) > 1.5 && resource.name.size() == 3u && size('a') < 2.0 && -size('') == -0.0",
        "size('a') in [1u, 2.0] && (1 + 2) * 3 in [9]",
        "resource.name < 'n' && bytes('a') < b'b' && resource.name + '.x' != 'y'",
        "resource.name in {'pods': true} && {'pods': 1}[resource.name] == 1",
        "'name' in resource && resource['name'] == 'pods' && resource != target",
        "target.scope == 'cluster' || target.scope in ['namespace', 'all-namespaces']",
        "target.scope != resource.name && target.scope.startsWith('x') && target.namespace == 'x'",
        "[{'scope': 'x'}].all(target, target.scope == 'x')",
        "resource.namespaced ? resource.name == 'a' : true",
        "(resource.namespaced ? resource.name : 1) == 1",
        "(resource.namespaced ? resource.verbs : [1]).exists(v, v == 2)",
        "resource.verbs[0] == 'get' && [1, 'a'][0] == 1 && [[1]][0][0] == 1",
        "[].all(x, x == 1 && x == 'a') && ![[1], []].exists(l, 1 in l)",
        "resource.verbs.filter(v, v == 'a').map(v, [v]).exists_one(v, v == ['a'])",
        "resource.all(field, field == 'name')",
        "{'a': 1}.exists(key, key == 'a') && {1: 1}.exists(key, key == 1)",
        "dyn(resource.name) == 3 && dyn(1) in ['a'] && dyn(resource.verbs) && !dyn('x')",
        "type(resource.name) == string && int != type('x') && string == string",
        "type(resource.verbs[0]) in [int, string, type('x')] && type(type(1)) == type",
        "type(resource.name) == (resource.namespaced ? string : int)",
        "[string].exists(t, t == type(resource.name)) && string in [type('x'), type(list)]",
        "{'a': string}['a'] == type(resource.name) && dyn(resource.name) != string",
        "[1].all(list, list == 1) && [true].all(map, map)",
        "has(resource.name) && dyn(null) == null && !!resource.namespaced",
        "!resource.namespaced == true && !resource.namespaced in [true]",
        "bool('true') && string(1) == '1' && double('1') == int('1') && uint(1) > 0u && bytes('a') != b''",
    ] {
        assert_eq!(checked(text), Ok(()), "{text}");
    }
}

#[test]
fn the_examples_for_functions_are_taken() {
    for (function, _, example) in crate::functions::FUNCTIONS {
        assert_eq!(checked(example), Ok(()), "{function}");
    }
}

#[test]
fn names_of_types_are_no_texts() {
    for (text, place, name) in [
        ("list in resource.verbs", "line 1, column 1", "list"),
        ("resource.name == map", "line 1, column 18", "map"),
        ("string == resource.kind", "line 1, column 1", "string"),
        ("resource.name in [string]", "line 1, column 19", "string"),
        ("resource.name in [int, map]", "line 1, column 19", "int"),
        ("list in resource", "line 1, column 1", "list"),
        ("list in {'list': 1}", "line 1, column 1", "list"),
        ("'a' in list", "line 1, column 8", "list"),
        ("resource.verbs == ['get', list]", "line 1, column 27", "list"),
        ("resource.name + map == 'x'", "line 1, column 17", "map"),
        ("resource.verbs[int] == 'x'", "line 1, column 16", "int"),
        ("list.exists(v, v == 'a')", "line 1, column 1", "list"),
        ("type.name == 'a'", "line 1, column 1", "type"),
        ("list.contains('a')", "line 1, column 1", "list"),
        ("resource.name.startsWith(type)", "line 1, column 26", "type"),
        ("true || bool", "line 1, column 9", "bool"),
        ("list < 'x'", "line 1, column 1", "list"),
        ("{'a': 1}[int] == 1", "line 1, column 10", "int"),
        ("{uint: 1} == {}", "line 1, column 2", "uint"),
        ("[1].all(v, v == bytes)", "line 1, column 17", "bytes"),
        ("[1].all(list, list == 1) && list == 1", "line 1, column 29", "list"),
    ] {
        let error = format!(
            "{place}: \"{name}\" is the name of a type; what is meant as text stands in quotes: '{name}'"
        );
        assert_eq!(checked(text), Err(error), "{text}");
    }
}

#[test]
fn what_is_never_equal_is_refused() {
    const BOOLEAN: &str = "; a boolean is compared with true or false, or stands alone";
    for (text, place, sides, remedy) in [
        ("resource.namespaced == 'true'", 1, "resource.namespaced is a boolean and 'true' a string", BOOLEAN),
        ("0 != !resource.namespaced", 1, "0 is a number and the right side a boolean", BOOLEAN),
        (
            "resource.verbs == 'list'",
            1,
            "resource.verbs is a list and 'list' a string",
            "; what a list has is asked with in: 'list' in resource.verbs",
        ),
        (
            "resource.group != ['x']",
            1,
            "resource.group is a string and ['x'] a list",
            "; what a list has is asked with in: !(resource.group in ['x'])",
        ),
        (
            "resource.name == 3",
            1,
            "resource.name is a string and 3 a number",
            "; what is meant as text stands in quotes: '3'",
        ),
        (
            "-1 == target.cluster",
            1,
            "-1 is a number and target.cluster a string",
            "; what is meant as text stands in quotes: '-1'",
        ),
        ("resource.verbs.size() == 'x'", 1, "resource.verbs.size() is a number and 'x' a string", ""),
        (
            "null != resource.group",
            1,
            "null is no value and resource.group a string",
            "; an empty text is ''",
        ),
        ("resource.verbs == null", 1, "resource.verbs is a list and null no value", "; an empty list is []"),
        (
            "type(resource.name) == 'string'",
            1,
            "type(...) is a type and 'string' a string",
            "; the name of a type stands without quotes",
        ),
        (
            "resource.name + '.' + resource.group == 1 + 2",
            1,
            "the left side is a string and the right side a number",
            "",
        ),
        ("resource == 'pods'", 1, "resource is a map and 'pods' a string", ""),
        ("true && (target.host == b'x')", 10, "target.host is a string and the right side a byte string", ""),
        (
            "resource.name in ['a', 2]",
            24,
            "resource.name is a string and 2 a number",
            "; what is meant as text stands in quotes: '2'",
        ),
        (
            "resource.verbs in ['get', 'list']",
            20,
            "resource.verbs is a list and 'get' a string",
            "; each is asked for by itself: 'get' in resource.verbs && 'list' in resource.verbs",
        ),
        (
            "resource.verbs in ['a', 'b', 'c', 'd']",
            20,
            "resource.verbs is a list and 'a' a string",
            "; each is asked for by itself: 'a' in resource.verbs && 'b' in resource.verbs && ...",
        ),
        (
            "resource.verbs in ['get']",
            20,
            "resource.verbs is a list and 'get' a string",
            "; what a list has is asked with in: 'get' in resource.verbs",
        ),
        (
            "resource.verbs.exists(v, v == 1)",
            26,
            "v is a string and 1 a number",
            "; what is meant as text stands in quotes: '1'",
        ),
        ("[[1]].all(a, a.all(b, b == ''))", 23, "b is a number and '' a string", ""),
        ("resource.verbs[0] == true", 1, "resource.verbs[0] is a string and true a boolean", BOOLEAN),
    ] {
        let error = format!("line 1, column {place}: {sides}: they are never equal{remedy}");
        assert_eq!(checked(text), Err(error), "{text}");
    }
}

#[test]
fn every_error_names_what_is_wrong_and_what_would_be_right() {
    for (text, error) in [
        (
            "target.scope == 'namespaces'",
            "line 1, column 1: target.scope is never 'namespaces'; it is 'namespace', 'all-namespaces' or 'cluster'",
        ),
        (
            "!(target.scope in ['cluster', 'Namespace'])",
            "line 1, column 31: target.scope is never 'Namespace'; it is 'namespace', 'all-namespaces' or 'cluster'",
        ),
        (
            "target['scope'] == 'Cluster'",
            "line 1, column 1: target['scope'] is never 'Cluster'; it is 'namespace', 'all-namespaces' or 'cluster'",
        ),
        (
            "'' != .target.scope",
            "line 1, column 1: .target.scope is never ''; it is 'namespace', 'all-namespaces' or 'cluster'",
        ),
        (
            "1 in resource.verbs",
            "line 1, column 1: 1 is a number, and resource.verbs has only strings: it is never in there; what is meant as text stands in quotes: '1'",
        ),
        (
            "resource.verbs in resource.categories + resource.verbs",
            "line 1, column 1: resource.verbs is a list, and the list on the right has only strings: it is never in there",
        ),
        (
            "1 in target",
            "line 1, column 1: 1 is a number, and target has only strings: it is never in there; what is meant as text stands in quotes: '1'",
        ),
        (
            "resource.verbs in {'list': 1}",
            "line 1, column 1: resource.verbs is a list, and a key of a map is a string, a number or a boolean",
        ),
        (
            "[1] == resource.verbs",
            "line 1, column 2: 1 is a number, and resource.verbs has only strings: they are never equal; what is meant as text stands in quotes: '1'",
        ),
        (
            "resource.name in 'x'",
            "line 1, column 1: 'x' is a string, and in needs a list: resource.name in ['x']",
        ),
        ("'x' in 'y'", "line 1, column 1: 'y' is a string, and in needs a list: 'x' in ['y']"),
        (
            "'x' in resource.name",
            "line 1, column 1: resource.name is a string, and in needs a list; a part of a text is asked for with resource.name.contains('x')",
        ),
        (
            "1 in resource.namespaced",
            "line 1, column 1: resource.namespaced is a boolean, and in needs a list",
        ),
        (
            "resource.namespaced && !resource.name in ['a', 'b']",
            "line 1, column 24: ! is for what follows alone, and resource.name is a string; write !(resource.name in [...])",
        ),
        (
            "!resource.name == 'a'",
            "line 1, column 1: ! is for what follows alone, and resource.name is a string; write !(resource.name == 'a')",
        ),
        (
            "resource.name < 1",
            "line 1, column 1: resource.name is a string and 1 a number: < compares what is of one type",
        ),
        (
            "3 >= resource.verbs",
            "line 1, column 6: resource.verbs is a list, and >= compares numbers or strings; how many it has is size(resource.verbs)",
        ),
        ("null <= 1", "line 1, column 1: null is no value, and <= compares numbers or strings"),
        (
            "resource.name",
            "line 1, column 1: resource.name is a string, where true or false is needed; a string is compared, as in resource.name == 'a'",
        ),
        (
            "resource.name == 'a' || 'b'",
            "line 1, column 25: 'b' is a string, where true or false is needed; several texts are asked for with in, as in resource.name in ['a', 'b']",
        ),
        (
            "'list' && 'watch' in resource.verbs",
            "line 1, column 1: 'list' is a string, where true or false is needed; each is asked for by itself: 'list' in resource.verbs && 'watch' in resource.verbs",
        ),
        (
            "resource.namespaced && ('get' || 'list' || 'watch' in resource.verbs)",
            "line 1, column 25: 'get' is a string, where true or false is needed; each is asked for by itself: 'get' in resource.verbs || 'watch' in resource.verbs",
        ),
        (
            "'list' && resource.name in ['a']",
            "line 1, column 1: 'list' is a string, where true or false is needed; several texts are asked for with in, as in resource.name in ['a', 'b']",
        ),
        (
            "resource.namespaced && resource.verbs",
            "line 1, column 24: resource.verbs is a list, where true or false is needed; what a list has is asked with in, as in 'a' in resource.verbs",
        ),
        (
            "!(size(resource.verbs))",
            "line 1, column 3: size(...) is a number, where true or false is needed; a number is compared, as in size(...) > 0",
        ),
        (
            "resource.name + 'x' ? true : false",
            "line 1, column 1: this is a string, where true or false is needed; a string is compared, as in ... == 'a'",
        ),
        (
            "resource.verbs.filter(v, v)",
            "line 1, column 26: v is a string, where true or false is needed; a string is compared, as in v == 'a'",
        ),
        (
            "resource.verbs.exists(v, resource)",
            "line 1, column 26: resource is a map, where true or false is needed",
        ),
        ("null", "line 1, column 1: null is no value, where true or false is needed"),
        (
            "{'a': resource.name == 1} == {}",
            "line 1, column 7: resource.name is a string and 1 a number: they are never equal; what is meant as text stands in quotes: '1'",
        ),
        ("size([1 in 'x']) == 1", "line 1, column 7: 'x' is a string, and in needs a list: 1 in ['x']"),
    ] {
        assert_eq!(checked(text), Err(String::from(error)), "{text}");
    }
}

#[test]
fn a_comparison_of_what_is_written_is_refused() {
    const EXAMPLE: &str = "a field is compared, as in resource.name == 'pods'";
    for (text, place, shown, hint) in [
        ("'name' == 'pods'", 1, "'name' == 'pods'", "did you mean resource.name?"),
        ("'pods' != 'resource.name'", 1, "'pods' != 'resource.name'", "did you mean resource.name?"),
        ("'scope' in ['cluster']", 1, "'scope' in ['cluster']", "did you mean target.scope?"),
        ("true || 'pods' in ['a', 'b']", 9, "'pods' in [...]", EXAMPLE),
        ("[1].all(x, 1 == 1u)", 12, "1 == 1u", EXAMPLE),
        ("'a' < 'b'", 1, "'a' < 'b'", EXAMPLE),
        ("null == null", 1, "null == null", EXAMPLE),
    ] {
        let error = format!("line 1, column {place}: {shown}: it is the same for every resource; {hint}");
        assert_eq!(checked(text), Err(error), "{text}");
    }
    for text in ["true", "'a' + 'b' == 'ab'", "target.scope in ['cluster']", "'a' in ['a', resource.name]"] {
        assert_eq!(checked(text), Ok(()), "{text}");
    }
}
