from __future__ import annotations

import string
from dataclasses import fields

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from policy_router.classification.text import CLOSING, HEAD, OPENING, TAIL, Script, Text, read_text
from policy_router.classification.vocabulary import vocabulary

ANY = st.text() | st.binary().map(lambda data: data.decode("latin-1"))
WORDS = st.lists(st.sampled_from(sorted(vocabulary().words)), max_size=40).map(" ".join)


def found(text: str) -> dict[str, int]:
    return dict(read_text(text).found)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("", "words", 0),
        ("one two  three", "words", 3),
        ("你好世界", "words", 2),
        ("Costs 1,000.50 or 3 or 4x", "numbers", 3),
        ("a = b + c", "maths", 2),
        ("x² ≤ 4", "maths", 2),
        ("Find $x$ and $y$", "formulae", 2),
        (r"\frac{a}{b}", "formulae", 1),
        ("costs $5 and $6", "formulae", 0),
        ("echo $home and ${path}", "formulae", 0),
        (r"a line\nand another\n", "formulae", 0),
        ("if (a) { b[1]; }", "code", 5),
        ("def f", "code", 4),
        ("```\ncode\n```", "fences", 2),
        ("why? how? ماذا؟ 什么？", "questions", 4),  # noqa: RUF001  as it is written
        ("Which?\nA. one\nB. two\nC. three", "options", 3),
        ("Which? (A) one (B) two", "options", 2),
        ("Which? a) one b) two c) three", "options", 3),
        ("A. Smith wrote this.", "options", 0),
        ("Which?\nA. one\nC. three", "options", 0),
        ("Do:\n1. this\n2. that", "steps", 2),
        ("Do:\n- this\n* that\n• those", "bullets", 3),
        ("You must use only three, without help", "constraints", 3),
        ("Two integers and a polynomial", "terms", 2),
        ("Write an essay", "long", True),
        ("Write 500 words", "long", True),
        ("Write 50 words", "long", False),
        ("Write many words", "long", False),
        ("words", "long", False),
        ("9999999999 words", "long", False),
        ("my passwords", "long", False),
        ("", "script", Script.NONE),
        ("123 + 4 = ?", "script", Script.NONE),
        ("¿¡«»", "script", Script.NONE),
        ("Hello", "script", Script.LATIN),
        ("Über größere Öfen", "script", Script.LATIN),
        ("Привет", "script", Script.CYRILLIC),
        ("Καλημέρα", "script", Script.GREEK),
        ("שלום", "script", Script.HEBREW),
        ("مرحبا", "script", Script.ARABIC),
        ("नमस्ते", "script", Script.INDIC),
        ("สวัสดี", "script", Script.THAI),
        ("こんにちは", "script", Script.KANA),
        ("你好", "script", Script.HAN),
        ("안녕하세요", "script", Script.HANGUL),
        ("写一个 python 函数来排序", "script", Script.HAN),
        ("𐍈𐌰𐌹", "script", Script.OTHER),
    ],
)
def test_a_count(text: str, field: str, value: object) -> None:
    assert getattr(read_text(text), field) == value


def test_words_and_phrases_of_the_vocabulary_are_counted() -> None:
    assert found("Refactor, REFACTOR; step by step.") == {"refactor": 2, "step by step": 1}
    assert "step by step" not in found("step by")
    assert "step by step" not in found("by step")
    assert found("übersetze das") == {"übersetze": 1}
    assert found("请翻译") == {"翻译": 1}
    assert found("the word 请翻译 stood there") == {}


def test_where_an_instruction_stands_is_distinguished() -> None:
    filler = " ".join(["xyz"] * 40)
    assert read_text(f"summarize {filler} equation {filler} translate").asked == {
        "summarize",
        "translate",
    }
    assert read_text(" ".join(["xyz"] * (OPENING - 1)) + " equation " + filler).asked
    assert not read_text(" ".join(["xyz"] * OPENING) + " equation " + filler).asked
    assert read_text(filler + " equation " + " ".join(["xyz"] * (CLOSING - 1))).asked
    assert not read_text(filler + " equation " + " ".join(["xyz"] * CLOSING)).asked
    assert read_text(f"{filler} {filler} pros and cons xyz").asked == {"pros and cons"}


def test_a_long_text_is_read_at_its_ends() -> None:
    middle = "equation " * 50_000
    text = read_text("summarize " + "x" * HEAD + middle + "x" * TAIL + " translate")
    assert text.found == (("summarize", 1), ("translate", 1))
    assert text.characters == len(middle) + HEAD + TAIL + 20


def test_nothing_but_the_vocabulary_is_kept() -> None:
    kept = read_text("My key is hunter2, refactor it")
    assert "hunter2" not in repr(kept)
    assert dict(kept.found) == {"key": 1, "refactor": 1}


@given(ANY | WORDS)
def test_any_text_has_counts_that_are_not_negative(text: str) -> None:
    read = read_text(text)
    assert read.characters == len(text)
    known = vocabulary()
    entries = known.task_cues.keys() | known.hard_words.keys() | known.proofs | known.professions
    assert read.asked <= dict(read.found).keys() <= entries
    for field in fields(Text):
        value = getattr(read, field.name)
        assert not isinstance(value, int) or value >= 0


@given(WORDS, WORDS)
@example("abdominal 故事情节", "")
def test_more_text_of_one_script_finds_no_less(one: str, other: str) -> None:
    longer = f"{one} xyz {other}"
    # How words are told apart depends on the script of most letters.
    assume(read_text(one).script is read_text(longer).script)
    before, after = found(one), found(longer)
    assert all(after[entry] >= times for entry, times in before.items())


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,?=+{}$\n", max_size=200))
def test_a_text_twice_has_each_count_twice(text: str) -> None:
    once, twice = read_text(f"{text}\n"), read_text(f"{text}\n{text}\n")
    for field in ("words", "numbers", "maths", "code", "questions", "constraints", "terms"):
        assert getattr(twice, field) == 2 * getattr(once, field), field


def test_every_entry_is_written_as_it_is_looked_up() -> None:
    for entry in {*vocabulary().task_cues, *vocabulary().hard_words}:
        assert entry == " ".join(entry.lower().split())
        assert entry in found(f"{entry}") or not entry.isascii(), entry
