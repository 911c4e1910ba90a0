"""The response headers that describe how a request was answered."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from policy_router.domain.money import format_usd
from policy_router.server.hints import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision

_PLAIN: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_MOST: Final = 20
"""Ignored fields that a header names."""
_LONGEST: Final = 64


@lru_cache(maxsize=1024)
def header_value(text: str) -> str:
    """Return a text as the value of a header: what is not printable ASCII is percent-encoded."""
    return quote(text, safe=_PLAIN, errors="replace").strip()


def of_decision(policy: str, decision: Decision) -> dict[str, str]:
    """Return the headers that describe a decision.

    Args:
        policy: The name of the policy.
        decision: The decision.
    """
    headers = {
        f"{PREFIX}decision": decision.id,
        f"{PREFIX}policy": header_value(f"{policy}@{decision.revision[:7]}"),
    }
    if decision.task is not None:
        headers[f"{PREFIX}task"] = header_value(decision.task)
    if decision.complexity is not None:
        headers[f"{PREFIX}complexity"] = header_value(decision.complexity)
    return headers


def of_answer(served_by: str, attempts: Sequence[Attempt], *, whole: bool) -> dict[str, str]:
    """Return the headers that describe an answer.

    Args:
        served_by: The policy's name of the model.
        attempts: Every call that was made.
        whole: Whether all of the answer is there, so that its cost is known.
    """
    headers = {
        f"{PREFIX}model": header_value(served_by),
        f"{PREFIX}served": header_value(attempts[-1].provider_model),
        f"{PREFIX}attempts": str(len(attempts)),
    }
    if whole:
        headers[f"{PREFIX}cost"] = cost(attempts)
    return headers


def of_ignored(names: Iterable[str]) -> dict[str, str]:
    """Return the header with the fields of the body that were left out, if any."""
    shown = [header_value(name[:_LONGEST]) for name in sorted(names)[:_MOST]]
    return {f"{PREFIX}ignored": ", ".join(shown)} if shown else {}


def cost(attempts: Iterable[Attempt]) -> str:
    """Return the total cost of some calls, in US dollars."""
    return format_usd(sum(attempt.cost_nano_usd or 0 for attempt in attempts))
