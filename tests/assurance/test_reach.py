"""What is said of all requests, against single ones that `decide` decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_router.assurance.reach import Excluded, Reach, Reached, Unknown
from policy_router.assurance.witness import Witness
from policy_router.decision.decide import decide
from policy_router.domain.snapshot import Snapshot
from tests.check.policies import policy_of
from tests.generate import condition, policies, requests, snapshots, trees

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Condition
    from policy_router.domain.request import Request


def is_considered(request: Request) -> bool:
    """Whether a request is one for an answer, or one for embeddings, as callers can make them."""
    embeds = "embeddings" in request.needs
    return embeds or (request.answers > 0 and request.largest_input is None)


def answers_of(policy: Policy, when: Condition | None) -> list[object]:
    reach = Reach(policy, [] if when is None else [when.tree])
    boxes = reach.boxes(when)
    return [reach.ask(i, boxes, when) for i in range(len(policy.models))]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_an_excluded_model_gets_no_request_in_any_state(data: st.DataObject) -> None:
    policy = data.draw(policies())
    vocabulary = policy.vocabulary
    when = data.draw(st.none() | trees(vocabulary).map(lambda tree: condition(tree, vocabulary)))
    reach = Reach(policy, [] if when is None else [when.tree])
    answers = answers_of(policy, when)
    for _ in range(4):
        request, snapshot = data.draw(requests(policy)), data.draw(snapshots(policy))
        decision = decide(policy, request, snapshot)
        if not is_considered(request) or decision.situation.problem is not None:
            continue
        if reach.meets(decision, Witness(request, snapshot.now), when):
            got = {candidate.name for candidate in decision.candidates}
            for model, answer in zip(policy.models, answers, strict=True):
                assert not (isinstance(answer, Excluded) and model.name in got)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_witness_is_decided_as_it_says(data: st.DataObject) -> None:
    policy = data.draw(policies())
    for model, answer in zip(policy.models, answers_of(policy, None), strict=True):
        if isinstance(answer, Reached):
            witness = answer.witness
            decision = decide(policy, witness.request, Snapshot(now=witness.now))
            assert decision == answer.shown
            assert model.name in {candidate.name for candidate in decision.candidates}


HEAD = """version: 1
attributes: { plan: [free, pro], region: string }
tiers: [light, heavy]
models:
  small: { model: hosted_vllm/s, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: hosted_vllm/b, tier: heavy, price: { input: $1/M, output: $2/M }, context: 128k,
         can: [tools], quality: 0.9 }
  embed: { model: hosted_vllm/e, tier: light, price: free, context: 512, can: [embeddings] }
budgets: { all: { cap: unlimited } }
aliases: { fast: [small], "gpt-*": [big] }
tasks: { code: { keywords: [x] }, chat: {} }
rules:
"""


@pytest.mark.parametrize(
    ("rule", "model", "expected"),
    [
        ("when: { tags: private }, only: [local]", "big", "reached"),
        ("only: [local]", "big", "excluded"),
        ("when: has_tools, only: [small]", "small", "reached"),
        ("when: tokens > 8000, only: [small]", "small", "reached"),
        ("deny: no", "small", "excluded"),
        ("max_cost: $0", "big", "excluded"),
        ("max_cost: $0.0001", "big", "reached"),
        ("min_quality: 0.8", "small", "excluded"),
        ("needs: [tools]", "small", "excluded"),
        ("when: \"matches(region, '^eu')\", avoid: [big]", "big", "reached"),
        ("when: \"not matches(region, '^eu')\", avoid: [big]", "big", "reached"),
        ("when: \"not matches(region, '^e[0-9]{7}u')\", avoid: [big]", "big", "unknown"),
        ("when: \"model != 'fast'\", avoid: [small]", "small", "reached"),
        ("when: \"model == 'fast'\", avoid: [small]", "small", "reached"),
        ("when: \"model != 'fast'\", avoid: [big]", "big", "excluded"),
        ("when: \"not model.startswith('gpt-')\", avoid: [big]", "big", "reached"),
        ("when: \"model != 'gpt-4'\", avoid: [big]", "big", "reached"),
        ("when: hour < 6, avoid: [big]", "big", "reached"),
        ("when: \"'a' in tags\", avoid: [embed]", "embed", "reached"),
    ],
)
def test_each_part_of_the_language(rule: str, model: str, expected: str) -> None:
    policy = policy_of(f"{HEAD}  - {{ name: r, {rule} }}\n")
    answer = answers_of(policy, None)[policy.position(model)]
    assert type(answer).__name__.lower() == expected, answer
    if isinstance(answer, Unknown):
        assert answer.reason == "it depends on matches(region, '^e[0-9]{7}u')"


@pytest.mark.parametrize(
    ("when", "model", "excluded_by"),
    [
        ("tokens > 8000", "small", ["the context of the model"]),
        ("tokens > 7000 and max_tokens > 1000", "small", ["the context of the model"]),
        ("max_tokens > 8000", "small", ["the context of the model"]),
        ("has_tools", "small", ["the lack of ability `tools`"]),
        ("model == 'fast'", "big", ["that the request asks for `fast`"]),
        ("model == 'big'", "small", ["that the request asks for `big`"]),
        ("model == 'gpt-4'", "small", ["that the request asks for `gpt-4`"]),
        ("'private' in tags", "big", ["rule `private`"]),
        ("tokens > 500 and 'cheap' in tags", "big", ["`max_cost` of rule `cheap`"]),
    ],
)
def test_what_excludes_a_model(when: str, model: str, excluded_by: list[str]) -> None:
    policy = policy_of(
        HEAD + "  - { name: private, when: { tags: private }, only: [local] }\n"
        "  - { name: cheap, when: { tags: cheap }, max_cost: $0.0005 }\n"
        f'invariants: [{{ name: i, when: "{when}", never: [{model}] }}]\n'
    )
    invariant = policy.invariants[0]
    answer = answers_of(policy, invariant.when)[policy.position(model)]
    assert isinstance(answer, Excluded), answer
    assert [part.says for part in answer.by] == excluded_by
