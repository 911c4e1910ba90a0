"""Turns events into alerts: one sentence on what an operator should know at once.

An alert contains names and numbers of the policy, and never text of a prompt. Credentials in it are
masked, in its sentence as in its details.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Final

from policy_router.decision.wording import spell_usage
from policy_router.diagnostics import printable
from policy_router.domain.limits import ANYONE, Metric
from policy_router.events import (
    DegradationChanged,
    Event,
    OfferChanged,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    StoreChanged,
    StoreLostData,
    Warned,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final = frozenset(
    {
        Warned, QuotaLow, DegradationChanged, QualityChanged, ReloadRefused, StoreChanged,
        StoreLostData, OfferChanged,
    }
)  # fmt: skip
"""The events that may be alerts."""
_URGENT: Final[Mapping[str, str]] = {
    "gone": "is no longer offered",
    "goes away": "goes away",
    "more expensive": "costs more than the policy says",
}
"""Differences from what is offered that should not wait for somebody to look."""
_IDENTITY: Final = frozenset(each.name for each in fields(Event))


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened, for people and for programs.

    Attributes:
        kind: `budget`, `quota`, `degraded`, `quality`, `reload_refused`, `store`,
            `store_lost_data` or `offer`.
        text: What happened, in a sentence.
        at: Unix time at which it happened.
        details: The same as numbers and names.
        shared: What each of several processes notices by itself, in the same words; None for what
            only one of them does, such as the one whose call passed a threshold.
    """

    kind: str
    text: str
    at: float
    details: Mapping[str, object]
    shared: str | None = None


def alert_of(event: Event) -> Alert | None:
    """The alert of an event; None where it can wait."""
    match event:
        case Warned():
            whose = "" if event.subject == ANYONE else f" of `{event.subject}`"
            used = spell_usage(Metric(event.metric), event.spent, event.cap, event.window)
            text = f"budget `{event.budget}`{whose} has passed {event.share:.0%}: {used} are used"
            return _alert("budget", text, event)
        case QuotaLow():
            used = spell_usage(Metric(event.metric), event.used, event.cap, event.window)
            text = f"quota `{event.quota}` is about to run out: {used} are used"
            return _alert("quota", text, event)
        case DegradationChanged():
            state = f"does worse than usual: {event.detail}" if event.worse else "is back to normal"
            text = f"model `{event.model}` {state}"
            return _alert("degraded", text, event, event.model, event.worse)
        case QualityChanged():
            state = "are rejected more often than usual" if event.worse else "are back to normal"
            text = f"answers of model `{event.model}` {state}"
            return _alert("quality", text, event, event.model, event.form, event.worse)
        case ReloadRefused():
            text = f"changed policy files are not used: {event.detail}"
            return _alert("reload_refused", text, event, event.revision, event.detail)
        case OfferChanged() if event.kind in _URGENT:
            text = f"model `{event.model}` {_URGENT[event.kind]}: {event.detail}"
            return _alert("offer", text, event)
        case StoreChanged():
            state = "can be reached again" if event.up else f"is unreachable: {event.detail}"
            return _alert("store", f"the store of counters {state}", event, event.up)
        case StoreLostData():
            state = f"has lost data: {event.detail}" if event.lost else "has its data again"
            text = f"the store of counters {state}"
            return _alert("store_lost_data", text, event, event.lost)
        case _:
            return None


def _alert(kind: str, text: str, event: Event, *fact: object) -> Alert:
    details = {
        name: printable(value) if isinstance(value, str) else value
        for name, value in asdict(event).items()
        if name not in _IDENTITY
    }
    shared = " ".join(map(repr, (kind, *fact))) if fact else None
    return Alert(kind, printable(text), event.time, details, shared)
