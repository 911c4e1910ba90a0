"""`calibrate`: labelled requests in, a section of a policy out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.check.report import inspect
from policy_router.language.files import PolicyFile
from tests.cli.run import CASES, TEAM, Result, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EASY = "Hello number {}, how are you?"
HARD = "Prove that every integer $x^{} + y^2$ in the set satisfies $\\sqrt{{x}} \\leq y$; find all."


def labelled(count: int, key: str, easy: Any, hard: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": (HARD if n % 2 else EASY).format(n), key: hard if n % 2 else easy}
        for n in range(count)
    ]


def calibrate(folder: Path, lines: Sequence[Any], *argv: object) -> Result:
    path = folder / "labels.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines), "utf-8")
    return run("calibrate", path, "-p", TEAM, *argv)


def with_section(printed: str) -> str:
    """The team's policy with its complexity section replaced by what was printed."""
    text = (CASES / "team.yaml").read_text("utf-8")
    before, _, rest = text.partition("complexity:\n")
    return before + printed + "prefer:" + rest.partition("prefer:")[2]


def test_bands_move_to_where_the_labels_are(tmp_path: Path) -> None:
    # All are hard for this team but greetings, which the present cut at 0.6 cannot know.
    lines = labelled(260, "band", "easy", "hard")
    middling = [{"prompt": f"List {n} capitals of Europe with dates", "band": "hard"}
                for n in range(130)]  # fmt: skip
    done = calibrate(tmp_path, [*lines, "", *middling])
    assert done.code == 0
    assert done.out.startswith(
        "# 390 requests; each figure comes from requests that were not used for fitting.\n"
    )
    assert "closeness to the right band" in done.out
    assert "hard: { from: 0." in done.out
    assert "min_tier: heavy }" in done.out
    report = inspect([PolicyFile("team.yaml", with_section(done.out).encode())])
    assert report.policy is not None
    assert report.policy.bands[1].start < 0.6
    assert report.policy.bands[1].min_tier == 1


def test_outcomes_compare_the_worst_and_the_best(tmp_path: Path) -> None:
    easy, hard = {"a": 1, "b": 1.0, "c": 1}, {"a": 0.5, "b": 0, "c": 1}
    done = calibrate(tmp_path, labelled(300, "outcomes", easy, hard))
    assert done.code == 0
    assert done.err == "light: b, strong: c\n"
    assert "part of the gap recovered" in done.out
    named = calibrate(tmp_path, labelled(300, "outcomes", easy, hard), "--light", "a")
    assert named.err == "light: a, strong: c\n"


def test_what_may_be_chance_is_not_proposed(tmp_path: Path) -> None:
    lines = [{"prompt": HARD.format(n), "band": "easy" if n % 3 else "hard"} for n in range(200)]
    done = calibrate(tmp_path, lines)
    assert done.code == 0
    assert "may be chance, so your weights stay" in done.out
    assert "complexity:" not in done.out


def test_labels_of_one_band_tell_nothing(tmp_path: Path) -> None:
    lines = [{**line, "band": "hard"} for line in labelled(200, "band", "", "")]
    done = calibrate(tmp_path, lines)
    assert (done.code, done.out) == (2, "")
    assert "too few: 200 requests, where two bands or more need 10 distinct prompts" in done.err


def test_bands_that_no_label_names_are_reported(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    text = (CASES / "team.yaml").read_text("utf-8")
    more = "    so-so: { from: 0.3 }\n    hard:"
    policy.write_text(text.replace("    hard:", more))
    calibrate(tmp_path, labelled(300, "band", "easy", "hard"))
    done = run("calibrate", tmp_path / "labels.jsonl", "-p", policy)
    assert done.code == 0
    assert "# Too few labels to fit the start of so-so: each half needs 10 distinct\n" in done.out


@pytest.mark.parametrize(
    ("estimator", "name"),
    [("learned", "learned"), ("{ llm: small }", "llm"), ("{ python: 'own:score' }", "python")],
)
def test_the_factors_are_the_heuristics_whatever_the_policy_asks(
    tmp_path: Path, estimator: str, name: str
) -> None:
    lines = labelled(300, "band", "easy", "hard")
    first, *rest = calibrate(tmp_path, lines).out.splitlines()
    policy = tmp_path / "policy.yaml"
    text = (CASES / "team.yaml").read_text("utf-8")
    policy.write_text(text.replace("complexity:\n", f"complexity:\n  estimator: {estimator}\n"))
    done = run("calibrate", tmp_path / "labels.jsonl", "-p", policy)
    assert done.code == 0
    head, which, why, *others = done.out.splitlines()
    assert (head, others) == (first, rest)
    assert f"`{name}` estimator" in which
    assert "the weights only matter for the heuristic" in why


def test_equal_prompts_are_one_however_they_are_written(tmp_path: Path) -> None:
    lines = labelled(300, "band", "easy", "hard")
    chats = [
        {"messages": [{"content": line["prompt"], "role": "user"}], "band": line["band"]}
        for line in lines
    ]
    done = calibrate(tmp_path, lines + chats)
    assert done.out.startswith("# 600 requests of 300 distinct prompts; each figure comes from ")
    few = calibrate(tmp_path, lines[:12] * 20)
    assert (few.code, few.out) == (2, "")
    assert "too few: 240 requests of 12 distinct prompts, where each half needs 50" in few.err


def test_a_null_is_as_nothing(tmp_path: Path) -> None:
    """A data frame writes null for what a row has not."""
    lines = labelled(300, "band", "easy", "hard")
    padded = [{**line, "messages": None, "tools": None, "outcomes": None} for line in lines]
    assert calibrate(tmp_path, padded).out == calibrate(tmp_path, lines).out


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    first, *rest = map(json.dumps, labelled(300, "band", "easy", "hard"))
    marked = calibrate(tmp_path, ["\ufeff" + first, *rest])
    assert marked.code == 0
    assert marked.out == calibrate(tmp_path, [first, *rest]).out
    piped = run("calibrate", "-", "-p", TEAM, stdin="\n".join([first, *rest]).encode("utf-8-sig"))
    assert piped.out == marked.out


OUTCOMES = {"prompt": "x", "outcomes": {"a": 0, "b": 1}}


@pytest.mark.parametrize(
    ("lines", "argv", "message"),
    [
        ([], [], "no requests"),
        (["{"], [], "line 1 is not JSON"),
        (["[" * 100_000], [], "line 1 is not JSON"),
        (["", "[]"], [], "line 2 has neither `prompt` nor `messages`"),
        ([{"band": "easy"}], [], "line 1 has neither `prompt` nor `messages`"),
        ([{"prompt": "Hi", "messages": []}], [], "line 1 has both `prompt` and `messages`"),
        ([{"prompt": None, "messages": None}], [], "line 1 has neither `prompt` nor `messages`"),
        ([{"prompt": "x"}], [], "line 1 needs either `band` or `outcomes`"),
        ([{"prompt": "x", "band": None}], [], "line 1 needs either `band` or `outcomes`"),
        ([{**OUTCOMES, "band": "easy"}], [], "line 1 needs either `band` or `outcomes`"),
        ([{"prompt": "x", "band": "easy"}, OUTCOMES], [], "line 2: all lines must have `band`"),
        ([{"prompt": "x", "band": "odd"}], [], "line 1: no band `odd` in the policy"),
        ([{"prompt": "x", "band": ["easy"]}], [], "line 1: no band `['easy']` in the policy"),
        ([{"prompt": "x", "band": "easy"}] * 20, [], "too few: 20 requests of 1 distinct prompts"),
        ([{"prompt": "x", "outcomes": [1]}], [], "line 1: `outcomes` is not a mapping"),
        ([{"prompt": "x", "outcomes": {"a": 2}}], [], "the score of `a` is not a number 0 to 1"),
        ([{"prompt": "x", "outcomes": {"a": True}}], [], "the score of `a` is not a number"),
        ([{"prompt": "x", "outcomes": {"a": 1}}], [], "fewer than two models"),
        ([OUTCOMES, {"prompt": "y", "outcomes": {"a": 1}}], [], "fewer than two models"),
        ([OUTCOMES], ["--strong", "c"], "`c` has no outcome in some line"),
        ([OUTCOMES], ["--light", "b"], "`b` scores no better than `b`"),
    ],
)
def test_lines_that_make_no_sense(
    tmp_path: Path, lines: list[Any], argv: list[str], message: str
) -> None:
    done = calibrate(tmp_path, lines, *argv)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("calibrate", tmp_path / "none.jsonl", "-p", TEAM)
    assert done.code == 2
    assert "cannot read" in done.err
