import unittest
from types import SimpleNamespace

import rule


class Rule(unittest.TestCase):
    def test_settings_are_read_or_refused(self):
        self.assertEqual(rule.read_settings("{}"), [])
        self.assertEqual(rule.read_settings('{"excludeGroups": ["\\u0061pps", "b"]}'), ["apps", "b"])
        for text, message in [
            ("{", "^the settings are not JSON: "),
            ("[]", "^the settings must be an object such as "),
            ("null", "^the settings must be an object such as "),
            ('{"exclude": []}', '^unknown setting "exclude"; known is "excludeGroups"$'),
            ('{"excludeGroups": "a"}', '^the setting "excludeGroups" must be a list of groups '),
            ('{"excludeGroups": null}', '^the setting "excludeGroups" must be a list of groups '),
            ('{"excludeGroups": ["a", null]}', '^the setting "excludeGroups" must be a list of groups '),
        ]:
            with self.assertRaisesRegex(ValueError, message):
                rule.read_settings(text)

    def test_the_rule(self):
        for side, group, namespaced, verbs, reason in [
            ("namespaces", "apps", True, ["get", "list"], "selected"),
            ("namespaces", "apps", True, ["get"], "cannot be listed"),
            ("namespaces", "", False, ["list"], "not namespaced"),
            ("namespaces", "metrics.k8s.io", True, ["list"], "group excluded by the settings"),
            ("cluster", "", False, ["list"], "selected"),
            ("cluster", "", False, [], "cannot be listed"),
            ("cluster", "apps", True, ["list"], "namespaced"),
        ]:
            resource = SimpleNamespace(group=group, namespaced=namespaced, verbs=verbs)
            self.assertEqual(
                rule.decide(side, ["metrics.k8s.io"], resource), (reason == "selected", reason)
            )

    def test_a_group_that_is_not_there_is_warned_of(self):
        resources = [SimpleNamespace(group="apps")]
        self.assertEqual(
            rule.warnings(["apps", "app"], resources), ['excludeGroups: no resource has group "app"']
        )


if __name__ == "__main__":
    unittest.main()
