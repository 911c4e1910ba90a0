"""Tables of what follows what. No event loop, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.decision import Candidate, Reason, Skip
from policy_router.domain.fallback import Action, Fallback, FaultClass
from policy_router.domain.models import Model
from policy_router.execution.chain import Chain, ChainStep, Move
from policy_router.execution.chain_states import TRANSITIONS, ChainEvent, ChainState
from policy_router.providers.failures.failure import Failure, FailureKind, FailureScope
from tests.execution.make import candidate

if TYPE_CHECKING:
    from collections.abc import Callable

ABC = tuple(candidate(name) for name in "abc")
PLENTY = 60.0


def chain_of(names: str = "abc", **options: object) -> Chain:
    fallback = Fallback(**options)  # type: ignore[arg-type]  # the test names real options
    return Chain([candidate(name) for name in names], fallback)


def begun(names: str = "abc", **options: object) -> Chain:
    chain = chain_of(names, **options)
    assert chain.next() is not None
    return chain


def failed(chain: Chain, failure: Failure, remaining: float = PLENTY) -> ChainStep:
    """What follows a failure of the candidate, which is called once more where that was due."""
    if chain.state is ChainState.WAITING:
        chain.retry()
    return chain.failed(failure, remaining)


def test_candidates_come_in_order_and_end() -> None:
    chain = chain_of("abc")
    names = []
    while chain.state is ChainState.IDLE:
        candidate = chain.next()
        names.append(candidate.name if candidate else None)
        chain.failed(Failure(FailureKind.TIMEOUT), PLENTY)
    assert names == ["a", "b", "c"]
    assert chain.state is ChainState.FAILED
    assert chain.attempts == 3


def test_without_candidates_there_is_none_to_call() -> None:
    chain = chain_of("")
    assert chain.next() is None
    assert (chain.state, chain.attempts) == (ChainState.FAILED, 0)


def test_a_retry_calls_the_same_candidate() -> None:
    chain = begun("ab")
    assert chain.failed(Failure(FailureKind.CONFLICT), PLENTY).move is Move.RETRY
    assert chain.retry().name == "a"


# -- states ----------------------------------------------------------------------------------------


def in_state(state: ChainState) -> Chain:
    """A chain of two candidates that has come there."""
    chain = chain_of("ab")
    if state is ChainState.IDLE:
        return chain
    chain.next()
    match state:
        case ChainState.CHECKING:
            chain.answer_complete()
        case ChainState.WAITING:
            chain.failed(Failure(FailureKind.CONFLICT), PLENTY)
        case ChainState.DONE:
            chain.answered()
        case ChainState.FAILED:
            chain.give_up()
        case _:
            pass
    assert chain.state is state
    return chain


SKIP = Skip("a", Reason.RATE_LIMIT, "full")
CALLS: dict[ChainEvent, Callable[[Chain], object]] = {
    ChainEvent.CHOSEN: lambda chain: chain.next(),
    ChainEvent.NO_ROOM: lambda chain: chain.no_room(SKIP),
    ChainEvent.ANSWER_COMPLETE: lambda chain: chain.answer_complete(),
    ChainEvent.ANSWERED: lambda chain: chain.answered(),
    ChainEvent.MOVED_ON: lambda chain: chain.failed(Failure(FailureKind.TIMEOUT), PLENTY),
    ChainEvent.PUT_OFF: lambda chain: chain.failed(Failure(FailureKind.CONFLICT), PLENTY),
    ChainEvent.RETRIED: lambda chain: chain.retry(),
    ChainEvent.GIVEN_UP: lambda chain: chain.give_up(),
    ChainEvent.STOOD_IN: lambda chain: chain.stand_in(),
}
"""The call that makes each event happen."""


@pytest.mark.parametrize("event", ChainEvent)
@pytest.mark.parametrize("state", ChainState)
def test_what_the_table_does_not_list_raises(state: ChainState, event: ChainEvent) -> None:
    chain, following = in_state(state), TRANSITIONS[state].get(event)
    if following is None:
        with pytest.raises(
            RuntimeError, match=f"out of order: `.*` of a request that is `{state}`"
        ):
            CALLS[event](chain)
        assert chain.state is state
        return
    CALLS[event](chain)
    # Without room for one candidate, the next one is called at once.
    assert chain.state is (ChainState.CALLING if event is ChainEvent.NO_ROOM else following)


def test_every_state_is_in_the_table_and_can_be_left_or_is_an_end() -> None:
    assert set(TRANSITIONS) == set(ChainState)
    assert [state for state, events in TRANSITIONS.items() if not events] == [ChainState.DONE]
    assert {event for events in TRANSITIONS.values() for event in events} == set(ChainEvent)


@pytest.mark.parametrize("state", ChainState)
def test_a_request_is_over_when_it_is_done_or_failed(state: ChainState) -> None:
    assert in_state(state).ended == (state in (ChainState.DONE, ChainState.FAILED))


def test_a_request_that_is_given_up_without_a_reason_names_no_candidates() -> None:
    assert begun("ab").give_up() == ()


# -- what follows a failure ------------------------------------------------------------------------


def test_max_attempts_counts_retries_too() -> None:
    chain = begun("a", max_attempts=2)
    assert failed(chain, Failure(FailureKind.CONFLICT)).move is Move.RETRY
    assert failed(chain, Failure(FailureKind.CONFLICT)).move is Move.END
    assert chain.state is ChainState.FAILED
    assert chain.attempts == 2


def test_no_candidate_is_chosen_beyond_max_attempts() -> None:
    chain = chain_of("a", max_attempts=0)
    assert chain.next() is None
    assert (chain.state, chain.skipped) == (ChainState.FAILED, ())


@pytest.mark.parametrize(
    ("names", "limit", "asked"),
    [
        ("a", 4, "aa"),
        ("ab", 4, "aabb"),
        ("abc", 4, "aabc"),
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abcd"),
        ("abcd", 6, "aabbcd"),
        ("abcd", 8, "aabbccdd"),
    ],
)
def test_every_candidate_is_called_before_one_is_called_twice(
    names: str, limit: int, asked: str
) -> None:
    chain = chain_of(names, max_attempts=limit)
    order = [chain.next()]
    while (step := chain.failed(Failure(FailureKind.SERVER_ERROR), PLENTY)).move is not Move.END:
        order.append(chain.retry() if step.move is Move.RETRY else chain.next())
    assert "".join(each.name for each in order if each) == asked


def keyed(*keys: str | None, free: str = "") -> Chain:
    """A chain of models named by their place, each with this key; those in `free` cost nothing."""
    models = [
        Model(str(i), "openai/x", "t", 0, api_key_env=key, free=str(i) in free)
        for i, key in enumerate(keys)
    ]
    chain = Chain([Candidate(model, "", "") for model in models], Fallback())
    chain.next()
    return chain


@pytest.mark.parametrize(
    ("failure", "following"),
    [
        (Failure(FailureKind.CREDENTIAL), "3"),
        (Failure(FailureKind.CREDENTIAL, certain=False), "1"),
        (Failure(FailureKind.QUOTA_EXHAUSTED), "2"),  # what costs nothing needs no credit
        (Failure(FailureKind.QUOTA_EXHAUSTED, scope_override=FailureScope.REQUEST), "1"),
        (Failure(FailureKind.FORBIDDEN), "1"),
        (Failure(FailureKind.RATE_LIMITED), "1"),
        (Failure(FailureKind.FORBIDDEN, scope_override=FailureScope.PROVIDER), None),
    ],
)
def test_candidates_that_share_what_is_at_fault_are_not_called(
    failure: Failure, following: str | None
) -> None:
    chain = keyed("A", "A", "A", "B", free="2")
    move = chain.failed(failure, PLENTY).move
    assert move is (Move.NEXT if following else Move.END)
    if following:
        candidate = chain.next()
        assert candidate is not None
        assert candidate.name == following
    words = f"shares the {failure.scope} of `0`: {failure.kind}"
    assert {(s.reason, s.detail) for s in chain.skipped} <= {(Reason.NOT_ASKED, words)}


def test_a_candidate_without_room_is_passed_over_and_counts_for_no_attempt() -> None:
    chain = begun("ab", max_attempts=1)
    skip = Skip("a", Reason.RATE_LIMIT, "full")
    following = chain.no_room(skip)
    assert following is not None
    assert (following.name, chain.attempts, chain.skipped) == ("b", 1, (skip,))
    assert chain.no_room(skip) is None
    assert chain.state is ChainState.FAILED


def test_candidates_that_are_left_are_reported() -> None:
    chain = begun("abcd", max_attempts=2)
    chain.failed(Failure(FailureKind.TIMEOUT), PLENTY)
    chain.next()
    assert chain.failed(Failure(FailureKind.TIMEOUT), PLENTY) == ChainStep(Move.END)
    skips = chain.give_up("enough")
    assert [(s.model, s.reason, s.detail) for s in skips] == [
        ("c", Reason.NOT_ASKED, "enough"),
        ("d", Reason.NOT_ASKED, "enough"),
    ]
    assert chain.give_up("once more") == skips
    assert chain.skipped == skips


def test_candidates_that_may_not_be_called_keep_their_reason() -> None:
    chain = sized(8, 4, 16, 4)
    chain.failed(TOO_LONG, PLENTY)
    assert [(s.model, s.reason) for s in chain.give_up("no time")] == [
        ("m1", Reason.CONTEXT),
        ("m2", Reason.NOT_ASKED),
        ("m3", Reason.CONTEXT),
    ]


@pytest.mark.parametrize("action", [Action.NEXT, Action.STOP])
@pytest.mark.parametrize("kind", [FailureKind.BAD_REQUEST, FailureKind.INVALID_REQUEST])
def test_what_the_policy_says_of_bad_requests_holds_for_proved_ones_too(
    action: Action, kind: FailureKind
) -> None:
    chain = begun("ab", on_error={FaultClass.BAD_REQUEST: action})
    move = Move.NEXT if action is Action.NEXT else Move.STOP
    assert chain.failed(Failure(kind), PLENTY).move is move


@pytest.mark.parametrize(
    ("kind", "retry_after", "move"),
    [
        (FailureKind.RATE_LIMITED, None, Move.NEXT),
        (FailureKind.RATE_LIMITED, 1.0, Move.RETRY),
        (FailureKind.RATE_LIMITED, 2.5, Move.NEXT),
        (FailureKind.QUOTA_EXHAUSTED, None, Move.NEXT),
        (FailureKind.CREDENTIAL, None, Move.NEXT),
        (FailureKind.FORBIDDEN, None, Move.NEXT),
        (FailureKind.CONTEXT_TOO_LONG, None, Move.STOP),
        (FailureKind.CONTENT_POLICY, None, Move.STOP),
        (FailureKind.BAD_REQUEST, None, Move.NEXT),
        (FailureKind.INVALID_REQUEST, None, Move.STOP),
        (FailureKind.REFUSED, None, Move.NEXT),
        (FailureKind.UNSUPPORTED, None, Move.NEXT),
        (FailureKind.MODEL_GONE, None, Move.NEXT),
        (FailureKind.CONNECT, None, Move.RETRY),
        (FailureKind.TIMEOUT, None, Move.NEXT),
        (FailureKind.SERVER_ERROR, None, Move.RETRY),
        (FailureKind.SERVER_ERROR, 30.0, Move.NEXT),
        (FailureKind.OVERLOADED, None, Move.NEXT),
        (FailureKind.CONFLICT, None, Move.RETRY),
        (FailureKind.CONNECTION_LOST, None, Move.RETRY),
        (FailureKind.MALFORMED, None, Move.NEXT),
        (FailureKind.EMPTY, None, Move.NEXT),
        (FailureKind.REJECTED, None, Move.END),  # no model is of a higher tier
        (FailureKind.STREAM_BROKEN, None, Move.RETRY),
        (FailureKind.DEADLINE, None, Move.NEXT),
        (FailureKind.CANCELLED, None, Move.STOP),
        (FailureKind.REDIRECTED, None, Move.NEXT),
        (FailureKind.INTERNAL, None, Move.NEXT),
        (FailureKind.UNKNOWN, None, Move.NEXT),
    ],
)
def test_default_policy(kind: FailureKind, retry_after: float | None, move: Move) -> None:
    chain = begun("abc")
    assert chain.failed(Failure(kind, retry_after=retry_after), PLENTY).move is move


def test_every_kind_is_in_the_table_above() -> None:
    marks = test_default_policy.pytestmark  # type: ignore[attr-defined]  # set by parametrize
    assert {row[0] for row in marks[0].args[1]} == set(FailureKind)


@pytest.mark.parametrize(
    ("action", "first", "second"),
    [
        (Action.NEXT, Move.NEXT, Move.NEXT),
        (Action.RETRY, Move.RETRY, Move.END),
        (Action.RETRY_THEN_NEXT, Move.RETRY, Move.NEXT),
        (Action.BIGGER_CONTEXT, Move.STOP, Move.STOP),  # none is bigger
        (Action.STOP, Move.STOP, Move.STOP),
    ],
)
def test_policy_action_and_what_follows_a_second_failure(
    action: Action, first: Move, second: Move
) -> None:
    chain = begun("abc", on_error={FaultClass.SERVER_ERROR: action})
    failure = Failure(FailureKind.SERVER_ERROR)
    assert chain.failed(failure, PLENTY).move is first
    if chain.state is ChainState.IDLE:
        chain.next()
    if chain.state is not ChainState.FAILED:
        assert failed(chain, failure).move is second
    else:
        assert first is second is Move.STOP


def test_every_action_is_in_the_table_above() -> None:
    marks = test_policy_action_and_what_follows_a_second_failure.pytestmark  # type: ignore[attr-defined]  # as above
    assert {row[0] for row in marks[0].args[1]} == set(Action)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (FailureKind.TIMEOUT, FaultClass.TIMEOUT),
        (FailureKind.CREDENTIAL, FaultClass.AUTH),
        (FailureKind.BAD_REQUEST, FaultClass.BAD_REQUEST),
        (FailureKind.MALFORMED, FaultClass.SERVER_ERROR),
    ],
)
def test_when_a_retry_cannot_help_the_next_model_is_called(
    kind: FailureKind, fault: FaultClass
) -> None:
    chain = begun("ab", on_error={fault: Action.RETRY})
    assert chain.failed(Failure(kind), PLENTY).move is Move.NEXT


def test_an_action_the_policy_does_not_name_is_next() -> None:
    assert (
        begun("ab", on_error={}).failed(Failure(FailureKind.BAD_REQUEST), PLENTY).move is Move.NEXT
    )


def test_no_policy_follows_a_redirect_or_stops_at_it() -> None:
    chain = begun("ab", on_error={FaultClass.SERVER_ERROR: Action.STOP})
    assert chain.failed(Failure(FailureKind.REDIRECTED), PLENTY).move is Move.NEXT


@pytest.mark.parametrize(
    ("kind", "retry_after", "remaining", "step"),
    [
        (FailureKind.SERVER_ERROR, None, PLENTY, ChainStep(Move.RETRY, (0.0, 0.5))),
        (FailureKind.SERVER_ERROR, None, 0.7, ChainStep(Move.RETRY, (0.0, 0.7 - 0.5))),
        (FailureKind.SERVER_ERROR, None, 0.4, ChainStep(Move.END)),
        (FailureKind.SERVER_ERROR, 1.0, PLENTY, ChainStep(Move.RETRY, (1.0, 1.1))),
        (FailureKind.SERVER_ERROR, 2.5, PLENTY, ChainStep(Move.NEXT)),
        (FailureKind.SERVER_ERROR, 1.0, 2.1, ChainStep(Move.RETRY, (1.0, 1.1))),
        (FailureKind.SERVER_ERROR, 1.0, 1.9, ChainStep(Move.NEXT)),  # half of the time at most
        (FailureKind.RATE_LIMITED, None, PLENTY, ChainStep(Move.NEXT)),
        (FailureKind.RATE_LIMITED, 2.0, PLENTY, ChainStep(Move.RETRY, (2.0, 2.2))),
        (FailureKind.MALFORMED, None, PLENTY, ChainStep(Move.NEXT)),
    ],
)
def test_waits(
    kind: FailureKind, retry_after: float | None, remaining: float, step: ChainStep
) -> None:
    both = dict.fromkeys(FaultClass, Action.RETRY_THEN_NEXT)
    chain = begun("ab", on_error=both)
    assert chain.failed(Failure(kind, retry_after=retry_after), remaining) == step


@pytest.mark.parametrize(
    ("patience", "named", "move"),
    [
        (2.0, 2.0, Move.RETRY),
        (2.0, 2.1, Move.NEXT),
        (20.0, 20.0, Move.RETRY),
        (90.0, 31.0, Move.NEXT),  # the deadline bounds it
        (0.0, 0.1, Move.NEXT),
        (0.0, 0.0, Move.RETRY),
    ],
)
def test_the_policy_s_patience_bounds_what_a_provider_may_ask_for(
    patience: float, named: float, move: Move
) -> None:
    chain = begun("ab", patience=patience)
    failure = Failure(FailureKind.RATE_LIMITED, retry_after=named)
    assert chain.failed(failure, PLENTY).move is move


def test_another_key_takes_no_attempt_that_another_model_needs() -> None:
    limited = Failure(FailureKind.RATE_LIMITED)
    chain = begun("abc", max_attempts=3)
    assert chain.failed(limited, PLENTY, keys=2) == ChainStep(Move.NEXT)
    chain = begun("abc", max_attempts=4)
    assert chain.failed(limited, PLENTY, keys=2) == ChainStep(Move.RETRY, other_key=True)
    chain.retry()
    assert chain.failed(limited, PLENTY, keys=1) == ChainStep(Move.NEXT)


def test_each_model_may_be_retried_once() -> None:
    chain = begun("ab", max_attempts=9)
    failure = Failure(FailureKind.SERVER_ERROR)
    moves = [failed(chain, failure).move, failed(chain, failure).move]
    chain.next()
    moves += [failed(chain, failure).move, failed(chain, failure).move]
    assert moves == [Move.RETRY, Move.NEXT, Move.RETRY, Move.END]


def test_without_a_retry_left_the_next_model_is_called() -> None:
    failure = Failure(FailureKind.SERVER_ERROR)
    chain = begun("ab", max_attempts=9)
    assert chain.failed(failure, PLENTY, retries=False).move is Move.NEXT
    chain.next()
    assert chain.failed(failure, PLENTY, retries=False).move is Move.END
    only = begun("ab", on_error={FaultClass.SERVER_ERROR: Action.RETRY})
    assert only.failed(failure, PLENTY, retries=False).move is Move.END


def test_nothing_starts_with_too_little_time() -> None:
    assert begun("ab").failed(Failure(FailureKind.TIMEOUT), 0.49).move is Move.END
    assert begun("ab").failed(Failure(FailureKind.TIMEOUT), 0.5).move is Move.NEXT


TOO_LONG = Failure(FailureKind.CONTEXT_TOO_LONG)


def sized(*sizes: int | None) -> Chain:
    them = [candidate(f"m{i}", context=size) for i, size in enumerate(sizes)]
    chain = Chain(them, Fallback())
    chain.next()
    return chain


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ((8, 8, 16), "m2"),
        ((8, 4, None, 9), "m3"),
        ((None, None, 4), "m2"),
        ((8, 16), "m1"),
    ],
)
def test_bigger_context(sizes: tuple[int | None, ...], taken: str) -> None:
    chain = sized(*sizes)
    assert chain.failed(TOO_LONG, PLENTY) == ChainStep(Move.NEXT)
    following = chain.next()
    assert following is not None
    assert following.name == taken
    assert [s.model for s in chain.skipped] == [f"m{i}" for i in range(1, int(taken[1:]))]
    assert all(s.reason is Reason.CONTEXT for s in chain.skipped)


@pytest.mark.parametrize("sizes", [(8, 8), (8, None), (None, None), (8,)])
def test_without_a_bigger_context_the_request_is_refused(sizes: tuple[int | None, ...]) -> None:
    assert sized(*sizes).failed(TOO_LONG, PLENTY) == ChainStep(Move.STOP)


def test_the_floor_stays_for_the_rest_of_the_request() -> None:
    chain = sized(8, 16, 8, 32)
    chain.failed(TOO_LONG, PLENTY)
    chain.next()
    assert chain.failed(Failure(FailureKind.RATE_LIMITED), PLENTY).move is Move.NEXT
    following = chain.next()
    assert following is not None
    assert following.name == "m3"
    assert [s.detail for s in chain.skipped] == [
        "its context of 8 tokens; the request did not fit into 8 tokens"
    ]


def test_candidates_passed_over_at_the_end_are_reported() -> None:
    chain = sized(8, 16, None)
    chain.failed(TOO_LONG, PLENTY)
    chain.next()
    assert chain.no_room(SKIP) is None
    assert [s.model for s in chain.skipped] == ["a", "m2"]
    assert [s.model for s in chain.give_up("no time")] == ["a", "m2"]


REJECTED = Failure(FailureKind.REJECTED)


def ranked(*ranks: int, **options: Any) -> Chain:
    """A chain of models named m0, m1, ..., of these tiers; the first is being asked."""
    them = [candidate(f"m{i}", rank=rank) for i, rank in enumerate(ranks)]
    chain = Chain(them, Fallback(**options))
    chain.next()
    return chain


@pytest.mark.parametrize(
    ("ranks", "taken", "passed_over"),
    [
        ((0, 1), "m1", []),
        ((0, 0, 1), "m2", ["m1"]),
        ((1, 0, 1, 2), "m3", ["m1", "m2"]),
        ((0, 2, 1), "m1", []),
        ((0,), None, []),
        ((0, 0), None, ["m1"]),
        ((2, 1, 0), None, ["m1", "m2"]),
    ],
)
def test_a_rejected_answer_leads_to_a_higher_tier(
    ranks: tuple[int, ...], taken: str | None, passed_over: list[str]
) -> None:
    chain = ranked(*ranks)
    assert chain.failed(REJECTED, PLENTY) == ChainStep(Move.NEXT if taken else Move.END)
    following = chain.next() if taken else None
    assert (following.name if following else None) == taken
    assert [s.model for s in chain.skipped] == passed_over
    assert {s.reason for s in chain.skipped} <= {Reason.TIER}
    words = "not of a higher tier than `m0`, whose answer was rejected"
    assert {s.detail for s in chain.skipped} <= {words}


@pytest.mark.parametrize(
    ("failures", "asked"),
    [
        ("rr", "m0 m2 m3"),
        ("rrr", "m0 m2 m3 m5"),
        ("rrrr", "m0 m2 m3 m5"),
        ("ef", "m0 m1 m2"),
        ("rf", "m0 m2 m3"),
        ("rff", "m0 m2 m3 m4"),
        ("rfr", "m0 m2 m3 m5"),
        ("frf", "m0 m1 m2 m3"),
    ],
)
def test_only_higher_tiers_for_the_rest_of_the_request(failures: str, asked: str) -> None:
    """r: rejected, e: empty, f: failed otherwise. Others may fail: then whoever is next of those
    above the tier that was rejected is asked."""
    chain = ranked(0, 0, 1, 2, 1, 3, max_attempts=9)
    kinds = {"r": FailureKind.REJECTED, "e": FailureKind.EMPTY, "f": FailureKind.TIMEOUT}
    names = ["m0"]
    for letter in failures:
        if chain.ended:
            break
        if chain.failed(Failure(kinds[letter]), PLENTY).move is Move.NEXT:
            following = chain.next()
            assert following is not None
            names.append(following.name)
    assert " ".join(names) == asked


def test_a_candidate_that_is_passed_over_is_reported_once() -> None:
    chain = ranked(0, 1, 0)
    chain.failed(REJECTED, PLENTY)
    chain.next()
    assert chain.failed(REJECTED, PLENTY) == ChainStep(Move.END)
    assert [s.model for s in chain.give_up("no time")] == ["m2"]


def test_no_higher_tier_without_an_attempt_or_time_left() -> None:
    assert ranked(0, 1, max_attempts=1).failed(REJECTED, PLENTY) == ChainStep(Move.END)
    assert ranked(0, 1).failed(REJECTED, 0.49) == ChainStep(Move.END)


def test_a_higher_tier_must_also_have_the_context() -> None:
    them = [
        candidate("a", 8, rank=0), candidate("b", 16, rank=0), candidate("c", 8, rank=1),
        candidate("d", 16, rank=1), candidate("e", 32, rank=2),
    ]  # fmt: skip
    chain = Chain(them, Fallback())
    chain.next()
    chain.failed(TOO_LONG, PLENTY)
    chain.next()
    assert chain.failed(REJECTED, PLENTY) == ChainStep(Move.NEXT)
    following = chain.next()
    assert following is not None
    assert following.name == "d"
    assert [(s.model, s.reason) for s in chain.skipped] == [("c", Reason.CONTEXT)]


def test_no_policy_changes_the_action_for_a_rejected_answer() -> None:
    everything = dict.fromkeys(FaultClass, Action.RETRY)
    assert ranked(0, 0, 1, on_error=everything).failed(REJECTED, PLENTY) == ChainStep(Move.NEXT)
