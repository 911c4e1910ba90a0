"""Renders a decision."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.domain.decision import Reason
from policy_router.domain.experiments import CONTROL
from policy_router.views.document import document
from policy_router.views.lines import Table
from policy_router.views.prompts import of_candidates
from policy_router.views.times import iso, spell_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from policy_router.domain.decision import Candidate, Decision, Skip
    from policy_router.domain.models import Model
    from policy_router.views.lines import Block


def as_json(decision: Decision, zone: ZoneInfo) -> dict[str, object]:
    """Return a decision as a JSON document.

    Args:
        decision: The decision to show.
        zone: Time zone in which times are written.
    """
    candidates = [candidate_as_json(each, decision, zone) for each in decision.candidates]
    skipped = [skip_as_json(skip, zone) for skip in decision.skipped]
    shape = decision.as_dict()
    del shape["id"]  # no log or event of a command refers to it
    return document(**{**shape, "candidates": candidates, "skipped": skipped})


def candidate_as_json(
    candidate: Candidate, decision: Decision, zone: ZoneInfo
) -> dict[str, object]:
    """Return a model that may answer as a JSON object."""
    until = iso(candidate.model.price_until(decision.now), zone)
    return {**candidate.as_dict(decision.request, decision.now), "price_until": until}


def skip_as_json(skip: Skip, zone: ZoneInfo) -> dict[str, object]:
    """Return a model that may not answer as a JSON object."""
    return {**skip.as_dict(), "until": iso(skip.until, zone)}


def as_lines(decision: Decision, zone: ZoneInfo) -> list[Block]:
    """Return what the session means, the candidates of a decision as a table, the models it leaves
    out, and what is in shadow."""
    return [
        *verdict(decision),
        *session(decision),
        *experiments(decision),
        *candidates(decision, zone),
        *of_candidates(decision.candidates),
        *left_out(decision.skipped, zone),
        *shadow(decision),
    ]


def verdict(decision: Decision) -> list[Block]:
    """Return the headline of a decision that no model may answer; nothing for any other."""
    if decision.denied is not None:
        return [[("Denied", "bold red"), (f": {printable(decision.denied)}", "")]]
    if not decision.candidates:
        unmet = decision.unmet_need
        why = f": {unmet}" if unmet else ""
        return [[("No model may answer this request", "bold red"), (why, "")]]
    return []


def session(decision: Decision) -> list[Block]:
    """Return what the session of a request means for it; nothing where none matters."""
    note = decision.session_note
    return [] if note is None else [[("Session", "bold"), (f": {printable(note)}", "")]]


def experiments(decision: Decision) -> list[Block]:
    """Return the arms of experiments that a request is in; nothing where there are none."""
    return [[("Experiment", "bold"), (f": {note}", "")] for note in experiment_notes(decision)]


def experiment_notes(decision: Decision) -> list[str]:
    """Return a line about each experiment of a request: its arm, and how many are in it."""
    notes = []
    for each in decision.arms:
        name, share = printable(each.experiment), f"{100 * each.propensity:.4g}%"
        arm = "the control" if each.arm == CONTROL else f"arm `{printable(each.arm)}`"
        whose = "requests" if each.by is None else f"{each.by}s"
        notes.append(f"in {arm} of `{name}`, like {share} of {whose}")
    return notes


def candidates(decision: Decision, zone: ZoneInfo, only: str | None = None) -> list[Block]:
    """Return the table of candidates: rank, model, tier, estimated cost, reason.

    Args:
        decision: The decision to show.
        zone: Time zone in which changes of prices are written.
        only: Name of the one model to show; None shows all.
    """
    rows = [
        (
            str(rank),
            _model(candidate.model),
            candidate.model.tier,
            _cost(decision, candidate.model, zone),
            printable(candidate.detail),
        )
        for rank, candidate in enumerate(decision.candidates, start=1)
        if only in (None, candidate.name)
    ]
    if not rows:
        return []
    return [Table([("", "model", "tier", "est. cost", "why"), *rows], header=True)]


def _model(model: Model) -> str:
    """A model with the effort that the policy sets: one model may be there at several."""
    effort = "" if model.effort is None else f", effort {model.effort}"
    return f"{printable(model.name)}{effort}"


def left_out(skips: Iterable[Skip], zone: ZoneInfo) -> list[Block]:
    """Return the models that may not answer: why, until when, and where the policy says so."""
    rows = [
        (printable(skip.model), printable(skip_detail(skip, zone)), str(skip.span or ""))
        for skip in skips
    ]
    return [[("Not used", "bold")], Table(rows, indent=2)] if rows else []


def shadow(decision: Decision) -> list[Block]:
    """Return what the parts of the policy in shadow would have done."""
    rows = [
        (printable(effect.source), printable(effect.detail), str(effect.span or ""))
        for effect in decision.shadow
    ]
    return [[("In shadow, not applied", "bold")], Table(rows, indent=2)] if rows else []


def skip_detail(skip: Skip, zone: ZoneInfo) -> str:
    """Return why a model may not answer, with the time from which it may if that is known."""
    if skip.until is None:
        return skip.detail
    word = "until" if skip.reason is Reason.COOLING else "opens"
    return f"{skip.detail}, {word} {spell_time(skip.until, time.time(), zone)}"


def free(model: Model) -> str:
    """Return that a model is free, with its weight where the policy gives it one."""
    return "free" if model.weight == 1 else f"free, weight {model.weight:g}"


def _cost(decision: Decision, model: Model, zone: ZoneInfo) -> str:
    """Return the estimated cost, with the time at which the price changes."""
    if model.free:
        return free(model)
    cost = decision.cost_usd(model)
    if cost is None:
        return "unknown"
    now = decision.now
    until = model.price_until(now)
    if now is None or until is None:
        return f"${cost:f}"
    return f"${cost:f} until {spell_time(until, now, zone)}"
