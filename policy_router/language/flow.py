"""Values as YAML flow text, for examples and help lines."""

from __future__ import annotations


def flow(value: object) -> str:
    """The value on one line, as it may be written in a policy file."""
    if isinstance(value, dict):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
