"""Models that take from others what they do not say themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.catalog.table import Catalog
from policy_router.domain.effort import Effort
from policy_router.domain.limits import Metric
from policy_router.language.document.models import ParamsShape
from policy_router.language.files import PolicyFile
from policy_router.language.load import Loaded, compile_files
from policy_router.providers.requests.body import PARAMETERS

if TYPE_CHECKING:
    from policy_router.domain.models import Model

TABLE = Catalog({}, frozenset({"acme"}), "made up")
BIG = """\
version: 1
models:
  big:
    model: acme/big
    api_base: http://10.0.0.1/v1
    api_base_env: BIG_URL
    api_key_env: [KEY_A, KEY_B]
    tier: standard
    price: { input: $1/M, output: $2/M }
    context: 32k
    max_output: 4k
    params: { temperature: 0, max_tokens: 1k }
    defaults: { max_tokens: 500, reasoning_effort: low, stop: [END] }
    effort: medium
    can: [tools, reasoning]
    tags: [eu]
    quality: 0.9
    latency: 2s
    first_token_within: 30s
    stall: 7s
    deadline: 40s
    max_connections: 20
    limits: [50/min]
"""


def load(text: str) -> Loaded:
    return compile_files([PolicyFile("p.yaml", text.encode())], TABLE)


def models(text: str) -> dict[str, Model]:
    loaded = load(text)
    assert loaded.policy is not None, loaded.diagnostics
    return dict(loaded.policy.models_by_name)


def test_a_model_says_what_is_sent_and_how_it_is_called() -> None:
    big = models(BIG)["big"]
    assert (big.params, big.fixed_output) == ({"temperature": 0.0}, 1000)
    assert (big.defaults, big.default_output) == ({"reasoning_effort": "low", "stop": ["END"]}, 500)
    assert big.effort is Effort.MEDIUM
    assert (big.api_key_env, big.api_key_envs) == ("KEY_A", ("KEY_A", "KEY_B"))
    assert big.api_base_env == "BIG_URL"
    assert (big.first_token_within, big.stall, big.deadline) == (30.0, 7.0, 40.0)
    assert big.max_connections == 20


def test_a_model_takes_every_field_that_it_does_not_have() -> None:
    made = models(BIG + "  twin: { like: big, limits: [1/min] }\n")
    assert made["twin"] == replace(made["big"], name="twin")


def test_a_field_is_taken_whole_or_not_at_all() -> None:
    made = models(BIG + "  cold: { like: big, params: { seed: 1 }, tags: [], effort: none }\n")
    cold, big = made["cold"], made["big"]
    assert (cold.params, cold.fixed_output) == ({"seed": 1}, None)
    assert cold == replace(
        big, name="cold", params={"seed": 1}, fixed_output=None, tags=frozenset(),
        effort=Effort.NONE, abilities=big.abilities - {"reasoning"},
    )  # fmt: skip


def test_an_address_of_its_own_does_not_lose_to_a_variable_of_the_other() -> None:
    made = models(
        BIG
        + "  here: { like: big, api_base: http://10.0.0.2/v1 }\n"
        + "  there: { like: big, api_base_env: THERE_URL }\n"
    )
    assert (made["here"].api_base, made["here"].api_base_env) == ("http://10.0.0.2/v1", None)
    assert (made["there"].api_base, made["there"].api_base_env) == (None, "THERE_URL")


def test_chains_may_be_written_in_any_order_and_over_several_files() -> None:
    one = "version: 1\nmodels:\n  c: { like: b, effort: high }\n  a: { like: big, quality: 0.5 }\n"
    two = BIG + "  b: { like: a, tags: [us] }\n"
    files = [PolicyFile("1.yaml", one.encode()), PolicyFile("2.yaml", two.encode())]
    policy = compile_files(files, TABLE).policy
    assert policy is not None
    made = policy.models_by_name
    assert made["c"] == replace(
        made["big"], name="c", quality=0.5, tags=frozenset({"us"}), effort=Effort.HIGH
    )


def test_limits_are_shared_until_a_model_has_its_own() -> None:
    text = BIG + (
        "  deep: { like: big, effort: high }\n"
        "  deeper: { like: deep, effort: max }\n"
        "  own: { like: deeper, effort: low, limits: [5/min] }\n"
        "  of-own: { like: own, effort: none }\n"
    )
    loaded = load(text)
    assert loaded.policy is not None, loaded.diagnostics
    names = [model.name for model in loaded.policy.models]
    covered = {
        limit.name: {name for i, name in enumerate(names) if limit.models >> i & 1}
        for limit in loaded.policy.limits
        if limit.metric is Metric.REQUESTS
    }
    assert covered == {"big": {"big", "deep", "deeper"}, "own": {"own", "of-own"}}


def test_what_a_model_takes_is_found_where_it_is_written() -> None:
    loaded = load(BIG + "  twin: { like: big, effort: high }\n")
    assert loaded.draft is not None
    span = loaded.draft.places.value(("models", "twin", "context"))
    assert span.line == BIG.splitlines().index("    context: 32k") + 1


def test_a_change_of_a_model_changes_what_is_like_it_and_the_revision() -> None:
    text = BIG + "  twin: { like: big, effort: high }\n"
    before, after = load(text).policy, load(text.replace("0.9", "0.8")).policy
    assert before is not None
    assert after is not None
    assert before.revision != after.revision
    assert after.model("twin").quality == 0.8


@pytest.mark.parametrize(
    "written",
    ["effort: low", "params: { temperature: 1 }", "defaults: { seed: 1 }", "deadline: 5s",
     "first_token_within: 5s", "stall: 5s", "max_connections: 7",
     "api_base_env: OTHER", "api_key_env: [KEY_B, KEY_A]"],
)  # fmt: skip
def test_each_field_is_part_of_the_revision(written: str) -> None:
    base, other = load(BIG + "  x: { like: big }\n"), load(BIG + f"  x: {{ like: big, {written} }}")
    assert base.policy is not None
    assert other.policy is not None
    assert base.policy.revision != other.policy.revision


@settings(max_examples=100)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_the_law_of_likes_each_model_is_complete_or_a_problem_is_reported(likes: list[int]) -> None:
    """Whatever is like whatever: a model that reaches one with `model` and `tier` is complete,
    and every other one is in, or leads to, a circle that is reported."""
    rows = [
        f"  m{i}: {{ model: acme/{i}, tier: standard }}"
        if like == i
        else f"  m{i}: {{ like: m{like}, quality: 0.{i} }}"
        for i, like in enumerate(likes)
    ]
    loaded = load("version: 1\nmodels:\n" + "\n".join(rows))
    reaches = set()
    for i in range(6):
        at = i
        for _ in range(7):
            at = likes[at]
        if likes[at] == at:
            reaches.add(i)
    assert (loaded.policy is not None) == (len(reaches) == 6)
    assert {d.rule for d in loaded.diagnostics} == ({"like-circle"} if len(reaches) < 6 else set())
    assert loaded.draft is not None
    made = {model.name: model for model in loaded.draft.models}
    assert {name for name, model in made.items() if model.provider_model} == {
        f"m{i}" for i in reaches
    }


def test_a_long_circle_is_not_spelled_out() -> None:
    rows = (f"  m{i}: {{ like: m{(i + 1) % 2000} }}" for i in range(2_000))
    [found] = load("version: 1\nmodels:\n" + "\n".join(rows)).diagnostics
    assert found.message == (
        "`m0` is like `m1`, which is like `m2`, which is like `m3`, which is like `m4`, which is "
        "like `m5`, which is like ... and so on, through 1,994 more, to `m0`"
    )


def test_every_parameter_of_a_model_is_one_that_can_be_sent() -> None:
    assert set(ParamsShape.model_fields) < PARAMETERS


def test_a_model_may_be_like_one_that_is_broken_or_could_not_be_read() -> None:
    broken = load("version: 1\nmodels:\n  a: { model: 5, tier: t }\n  b: { like: a }\n")
    assert [d.rule for d in broken.diagnostics] == ["wrong-type"]
    files = [
        PolicyFile("1.yaml", b"version: 1\nmodels: { b: { like: a, tier: t } }\n"),
        PolicyFile("2.yaml", b"version: 1\nmodels: { a: { model: x/y, tier: t \n"),
    ]
    rules = {d.rule for d in compile_files(files, TABLE).diagnostics}
    assert "unknown-name" not in rules
