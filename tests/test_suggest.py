from __future__ import annotations

import pytest

from policy_router.suggest import EFFORT, Hints, did_you_mean, help_line

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
        ("x", ["a", "b", "a"], "the known ones are `a`, `b`"),
        ("zzz", [f"w{i}" for i in range(14)], " and 2 more"),
    ],
)
def test_help_lines(word: str, known: list[str], line: str) -> None:
    assert help_line(word, known).endswith(line)


def test_what_there_is_has_a_name() -> None:
    assert help_line("x", ["a"], what="the facts") == "the facts are `a`"


def test_the_nearest_of_many_come_first() -> None:
    known = [f"other-{i}" for i in range(20)] + ["europe-berlin"]
    assert help_line("eurxxx", known).startswith("the known ones are `europe-berlin`")


def effort(slips: int, names: int) -> int:
    """What suggestions for so many slips among so many names take."""
    hints = Hints()
    known = [f"model-number-{i}" for i in range(names)]
    for i in range(slips):
        hints.help_line(f"modelnumber{i}z", known)
    return EFFORT - hints.left


def test_a_suggestion_takes_effort_in_proportion_to_the_names() -> None:
    assert effort(1, 4000) <= 2.2 * effort(1, 2000)


def test_the_effort_for_all_suggestions_is_bounded() -> None:
    # The last one that is begun is finished.
    assert EFFORT <= effort(5000, 2000) <= EFFORT + 15 * 2000


def test_without_effort_left_nothing_is_suggested() -> None:
    hints = Hints(effort=1)
    assert hints.help_line("teir", WORDS) == "did you mean `tier`?"
    assert hints.help_line("teir", WORDS) == ""
    assert hints.did_you_mean("teir", WORDS) is None


def test_of_many_names_the_likeliest_are_listed() -> None:
    known = [f"unlike{i}" for i in range(500)] + ["north-europe", "europe-north"]
    assert help_line("europe-xyz", known).startswith("the known ones are `europe-north`")
    assert help_line("europe-xyz", known).endswith(" and 490 more")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("größe", ["groesse", "grösse", "x"], "grösse"),
        ("straße", ["strasse"], "strasse"),
        ("café", ["cafe"], "cafe"),
        ("naive", ["naïve"], "naïve"),
    ],
)
def test_letters_beyond_ascii(word: str, known: list[str], meant: str) -> None:
    assert did_you_mean(word, known) == meant
