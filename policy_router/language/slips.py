"""What people write in a condition by habit of other languages, and what to write instead."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from policy_router.domain.facts import FactType
from policy_router.language.condition_error import ConditionError
from policy_router.units import count

QUOTED: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
"""A string as a condition writes it."""
_SCALED: Final = re.compile(r"(?<![\w.])[0-9]{1,9}(?:\.[0-9]{1,6})?[kKM]\b")


class _Slip(NamedTuple):
    """Something that people write by habit of another language.

    Attributes:
        pattern: Matches it.
        message: What is wrong with it.
        help: What to write instead.
        rule: The name of the diagnostic's rule.
    """

    pattern: re.Pattern[str]
    message: str
    help: str
    rule: str = "condition-syntax"


def _token(token: str, instead: str, pattern: str | None = None) -> _Slip:
    compiled = re.compile(re.escape(token) if pattern is None else pattern)
    return _Slip(compiled, f"`{token}` is not an operator of conditions", f"write {instead}")


def _phrase(words: str, before: str, after: str, message: str, help_: str) -> _Slip:
    return _Slip(re.compile(rf"(?<={before})(?:{words})(?={after})"), message, help_)


_MATCHES: Final = "to search for a pattern write matches(user, '^bot-')"
_ANYWHERE: Final = (
    # Python would accept these with a meaning that is never intended, inside a string as well.
    _Slip(re.compile(r"[\x00-\x08\x0b-\x1f\x7f]"), "a control character", "remove it"),
    _Slip(re.compile(r"\'{3}|\"{3}"), "three quotes in a row", "use one pair of quotes"),
)
_OUTSIDE_STRINGS: Final = (
    # The order matters: a token comes before the shorter ones that are part of it.
    _token("=>", ">=", r"(?<![=!<>])=>"),
    _token("=<", "<=", r"(?<![=!<>])=<"),
    _token("<>", "!="),
    _Slip(
        re.compile(r"(?<![=!<>~])=(?![=~])"), "`=` assigns a value", "compare with ==", "assignment"
    ),
    _token("!==", "!="),
    _Slip(
        re.compile(r"=~|(?<![\w)])~|~="), "`~` is not an operator of conditions", _MATCHES
    ),
    _token("===", "=="),
    _Slip(
        re.compile(r"#"),
        "a condition cannot contain a comment",
        "write it above `when`; the rest of the line would be ignored",
    ),
    _token("&&", "`and`"),
    _token("||", "`or`"),
    _token("AND", "`and`", r"\bAND\b"),
    _token("OR", "`or`", r"\bOR\b"),
    _token("NOT", "`not`", r"\bNOT\b"),
    _phrase(
        "contains?|includes?|has", r"[\w)] ", r" ['\" ]",
        "conditions have no operator `contains`",
        "for a set write 'x' in tags; for a string, matches(user, 'x')",
    ),
    _phrase(
        "like|LIKE|regex|matches", r"[\w)] ", r" ['\" ]",
        "conditions have no operator that searches for a pattern", _MATCHES,
    ),
    _phrase(
        "between|BETWEEN", r"\w ", " [0-9]",
        "conditions have no operator `between`", "write it like  100 <= tokens <= 500",
    ),
    _token("!", "`not`", r"!(?!=)"),
)  # fmt: skip


def refuse_slips(text: str) -> None:
    """Look for habits of other languages in a condition, before Python's parser sees it.

    Args:
        text: The condition on one line.

    Raises:
        ConditionError: One was found; its places are those in `text`.
    """
    bare = QUOTED.sub(lambda match: " " * len(match.group()), text)
    for slip in _ANYWHERE:
        match = slip.pattern.search(text)
        if match:
            raise ConditionError(slip.rule, slip.message, slip.help, *match.span())
    scaled = _SCALED.search(bare)
    if scaled:
        message, help_ = f"`{scaled[0]}` is not a number here", f"write {count(scaled[0]):_}"
        raise ConditionError("condition-syntax", message, help_, *scaled.span())
    for slip in _OUTSIDE_STRINGS:
        match = slip.pattern.search(bare)
        if match:
            raise ConditionError(slip.rule, slip.message, slip.help, *match.span())


_CONTAINS: Final = frozenset({
    "contains", "includes", "has", "holds", "include", "contain", "index", "find", "some", "exists",
})  # fmt: skip
_SEARCHES: Final = frozenset({"regex", "match", "search", "re_match", "regexp", "like"})
_FOLDS: Final = frozenset({"lower", "upper", "casefold", "tolowercase", "touppercase"})


def function_help(name: str, subject: str, wanted: str, fact: FactType | None) -> str:
    """How a condition writes what a function or method of another language does.

    Args:
        name: Name of the function or method.
        subject: What it is applied to, as written.
        wanted: What it looks for, as written.
        fact: Type of the subject, when that is a fact.

    Returns:
        What to write; "" when it is not known what the function does.
    """
    bare = name.casefold().replace("_", "")
    if bare in _CONTAINS:
        in_set, in_string = f"{wanted} in {subject}", f"matches({subject}, {as_pattern(wanted)})"
        if fact in (FactType.SET, FactType.STRING):
            return f"write {in_set if fact is FactType.SET else in_string}"
        return f"for a set write {in_set}; for a string, {in_string}"
    if bare in _SEARCHES:
        return f"write matches({subject}, {wanted})"
    if bare in ("startswith", "beginswith"):
        return f"write {subject}.startswith({wanted})"
    if bare == "endswith":
        return f"write matches({subject}, {as_pattern(wanted, end='$')})"
    if bare in _FOLDS:
        return f"comparisons are case-sensitive; matches({subject}, '(?i)...') ignores case"
    return ""


def as_pattern(constant: str, end: str = "") -> str:
    """A constant, as it is written, as a pattern that finds it."""
    quote, text = constant[:1], constant[1:-1]
    return f"{quote}{re.escape(text)}{end}{quote}" if quote in ("'", '"') else constant


def unquoted_number(text: str) -> str | None:
    """The number to write in place of a string that holds one: `24k` is 24000; None for others."""
    if _SCALED.fullmatch(text):
        return f"{count(text)}: a condition has no units"
    number = text.removesuffix(".0")
    return f"{number} without quotes" if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number) else None
