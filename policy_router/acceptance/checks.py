"""What an answer is checked for that needs nobody's help: the table. No IO.

    verdict = plain(decision.accept, answer.choices)

What is said of a failed check names the check and the policy's own words, never the answer's: it
goes into events and logs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.answer_schema.match import misfit
from policy_router.domain.acceptance import OnRejected
from policy_router.domain.findings import Finding
from policy_router.patterns import search
from policy_router.providers.failure import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.acceptance import Accept
    from policy_router.providers.chat import ChatChoice

Stopped: TypeAlias = "Callable[[], bool]"

LONGEST: Final = 200
"""Characters of a detail."""
LARGEST: Final = 1_000_000
"""Characters of a text that is read as JSON or searched for a pattern. No model writes a longer
one, and what is longer passes no such check."""
_TOO_LARGE: Final = f"longer than {LARGEST:,} characters, the most that are checked"
_REASON: Final = re.compile(r"[A-Za-z_]{1,32}")
SLOW: Final = frozenset({"json", "json_schema", "pattern"})
"""Checks whose time grows with the text by more than a glance."""


def found(accept: Accept, check: str, detail: str) -> Finding:
    """A finding of one of these checks."""
    return Finding(check, detail[:LONGEST], accept.by, accept.otherwise is OnRejected.ERROR)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks made of an answer. unchecked: those that could not be made and count against
    nobody. passed: how many it passed."""

    rejected: tuple[Finding, ...] = ()
    unchecked: tuple[Finding, ...] = ()
    passed: int = 0

    @property
    def failure(self) -> Failure | None:
        """The failure of the attempt that gave this answer, if it is one."""
        if not self.rejected:
            return None
        return Failure(FailureKind.REJECTED, "; ".join(map(str, self.rejected))[:LONGEST], 200)

    @property
    def may_stand_in(self) -> bool:
        """Whether the answer may be given out when there is none that passes."""
        return not any(finding.fatal for finding in self.rejected)


PASSED: Final = Verdict()
"""Of an answer that nothing is checked of."""


def takes_time(accepts: Sequence[Accept]) -> bool:
    """Whether one of the checks in CHECKS may take longer than an event loop can wait."""
    return any(SLOW & {*accept.checks} for accept in accepts)


def plain(
    accepts: Sequence[Accept], choices: Sequence[ChatChoice], stopped: Stopped = lambda: False
) -> Verdict:
    """What the checks in CHECKS make of an answer with these choices: each must pass each.
    stopped: says that nobody waits for the verdict any more, so that the work ends."""
    rejected: list[Finding] = []
    passed = 0
    for accept in accepts:
        for name in accept.checks:
            check = CHECKS.get(name)
            if check is None:
                continue
            wrong = next(
                (why for choice in choices if (why := check(accept, choice, stopped))), None
            )
            if wrong is None:
                passed += 1
            else:
                rejected.append(found(accept, name, wrong))
    return Verdict(tuple(rejected), (), passed)


def _not_empty(_: Accept, choice: ChatChoice, __: Stopped) -> str | None:
    return None if choice.message.text.strip() or choice.message.calls_tools else "no text"


def _json(_: Accept, choice: ChatChoice, __: Stopped) -> str | None:
    return None if choice.message.calls_tools else _parsed(choice.message.text)[1]


def _json_schema(accept: Accept, choice: ChatChoice, stopped: Stopped) -> str | None:
    if choice.message.calls_tools:
        return None
    value, wrong = _parsed(choice.message.text)
    return wrong or misfit(accept.json_schema or "{}", value, stopped)


def _pattern(accept: Accept, choice: ChatChoice, _: Stopped) -> str | None:
    if choice.message.calls_tools:
        return None
    if len(choice.message.text) > LARGEST:
        return _TOO_LARGE
    return (
        None
        if _search(accept.pattern or "")(choice.message.text) is not None
        else "the pattern is not found"
    )


def _min_chars(accept: Accept, choice: ChatChoice, _: Stopped) -> str | None:
    least = accept.min_chars or 0
    if choice.message.calls_tools or len(choice.message.text) >= least:
        return None
    return f"{len(choice.message.text):,} characters, fewer than {least:,}"


def _max_chars(accept: Accept, choice: ChatChoice, _: Stopped) -> str | None:
    most = accept.max_chars or 0
    if len(choice.message.text) <= most:
        return None
    return f"{len(choice.message.text):,} characters, more than {most:,}"


def _stop_reason(accept: Accept, choice: ChatChoice, _: Stopped) -> str | None:
    if choice.finish_reason in accept.stop_reason:
        return None
    # A reason is a word of the API; anything else in its place is the provider's own text.
    known = (
        isinstance(choice.finish_reason, str)
        and _REASON.fullmatch(choice.finish_reason) is not None
    )
    ended = (
        f"`{choice.finish_reason}`" if known or choice.finish_reason is None else "another reason"
    )
    return f"ended with {ended}, not {' or '.join(f'`{r}`' for r in accept.stop_reason)}"


CHECKS: Final[Mapping[str, Callable[[Accept, ChatChoice, Stopped], str | None]]] = MappingProxyType(
    {
        "not_empty": _not_empty,
        "json": _json,
        "json_schema": _json_schema,
        "pattern": _pattern,
        "min_chars": _min_chars,
        "max_chars": _max_chars,
        "stop_reason": _stop_reason,
    }
)
"""Why a choice of an answer does not pass, or None. A choice that calls tools is a step on the way
to a text, so what is asked of a text is not asked of it."""


def _parsed(text: str) -> tuple[Any, str | None]:
    """The value of a JSON text, and what is wrong when there is none."""
    if len(text) > LARGEST:
        return None, _TOO_LARGE
    try:
        return json.loads(text, parse_constant=_no_number), None
    except json.JSONDecodeError as error:
        return None, f"no JSON: {error.msg.lower()} at character {error.pos:,}"
    except ValueError:
        return None, "no JSON: a number that cannot be read"
    except RecursionError:
        return None, "no JSON: nested too deeply"


def _no_number(_: str) -> object:
    """Infinity and NaN are words of Python's, not of JSON."""
    raise ValueError


@lru_cache(maxsize=256)
def _search(pattern: str) -> Callable[[str], object]:
    return search(pattern, None)
