"""What the session of a request means for its decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.decision.decide import decide
from policy_router.decision.sessions import TOOL_ERRORS
from policy_router.domain.aliases import Alias
from policy_router.domain.facts import Vocabulary
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule, Task
from policy_router.domain.sessions import (
    CachedPrompt,
    Keep,
    SessionMove,
    Sessions,
    SessionState,
    SessionStep,
)
from policy_router.domain.snapshot import Snapshot
from tests.generate import BANDS, TIERS, assemble, situations

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision

NOW = 1_700_000_000.0
THEN = Snapshot(NOW)
CHEAP, DEAR = Price(10**9, 0), Price(3 * 10**9, 0, cached=10**8)


STAYS_AND_RISES = (
    "stays with `large`, which answered last; rises to tier `standard`: task `code` needs it"
)


def model(name: str, rank: int, price: Price = FREE_PRICE, **more: Any) -> Model:
    free = price is FREE_PRICE
    return Model(name, f"openai/{name}", TIERS[rank], rank, price, free, **more)


MODELS = (
    model("tiny", 0),
    model("small", 0),
    model("middle", 1),
    model("eu", 1),
    model("large", 2),
)
VOCABULARY = Vocabulary(("code", "chat"), [b.name for b in BANDS], (), default_task=True)
CODE = Task("code", min_tier=1)


def policy(keep: Keep, *rules: Rule, **more: Any) -> Policy:
    return assemble(
        more.pop("models", MODELS),
        rules,
        VOCABULARY,
        tasks=(CODE, Task("chat", default=True)),
        sessions=Sessions(keep),
        **more,
    )


def state(name: str = "small", rank: int = 0, **more: Any) -> SessionState:
    return SessionState(name, rank, more.pop("reason", f"it began with `{name}`"), NOW, **more)


def ask(
    policy_: Policy, session: SessionState | None, snapshot: Snapshot = THEN, **facts: Any
) -> Decision:
    request = Request(session="s1", **facts)
    return decide(policy_, request, replace(snapshot, session=session))


def names(decision: Decision) -> list[str]:
    return [candidate.name for candidate in decision.candidates]


def step(decision: Decision) -> SessionStep:
    assert decision.session is not None
    return decision.session


# -- laws ----------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(situations())
def test_a_session_only_reorders(situation: tuple[Policy, Request, Snapshot]) -> None:
    policy_, request, snapshot = situation
    request = replace(request, max_candidates=None)
    with_, without = (
        decide(policy_, request, replace(snapshot, session=session))
        for session in (snapshot.session, None)
    )
    assert sorted(names(with_)) == sorted(names(without))
    assert with_.skipped == without.skipped


@settings(max_examples=300, deadline=None)
@given(situations())
def test_without_the_section_a_session_changes_nothing(
    situation: tuple[Policy, Request, Snapshot],
) -> None:
    policy_, request, snapshot = situation
    off = replace(policy_, sessions=Sessions())
    decision = decide(off, request, snapshot)
    assert decision == decide(off, request, replace(snapshot, session=None))
    assert decision.session is None
    assert decision.session_note is None


@settings(max_examples=300, deadline=None)
@given(situations())
def test_the_tier_of_a_session_never_falls(situation: tuple[Policy, Request, Snapshot]) -> None:
    policy_, request, snapshot = situation
    decision = decide(policy_, request, snapshot)
    if decision.session is not None and snapshot.session is not None:
        assert decision.session.rank >= min(snapshot.session.rank, len(TIERS) - 1)
        rises = decision.session.rank > snapshot.session.rank
        assert rises is decision.session.rises
        assert not rises or decision.session.reason != snapshot.session.reason


# -- keep: model ---------------------------------------------------------------------------------


def test_the_model_that_answered_last_goes_first() -> None:
    decision = ask(policy(Keep.MODEL), state("small"))
    assert names(decision) == ["small", "tiny", "middle", "eu", "large"]
    first = decision.candidates[0]
    assert (first.placed_by, first.detail) == ("session", "answered last in this session")
    assert decision.session_note == "stays with `small`, which answered last"


def test_a_new_session_is_decided_like_any_other_request() -> None:
    decision = ask(policy(Keep.MODEL), None, task="code")
    assert names(decision) == ["middle", "eu", "large", "tiny", "small"]
    assert decision.session_note == "a new session"
    assert step(decision).move is SessionMove.BEGINS


@pytest.mark.parametrize(
    ("session", "facts", "snapshot", "first", "note"),
    [
        (
            state("small", failed=True), {}, Snapshot(NOW),
            "tiny", "leaves `small`: it failed in this session",
        ),
        (
            state("small"), {}, Snapshot(NOW, {"small": NOW + 9}),
            "tiny", "leaves `small`: in cooldown after failures",
        ),
        (
            state("gone"), {}, Snapshot(NOW),
            "tiny", "leaves `gone`: the policy has no such model",
        ),
        (
            state("small"), {"task": "code"}, Snapshot(NOW),
            "middle", "leaves `small`: below tier `standard`: task `code` needs it",
        ),
        (
            state("small"), {"complexity": "hard"}, Snapshot(NOW),
            "large", "leaves `small`: below tier `heavy`: band `hard` needs it",
        ),
        (
            state("small", 1, reason="an answer of `tiny` failed its checks"), {}, Snapshot(NOW),
            "middle",
            "leaves `small`: below tier `standard`: an answer of `tiny` failed its checks",
        ),
        (
            state("small"), {"tool_errors": TOOL_ERRORS}, Snapshot(NOW),
            "middle",
            "leaves `small`: below tier `standard`: 3 tool results in a row were errors",
        ),
        (
            state("large"), {"task": "code"}, Snapshot(NOW),
            "large",
            STAYS_AND_RISES,
        ),
    ],
)  # fmt: skip
def test_why_a_session_leaves_its_model(
    session: SessionState, facts: dict[str, Any], snapshot: Snapshot, first: str, note: str
) -> None:
    decision = ask(policy(Keep.MODEL), session, snapshot, **facts)
    assert names(decision)[0] == first
    assert decision.session_note == note
    assert decision.as_dict()["session"] == note


def test_an_easier_turn_changes_neither_model_nor_tier() -> None:
    decision = ask(policy(Keep.MODEL), state("large", 2), complexity="easy")
    assert names(decision)[0] == "large"
    assert step(decision).tier == "heavy"
    # and where that model may not answer, the tier stays
    decision = ask(policy(Keep.MODEL), state("eu", 1), Snapshot(NOW, {"eu": NOW + 9}))
    assert names(decision)[0] == "middle"


def test_below_its_tier_it_stays_where_no_stronger_model_is_left() -> None:
    cooling = Snapshot(NOW, {"large": NOW + 9, "middle": NOW + 9})
    decision = ask(policy(Keep.MODEL), state("eu", 2), cooling, complexity="hard")
    assert names(decision) == ["eu", "tiny", "small"]
    assert decision.session_note == "stays with `eu`, which answered last"
    weaker = ask(policy(Keep.MODEL), state("small", 2), cooling, complexity="hard")
    assert names(weaker) == ["eu", "tiny", "small"]
    assert step(weaker).move is SessionMove.RISES


def test_it_goes_before_what_rules_and_tasks_put_first() -> None:
    rule = Rule("eu first", None, first=("eu",))
    assert names(ask(policy(Keep.MODEL, rule), None))[0] == "eu"
    assert names(ask(policy(Keep.MODEL, rule), state("small")))[:2] == ["small", "eu"]


@pytest.mark.parametrize(("task", "asked"), [("exact", None), (None, "fast"), ("exact", "fast")])
def test_it_goes_before_an_exact_order(task: str | None, asked: str | None) -> None:
    exact = (("large",), ("eu", "small"))
    kept = assemble(
        MODELS,
        (),
        Vocabulary(("exact", "chat"), [b.name for b in BANDS], (), default_task=True),
        tasks=(Task("exact", use=exact), Task("chat", default=True)),
        sessions=Sessions(Keep.MODEL),
        aliases=(Alias("fast", exact),),
    )
    facts: dict[str, Any] = {"task": task, "model": asked}
    usual = names(ask(kept, None, **facts))
    assert usual == ["large", "small", "eu"]
    assert names(ask(kept, state("eu", 1), **facts)) == ["eu", "large", "small"]
    outside = ask(kept, state("tiny"), **facts)
    assert names(outside) == usual
    assert step(outside).move is SessionMove.EXCLUDED


def test_a_rule_that_excludes_it_is_named() -> None:
    rule = Rule("eu only", None, only=("eu",))
    decision = ask(policy(Keep.MODEL, rule), state("small"))
    assert names(decision) == ["eu"]
    assert decision.session_note == "leaves `small`: excluded by `only` of rule `eu only`"


# -- what does not matter to a session -----------------------------------------------------------


@pytest.mark.parametrize("keep", [Keep.MODEL, Keep.TIER])
def test_a_request_that_a_client_makes_for_itself_goes_its_own_way(keep: Keep) -> None:
    decision = ask(policy(keep), state("large", 2), housekeeping=True)
    assert names(decision)[0] == "tiny"
    assert decision.session is None


def test_a_request_without_a_session_goes_its_own_way() -> None:
    decision = decide(policy(Keep.MODEL), Request(), Snapshot(session=state("large", 2)))
    assert names(decision)[0] == "tiny"
    assert decision.session is None


# -- errors of tools -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "before", "tier"),
    [
        (TOOL_ERRORS - 1, 0, "light"),
        (TOOL_ERRORS, 0, "standard"),
        (TOOL_ERRORS + 2, TOOL_ERRORS, "light"),  # the rise that they caused is already counted
        (2 * TOOL_ERRORS, TOOL_ERRORS, "standard"),
        (TOOL_ERRORS - 1, 2 * TOOL_ERRORS, "light"),  # a tool succeeded meanwhile
        (TOOL_ERRORS, 2 * TOOL_ERRORS, "standard"),
    ],
)
def test_errors_of_tools_in_a_row_raise_the_tier_once(errors: int, before: int, tier: str) -> None:
    for keep in (Keep.MODEL, Keep.TIER):
        decision = ask(policy(keep), state("small", tool_errors=before), tool_errors=errors)
        assert step(decision).tier == tier
        assert step(decision).rises is (tier == "standard")


def test_errors_of_tools_raise_to_the_next_tier_that_has_a_model() -> None:
    cooling = Snapshot(NOW, {"middle": NOW + 9, "eu": NOW + 9})
    assert step(ask(policy(Keep.TIER), state(), cooling, tool_errors=3)).tier == "heavy"
    top = ask(policy(Keep.TIER), state("large", 2), tool_errors=3)
    assert (step(top).tier, step(top).rises, step(top).tool_errors) == ("heavy", False, 0)


def test_a_harder_turn_gives_the_stronger_model_its_chance() -> None:
    decision = ask(policy(Keep.MODEL), state("small"), task="code", tool_errors=5)
    assert (step(decision).tier, step(decision).tool_errors) == ("standard", 5)


# -- keep: tier ----------------------------------------------------------------------------------


def test_models_of_the_tier_go_first_in_their_usual_order() -> None:
    decision = ask(policy(Keep.TIER), state("eu", 1))
    assert names(decision) == ["middle", "eu", "large", "tiny", "small"]
    quality = policy(Keep.TIER, prefer=(SortKey.QUALITY,), models=(*MODELS[:4], model(
        "large", 2, quality=0.9
    )))  # fmt: skip
    decision = ask(quality, state("eu", 1))
    assert names(decision) == ["middle", "eu", "large", "tiny", "small"]
    placed = [(c.placed_by, c.detail) for c in decision.candidates]
    assert placed[0] == ("session", "the session is in tier `standard`")
    assert placed[2] == ("session", "above tier `standard` of the session")
    assert placed[3] == ("step_down", "last resort: below tier `standard`")
    assert decision.session_note == "stays in tier `standard`"


def test_a_harder_turn_raises_the_tier() -> None:
    decision = ask(policy(Keep.TIER), state("eu", 1), complexity="hard")
    assert names(decision)[0] == "large"
    assert decision.session_note == "rises to tier `heavy`: band `hard` needs it"
    assert step(decision).move is SessionMove.RISES


def test_a_tier_beyond_those_of_the_policy_is_its_highest() -> None:
    decision = ask(policy(Keep.TIER), state("large", 7))
    assert step(decision).tier == "heavy"
    assert names(decision)[0] == "large"


# -- prompt caches -------------------------------------------------------------------------------

PRICED = (model("cheap", 1, CHEAP), model("dear", 1, DEAR))
HELD = CachedPrompt("dear", 90, NOW + 300)


@pytest.mark.parametrize(
    ("held", "now", "tokens", "first"),
    [
        (HELD, NOW, 100, "dear"),  # 90 of 100 tokens at a thirtieth
        (HELD, NOW + 300, 100, "cheap"),  # no longer held
        (HELD, None, 100, "cheap"),  # when that would be is unknown
        (HELD, NOW, 1000, "cheap"),  # most of it is new
        (CachedPrompt("cheap", 90, NOW + 300), NOW, 100, "cheap"),  # without a rate of its own
        (CachedPrompt("gone", 90, NOW + 300), NOW, 100, "cheap"),
    ],
)
def test_cheapest_counts_the_prompt_cache(
    held: CachedPrompt, now: float | None, tokens: int, first: str
) -> None:
    by_cost = policy(Keep.TIER, models=PRICED, prefer=(SortKey.CHEAPEST,))
    decision = ask(by_cost, state("dear", 1, cached=(held,)), Snapshot(now), tokens=tokens)
    assert names(decision)[0] == first


def test_it_does_not_count_for_a_title() -> None:
    by_cost = policy(Keep.TIER, models=PRICED, prefer=(SortKey.CHEAPEST,))
    session = state("dear", 1, cached=(HELD,))
    assert names(ask(by_cost, session, tokens=100, housekeeping=True))[0] == "cheap"


@given(st.sampled_from(Keep))
def test_sessions_are_off_by_default(keep: Keep) -> None:
    request = Request(session="s1")
    assert Sessions().remember(request) is False
    assert Sessions(keep).remember(request) is (keep is not Keep.OFF)
