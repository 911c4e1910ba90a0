"""Renders what a replay of logged decisions found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.replay.decide_again import ReplayChange
from policy_router.views.document import document
from policy_router.views.lines import Table, count, quoted_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.replay.decide_again import DecidedAgain
    from policy_router.replay.summary import BeforeAndNow, ReplaySummary
    from policy_router.views.lines import Block

_MEANINGS: Final = {
    ReplayChange.FIRST: "another model goes first",
    ReplayChange.ORDER: "the same model goes first, others follow it",
    ReplayChange.REFUSED: "no model may answer any more",
    ReplayChange.ALLOWED: "a model may answer now",
    ReplayChange.INVALID: "the policy does not know what the request states",
}
_MOVES: Final = 10


def as_lines(summary: ReplaySummary, policy: Policy) -> Iterator[Block]:
    """Yield what was decided again, what changed, and the decisions that did."""
    own = f"{summary.own:,} of them made by revision {policy.revision[:12]}"
    yield [(f"{count_of(summary.decisions)} decided again", "bold"), (f", {own}", "")]
    if summary.own and not summary.broken:
        yield [("every one of its own decisions is the same", "green")]
    if summary.broken:
        text = f"{count_of(summary.broken)} of its own decided otherwise"
        yield [(text, "bold red")]
    if summary.unreadable:
        yield [(f"{count(summary.unreadable, 'line')} could not be read", "yellow")]
        yield from (f"  {printable(line)}" for line in summary.unread)
    yield f"{summary.changed:,} would change, {summary.changes[ReplayChange.SAME]:,} would not"
    rows = [
        (f"{summary.changes[change]:,}", meaning)
        for change, meaning in _MEANINGS.items()
        if summary.changes[change]
    ]
    if rows:
        yield Table(rows, indent=2)
    if summary.moves:
        yield "first model then, and now:"
        yield Table(
            [
                (f"{times:,}", printable(before or "none"), "->", printable(now or "none"))
                for (before, now), times in summary.moves.most_common(_MOVES)
            ],
            indent=2,
        )
    yield from _sums(summary)
    for again in summary.shown:
        yield from _decision(again)


def count_of(number: int) -> str:
    """Return a number of decisions: `1 decision`, `1,000 decisions`."""
    return f"{number:,} decision{'' if number == 1 else 's'}"


def _sums(summary: ReplaySummary) -> Iterator[Block]:
    cost, quality = summary.cost, summary.quality
    if cost.requests:
        before, now = spell_usd(round(cost.before)), spell_usd(round(cost.now))
        share = f" ({(cost.now - cost.before) / cost.before:+.1%})" if cost.before else ""
        of = "" if cost.requests == summary.decisions else f", of {cost.requests:,} with prices"
        yield f"estimated cost of the first models: {before} then, {now} now{share}{of}"
    if summary.charged:
        yield f"charged then, for all calls: {spell_usd(summary.charged)}"
    if quality.requests:
        before, now = (f"{each / quality.requests:.3f}" for each in (quality.before, quality.now))
        yield f"mean quality of the first models: {before} then, {now} now, where it is known"


def _decision(again: DecidedAgain) -> Iterator[Block]:
    logged = again.logged
    style = "bold red" if again.differs_in else "bold"
    yield [(printable(logged.id), style), (f"  {printable(logged.place)}", "blue")]
    yield f"  then  {_shown(logged.candidates, logged.denied)}"
    now = tuple(candidate.name for candidate in again.decision.candidates)
    yield f"  now   {_shown(now, again.decision.denied)}"
    if again.differs_in:
        yield f"  its own decision differs in {quoted_names(again.differs_in)}"


def _shown(candidates: tuple[str, ...], denied: str | None) -> str:
    if denied is not None:
        return f"denied: {printable(denied)}"
    return quoted_names(candidates) or "no model"


def as_json(summary: ReplaySummary, policy: Policy) -> dict[str, object]:
    """Return what a replay found as a JSON document."""
    return document(
        policy={"name": policy.name, "revision": policy.revision},
        decisions=summary.decisions,
        own=summary.own,
        broken=summary.broken,
        unreadable=summary.unreadable,
        unread=[printable(line) for line in summary.unread],
        changed=summary.changed,
        changes={change.value: summary.changes[change] for change in ReplayChange},
        moves=[
            {"before": before or None, "now": now or None, "requests": times}
            for (before, now), times in summary.moves.most_common()
        ],
        cost_usd=_dollars(summary.cost),
        charged_usd=format_usd(summary.charged),
        quality=_means(summary.quality),
        shown=[
            {
                "id": each.logged.id,
                "at": printable(each.logged.place),
                "change": each.change.value,
                "before": list(each.logged.candidates),
                "before_denied": each.logged.denied,
                "now": [candidate.name for candidate in each.decision.candidates],
                "now_denied": each.decision.denied,
                "differs_in": list(each.differs_in),
            }
            for each in summary.shown
        ],
    )


def _dollars(cost: BeforeAndNow) -> dict[str, object]:
    return {
        "requests": cost.requests,
        "before": format_usd(round(cost.before)),
        "now": format_usd(round(cost.now)),
    }


def _means(quality: BeforeAndNow) -> dict[str, object]:
    known = quality.requests
    return {
        "requests": known,
        "before": round(quality.before / known, 4) if known else None,
        "now": round(quality.now / known, 4) if known else None,
    }
