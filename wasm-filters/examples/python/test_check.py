import unittest
from types import SimpleNamespace

import check

PODS = SimpleNamespace(group="", name="pods")
DEPLOYMENTS = SimpleNamespace(group="apps", name="deployments")


class Check(unittest.TestCase):
    def assert_told(self, message, function, *arguments):
        with self.assertRaises(ValueError) as told:
            function(*arguments)
        self.assertEqual(str(told.exception), message)

    def test_what_the_rule_says_is_passed_on(self):
        decided = check.verdicts([PODS, DEPLOYMENTS], lambda resource: (resource is PODS, resource.name))
        self.assertEqual(decided, [(True, "pods"), (False, "deployments")])
        self.assertEqual(check.texts(["a", "b"]), ["a", "b"])

    def test_what_is_no_verdict_is_told_with_the_resource_and_what_came(self):
        for verdict in [None, True, (True,), ("yes", "a"), (1, "a"), (True, 1), (True, "a", "b"), "ab"]:
            self.assert_told(
                f'deployments.apps: the rule must return (True or False, "a text"), and returned {verdict!r}',
                check.verdicts,
                [PODS, DEPLOYMENTS],
                lambda resource: (True, "") if resource is PODS else verdict,
            )
        for warnings in [None, "a", [1]]:
            self.assert_told(
                f"the rule's warnings must be a list of texts, and are {warnings!r}", check.texts, warnings
            )

    def test_an_error_of_the_rule_is_told_with_the_resource(self):
        for error, words in [(ValueError("not for me"), "not for me"), (KeyError("a"), "KeyError: 'a'")]:

            def decide(resource):
                raise error

            self.assert_told(f"pods: {words}", check.verdicts, [PODS], decide)


if __name__ == "__main__":
    unittest.main()
