"""What is said of the health of models."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.domain.fallback import Cooldown
from policy_router.domain.models import Model
from policy_router.execution.health.breaker_changes import BreakerChange, BreakerStep
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.health_report import HealthState, ModelHealth, health_of
from policy_router.providers.failures.failure import Failure, FailureKind, FailureScope

RULE = Cooldown(failures=2, within=60, duration=10, ramp=30)
BROKEN = Failure(FailureKind.TIMEOUT)
M = Model("a model", "openai/x", "t", 0, api_key_env="A")
N = Model("n", "openai/y", "t", 0, api_key_env="A")
FAR = Model("far", "groq/z", "t", 0, api_key_env="A2")
TWO = Model("two", "groq/z", "t", 0, api_key_env="A1", api_key_envs=("A1", "A2"))


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def report(cooldowns: Cooldowns, model: Model, now: float) -> ModelHealth:
    return health_of(model, cooldowns.board.known(), now)


def test_a_breaker_through_its_states() -> None:
    clock, changes = Clock(), list[BreakerChange]()
    cooldowns = Cooldowns(clock, on_change=changes.append, draw=lambda: 1.0)
    assert report(cooldowns, M, clock.now) == ModelHealth("a model")
    for _ in range(2):
        cooldowns.failed(M, BROKEN, RULE)
    is_open = ModelHealth("a model", HealthState.OPEN, 1_010, "model", "timeout", 1)
    assert report(cooldowns, M, clock.now) == is_open
    assert report(cooldowns, N, clock.now) == ModelHealth("n")
    clock.now += 10
    assert report(cooldowns, M, clock.now) == is_open  # until a request probes it
    cooldowns.failed(M, BROKEN, RULE, cooldowns.admit(M).probes)
    assert report(cooldowns, M, clock.now).times == 2
    clock.now += 20
    probes = cooldowns.admit(M).probes
    probed = ModelHealth("a model", HealthState.HALF_OPEN, 1_060, "model", "timeout", 2)
    assert report(cooldowns, M, clock.now) == probed
    cooldowns.answered(M, RULE, probes)
    cooldowns.answered(M, RULE, cooldowns.admit(M).probes)
    assert report(cooldowns, M, clock.now) == ModelHealth(
        "a model", HealthState.RAMP, 1_060, "model", "", 2
    )
    clock.now += 30
    assert report(cooldowns, M, clock.now) == ModelHealth("a model")
    steps = [(each.scope, each.name, each.step) for each in changes]
    assert steps == [
        (FailureScope.MODEL, "a model", step)
        for step in (
            BreakerStep.OPENED, BreakerStep.HALF_OPEN, BreakerStep.OPENED, BreakerStep.HALF_OPEN,
            BreakerStep.CLOSED,
        )
    ]  # fmt: skip
    assert {each.cause for each in changes} == {"timeout"}


def test_what_is_at_fault_for_several_models() -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock)
    cooldowns.failed(M, Failure(FailureKind.CREDENTIAL), RULE)
    for model in (M, N):
        assert report(cooldowns, model, clock.now) == ModelHealth(
            model.name, HealthState.COOLDOWN, 1_600, "key A", "credential"
        )
    assert report(cooldowns, FAR, clock.now).state is HealthState.OK
    region = Failure(FailureKind.FORBIDDEN, scope_override=FailureScope.PROVIDER)
    cooldowns.failed(FAR, region, RULE)
    assert report(cooldowns, TWO, clock.now) == ModelHealth(
        "two", HealthState.COOLDOWN, 1_600, "provider groq", "forbidden"
    )


def test_a_model_with_several_keys_rests_while_all_of_them_do() -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock)
    cooldowns.failed(replace(TWO, api_key_env="A1"), Failure(FailureKind.CREDENTIAL), RULE)
    assert report(cooldowns, TWO, clock.now).state is HealthState.OK
    cooldowns.failed(replace(TWO, api_key_env="A2"), Failure(FailureKind.CREDENTIAL), RULE)
    assert report(cooldowns, TWO, clock.now).state is HealthState.COOLDOWN


@pytest.mark.parametrize("model", [M, N])
def test_lifting_one_model_lifts_what_it_shares(model: Model) -> None:
    clock, changes = Clock(), list[BreakerChange]()
    cooldowns = Cooldowns(clock, on_change=changes.append)
    cooldowns.failed(M, Failure(FailureKind.CREDENTIAL), RULE)
    for _ in range(2):
        cooldowns.failed(model, BROKEN, RULE)
    assert cooldowns.lift(model)
    assert report(cooldowns, model, clock.now).state is HealthState.OK
    assert [each.step for each in changes] == [BreakerStep.OPENED, BreakerStep.LIFTED]


HERE, BESIDE, THERE = (
    Model(name, f"openai/{name}", "t", 0, api_base=f"http://{server}/v1", api_key_env="A")
    for name, server in (("here", "x"), ("beside", "x"), ("there", "y"))
)


def test_servers_of_one_provider_at_two_addresses_fail_apart() -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock, models=lambda: (HERE, BESIDE, THERE))
    for model in (HERE, BESIDE):
        cooldowns.failed(model, Failure(FailureKind.CONNECT), RULE)
    cooldowns.failed(HERE, Failure(FailureKind.CREDENTIAL), RULE)
    assert set(cooldowns.cooling(clock.now)) == {"here", "beside"}
    assert report(cooldowns, BESIDE, clock.now).state is HealthState.OPEN
    assert report(cooldowns, THERE, clock.now) == ModelHealth("there")
    assert not cooldowns.lift(THERE)
    assert set(cooldowns.cooling(clock.now)) == {"here", "beside"}
    assert cooldowns.lift(HERE)
    assert cooldowns.cooling(clock.now) == {}


def test_a_model_that_a_reload_replaced_leaves_nothing_to_the_new_one() -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock)
    for _ in range(2):
        cooldowns.failed(M, BROKEN, RULE)
    new = replace(M, provider_model="openai/new")
    assert cooldowns.until(new, clock.now) is None
    assert report(cooldowns, new, clock.now) == ModelHealth(M.name)


def test_a_rate_limit_of_one_key_of_several_does_not_rest_the_model() -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock)
    limited = Failure(FailureKind.RATE_LIMITED)
    cooldowns.failed(replace(TWO, api_key_env="A1"), limited, RULE)
    assert cooldowns.until(TWO, clock.now) is None
    assert report(cooldowns, TWO, clock.now).state is HealthState.OK
    cooldowns.failed(replace(TWO, api_key_env="A2"), limited, RULE)
    assert report(cooldowns, TWO, clock.now).state is HealthState.COOLDOWN
    assert cooldowns.lift(TWO)
    assert cooldowns.until(TWO, clock.now) is None


MODELS = st.builds(
    lambda number, base, keys: Model(
        f"m{number}", f"openai/{number}", "t", 0, api_base=base, api_key_env=keys[0],
        api_key_envs=keys,
    ),
    st.integers(0, 3),
    st.sampled_from([None, "http://x", "http://y"]),
    st.sampled_from([("A",), ("A", "B"), ("B",)]),
)  # fmt: skip
FAILURES = st.builds(Failure, st.sampled_from(FailureKind), retry_after=st.just(30.0))


@given(
    st.lists(MODELS, min_size=1, max_size=4, unique_by=lambda model: model.name),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), FAILURES), max_size=12),
)
def test_law_what_is_reported_and_what_is_called_agree(
    models: list[Model], events: list[tuple[int, int, Failure]]
) -> None:
    clock = Clock()
    cooldowns = Cooldowns(clock, models=lambda: models)
    for place, key, failure in events:
        model = models[place % len(models)]
        envs = model.api_key_envs
        cooldowns.failed(replace(model, api_key_env=envs[key % len(envs)]), failure, RULE)
    blocked = {m.name: until for m in models if (until := cooldowns.until(m, clock.now))}
    assert cooldowns.cooling(clock.now) == blocked
    said = {HealthState.OPEN, HealthState.COOLDOWN}
    assert {m.name for m in models if report(cooldowns, m, clock.now).state in said} == set(blocked)
    for model in models:
        cooldowns.lift(model)
        assert cooldowns.until(model, clock.now) is None
