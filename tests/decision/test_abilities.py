"""Abilities that a policy declares, and requests that need what no model has."""

from __future__ import annotations

import pytest

from policy_router.catalog.table import Catalog
from policy_router.decision.abilities import ABILITIES
from policy_router.decision.decide import decide
from policy_router.domain.request import Request
from policy_router.errors import NoCandidateError
from policy_router.execution.refusal import refusal
from policy_router.language.files import PolicyFile
from policy_router.language.load import Loaded, compile_files

TWO = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: acme/small, tier: light, price: free, can: [tools, vision] }
  large: { model: acme/large, tier: heavy, price: free, can: [tools, json, legal] }
abilities: [legal, tax]
"""


def load(text: str) -> Loaded:
    return compile_files([PolicyFile("p.yaml", text.encode())])


POLICY = load(
    TWO + "rules: [{ name: law, when: { tags: law }, needs: [legal] }]\n"
    "tasks: { contract: { when_needs: [legal] }, chat: {} }\n"
).policy


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (Request(), ["small", "large"]),
        (Request(needs={"legal"}), ["large"]),
        (Request(tags={"law"}), ["large"]),
        (Request(needs={"legal", "tools"}), ["large"]),
    ],
)
def test_an_own_ability_selects_models(request_: Request, names: list[str]) -> None:
    assert POLICY is not None
    assert [c.name for c in decide(POLICY, request_).candidates] == names


def test_an_unknown_ability_makes_a_request_invalid() -> None:
    assert POLICY is not None
    found = decide(POLICY, Request(needs={"leagl"}))
    assert found.denied == "unknown ability `leagl`; did you mean `legal`?"
    assert load(TWO.replace("abilities: [legal, tax]\n", "")).policy is None


@pytest.mark.parametrize("ability", [a for a in ABILITIES if a not in ("tools", "json", "vision")])
def test_what_no_model_can_is_named(ability: str) -> None:
    assert POLICY is not None
    found = decide(POLICY, Request(needs={ability, "tools"}))
    assert (found.unmet, found.candidates, found.invalid) == ((ability,), (), False)
    error = refusal(found)
    assert type(error) is NoCandidateError
    assert str(error).startswith(
        f"no model may answer this request: no model of the policy has the ability `{ability}`\n"
        f"  small: does not support {ability}\n"
    )


VECTORS = TWO.replace(
    "abilities:",
    "  vectors: { model: acme/vectors, tier: light, price: free, can: [embeddings] }\nabilities:",
)


@pytest.mark.parametrize(
    ("needs", "names", "out"),
    [
        (set(), ["small", "large"], "only makes embeddings, as its `can` or LiteLLM's table says"),
        ({"tools"}, ["small", "large"], "does not support tools"),
        ({"embeddings"}, ["vectors"], None),
    ],
)
def test_a_model_that_only_makes_embeddings_answers_nothing_else(
    needs: set[str], names: list[str], out: str | None
) -> None:
    policy = load(VECTORS).policy
    assert policy is not None
    decision = decide(policy, Request(needs=needs))
    assert [c.name for c in decision.candidates] == names
    details = [skip.detail for skip in decision.skipped if skip.model == "vectors"]
    assert details == ([] if out is None else [out])


def test_several_are_named_together_and_what_some_model_has_is_not() -> None:
    assert POLICY is not None
    found = decide(POLICY, Request(needs={"tax", "video", "json"}))
    assert found.unmet_need == "no model of the policy has the abilities `tax`, `video`"
    apart = decide(POLICY, Request(needs={"vision", "json"}))
    assert (apart.candidates, apart.unmet, apart.unmet_need) == ((), (), "")
    assert decide(POLICY, Request(needs={"json"})).unmet == ()


def test_own_abilities_are_part_of_the_revision() -> None:
    other = load(TWO.replace("[legal, tax]", "[legal]")).policy
    plain = load(TWO).policy
    assert other is not None
    assert plain is not None
    assert plain.abilities == ("legal", "tax")
    assert other.revision != plain.revision


@pytest.mark.parametrize(
    ("mode", "able"),
    [("embedding", "embeddings"), ("image_generation", None), ("rerank", None), ("realtime", None)],
)
def test_a_model_that_the_table_lists_for_something_else_answers_no_chat(
    mode: str, able: str | None
) -> None:
    chat = {"mode": "chat", "litellm_provider": "acme"}
    table = Catalog({"acme/other": {**chat, "mode": mode}, "acme/chat": chat}, frozenset(), "test")
    text = (
        "version: 1\ntiers: [light]\nmodels:\n"
        "  other: { model: acme/other, tier: light, price: free, context: 8k }\n"
        "  said: { model: acme/other, tier: light, price: free, context: 8k, can: [tools] }\n"
        "  chat: { model: acme/chat, tier: light, price: free, context: 8k }\n"
    )
    policy = compile_files([PolicyFile("p.yaml", text.encode())], table).policy
    assert policy is not None
    decision = decide(policy, Request())
    assert [c.name for c in decision.candidates] == ["said", "chat"]
    [why] = [skip.detail for skip in decision.skipped]
    assert "LiteLLM's table" in why
    found = decide(policy, Request(needs={"embeddings"}))
    assert [c.name for c in found.candidates] == (["other"] if able else [])
