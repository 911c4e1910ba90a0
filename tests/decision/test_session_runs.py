"""A hundred runs of agents, of a hundred turns each: a session neither flaps nor falls.

The runs are generated requests: scores with noise, errors of tools, titles and subagents in
between, failures and cooldowns. The answers are those of the first candidates that work.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.prices import Price
from policy_router.domain.request import Request
from policy_router.domain.sessions import (
    CachedPrompt,
    Keep,
    SessionMove,
    SessionOutcome,
    Sessions,
    SessionState,
    advance,
)
from policy_router.domain.snapshot import Snapshot
from tests.decision.test_sessions import NOW, model, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision

RUNS, TURNS = 100, 100
MODELS = (
    model("tiny", 0),
    model("small", 0),
    model("middle", 1, Price(10**9, 4 * 10**9, cached=10**8)),
    model("other", 1, Price(11 * 10**8, 4 * 10**9, cached=10**8)),
    model("large", 2, Price(3 * 10**9, 15 * 10**9, cached=3 * 10**8)),
)


@dataclass
class Turn:
    """One request, its decision and how it ended. state: what was remembered before it."""

    request: Request
    snapshot: Snapshot
    decision: Decision
    outcome: SessionOutcome
    state: SessionState | None
    down: frozenset[str] = field(default_factory=frozenset)


def requests(dice: random.Random) -> Iterator[Request]:
    """One run: its difficulty wanders, and each turn is judged with noise."""
    difficulty, errors, tokens = dice.uniform(0.1, 0.5), 0, 2000
    for turn in range(1, TURNS + 1):
        difficulty = min(max(difficulty + dice.gauss(0, 0.03), 0), 0.9)
        score = min(max(difficulty + dice.gauss(0, 0.15), 0), 1)
        errors = errors + 1 if dice.random() < 0.25 else 0
        tokens += dice.randrange(50, 1500)
        yield Request(
            complexity=score, session="run", turn=turn, tool_errors=errors, tokens=tokens,
            housekeeping=dice.random() < 0.05,
        )  # fmt: skip


def outcome_of(
    decision: Decision, down: frozenset[str], now: float, *, rejects: bool
) -> SessionOutcome:
    """The first candidate that works answers; a rejected answer goes to a higher tier."""
    failed: set[str] = set()
    rejected = None
    lowest = 0
    for candidate in decision.candidates[:4]:
        name, rank = candidate.name, candidate.model.rank
        if rank < lowest:
            continue
        if name in down:
            failed.add(name)
        elif rejects and rejected is None and rank < 2:
            rejected, lowest = name, rank + 1
            failed.add(name)
        else:
            held = CachedPrompt(name, decision.request.tokens, now + 300)
            return SessionOutcome(name, rank, frozenset(failed), rejected, held)
    return SessionOutcome(failed=frozenset(failed), rejected=rejected)


def played(policy_: Policy, seed: int) -> Iterator[Turn]:
    """The turns of one run."""
    dice = random.Random(seed)  # noqa: S311  a run that repeats
    state: SessionState | None = None
    now, cooling = NOW, dict[str, float]()
    for request in requests(dice):
        now += dice.uniform(1, 60)
        down = frozenset(m.name for m in MODELS if dice.random() < 0.02)
        if dice.random() < 0.02:
            cooling[dice.choice(MODELS).name] = now + 120
        snapshot = Snapshot(now, dict(cooling), session=state)
        decision = decide(policy_, request, snapshot)
        outcome = outcome_of(decision, down, now, rejects=dice.random() < 0.02)
        yield Turn(request, snapshot, decision, outcome, state, down)
        if decision.session is not None:
            state = advance(decision.session, outcome, now) or state


def of_the_session(turns: Iterator[Turn]) -> list[Turn]:
    return [turn for turn in turns if not turn.request.housekeeping]


def changes(turns: list[Turn]) -> int:
    """How often the first candidate is another model than the one that answered before it."""
    count, last = 0, None
    for turn in turns:
        first = turn.decision.candidates[0].name
        count += last is not None and first != last
        last = turn.outcome.served_by or last
    return count


def test_the_model_changes_only_for_a_reason_that_the_decision_states() -> None:
    kept = policy(Keep.MODEL, models=MODELS)
    moved = dict.fromkeys(SessionMove, 0)
    for seed in range(RUNS):
        for turn in of_the_session(played(kept, seed)):
            step, before = turn.decision.session, turn.state
            assert step is not None
            moved[step.move] += 1
            if before is None:
                continue
            first = turn.decision.candidates[0].name
            ranks = {c.name: c.model.rank for c in turn.decision.candidates}
            match step.move:
                case SessionMove.STAYS:
                    assert first == before.model
                case SessionMove.EXCLUDED:
                    assert turn.snapshot.cooling[before.model] > (turn.snapshot.now or 0)
                case SessionMove.FAILED:
                    assert before.failed
                case SessionMove.RISES:
                    assert ranks[before.model] < step.rank
                    assert step.reason in str(turn.decision.session_note)
    assert all(moved[move] for move in (SessionMove.EXCLUDED, SessionMove.RISES))


@pytest.mark.parametrize("keep", [Keep.MODEL, Keep.TIER])
def test_the_tier_never_falls_and_rises_for_a_reason(keep: Keep) -> None:
    kept = policy(keep, models=MODELS)
    reasons: set[str] = set()
    for seed in range(RUNS):
        rank, rises = -1, 0
        for turn in of_the_session(played(kept, seed)):
            step = turn.decision.session
            assert step is not None
            assert step.rank >= rank
            if turn.state is not None and turn.state.rank > rank >= 0:
                rises += 1
                reasons.add(turn.state.reason.split("`")[0])
            rank = turn.state.rank if turn.state is not None else rank
            strongest = max(c.model.rank for c in turn.decision.candidates)
            first = turn.decision.candidates[0].model.rank
            assert first >= min(step.rank, strongest)
        assert rises <= 2
    assert reasons == {"band ", "an answer of ", *(r for r in reasons if "tool results" in r)}
    assert any("tool results" in reason for reason in reasons)


def test_the_same_runs_flap_without_sessions_and_not_with_them() -> None:
    kept = {keep: policy(keep, models=MODELS) for keep in Keep}
    assert kept[Keep.OFF] == replace(kept[Keep.MODEL], sessions=Sessions())
    count = {
        keep: sum(changes(of_the_session(played(kept[keep], seed))) for seed in range(RUNS))
        for keep in Keep
    }
    assert count[Keep.OFF] > 20 * RUNS
    assert count[Keep.MODEL] < 8 * RUNS
    assert count[Keep.TIER] < 8 * RUNS


def test_titles_go_to_the_weakest_model_all_the_time() -> None:
    for keep in (Keep.MODEL, Keep.TIER):
        kept = policy(keep, models=MODELS)
        titles = [t for seed in range(20) for t in played(kept, seed) if t.request.housekeeping]
        assert titles
        for turn in titles:
            assert turn.decision == decide(kept, turn.request, replace(turn.snapshot, session=None))
