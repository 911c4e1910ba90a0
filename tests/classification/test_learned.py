from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import train_learned
from benchmarks.outcomes import GPT4O, LLAMA
from benchmarks.train_learned import area_of_gap, area_under_roc, fold_of
from policy_router.classification.learned import MOST, SHIPPED, Learned, dump, load, parse, shipped
from policy_router.classification.learned_features import NAMES
from policy_router.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROBLEM = (
    "Maria bakes 24 cookies every morning and sells them for $2 each. She pays $9 for the flour. "
    "How many dollars does she have left after 5 days?"
)
CONTEST = (
    "Let $a$ and $b$ be positive integers such that $a^2 - b^2 = 84$. Find the sum of all possible "
    "values of $\\frac{a}{b}$, expressed as a common fraction."
)
CHOICE = (
    "Which organ of the human body stores bile?\nA. Liver\nB. Gallbladder\nC. Spleen\nD. Pancreas"
)


# ------------------------------------------------------------------------------------ what ships


def test_the_shipped_model_is_small() -> None:
    assert SHIPPED.stat().st_size <= 300_000


def test_the_shipped_model_names_its_sources_and_none_is_of_open_licence() -> None:
    sources = shipped().sources
    assert len(sources) >= 6
    for source in sources:
        assert {part.strip() for part in source["licence"].split(",")} <= {"MIT", "Apache-2.0"}
        assert source["rows"] > 0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PROBLEM, "word problem"),
        (CONTEST, "competition mathematics"),
        (CHOICE, "choice of four"),
        (CHOICE.replace(". ", ") "), "choice of four"),
    ],
)
def test_kinds_of_work_it_knows(text: str, kind: str) -> None:
    assert shipped().read(text).kind == kind
    assert shipped().estimate(text) is not None


@pytest.mark.parametrize("style", ["({}) ", "{}) ", "**{}.** "])
def test_typography_changes_no_estimate(style: str) -> None:
    styled = CHOICE
    for letter in "ABCD":
        styled = styled.replace(f"\n{letter}. ", f"\n{style.format(letter)}")
    assert shipped().estimate(styled) == shipped().estimate(CHOICE) is not None


def test_contest_problems_are_known_without_their_latex() -> None:
    plain = CONTEST.replace("\\frac{a}{b}", "a/b").replace("$", "")
    with_, without = shipped().estimate(CONTEST), shipped().estimate(plain)
    assert with_ is not None
    assert without == pytest.approx(with_, abs=0.1)


def test_contest_problems_gain_more_than_shopping() -> None:
    contest, problem = shipped().estimate(CONTEST), shipped().estimate(PROBLEM)
    assert contest is not None
    assert problem is not None
    assert contest > problem


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "Write a poem about spring.",
        "Translate to French: I would like a coffee, please.",
        "Summarize this meeting in three bullet points and suggest who should follow up on each.",
        "Fix this:\n\ndef add(a, b):\n    return a - b\n\nand write a test for it with pytest.",
        "Was ist der Unterschied zwischen einem Kredit und einer Hypothek? Bitte kurz erklären.",
        "从前有一座山。请继续写这个故事。",
        "اكتب قصة قصيرة عن قطة تحب السفر.",
        "",
        " ",
        "\x00\x01\x02\xff" * 50,
        "x" * 500,
        "$" * 5_000,
        "\ud800" * 100,
        PROBLEM + " " * MOST,
        "word " * 200_000,
    ],
)
def test_no_estimate_for_what_is_unlike_all_that_was_fitted(text: str) -> None:
    assert shipped().estimate(text) is None


def test_no_estimate_for_requests_with_tools() -> None:
    assert shipped().estimate(PROBLEM, n_tools=0) is not None
    assert shipped().estimate(PROBLEM, n_tools=1) is None


ANY_TEXT = st.text(max_size=200) | st.lists(
    st.sampled_from([*PROBLEM.split(), *CONTEST.split(), "\nA. ", "\nB. ", "你好", "\ud800", "{"]),
    max_size=120,
).map(" ".join)


@given(ANY_TEXT)
def test_any_text_has_a_reading_within_bounds(text: str) -> None:
    reading = shipped().read(text)
    assert 0 <= reading.score <= 1
    assert 0 <= reading.unlike <= 1
    assert 0 <= reading.known <= 1
    assert shipped().estimate(text) in (None, reading.score)


@pytest.mark.parametrize(
    "text", ["a " * 500_000, "汉" * 500_000, "\n" * 1_000_000, "A. \n" * 250_000]
)
def test_a_million_characters_have_a_reading(text: str) -> None:
    assert 0 <= shipped().read(text).score <= 1


def test_every_process_says_the_same() -> None:
    texts = [PROBLEM, CONTEST, CHOICE]
    code = (
        "import json, sys\nfrom policy_router.classification.learned import shipped\n"
        "print(json.dumps([shipped().read(t) for t in json.load(sys.stdin)]))"
    )
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert json.loads(done.stdout) == [list(shipped().read(text)) for text in texts]


# -------------------------------------------------------------------------------------- the file


def document(**changes: Any) -> dict[str, Any]:
    return {
        "kinds": ["one", "two"],
        "numbers": [[0] * 5] * len(NAMES),
        "start": [0] * 5,
        "scales": [1.0, 1.0, 1.0],
        "cuts": [0.0, 1.0],
        "unlike": 1.0,
        "known": 0.0,
        "sources": [],
        **changes,
    }


@given(
    st.lists(st.integers(-127, 127), min_size=3, max_size=3),
    st.lists(st.integers(-127, 127), min_size=3, max_size=3),
)
def test_the_lanes_of_words_do_not_disturb_one_another(a: list[int], b: list[int]) -> None:
    """The likelier kind is the one with more evidence, and `unlike` is the softmax of all three."""
    model = parse(dump(document(scales=[0.01, 1.0, 1.0]), {"ant": a, "bee": b}))
    both = [0.01 / 3**0.5 * (x + y) for x, y in zip(a, b, strict=True)]
    odds = np.exp(both)
    reading = model.read("bee ant")
    assert reading.unlike == pytest.approx(odds[2] / odds.sum())
    assert reading.kind == ("two" if both[1] > both[0] else "one")
    assert reading.known == pytest.approx(2 / 3)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_the_gain_is_that_of_the_likeliest_kind(one: int, two: int) -> None:
    made = document(start=[0, 0, 0, one, two], cuts=[-1000.0, 1000.0])
    model = parse(dump(made, {"ant": [1, 0, 0], "bee": [0, 1, 0]}))
    assert model.read("ant").gain == one
    assert model.read("bee").gain == two
    assert model.read("bee").score == (two + 1000) / 2000


def test_a_score_is_a_rank_between_the_cuts() -> None:
    def score(gain: int) -> float:
        made = document(start=[0, 0, 0, gain, gain], cuts=[0.0, 1.0, 10.0, 10.0, 20.0])
        return parse(dump(made, {})).read("").score

    assert [score(g) for g in (-5, 0, 1, 10, 15, 20, 99)] == [0, 0, 0.25, 0.75, 0.875, 1, 1]


def test_far_evidence_is_certainty_and_no_overflow() -> None:
    made = document(scales=[1e9, 1.0, 1.0])
    model = parse(dump(made, {"ant": [127, 0, 0], "bee": [0, 0, 127]}))
    assert model.read("ant").unlike == pytest.approx(0)
    assert model.read("bee").unlike == pytest.approx(1)


def test_the_same_model_gives_the_same_bytes() -> None:
    words = {"b": [1, 2, 3], "a": [4, 5, 6]}
    backwards = dict(reversed(document().items()))
    assert dump(document(), words) == dump(backwards, dict(reversed(words.items())))


SOUND = dump(document(), {"ant": [1, 2, 3]})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a learned model"),
        (b"\x00\xff\n\x00", "not a learned model"),
        (b"PK\x03\x04 whatever", "not a learned model"),
        (SOUND.replace(b"learned 1 ", b"learned 2 "), "version 2, where this policy-router reads"),
        (SOUND[:-1], "damaged"),
        (SOUND.replace(b"ant 1", b"ant 7"), "damaged"),
        (dump(document(shape=["words"]), {}), "made for other features"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "some.model"
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=reason) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.model")


# --------------------------------------------------------------------------------------- fitting


def write(folder: Path, name: str, models: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    lines = [{"_meta": {"models": list(models)}}, *rows]
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, lines)))


def shopping(chance: np.random.Generator, steps: int) -> str:
    names = ("Ann", "Bob", "Cid", "Dora")
    things = ("apples", "pears", "books", "coins")
    return " ".join(
        f"{chance.choice(names)} buys {chance.integers(2, 99)} {chance.choice(things)}."
        for _ in range(steps)
    )


def loop(chance: np.random.Generator) -> str:
    return (
        f"def f(x):\n    for i in range({chance.integers(2, 99)}):\n        x += i\n    return x\n"
    )


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shopping fails with the light model from five purchases on, and only then gains; code
    gains always. A third kind has no outcomes."""
    folder = tmp_path_factory.mktemp("data")
    chance = np.random.default_rng(1)
    pair = (LLAMA, GPT4O)
    shops = [(steps, shopping(chance, steps)) for steps in (1, 2, 8, 9) * 40]
    write(
        folder, "zeroeval_gsm", pair,
        [{"prompt": text, "s": [int(steps < 5), 1]} for steps, text in shops],
    )  # fmt: skip
    code = [{"prompt": loop(chance), "s": [i % 4 // 3, 1]} for i in range(160)]
    write(folder, "zeroeval_crux", pair, [*code, {"prompt": "not asked", "s": [None, 1]}])
    moods = ("sad", "merry", "tender", "solemn")
    write(
        folder, "labels_mtbench", (),
        [{"prompt": f"Please write a {m} poem about the sea, number {n}!"} for n in range(30)
         for m in moods],
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def refitted(made_up: Path) -> Learned:
    out = made_up / "out.model"
    train_learned.main(["--data", str(made_up), "--out", str(out), "--folds", "2"])
    return load(out)


def test_fitting_finds_what_was_planted(refitted: Learned) -> None:
    chance = np.random.default_rng(2)
    easy = [refitted.read(shopping(chance, 2)) for _ in range(20)]
    hard = [refitted.read(shopping(chance, 8)) for _ in range(20)]
    assert {reading.kind for reading in easy + hard} == {"word problem"}
    assert max(e.score for e in easy) < min(h.score for h in hard)
    assert refitted.read(loop(chance)).kind == "running code"


def test_fitting_abstains_on_what_has_no_outcomes(refitted: Learned) -> None:
    assert refitted.estimate(shopping(np.random.default_rng(3), 3)) is not None
    assert refitted.estimate("Please write a merry poem about the sea, number 77!") is None


def test_fitting_credits_its_sources(refitted: Learned) -> None:
    assert [(s["name"], s["rows"]) for s in refitted.sources] == [
        ("GSM8K, ZeroEval", 160),
        ("CRUXEval", 160),
        ("MT-Bench", 120),
    ]


def test_the_same_rows_give_the_same_bytes(
    made_up: Path, refitted: Learned, capsys: pytest.CaptureFixture[str]
) -> None:
    again = made_up / "again.model"
    train_learned.main(["--data", str(made_up), "--out", str(again), "--folds", "2"])
    assert again.read_bytes() == (made_up / "out.model").read_bytes()
    assert refitted == load(again)
    printed = capsys.readouterr().out
    assert "One kind left out" in printed
    assert "GSM8K, ZeroEval          160" in printed


def test_no_data_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no source of outcomes"):
        train_learned.main(["--data", str(tmp_path)])


def test_one_question_with_other_options_is_in_the_same_fold() -> None:
    assert len({fold_of(f"Which  one?\nA. {x}\nB. y", 1000) for x in "abcdefgh"}) == 1
    assert len({fold_of(f"Which {x}?\nA. a", 1000) for x in "abcdefgh"}) > 1


# -------------------------------------------------------------------------------------- measuring


def outcomes(light: Sequence[float], strong: Sequence[float]) -> train_learned.Rows:
    size = len(light)
    return train_learned.Rows(
        texts=np.full(size, "", object),
        kind=np.full(size, "", object),
        source=np.zeros(size, np.int64),
        fold=np.zeros(size, np.int64),
        light=np.array(light, float),
        strong=np.array(strong, float),
        target=np.zeros(size),
    )


ROWS = outcomes([1, 1, 0, 0], [1, 1, 1, 1])


@pytest.mark.parametrize(
    ("score", "area"),
    [([0, 0, 1, 1], 0.75), ([1, 1, 0, 0], 0.25), ([5, 5, 5, 5], 0.5), ([0, 1, 1, 0], 0.5)],
)
def test_area_of_the_gap(score: list[float], area: float) -> None:
    assert area_of_gap(np.array(score, float), ROWS, np.ones(4)) == pytest.approx(area)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=20))
def test_area_under_the_curve_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    score = np.array([float(s) for s, _ in pairs])
    event = np.array([e for _, e in pairs])
    having, lacking = score[event], score[~event]
    if len(having) and len(lacking):
        ordered = [(h > l) + (h == l) / 2 for h in having for l in lacking]  # noqa: E741  low one
        assert area_under_roc(score, event, np.ones(len(pairs))) == pytest.approx(np.mean(ordered))
