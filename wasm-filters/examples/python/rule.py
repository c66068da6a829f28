"""The rule: what is recorded, and why. It knows nothing of WebAssembly, and
`python3 -m unittest` tests it."""

import json


def read_settings(text: str) -> list[str]:
    """The groups of {"excludeGroups": ["metrics.k8s.io"]}; a ValueError says what is wrong."""
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the settings are not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError('the settings must be an object such as {"excludeGroups": ["metrics.k8s.io"]}')
    for key in settings:
        if key != "excludeGroups":
            raise ValueError(f'unknown setting "{key}"; known is "excludeGroups"')
    groups = settings.get("excludeGroups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise ValueError('the setting "excludeGroups" must be a list of groups such as ["metrics.k8s.io"]')
    return groups


def decide(side: str, exclude_groups: list[str], resource) -> tuple[bool, str]:
    """Whether a resource is recorded, and why; the side is "cluster" for what belongs to no
    namespace, or "namespaces"."""
    if resource.group in exclude_groups:
        return False, "group excluded by the settings"
    if side == "namespaces" and not resource.namespaced:
        return False, "not namespaced"
    if side == "cluster" and resource.namespaced:
        return False, "namespaced"
    if "list" not in resource.verbs:
        return False, "cannot be listed"
    return True, "selected"


def warnings(exclude_groups: list[str], resources) -> list[str]:
    """What the operator should know: groups in the settings that no resource has."""
    there = {resource.group for resource in resources}
    return [f'excludeGroups: no resource has group "{group}"' for group in exclude_groups if group not in there]
