"""A request as arguments of `policy-router route`, and as the request of a policy test."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Final

from policy_router.assurance.price_times import priced_by_hour
from policy_router.domain.facts import WEEKDAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy

_OPTIONS: Final = ("task", "complexity", "tenant", "user", "team", "session", "model")
_FACTS: Final = ("max_tokens", "language", "key", "client", "turn")
_FLAGS: Final = ("stream", "subagent", "housekeeping")


def route_command(policy: Policy, witness: Witness, path: str | None = None) -> str | None:
    """The command that decides a request as it was decided.

    Args:
        policy: The policy, for its time zone.
        witness: The request.
        path: Path of the policy; None leaves it out.

    Returns:
        The command; None where the request has something that no option states.
    """
    request = witness.request
    plain = request.answers == 1 and not request.pictures and not request.detected
    # The words of an option are split at commas, and trimmed.
    plain = plain and not any(tag != tag.strip() or "," in tag for tag in request.tags)
    if not plain or request.largest_input is not None:
        return None
    words = ["policy-router", "route"]
    words += [] if path is None else ["--policy", path]
    words += _arguments(policy, witness)
    return shlex.join(words)


def _arguments(policy: Policy, witness: Witness) -> Iterator[str]:
    request = witness.request
    for name in _OPTIONS:
        value = getattr(request, name)
        if value is not None:
            yield from (f"--{name}", str(value))
    if request.tokens:
        yield from ("--tokens", str(request.tokens))
    if request.tags:
        yield from ("--tag", ",".join(sorted(request.tags)))
    if request.needs:
        yield from ("--need", ",".join(sorted(request.needs)))
    facts = {name: getattr(request, name) for name in _FACTS}
    facts |= {name: True for name in _FLAGS if getattr(request, name)}
    facts |= {"tool_errors": request.tool_errors or None, **request.attributes}
    if witness.now is not None:
        local = datetime.fromtimestamp(witness.now, policy.timezone)
        if priced_by_hour(policy):
            yield from ("--clock", f"{local:%Y-%m-%d %H:%M}")
        else:
            facts |= {"hour": local.hour, "weekday": WEEKDAYS[local.weekday()]}
    for name, value in facts.items():
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield from ("--fact", f"{name}={text}")


def stated_facts(policy: Policy, witness: Witness) -> dict[str, object]:
    """The facts of a request by their names, as the tests of a policy state them.

    Args:
        policy: The policy, for its time zone.
        witness: The request.
    """
    request = witness.request
    names = (*_OPTIONS, *_FACTS)
    facts: dict[str, object] = {name: getattr(request, name) for name in names}
    facts["tokens"] = request.tokens
    facts |= {name: getattr(request, name) or None for name in (*_FLAGS, "tool_errors")}
    for name in ("tags", "needs", "detected"):
        facts[name] = sorted(getattr(request, name)) or None
    if witness.now is not None:
        local = datetime.fromtimestamp(witness.now, policy.timezone)
        facts |= {"hour": local.hour, "weekday": WEEKDAYS[local.weekday()]}
    stated = {name: value for name, value in facts.items() if value is not None}
    return {**stated, **request.attributes}


def shown_facts(policy: Policy, witness: Witness) -> dict[str, object]:
    """The same with what no test states: how many answers and pictures a request has.

    Args:
        policy: The policy, for its time zone.
        witness: The request.
    """
    request = witness.request
    counts = {
        "answers": None if request.answers == 1 else request.answers,
        "pictures": request.pictures or None,
        "thumbnails": request.thumbnails or None,
        "largest_input": request.largest_input,
    }
    known = {name: value for name, value in counts.items() if value is not None}
    return {**stated_facts(policy, witness), **known}
