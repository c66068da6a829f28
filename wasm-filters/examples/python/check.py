"""Holds the rule to its word, before what it says leaves for minutebook. Python lets a function
forget its `return`; the component would only crash of some of what may come then."""


def verdicts(resources, decide) -> list[tuple[bool, str]]:
    """What `decide` says of each resource; a ValueError names the one at which something went wrong."""
    return [_verdict(resource, decide) for resource in resources]


def texts(warnings) -> list[str]:
    """The warnings, or a ValueError if they are none."""
    if not isinstance(warnings, list) or not all(isinstance(warning, str) for warning in warnings):
        raise ValueError(f"the rule's warnings must be a list of texts, and are {warnings!r}")
    return warnings


def _verdict(resource, decide) -> tuple[bool, str]:
    name = f"{resource.name}.{resource.group}" if resource.group else resource.name
    try:
        decided = decide(resource)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    except Exception as error:
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from error
    match decided:
        case (bool(selected), str(reason)):
            return selected, reason
    raise ValueError(f'{name}: the rule must return (True or False, "a text"), and returned {decided!r}')
