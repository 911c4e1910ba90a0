"""Writes policy tests as YAML for a policy file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from policy_router.domain.money import format_usd

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from policy_router.domain.policy_tests import Expectation, GivenState, GivenStats, PolicyTest
    from policy_router.units import Rate

_PLAIN: Final = re.compile(
    r"[A-Za-z_$][A-Za-z0-9_ $./-]*(?<! )|[0-9][0-9.]*[a-zA-Z/%][a-zA-Z0-9 /]*"
)
"""Texts that need no quotes in YAML, except for a few words."""
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def written(tests: Iterable[PolicyTest]) -> str:
    """Return tests as YAML: the items of the section `tests`."""
    return "".join(_test(test) for test in tests)


def whole_file(tests: Iterable[PolicyTest]) -> str:
    """Return a whole file of tests."""
    return f"version: 1\ntests:\n{written(tests)}"


def _test(test: PolicyTest) -> str:
    request = test.request
    stated = request if isinstance(request, str) else dict(request)
    given, expect = _given(test.given), _expected(test.expect)
    lines = [
        f"  - name: {_flow(test.name)}",
        *([f"    given: {_flow(given)}"] if given else ()),
        f"    request: {_flow(stated)}",
        f"    expect: {_flow(expect)}",
    ]
    return "\n".join([*lines, ""])


def _given(given: GivenState) -> dict[str, object]:
    state: dict[str, object] = {
        "spent": {name: f"${format_usd(amount)}" for name, amount in given.spent.items()},
        "used": {name: _rate(rate) for name, rate in given.used.items()},
        "session": dict(given.session),
        "arm": given.arm,
        "cooling": given.cooling,
        "clock": None if given.clock is None else _clock(given.clock),
        "stats": {name: _stats(stats) for name, stats in given.stats.items()},
    }
    return {name: value for name, value in state.items() if value}


def _expected(expect: Expectation) -> dict[str, object]:
    reasons = {model: reason.value for model, reason in expect.reasons.items()}
    wanted: dict[str, object] = {
        "order": expect.order,
        "first": expect.first,
        "then": expect.then,
        "never": expect.never or None,
        "task": expect.task,
        "complexity": expect.complexity,
        "rule": expect.rule,
        "cost": None if expect.cost is None else f"${format_usd(expect.cost)}",
        "max_cost": None if expect.max_cost is None else f"${format_usd(expect.max_cost)}",
        "denied": expect.denied,
        "reasons": reasons or None,
        "alias": expect.alias,
        "session": None if expect.session is None else expect.session.value,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _rate(rate: Rate) -> str:
    if rate.metric == "concurrent":
        return f"{rate.amount} concurrent"
    unit = "" if rate.metric == "requests" else f" {rate.metric}"
    return f"{rate.amount}{unit}/{rate.period}"


def _clock(clock: datetime) -> str:
    return clock.strftime("%Y-%m-%d %H:%M")


def _stats(stats: GivenStats) -> dict[str, object]:
    measured: dict[str, object] = {
        "success": None if stats.success is None else _percent(stats.success),
        "latency": None if stats.latency is None else f"{round(stats.latency * 1000)}ms",
        "quality": stats.quality,
        "accepted": None if stats.accepted is None else _percent(stats.accepted),
        "samples": stats.samples,
    }
    return {name: value for name, value in measured.items() if value is not None}


def _percent(share: float) -> str:
    return f"{round(share * 100, 6):g}%"


def _flow(value: object) -> str:
    """A value in YAML's flow style, quoted where necessary."""
    if isinstance(value, dict):
        pairs = [f"{_flow(key)}: {_flow(each)}" for key, each in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=True)
    return json.dumps(value)
