"""Where a policy names a model."""

from __future__ import annotations

import pytest

from policy_router.base_errors import UsageError
from policy_router.language.write.references import references

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  a: { model: openai/a, tier: light, price: free, tags: [here] }
  b:
    model: openai/b
    tier: heavy
    price: free
  c: { like: b }
rules:
  - { name: one, when: { tags: x }, only: [here] }
  - { name: two, when: { tags: y }, avoid: [b, heavy] }
reports: { baselines: { always: a } }
"""


@pytest.mark.parametrize(
    ("model", "places"),
    [
        ("a", ["p.yaml:11:44", "p.yaml:13:33"]),
        ("b", ["p.yaml:9:14", "p.yaml:12:45"]),
        ("c", []),
    ],
)
def test_places_are_those_of_the_file(model: str, places: list[str]) -> None:
    assert list(map(str, references({"p.yaml": TEXT}, model))) == places


def test_errors_that_are_there_already_are_no_references() -> None:
    broken = TEXT + "prefer: [nonsense]\n"
    assert references({"p.yaml": broken}, "c") == {}


def test_files_that_are_no_policy() -> None:
    with pytest.raises(UsageError, match="is not in the policy"):
        references({"p.yaml": "- a\n"}, "a")
