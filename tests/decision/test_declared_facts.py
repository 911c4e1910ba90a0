"""Defaults of attributes, and the declared tags of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.request import Request
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

TWO = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: acme/small, tier: light, price: free, tags: [local] }
  large: { model: acme/large, tier: heavy, price: free }
"""
DEFAULTS = """\
attributes:
  priority: { values: [cheap, balanced, quality], default: balanced }
  staff: { type: bool, default: false }
  age: { type: number, default: 18 }
  region: { type: string, default: eu-1 }
  plan: [free, pro]
"""


def policy(more: str) -> Policy:
    loaded = compile_files([PolicyFile("p.yaml", (TWO + more).encode())])
    assert loaded.policy is not None, loaded.diagnostics
    return loaded.policy


HOLDS: list[tuple[str, dict[str, str | float | bool], bool]] = [
    ("priority == 'balanced'", {}, True),
    ("priority == 'balanced'", {"priority": "cheap"}, False),
    ("priority != 'balanced'", {}, False),
    ("priority in ['cheap', 'balanced']", {}, True),
    ("staff", {}, False),
    ("staff == False", {}, True),
    ("staff", {"staff": True}, True),
    ("age >= 18", {}, True),
    ("age < 18", {}, False),
    ("age < 18", {"age": 7}, True),
    ("region.startswith('eu-')", {}, True),
    ("region.startswith('eu-')", {"region": "us-2"}, False),
    ("matches(region, '1$')", {}, True),
    ("plan == 'free'", {}, False),
    ("plan != 'free'", {}, True),
]


@pytest.mark.parametrize(("when", "attributes", "expected"), HOLDS)
def test_an_attribute_with_a_default_is_never_absent(
    when: str, attributes: dict[str, str | float | bool], *, expected: bool
) -> None:
    made = policy(f'{DEFAULTS}rules: [{{ name: r, when: "{when}", avoid: [large] }}]\n')
    found = decide(made, Request(attributes=attributes))
    assert found.rules == (("r",) if expected else ())
    assert len(found.candidates) == (1 if expected else 2)


def test_the_request_keeps_what_its_caller_stated() -> None:
    found = decide(policy(DEFAULTS), Request(attributes={"age": 7}))
    assert found.request.attributes == {"age": 7}


def test_a_default_is_part_of_the_revision() -> None:
    other = DEFAULTS.replace("default: balanced", "default: cheap")
    assert policy(DEFAULTS).revision != policy(other).revision
    facts = {f.name: (f.optional, f.default) for f in policy(DEFAULTS).vocabulary.declared}
    assert facts == {
        "priority": (False, "balanced"),
        "staff": (False, False),
        "age": (False, 18),
        "region": (False, "eu-1"),
        "plan": (True, None),
    }


TAGGED = "rules: [{ name: r, when: { tags: private }, only: [local] }]\n"


def test_a_tag_that_is_not_declared_makes_a_request_invalid() -> None:
    made = policy("tags: [private, batch]\n" + TAGGED)
    for tags, denied in (
        ({"Private"}, "unknown tag `Private`; did you mean `private`?"),
        ({"batch", "zzz"}, "unknown tag `zzz`: the known ones are `private`, `batch`"),
    ):
        found = decide(made, Request(tags=tags))
        assert (found.invalid, found.denied, found.candidates) == (True, denied, ())
    for given, names in (({"private", "batch"}, ["small"]), (set(), ["small", "large"])):
        assert [c.name for c in decide(made, Request(tags=given)).candidates] == names


def test_any_string_is_a_tag_where_none_are_declared() -> None:
    made = policy(TAGGED)
    assert made.vocabulary.tags == frozenset()
    assert len(decide(made, Request(tags={"Private"})).candidates) == 2
    assert made.revision != policy("tags: [private]\n" + TAGGED).revision
