from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classify.words import Keywords


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("refactor", "Please REFACTOR this"),
        ("Refactor", "refactor"),
        ("refactor", "(refactor)"),
        ("unit test", "a Unit\n  test."),
        ("zero-trust", "Our zero-trust plan"),
        ("c++", "in C++ or C"),
        ("c++", "C++"),
        (".net", "use .NET core"),
        ("straße", "in der STRASSE"),
        ("翻译", "请翻译这句话"),
        ("요약", "이 글을 요약해줘"),
        ("แปล", "ช่วยแปลประโยค"),
        ("überprüfe", "bitte überprüfe das"),
        ("test", "pretest, test"),
        ("a", "ba a"),
    ],
)
def test_a_word_is_found(word: str, text: str) -> None:
    assert Keywords((word,)).found(text) == (word,)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("test", "testing"),
        ("test", "pretest"),
        ("test", "unit_test"),
        ("test", "test2"),
        ("unit test", "unit of test"),
        ("art", "Übernachtungsart"),
        ("над", "наднациональный"),
        (" ", "a b"),
        ("x", ""),
    ],
)
def test_a_word_is_not_found(word: str, text: str) -> None:
    assert Keywords((word,)).found(text) == ()


def test_those_that_stand_there_come_in_the_written_order() -> None:
    words = Keywords(("b", "a", "c d", "e"))
    assert words.found("a c  D and b") == ("b", "a", "c d")
    assert Keywords(()).found("a") == ()


@given(st.lists(st.text(max_size=5), max_size=5), st.text())
def test_any_words_can_be_looked_for_in_any_text(words: list[str], text: str) -> None:
    assert set(Keywords(words).found(text)) <= set(words)


@given(st.text(alphabet="ab c", min_size=1), st.text(alphabet="ab c"), st.text(alphabet="ab c"))
def test_a_word_that_stands_alone_is_found_between_any_others(
    word: str, before: str, after: str
) -> None:
    expected = (word,) if word.strip() else ()
    assert Keywords((word,)).found(f"{before} {word} {after}") == expected
