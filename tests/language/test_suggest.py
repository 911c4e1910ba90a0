from __future__ import annotations

import pytest

from policy_router.language.suggest import did_you_mean, help_line

WORDS = ["tiers", "tier", "only", "sonnet", "plan", "only_one", "price", "prefer", "avoid", "first"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("teir", "tier"), ("teirs", "tiers"), ("onyl", "only"), ("sonet", "sonnet"),
        ("Plan", "plan"), ("PLAN", "plan"), ("tires", "tiers"), ("pirce", "price"),
        ("avoids", "avoid"), ("perfer", "prefer"), ("fisrt", "first"), ("only_on", "only_one"),
        ("xyz", None), ("", None), ("a", None), ("t", None), ("model", None), ("x" * 65, None),
        ("sonnet" * 20, None), ("ni", None),
    ],
)  # fmt: skip
def test_did_you_mean(word: str, meant: str | None) -> None:
    assert did_you_mean(word, WORDS) == meant


def test_the_first_of_two_that_differ_in_case() -> None:
    assert did_you_mean("FOO", ["Foo", "foo"]) == "Foo"


@pytest.mark.parametrize(
    ("word", "known", "line"),
    [
        ("teir", WORDS, "did you mean `tier`?"),
        ("x", [], "there are none"),
        ("x", ["a", "b", "a"], "known are `a`, `b`"),
        ("zzz", [f"w{i}" for i in range(14)], " and 2 more"),
    ],
)
def test_help_lines(word: str, known: list[str], line: str) -> None:
    assert help_line(word, known).endswith(line)


def test_what_there_is_has_a_name() -> None:
    assert help_line("x", ["a"], what="facts") == "facts are `a`"


def test_the_nearest_of_many_come_first() -> None:
    known = [f"other-{i}" for i in range(20)] + ["europe-berlin"]
    assert help_line("eurxxx", known).startswith("known are `europe-berlin`")
