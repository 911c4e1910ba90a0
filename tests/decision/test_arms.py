"""What the arms of experiments do to a decision, and how a request is drawn into one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.catalog.table import Catalog
from policy_router.decision.arm_assignment import draw_arms, number_of
from policy_router.decision.decide import decide
from policy_router.decision.facts import situation_of
from policy_router.domain.experiments import Assignment
from policy_router.domain.identity import key_id
from policy_router.domain.request import Request
from policy_router.domain.sessions import SessionState
from policy_router.domain.snapshot import Snapshot
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from tests.generate import situations
from tests.reference import drawn

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

HEAD = """\
version: 1
tiers: [light, heavy]
models:
  a: { model: acme/a, tier: light, price: free }
  b: { model: acme/b, tier: light, price: free, can: [reasoning] }
  c: { model: acme/c, tier: heavy, price: free, can: [reasoning], effort: low }
tasks: { code: { use: [b, a] }, law: { avoid: [c] }, hard: { min_tier: heavy }, chat: {} }
aliases: { quick: [b, a] }
prompts: { brief: { models: [a], system: Be brief. } }
"""


def policy_of(experiments: str, more: str = "") -> Policy:
    text = f"{HEAD}{more}\nexperiments:\n{experiments}\n"
    loaded = compile_files(
        [PolicyFile("p.yaml", text.encode())], Catalog({}, frozenset({"acme"}), "made up")
    )
    assert loaded.policy is not None, loaded.diagnostics
    return loaded.policy


def names(policy: Policy, arms: tuple[Assignment, ...] = (), **request: object) -> list[str]:
    decision = decide(policy, Request(**request), Snapshot(arms=arms))  # type: ignore[arg-type]  # fields by name
    return [candidate.name for candidate in decision.candidates]


def arm(experiment: str, name: str | None = None) -> tuple[Assignment, ...]:
    return (Assignment(experiment, name or experiment, 0.1),)


ORDER = "  e: { share: 10%, first: [c, b] }"


def test_an_arm_puts_its_models_before_all_others() -> None:
    policy = policy_of(ORDER, "rules: [{ name: r, first: [a] }]")
    assert names(policy) == ["a", "b", "c"]
    assert names(policy, arm("e")) == ["c", "b", "a"]
    decision = decide(policy, Request(), Snapshot(arms=arm("e")))
    assert [(each.placed_by, each.detail) for each in decision.candidates[:2]] == [
        ("experiment", "put first by experiment `e`")
    ] * 2


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"task": "law"}, ["b", "a"]),  # `c` is not allowed
        ({"task": "code"}, ["b", "a"]),  # `use` leaves only these
        ({"task": "hard"}, ["c", "a", "b"]),  # below the tier in the usual order
        ({"model": "quick"}, ["b", "a"]),
        ({"model": "a"}, ["a"]),
        ({"max_candidates": 1}, ["c"]),
    ],
)
def test_an_arm_only_reorders_what_is_allowed(
    request_: dict[str, object], expected: list[str]
) -> None:
    assert names(policy_of(ORDER), arm("e"), **request_) == expected


def test_an_arm_goes_before_the_exact_order_of_a_task_or_an_alias() -> None:
    policy = policy_of("  e: { share: 10%, first: [a] }")
    assert names(policy, task="code") == names(policy, model="quick") == ["b", "a"]
    assert names(policy, arm("e"), task="code") == ["a", "b"]
    assert names(policy, arm("e"), model="quick") == ["a", "b"]


def test_a_session_that_has_begun_stays_with_its_model() -> None:
    policy = policy_of("  e: { share: 10%, first: [a] }", "sessions: { keep: model }")
    state = SessionState("b", 0, "it began so", 0.0)
    snapshot = Snapshot(session=state, arms=arm("e"))
    found = decide(policy, Request(session="s"), snapshot)
    assert [each.name for each in found.candidates] == ["b", "a", "c"]
    begun = decide(policy, Request(session="s", task="code"), snapshot)
    assert [each.name for each in begun.candidates] == ["b", "a"]


def test_the_control_and_unknown_arms_change_nothing() -> None:
    policy = policy_of(ORDER)
    for assignments in (arm("e", "control"), arm("e", "gone"), arm("gone")):
        assert names(policy, assignments) == names(policy)
    kept = decide(policy, Request(), Snapshot(arms=arm("e", "control") + arm("gone")))
    assert kept.arms == arm("e", "control")
    assert decide(policy, Request(task="nothing"), Snapshot(arms=arm("e"))).arms == ()


def test_an_effort_is_that_of_models_that_can_reason() -> None:
    policy = policy_of("  e: { share: 10%, effort: high }")
    decision = decide(policy, Request(), Snapshot(arms=arm("e")))
    efforts = {each.name: each.model.effort for each in decision.candidates}
    assert efforts == {"a": None, "b": "high", "c": "high"}
    assert [each.model.effort for each in decide(policy, Request()).candidates][2] == "low"
    assert names(policy, arm("e")) == names(policy)


def test_where_two_arms_do_the_same_the_first_one_does_it() -> None:
    policy = policy_of(
        "  e: { share: 10%, first: [b] }\n  f: { share: 10%, first: [c], effort: high }\n"
        "  g: { share: 10%, effort: none }\n  p: { share: 10%, prompt: brief }"
    )
    arms = arm("p") + arm("e") + arm("f") + arm("g")
    decision = decide(policy, Request(), Snapshot(arms=arms))
    assert [each.name for each in decision.candidates] == ["b", "a", "c"]
    assert decision.candidates[0].model.effort == "high"
    assert decision.arms == arms
    assert [each["arm"] for each in decision.as_dict()["arms"]] == ["p", "e", "f", "g"]  # type: ignore[attr-defined]  # a list of mappings


# -- drawing ---------------------------------------------------------------------------------------


def draw(
    policy: Policy,
    request: Request,
    seed: str | None = None,
    now: float | None = None,
    ended: frozenset[tuple[str, str]] = frozenset(),
) -> tuple[Assignment, ...]:
    return draw_arms(policy, situation_of(policy, request, now), seed, now, ended)


@settings(max_examples=150, deadline=None)
@given(situations(), st.data())
def test_the_reference_draws_the_same(
    situation: tuple[Policy, Request, Snapshot], data: st.DataObject
) -> None:
    policy, request, snapshot = situation
    every = [(each.name, arm.name) for each in policy.experiments for arm in each.arms]
    ended = data.draw(st.sets(st.sampled_from([*every, ("gone", "a0")])))
    found = draw(policy, request, snapshot.seed, snapshot.now, frozenset(ended))
    assert [(each.experiment, each.arm, each.by) for each in found] == [
        (name, arm, by) for name, arm, _, by in drawn(policy, request, snapshot, ended)
    ]


def test_the_draw_stays_the_same_over_releases() -> None:
    """Another hash would move the users of running experiments to other arms."""
    assert [round(number_of("e", by, "ada"), 9) for by in ("user", "team", None)] == [
        0.322123841,
        0.042069487,
        0.601733161,
    ]


STICKY = """\
  e:
    stick_to: user
    arms: { one: { share: 20%, first: [b] }, two: { share: 30%, first: [c] } }"""


def test_shares_are_those_of_the_policy() -> None:
    policy = policy_of(STICKY)
    found = Counter(
        (each.arm, each.propensity)
        for i in range(4000)
        for each in draw(policy, Request(user=f"u{i}"))
    )
    shares = {arm: round(count / 4000, 2) for arm, count in found.items()}
    assert {arm for arm, _ in shares} == {"one", "two", "control"}
    for (_, propensity), share in shares.items():
        assert abs(share - propensity) < 0.03


def test_a_subject_keeps_its_arm_whatever_else_it_asks_for() -> None:
    policy = policy_of(STICKY)
    for i in range(50):
        first, *others = {
            draw(policy, Request(user=f"u{i}", task=task, tokens=tokens), seed, now)
            for task, tokens, seed, now in (
                ("chat", 5, "x", 1.0), ("law", 900, "y", None), (None, 0, None, 2.0),
            )
        }  # fmt: skip
        assert not others
        assert first[0].by == "user"


def test_a_greater_share_keeps_those_who_have_the_arm() -> None:
    form = "  e: { stick_to: user, share: SHARE, first: [b] }"
    small, large = (policy_of(form.replace("SHARE", share)) for share in ("10%", "40%"))
    users = [Request(user=f"u{i}") for i in range(500)]
    before, after = (
        {r.user for r in users if draw(policy, r)[0].arm == "e"} for policy in (small, large)
    )
    assert before < after


def test_a_request_without_the_subject_is_drawn_by_itself() -> None:
    policy = policy_of(STICKY)
    assert draw(policy, Request()) == ()
    found = {draw(policy, Request(), f"id{i}") for i in range(100)}
    assert {each.arm for (each,) in found} == {"one", "two", "control"}
    assert {each.by for (each,) in found} == {None}


def test_the_identifier_of_a_key_is_drawn_like_the_key() -> None:
    policy = policy_of("  e: { stick_to: key, share: 50%, first: [b] }")
    for i in range(20):
        key = f"sk-{i}"
        assert draw(policy, Request(key=key)) == draw(policy, Request(key=key_id(key)))


def test_of_two_experiments_on_the_same_thing_the_first_gets_the_request() -> None:
    policy = policy_of(
        "  e: { when: { task: chat }, share: 50%, first: [b] }\n"
        "  f: { share: 50%, first: [c] }\n  g: { share: 50%, effort: high }"
    )

    def experiments(task: str, *ended: str) -> list[str]:
        found = draw(policy, Request(task=task), "s", 0.0, frozenset((e, e) for e in ended))
        return [each.experiment for each in found]

    assert experiments("chat") == ["e", "g"]
    assert experiments("law") == ["f", "g"]
    assert experiments("chat", "e") == ["f", "g"]


def test_an_experiment_is_over_at_the_end_of_its_last_day_where_the_policy_is() -> None:
    zone = "timezone: Pacific/Auckland"
    policy = policy_of("  e: { share: 50%, first: [b], until: 2030-06-30 }", zone)
    ends = datetime(2030, 6, 30, 12, tzinfo=UTC).timestamp()
    assert policy.experiments[0].ends == ends
    assert draw(policy, Request(), "s", ends - 1) != ()
    assert draw(policy, Request(), "s", ends) == ()
    assert draw(policy, Request(), "s") != ()  # without a clock


def test_the_requests_of_an_ended_arm_belong_to_no_arm() -> None:
    policy = policy_of(STICKY)
    before = {i: draw(policy, Request(user=f"u{i}")) for i in range(100)}
    after = {
        i: draw(policy, Request(user=f"u{i}"), ended=frozenset({("e", "one")})) for i in range(100)
    }
    for i, (each,) in before.items():
        assert after[i] == (() if each.arm == "one" else (each,))


def test_an_invalid_request_belongs_to_no_experiment() -> None:
    assert draw(policy_of(ORDER), Request(task="nothing"), "s") == ()


def test_a_condition_on_the_hour_reads_the_clock() -> None:
    policy = policy_of("  e: { when: hour < 12, share: 50%, first: [b] }")
    assert draw(policy, Request(), "s", 3600.0) != ()
    assert draw(policy, Request(), "s", 15 * 3600.0) == ()
