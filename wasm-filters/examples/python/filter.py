"""A filter for minutebook in Python.

This file is the glue between the component model and the rule: componentize-py makes the module
`wit_world` from `wit/filter.wit` when it builds. What is decided, and in which words, is in
`rule.py`.
"""

import sys

import check
import rule
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import filter as wit


# There is nowhere to print to; without this, `print` would be a trap.
sys.stdout = sys.stderr = None

# What `configure` was given; an instance is configured once. It is no field of the class, of which
# componentize-py makes a new object for every call.
exclude_groups: list[str] = []


class Filter(exports.Filter):
    """The filter's two functions; minutebook calls one after the other on a fresh instance."""

    def configure(self, settings: str) -> None:
        with errors():
            exclude_groups.extend(rule.read_settings(settings))

    def select(self, target: wit.Target, resources: list[wit.ApiResource]) -> wit.Selection:
        with errors():
            side = "cluster" if isinstance(target.scope, wit.Scope_Cluster) else "namespaces"
            decisions = check.verdicts(
                resources, lambda resource: rule.decide(side, exclude_groups, resource)
            )
            verdicts = [wit.Verdict(selected, reason) for selected, reason in decisions]
            return wit.Selection(verdicts, check.texts(rule.warnings(exclude_groups, resources)))


class errors:
    """Makes of any exception an error that the operator reads; it would be a bare trap, and what
    Python writes about it goes nowhere."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, traceback) -> None:
        if isinstance(error, ValueError):
            raise Err(str(error))
        if error is not None:
            raise Err(f"{kind.__name__}: {error}")
