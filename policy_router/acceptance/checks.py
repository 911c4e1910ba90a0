"""The checks of an answer that need neither a function nor a model, as a table. No IO.

    verdict = apply_table(decision.accept, answer.choices)

The detail of a failed check quotes the policy and never the answer, as it goes into events and
logs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.answer_schema.match import misfit
from policy_router.domain.acceptance import OnRejected
from policy_router.domain.findings import Finding
from policy_router.patterns import search
from policy_router.providers.failures.failure import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.acceptance import Accept
    from policy_router.providers.answers.chat import ChatChoice

Stopped: TypeAlias = "Callable[[], bool]"
"""Whether no request waits for the verdict any more, so that the work can end."""

LONGEST: Final = 200
"""Characters of a detail, at most."""
LARGEST: Final = 1_000_000
"""Characters of a text that is read as JSON or searched for a pattern, at most. No model writes a
longer text, and a longer text fails such a check."""
_TOO_LARGE: Final = f"longer than {LARGEST:,} characters, the most that are checked"
_REASON: Final = re.compile(r"[A-Za-z_]{1,32}")
SLOW: Final = frozenset({"json", "json_schema", "pattern"})
"""Checks that may take longer than the event loop can wait."""


def finding_for(accept: Accept, check: str, detail: str) -> Finding:
    """The finding that a check failed or could not be made.

    Args:
        accept: The checks it belongs to.
        check: Its name.
        detail: Why; shortened to `LONGEST`.
    """
    return Finding(check, detail[:LONGEST], accept.by, accept.otherwise is OnRejected.ERROR)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking an answer.

    Attributes:
        rejected: Checks that it failed.
        unchecked: Checks that could not be made; they do not count against it.
        passed: Names of the checks that it passed.
    """

    rejected: tuple[Finding, ...] = ()
    unchecked: tuple[Finding, ...] = ()
    passed: tuple[str, ...] = ()

    @property
    def failure(self) -> Failure | None:
        """The failure of the attempt that gave this answer; None when it was not rejected."""
        if not self.rejected:
            return None
        return Failure(FailureKind.REJECTED, "; ".join(map(str, self.rejected))[:LONGEST], 200)

    @property
    def may_stand_in(self) -> bool:
        """Whether the answer may be given out when no answer passes."""
        return not any(finding.fatal for finding in self.rejected)


PASSED: Final = Verdict()
"""The verdict where nothing is checked."""


def takes_time(accepts: Sequence[Accept]) -> bool:
    """Whether one of the checks in `CHECKS` may take longer than the event loop can wait."""
    return any(SLOW & {*accept.checks} for accept in accepts)


def apply_table(
    accepts: Sequence[Accept], choices: Sequence[ChatChoice], stopped: Stopped = lambda: False
) -> Verdict:
    """Makes the checks in `CHECKS`.

    Args:
        accepts: What the task and the rules check.
        choices: Those of the answer; each must pass each check.
        stopped: Ends the work early.
    """
    rejected: list[Finding] = []
    passed: list[str] = []
    for accept in accepts:
        for name in accept.checks:
            check = CHECKS.get(name)
            if check is None:
                continue
            failures = (check(accept, choice, stopped) for choice in choices)
            detail = next(filter(None, failures), None)
            if detail is None:
                passed.append(name)
            else:
                rejected.append(finding_for(accept, name, detail))
    return Verdict(tuple(rejected), (), tuple(passed))


def _not_empty(_: Accept, choice: ChatChoice, __: Stopped) -> str | None:
    return None if choice.message.text.strip() or choice.message.calls_tools else "no text"


def _json(_: Accept, choice: ChatChoice, __: Stopped) -> str | None:
    return None if choice.message.calls_tools else _parsed(choice.message.text)[1]


def _json_schema(accept: Accept, choice: ChatChoice, stopped: Stopped) -> str | None:
    if choice.message.calls_tools:
        return None
    value, problem = _parsed(choice.message.text)
    return problem or misfit(accept.json_schema or "{}", value, stopped)


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
    reason = choice.finish_reason
    known = isinstance(reason, str) and _REASON.fullmatch(reason) is not None
    ended = f"`{reason}`" if known or reason is None else "another reason"
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
"""By name, the function that returns why a choice fails the check, or None. A choice that calls
tools is a step on the way to a text, so that the checks of texts do not apply to it."""


def _parsed(text: str) -> tuple[object, str | None]:
    """The value of a JSON text, and why there is none."""
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
    """Python reads Infinity and NaN, which JSON does not have."""
    raise ValueError


@lru_cache(maxsize=256)
def _search(pattern: str) -> Callable[[str], object]:
    return search(pattern, None)
