from __future__ import annotations

import threading

import pytest

from policy_router.domain.fallback import Cooldown
from policy_router.domain.models import Model
from policy_router.execution.health.admission import Admission
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.providers.failures.failure import Failure, FailureKind, FailureScope

BROKEN = Failure(FailureKind.SERVER_ERROR)
R429 = Failure(FailureKind.RATE_LIMITED)


def model(name: str, calls: str = "openai/x", **options: str) -> Model:
    return Model(name, calls, "t", 0, **options)  # type: ignore[arg-type]  # options of a model


M, N = model("m"), model("n")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_cools_at_first(clock: Clock) -> None:
    assert Cooldowns(clock).cooling(clock.now) == {}


def test_the_threshold_within_the_window(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=3, within=60, duration=300)
    cooldowns.failed(M, BROKEN, rule)
    cooldowns.failed(M, BROKEN, rule)
    assert cooldowns.cooling(clock.now) == {}
    clock.now += 59
    cooldowns.failed(M, BROKEN, rule)
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 300}


def test_failures_out_of_the_window_are_forgotten(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=2, within=60, duration=300)
    cooldowns.failed(M, BROKEN, rule)
    clock.now += 60
    cooldowns.failed(M, BROKEN, rule)
    assert cooldowns.cooling(clock.now) == {}


def test_a_cooldown_ends_and_counting_starts_afresh(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=2, within=600, duration=300)
    cooldowns.failed(M, BROKEN, rule)
    cooldowns.failed(M, BROKEN, rule)
    clock.now += 300
    assert cooldowns.cooling(clock.now) == {}
    cooldowns.failed(M, BROKEN, rule)
    assert cooldowns.cooling(clock.now) == {}


def test_models_are_counted_apart(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=2, within=60, duration=300)
    cooldowns.failed(M, BROKEN, rule)
    cooldowns.failed(N, BROKEN, rule)
    assert cooldowns.cooling(clock.now) == {}


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (Failure(FailureKind.RATE_LIMITED, retry_after=30), 30),
        (Failure(FailureKind.RATE_LIMITED, retry_after=0), 1),
        (Failure(FailureKind.RATE_LIMITED, retry_after=1e9), 24 * 3600),
        (Failure(FailureKind.RATE_LIMITED), 5),
        (Failure(FailureKind.QUOTA_EXHAUSTED), 900),
        (Failure(FailureKind.QUOTA_EXHAUSTED, certain=False), None),
        (Failure(FailureKind.OVERLOADED), 10),
        (Failure(FailureKind.OVERLOADED, retry_after=3), 3),
        (Failure(FailureKind.CREDENTIAL), 600),
        (Failure(FailureKind.REDIRECTED), 600),
        (Failure(FailureKind.BAD_REQUEST), None),
        (Failure(FailureKind.CONTENT_POLICY), None),
        (Failure(FailureKind.CONTEXT_TOO_LONG), None),
        (Failure(FailureKind.SERVER_ERROR, retry_after=30), 30),
        (Failure(FailureKind.SERVER_ERROR), None),
        (Failure(FailureKind.CREDENTIAL, retry_after=5), 600),
        (Failure(FailureKind.QUOTA_EXHAUSTED, scope_override=FailureScope.REQUEST), None),
        (
            Failure(FailureKind.RATE_LIMITED, retry_after=30, scope_override=FailureScope.REQUEST),
            None,
        ),
        (Failure(FailureKind.FORBIDDEN, scope_override=FailureScope.REQUEST), None),
        (Failure(FailureKind.UNSUPPORTED), None),
        (Failure(FailureKind.REFUSED), None),
        (Failure(FailureKind.DEADLINE), None),
        (Failure(FailureKind.CANCELLED), None),
    ],
)
def test_one_failure(clock: Clock, failure: Failure, seconds: float | None) -> None:
    cooldowns = Cooldowns(clock)
    cooldowns.failed(M, failure, Cooldown())
    expected = {} if seconds is None else {"m": clock.now + seconds}
    assert cooldowns.cooling(clock.now) == expected


def test_the_later_deadline_wins(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=1, within=60, duration=300)
    cooldowns.failed(M, BROKEN, rule)
    cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=2), rule)
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 300}
    cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=1_000), rule)
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 1_000}


def test_rate_limits_do_not_count_towards_the_threshold(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=1, within=60, duration=300)
    cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=2), rule)
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 2}


def test_threads_lose_no_failure(clock: Clock) -> None:
    cooldowns, rule = Cooldowns(clock), Cooldown(failures=400, within=60, duration=300)

    def fail() -> None:
        for _ in range(100):
            cooldowns.failed(M, BROKEN, rule)

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 300}


def test_without_a_hint_the_cooldown_doubles_to_a_bound(clock: Clock) -> None:
    cooldowns = Cooldowns(clock)
    rests = []
    for _ in range(9):
        cooldowns.failed(M, R429, Cooldown())
        rest = cooldowns.cooling(clock.now)["m"] - clock.now
        rests.append(rest)
        clock.now += rest
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_an_answer_makes_it_short_again(clock: Clock) -> None:
    cooldowns = Cooldowns(clock)
    for _ in range(3):
        cooldowns.failed(M, R429, Cooldown())
        clock.now += 60
    cooldowns.answered(N)
    cooldowns.answered(M)
    cooldowns.answered(M)
    cooldowns.failed(M, R429, Cooldown())
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 5}


def test_requests_that_fail_together_are_one_failure(clock: Clock) -> None:
    cooldowns = Cooldowns(clock)
    for _ in range(20):
        cooldowns.failed(M, R429, Cooldown())
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 5}


def test_a_hint_does_not_lengthen_the_next_cooldown_without_one(clock: Clock) -> None:
    cooldowns = Cooldowns(clock)
    cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=30), Cooldown())
    clock.now += 30
    cooldowns.failed(M, R429, Cooldown())
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 5}


GROUP = {
    "m": model("m", "openai/x", api_key_env="A"),
    "same key": model("same key", "openai/y", api_key_env="A"),
    "free": Model("free", "openai/z", "t", 0, api_key_env="A", free=True),
    "other key": model("other key", "openai/x", api_key_env="B"),
    "elsewhere": model("elsewhere", "openai/x", api_key_env="A", api_base="http://localhost/v1"),
    "other provider": model("other provider", "groq/x", api_key_env="A"),
}


@pytest.mark.parametrize(
    ("scope", "cooling"),
    [
        (FailureScope.REQUEST, set()),
        (FailureScope.MODEL, {"m"}),
        (FailureScope.KEY, {"m", "same key", "free"}),
        (FailureScope.ACCOUNT, {"m", "same key"}),
        (FailureScope.PROVIDER, {"m", "same key", "other key", "free"}),
    ],
)
def test_what_is_at_fault_cools(clock: Clock, scope: FailureScope, cooling: set[str]) -> None:
    cooldowns = Cooldowns(clock, models=GROUP.values, environment={"A": "a", "B": "b"}.get)
    failure = Failure(FailureKind.QUOTA_EXHAUSTED, scope_override=scope)
    cooldowns.failed(GROUP["m"], failure, Cooldown())
    assert set(cooldowns.cooling(clock.now)) == cooling
    assert {name for name, each in GROUP.items() if cooldowns.until(each, clock.now)} == cooling


def test_a_self_hosted_server_without_a_key_has_no_key_to_be_at_fault(clock: Clock) -> None:
    own = [model(name, api_base="http://localhost/v1") for name in ("m", "n")]
    cooldowns = Cooldowns(clock, models=lambda: own, environment=lambda _: None)
    cooldowns.failed(own[0], Failure(FailureKind.CREDENTIAL), Cooldown())
    assert set(cooldowns.cooling(clock.now)) == {"m"}


@pytest.mark.parametrize(
    "kind", [FailureKind.CREDENTIAL, FailureKind.RATE_LIMITED, FailureKind.MODEL_GONE]
)
@pytest.mark.parametrize(
    "change",
    [
        {"api_key_env": "B"},
        {"api_base": "http://localhost/v1"},
        {"calls": "groq/x"},
    ],
    ids=str,
)
def test_a_model_that_is_called_otherwise_is_not_cooling(
    clock: Clock, kind: FailureKind, change: dict[str, str]
) -> None:
    active = [model("m", api_key_env="A")]
    cooldowns = Cooldowns(clock, models=lambda: active, environment={"A": "a", "B": "b"}.get)
    cooldowns.failed(active[0], Failure(kind), Cooldown())
    assert set(cooldowns.cooling(clock.now)) == {"m"}
    active[0] = model("m", **{"api_key_env": "A", **change})
    assert cooldowns.cooling(clock.now) == {}


def test_a_key_that_gets_another_value_is_not_cooling(clock: Clock) -> None:
    values = {"A": "bad"}
    cooldowns = Cooldowns(clock, environment=values.get)
    each = model("m", api_key_env="A")
    cooldowns.failed(each, Failure(FailureKind.CREDENTIAL), Cooldown())
    assert set(cooldowns.cooling(clock.now)) == {"m"}
    values["A"] = "good"
    assert cooldowns.cooling(clock.now) == {}
    del values["A"]
    assert cooldowns.cooling(clock.now) == {}
    values["A"] = "bad"
    assert set(cooldowns.cooling(clock.now)) == {"m"}


def test_no_value_of_a_key_is_kept(clock: Clock) -> None:
    cooldowns = Cooldowns(clock, environment=lambda _: "sk-secret-value")
    cooldowns.failed(M, Failure(FailureKind.CREDENTIAL), Cooldown())
    assert "sk-secret-value" not in repr(vars(cooldowns))


# -- breakers --------------------------------------------------------------------------------------

RULE = Cooldown(failures=2, within=60, duration=10, longest=100, ramp=30)


def opened(clock: Clock, model: Model = M) -> Cooldowns:
    cooldowns = Cooldowns(clock, models=lambda: (M, N), draw=lambda: 1.0)
    for _ in range(2):
        cooldowns.failed(model, BROKEN, RULE)
    return cooldowns


def test_an_open_breaker_admits_no_call_and_then_one(clock: Clock) -> None:
    cooldowns = opened(clock)
    assert cooldowns.admit(M) == Admission(blocked_until=clock.now + 10)
    assert cooldowns.admit(N) == Admission()
    clock.now += 10
    assert cooldowns.cooling(clock.now) == {}
    probe = cooldowns.admit(M)
    assert len(probe.probes) == 1
    assert cooldowns.admit(M) == Admission(blocked_until=clock.now + 30)
    assert set(cooldowns.cooling(clock.now)) == {"m"}


def test_a_probe_that_fails_opens_it_for_longer(clock: Clock) -> None:
    cooldowns = opened(clock)
    times = []
    for _ in range(5):
        until = cooldowns.cooling(clock.now)["m"]
        times.append(until - clock.now)
        clock.now = until
        cooldowns.failed(M, BROKEN, RULE, cooldowns.admit(M).probes)
    assert times == [10, 20, 40, 80, 100]


def test_two_probes_that_succeed_close_it(clock: Clock) -> None:
    cooldowns = opened(clock)
    clock.now += 10
    cooldowns.answered(M, RULE, cooldowns.admit(M).probes)
    second = cooldowns.admit(M)
    assert (len(second.probes), cooldowns.admit(M).blocked_until) == (1, clock.now + 30)
    cooldowns.answered(M, RULE, second.probes)
    assert (cooldowns.admit(M), cooldowns.cooling(clock.now)) == (Admission(), {})
    assert not cooldowns.board.is_empty  # it is in its ramp
    clock.now += 30
    assert cooldowns.cooling(clock.now) == {}
    assert cooldowns.board.is_empty


@pytest.mark.parametrize("kind", [FailureKind.CANCELLED, FailureKind.BAD_REQUEST, R429.kind])
def test_a_probe_that_shows_nothing_lets_another_one_begin(clock: Clock, kind: FailureKind) -> None:
    cooldowns = opened(clock)
    clock.now += 10
    cooldowns.failed(M, Failure(kind), RULE, cooldowns.admit(M).probes)
    assert cooldowns.admit(M).probes


def test_a_probe_that_is_not_made_lets_another_one_begin(clock: Clock) -> None:
    cooldowns = opened(clock)
    clock.now += 10
    cooldowns.withdrawn(cooldowns.admit(M).probes)
    assert cooldowns.admit(M).probes


def test_calls_that_began_before_say_nothing_new(clock: Clock) -> None:
    cooldowns = opened(clock)
    clock.now += 10
    for _ in range(9):
        cooldowns.failed(M, BROKEN, RULE)
    cooldowns.answered(M, RULE)
    assert cooldowns.admit(M).probes


def test_a_rest_is_no_vote_and_blocks_no_retry(clock: Clock) -> None:
    cooldowns = Cooldowns(clock)
    for _ in range(9):
        cooldowns.failed(M, Failure(FailureKind.RATE_LIMITED, retry_after=7), RULE)
    assert cooldowns.cooling(clock.now) == {"m": clock.now + 7}
    assert cooldowns.admit(M) == Admission()


def provider_of(clock: Clock) -> tuple[Cooldowns, Model, Model, Model]:
    a, b, c = (model(name, f"openai/{name}", api_key_env="A") for name in "abc")
    cooldowns = Cooldowns(clock, models=lambda: (a, b, c), draw=lambda: 1.0)
    return cooldowns, a, b, c


UNREACHABLE = Failure(FailureKind.CONNECT)


def test_a_provider_is_out_when_several_of_its_models_cannot_be_reached(clock: Clock) -> None:
    cooldowns, a, b, _ = provider_of(clock)
    rule = Cooldown(failures=4, within=60, duration=10)
    for each in (a, b, a):
        cooldowns.failed(each, UNREACHABLE, rule)
    assert cooldowns.cooling(clock.now) == {}
    cooldowns.failed(b, UNREACHABLE, rule)
    assert set(cooldowns.cooling(clock.now)) == {"a", "b", "c"}


def test_one_model_alone_is_no_provider(clock: Clock) -> None:
    cooldowns, a, _, _ = provider_of(clock)
    for _ in range(9):
        cooldowns.failed(a, UNREACHABLE, RULE)
    assert set(cooldowns.cooling(clock.now)) == {"a"}


def test_an_answer_of_any_model_shows_that_the_provider_can_be_reached(clock: Clock) -> None:
    cooldowns, a, b, c = provider_of(clock)
    rule = Cooldown(failures=4, within=60, duration=10)
    for each in (a, b, a):
        cooldowns.failed(each, UNREACHABLE, rule)
    cooldowns.answered(c, rule)
    cooldowns.failed(b, UNREACHABLE, rule)
    assert cooldowns.cooling(clock.now) == {}


def test_a_provider_is_probed_by_one_call_of_one_of_its_models(clock: Clock) -> None:
    cooldowns, a, b, c = provider_of(clock)
    rule = Cooldown(failures=4, within=60, duration=10, ramp=0)
    for each in (a, b, a, b):
        cooldowns.failed(each, UNREACHABLE, rule)
    clock.now += 10
    probe = cooldowns.admit(c)
    assert len(probe.probes) == 1
    assert cooldowns.admit(a).blocked_until == clock.now + 30
    # An error of the model itself shows that the provider can be reached.
    cooldowns.failed(c, Failure(FailureKind.SERVER_ERROR, status=500), rule, probe.probes)
    again = cooldowns.admit(b)
    cooldowns.answered(b, rule, again.probes)
    assert cooldowns.cooling(clock.now) == {}
    assert cooldowns.admit(a) == Admission()


def test_a_probe_of_a_provider_and_of_a_model_at_once(clock: Clock) -> None:
    cooldowns, a, b, _ = provider_of(clock)
    for each in (a, b, a, b):
        cooldowns.failed(each, UNREACHABLE, RULE)
    clock.now += 10
    probe = cooldowns.admit(a)
    assert len(probe.probes) == 2
    cooldowns.failed(a, UNREACHABLE, RULE, probe.probes)
    assert set(cooldowns.cooling(clock.now)) == {"a", "b", "c"}
    assert cooldowns.cooling(clock.now)["a"] == clock.now + 20


def test_a_call_that_is_blocked_by_its_own_breaker_leaves_the_probe_to_others(
    clock: Clock,
) -> None:
    cooldowns, a, b, _ = provider_of(clock)
    long = Cooldown(failures=2, within=60, duration=99)
    cooldowns.failed(a, BROKEN, long)
    cooldowns.failed(a, BROKEN, long)
    for each in (b, a, b):
        cooldowns.failed(each, UNREACHABLE, Cooldown(failures=3, within=60, duration=10))
    clock.now += 10
    assert cooldowns.admit(a).blocked_until == clock.now + 89
    assert len(cooldowns.admit(b).probes) == 1


def test_every_time_of_a_rest_is_a_setting(clock: Clock) -> None:
    rule = Cooldown(rate_limit=1, overloaded=2, quota=3, auth=4, gone=5)
    kinds = {
        FailureKind.RATE_LIMITED: 1,
        FailureKind.OVERLOADED: 2,
        FailureKind.QUOTA_EXHAUSTED: 3,
        FailureKind.CREDENTIAL: 4,
        FailureKind.FORBIDDEN: 4,
        FailureKind.MODEL_GONE: 5,
        FailureKind.REDIRECTED: 5,
    }
    for kind, seconds in kinds.items():
        cooldowns = Cooldowns(clock)
        cooldowns.failed(M, Failure(kind), rule)
        assert cooldowns.cooling(clock.now) == {"m": clock.now + seconds}


def test_lifting_ends_all_that_keeps_a_model_away(clock: Clock) -> None:
    cooldowns = opened(clock)
    cooldowns.failed(M, Failure(FailureKind.CREDENTIAL), RULE)
    assert cooldowns.lift(N) is True  # they share the key
    assert set(cooldowns.cooling(clock.now)) == {"m"}
    assert cooldowns.lift(M) is True
    assert cooldowns.lift(M) is False
    assert (cooldowns.cooling(clock.now), cooldowns.admit(M)) == ({}, Admission())
    cooldowns.failed(M, BROKEN, RULE)
    assert cooldowns.cooling(clock.now) == {}
