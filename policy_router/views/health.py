"""Renders the health of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.execution.health.health_report import HealthState
from policy_router.views.lines import Table
from policy_router.views.times import iso, spell_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from policy_router.execution.health.health_report import ModelHealth
    from policy_router.views.lines import Block, Cell

_STYLES: Final = {
    HealthState.OK: "green",
    HealthState.SOME_USERS: "yellow",
    HealthState.DEGRADED: "yellow",
    HealthState.RAMP: "yellow",
    HealthState.HALF_OPEN: "yellow",
    HealthState.COOLDOWN: "yellow",
    HealthState.OPEN: "bold red",
}
_WORDS: Final = {
    HealthState.OK: "ok",
    HealthState.SOME_USERS: "some users",
    HealthState.DEGRADED: "degraded",
    HealthState.RAMP: "recovering",
    HealthState.HALF_OPEN: "probed",
    HealthState.COOLDOWN: "cooldown",
    HealthState.OPEN: "open",
}


def as_json(models: Sequence[ModelHealth], zone: ZoneInfo, lifted: str | None) -> dict[str, object]:
    """Return an object with one entry for each model.

    Args:
        models: The health of the models.
        zone: Time zone of the times.
        lifted: The model whose cooldown was ended just now; None when none was.
    """
    return {
        "schema_version": 1,
        "lifted": lifted,
        "models": [
            {
                "model": each.model,
                "state": each.state.value,
                "until": iso(each.until, zone),
                "at_fault": each.at_fault or None,
                "cause": each.cause or None,
                "times": each.times,
            }
            for each in models
        ],
    }


def as_lines(models: Sequence[ModelHealth], zone: ZoneInfo, now: float) -> list[Block]:
    """Return a table of the models.

    Args:
        models: The health of the models.
        zone: Time zone in which times are written.
        now: Unix time; a time on the same day is written without its date.
    """
    head: tuple[Cell, ...] = ("model", "state", "until", "at fault", "cause")
    rows: list[tuple[Cell, ...]] = [
        (
            printable(each.model),
            (_WORDS[each.state], _STYLES[each.state]),
            _until(each, zone, now),
            printable(each.at_fault),
            _cause(each),
        )
        for each in models
    ]
    return [Table([head, *rows], header=True)]


def _until(each: ModelHealth, zone: ZoneInfo, now: float) -> str:
    if each.until is None:
        return ""
    return spell_time(each.until, now, zone) if each.until > now else "the next request probes it"


def _cause(each: ModelHealth) -> str:
    again = f", {each.times} times in a row" if each.times > 1 else ""
    return f"{printable(each.cause)}{again}" if each.cause else ""
