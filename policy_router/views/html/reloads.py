"""What became of the policy files, and what else changed for all requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from policy_router.diagnostics import draw
from policy_router.domain.money import spell_usd
from policy_router.events import (
    BreakerChanged,
    DegradationChanged,
    ExperimentEnded,
    OfferChanged,
    PolicyReloaded,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    SourceChanged,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.live.status import ReloadState
from policy_router.views.html.figures import KeyFigure, badge, figures
from policy_router.views.html.markup import Markup, element, join, prose
from policy_router.views.html.spend import spell_money
from policy_router.views.html.tables import HtmlCell, table
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from policy_router.decision.policy import Policy
    from policy_router.live.active import Active
    from policy_router.live.status import ReloadStatus
    from policy_router.observe.moved_requests import MovedRequests
    from policy_router.observe.recent import Change
    from policy_router.views.html.tables import Content


_ERRORS: Final = 5
"""Reasons for a refusal that are shown."""
_ASKED: Final[Mapping[str, str]] = {"gone": "bad", "goes away": "bad", "more expensive": "warn"}
"""Differences from what is offered that should not wait, and their tones."""


_FOLLOWED: Final[Mapping[str, str]] = {
    "off": "changes are not followed",
    "stopped": "changes are no longer followed",
    "poll": "looked at again and again",
}
_Description: TypeAlias = tuple[str, str, str, str]
"""What a change is, its tone, what it is about, and the details."""


@dataclass(frozen=True, slots=True)
class WorkerReload:
    """Which policy is active in one worker of a server.

    Attributes:
        revision: The revision of that policy.
        loaded_at: Unix time at which it became active.
        refused: Whether newer files are refused.
        errors: Why, each as it is drawn.
    """

    revision: str
    loaded_at: float
    refused: bool
    errors: tuple[str, ...]

    @classmethod
    def of(cls, status: ReloadStatus) -> Self:
        """Return what the status of a worker says."""
        return cls(
            status.revision,
            status.loaded_at,
            status.state is ReloadState.DEGRADED,
            tuple(draw(each, status.sources) for each in status.errors[:_ERRORS]),
        )


@dataclass(frozen=True, slots=True)
class SeenChange:
    """What changed for all requests.

    Attributes:
        change: What changed.
        workers: How many workers of the server noticed it.
    """

    change: Change
    workers: int = 1


@dataclass(frozen=True, slots=True)
class ReloadView:
    """The latest reloads.

    Attributes:
        active: The active policy.
        backend: How changes of its files are noticed.
        workers: What each worker of the server has; first the one that shows it.
        changes: The latest changes, the newest first.
        policies: The policies that are still kept, by their revisions.
        moved: What reloads moved where that is known, by the revisions before and after.
        now: Unix time.
    """

    active: Active
    backend: str
    workers: tuple[WorkerReload, ...]
    changes: tuple[SeenChange, ...]
    policies: Mapping[str, Policy]
    moved: Mapping[tuple[str, str], MovedRequests]
    now: float


def reloads(view: ReloadView) -> Markup:
    """Return what is active, why newer files are refused, and the latest changes."""
    own, zone = view.workers[0], view.active.policy.timezone
    warnings = len(view.active.diagnostics)
    head = figures(
        [
            _revision(view),
            _files(view),
            KeyFigure("warnings", f"{warnings:,}", prose("of `policy-router check`")),
        ]
    )
    refusing = next((each for each in view.workers if each.refused), own)
    errors = [_drawn(each) for each in refusing.errors]
    rows = [_row(change, view, zone) for change in view.changes]
    listed = table(
        ["time", "", "what", "details"],
        rows,
        caption="changes, the newest first",
        empty="nothing has changed since the server began",
    )
    return join([head, *errors, listed])


def _revision(view: ReloadView) -> KeyFigure:
    """Return the active revision, and which others are active in other workers."""
    own, zone = view.workers[0], view.active.policy.timezone
    others = [each for each in view.workers if each.revision != own.revision]
    said = f"since {spell_time(own.loaded_at, view.now, zone)}"
    if others:
        shown = ", ".join(sorted({f"@{each.revision[:7]}" for each in others}))
        said += f"; {_part(len(others), view)} still has {shown}"
    return KeyFigure("active revision", f"@{own.revision[:7]}", said, "warn" if others else "")


def _files(view: ReloadView) -> KeyFigure:
    """Return whether the files are in use, and how their changes are noticed."""
    refused = sum(each.refused for each in view.workers)
    said = _FOLLOWED.get(view.backend, f"followed by {view.backend}")
    if 0 < refused < len(view.workers):
        said = f"by {_part(refused, view)}; {said}"
    tone = "bad" if refused else "good"
    return KeyFigure("files", "refused" if refused else "in use", said, tone)


def _part(number: int, view: ReloadView) -> str:
    return f"{number} of {len(view.workers)} workers"


def _drawn(diagnostic: str) -> Markup:
    lines = join(diagnostic.split("\n"), Markup("\n"))
    return element("pre", lines, tabindex=0, aria_label="why the files are refused")


def _row(seen: SeenChange, view: ReloadView, zone: ZoneInfo) -> list[Content]:
    change = seen.change
    what, tone, subject, details = _described(change, view)
    # Each worker loads or refuses files for itself; everything else may be noticed by any of them.
    of_each = isinstance(change, PolicyReloaded | ReloadRefused)
    if of_each and seen.workers < len(view.workers):
        details = f"{details} (by {_part(seen.workers, view)})".lstrip()
    moment = HtmlCell(spell_time(change.time, view.now, zone), "nowrap")
    return [moment, badge(what, tone), subject, prose(details)]


def _described(change: Change, view: ReloadView) -> _Description:
    """Return what a change is, its tone, what it is about, and the details."""
    match change:
        case PolicyReloaded(previous=previous, revision=revision):
            step = f"@{previous[:7]} → @{(revision or '')[:7]}"
            return "reloaded", "good", step, _moves(previous, revision or "", view)
        case ReloadRefused(detail=detail, errors=errors):
            more = f" and {errors - 1} more" if errors > 1 else ""
            return "reload refused", "bad", f"stays @{(change.revision or '')[:7]}", detail + more
        case BreakerChanged(scope=scope, name=name, step=step, cause=cause):
            tone = "bad" if step == "opened" else "warn" if step == "half_open" else "good"
            return f"breaker {step.replace('_', ' ')}", tone, f"{scope} {name}", cause
        case QualityChanged(model=model, form=form, worse=worse, usual=usual):
            usually = f"usually {usual:.1%} of its answers are rejected"
            of = f"{model}, {form}" if form else model
            return ("quality worse" if worse else "quality back"), _warning(worse), of, usually
        case DegradationChanged(model=model, worse=worse, detail=detail):
            return ("degraded" if worse else "back to normal"), _warning(worse), model, detail
        case QuotaLow(quota=quota, share=share, used=used, cap=cap, metric=metric):
            return f"quota at {share:.0%}", "warn", quota, f"{used:,} of {cap:,} {metric}"
        case Warned(budget=budget, share=share, spent=spent, cap=cap, metric=metric):
            spell = spell_usd if metric == "usd" else "{:,}".format
            return f"budget at {share:.0%}", "warn", budget, f"{spell(spent)} of {spell(cap)}"
        case ExperimentEnded(experiment=name, arm=arm, verdict=verdict, reason=reason):
            return "experiment ended", "", f"{name}: {arm}", f"{verdict}, by {reason}"
        case _:
            return _told_of_places(change)


def _told_of_places(
    change: OfferChanged | SourceChanged | StoreChanged | StoreLostData,
) -> _Description:
    """Return the same of a change at a source of models, or of the store."""
    match change:
        case OfferChanged(kind=kind, model=model, source=source, detail=detail, help=help_):
            return kind, _ASKED.get(kind, ""), f"{source} {model}".strip(), _joined(detail, help_)
        case SourceChanged(source=source, address=address, up=up, detail=detail):
            what = "source answers again" if up else "source gives no list"
            return what, "good" if up else "warn", source, _joined(address, detail)
        case StoreChanged(up=up, detail=detail):
            return ("store is back" if up else "store is unreachable"), _tone(up), "", detail
        case StoreLostData(lost=lost, detail=detail):
            what = "store lost data" if lost else "data loss is over"
            return what, _tone(not lost), "", detail


def _joined(one: str, other: str) -> str:
    return f"{one}: {other}" if other else one


def _moves(previous: str, revision: str, view: ReloadView) -> str:
    """Return what differs between two revisions, and what that did to the latest requests."""
    old, new = view.policies.get(previous), view.policies.get(revision)
    parts = [] if old is None or new is None else differences(old, new)
    moved = view.moved.get((previous, revision))
    if moved is not None and moved.compared:
        costs = f"{spell_money(moved.before)} → {spell_money(moved.after)}"
        parts.append(
            f"of the latest {moved.compared:,} requests, {moved.moved:,} would begin with another "
            f"model; expected to cost {costs}"
        )
    return "; ".join(parts)


def _tone(good: bool) -> str:
    return "good" if good else "bad"


def _warning(bad: bool) -> str:
    return "warn" if bad else "good"


def differences(old: Policy, new: Policy) -> list[str]:
    """Return what differs between two policies, by the names of rules, models and limits.

    Args:
        old: The policy before.
        new: The policy after.
    """
    pairs: list[tuple[str, Mapping[str, object], Mapping[str, object]]] = [
        ("rule", _named(old.rules), _named(new.rules)),
        ("model", old.models_by_name, new.models_by_name),
        ("task", _named(old.tasks), _named(new.tasks)),
        ("limit", _limits(old), _limits(new)),
    ]
    changes = []
    for kind, before, after in pairs:
        for verb, names in (
            ("added", after.keys() - before.keys()),
            ("removed", before.keys() - after.keys()),
            ("changed", {n for n in before.keys() & after.keys() if before[n] != after[n]}),
        ):
            if names:
                listed = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")
                plural = kind if len(names) == 1 else f"{kind}s"
                changes.append(f"{plural} {verb}: {listed}")
    return changes or ["the settings of the whole policy changed"]


def _named(parts: Iterable[object]) -> Mapping[str, object]:
    return {str(getattr(part, "name", "")): part for part in parts}


def _limits(policy: Policy) -> Mapping[str, object]:
    return {f"{limit.section} {limit.name} {limit.metric}": limit for limit in policy.limits}
