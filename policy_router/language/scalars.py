"""Plain scalars of YAML 1.2: which unquoted words are booleans, numbers or null."""

from __future__ import annotations

import re
from typing import Final

MAX_DIGITS: Final = 18
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?"
    r"|[-+]?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]{1,2}"
)
_NOT_A_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class ScalarError(Exception):
    """A plain scalar that no policy may have.

    Attributes:
        rule: Name of the diagnostic's rule.
        message: What is wrong.
        help: What to write instead.
    """

    def __init__(self, rule: str, message: str, help_: str) -> None:
        super().__init__(message)
        self.rule, self.message, self.help = rule, message, help_


def plain_scalar(text: str) -> str | float | bool | None:
    """The value of an unquoted scalar by the YAML 1.2 core schema, except that `012` is a string.

    Args:
        text: The scalar as libyaml gives it.

    Raises:
        ScalarError: It is a number that is too long, infinite, or not a number at all.
    """
    if text in _WORDS:
        return _WORDS[text]
    is_float = _FLOAT.fullmatch(text) is not None
    if is_float or _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > MAX_DIGITS:
            message = f"`{text[:24]}...` has more than {MAX_DIGITS} digits"
            raise ScalarError("number-too-large", message, "put it in quotes if it is a string")
        return float(text) if is_float else int(text)
    if _NOT_A_NUMBER.fullmatch(text):
        message = f"`{text}` is not a number that a policy can have"
        raise ScalarError("bad-value", message, "write a number in digits")
    return text
