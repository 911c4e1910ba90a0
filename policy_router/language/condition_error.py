"""What is wrong with a condition, on its way to the diagnostic that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class ConditionError(Exception):
    """The first problem of a condition. `when` catches it: no other module sees it.

    Attributes:
        rule: Name of the diagnostic's rule.
        message: What is wrong.
        help: What to write instead; may be empty.
        start: First character of the condition's text that is wrong.
        end: The character after the last one.
    """

    rule: str
    message: str
    help: str
    start: int = 0
    end: int = 0
