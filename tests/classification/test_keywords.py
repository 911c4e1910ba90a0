from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.keywords import SEARCHED, KeywordLists, Keywords
from policy_router.classification.whole_words import is_one_word, whole_word, words_in


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


ALPHABET = (
    "abAB _-+.\\\u00df\u0130\u0131\u03a3\u03c2\u7ffb\u8bd1\u0e41\uac00\u00b2\ud800\U0001f600\n\t\0"
    "\x1c\x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000\u212a\u0434\u0416"
)
SPACELESS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip


def joins(character: str) -> bool:
    """Whether a word may go on with this character."""
    spaced = not any(low <= ord(character or "x") <= high for low, high in SPACELESS)
    return spaced and (character.isalnum() or character == "_")


def stands(word: str, text: str) -> bool:
    """Whether the word stands in the text by itself, looked for as plainly as can be."""
    word, text = (" ".join(each.casefold().split()) for each in (word, text))
    for at in range(len(text)) if word else ():
        end = at + len(word)
        if text[at:end] == word:
            before, after = text[at - 1 : at] if at else "", text[end : end + 1]
            within = (joins(before) and joins(word[0])) or (joins(word[-1]) and joins(after))
            if not within:
                return True
    return False


@given(
    st.lists(st.lists(st.text(ALPHABET, max_size=4), max_size=4), max_size=4),
    st.text(ALPHABET, max_size=30),
)
def test_one_pass_finds_what_a_look_at_each_word_finds(lists: list[list[str]], text: str) -> None:
    looked = KeywordLists(lists).look(text)
    for number, words in enumerate(lists):
        plainly = tuple(word for word in words if stands(word, text))
        assert looked.found(number) == plainly
        assert Keywords(words).found(text) == plainly


def test_more_words_than_the_automaton_holds() -> None:
    many = [f"word{n}" + "x" * 190 for n in range(5_000)]
    looked = KeywordLists([many, ["needle"]]).look(f"a Needle and {many[7]}")
    assert (looked.found(0), looked.found(1)) == ((many[7],), ("needle",))


@pytest.mark.parametrize("length", [SEARCHED - 20, SEARCHED, 10_000_000])
def test_a_long_text_is_searched_where_instructions_stand(length: int) -> None:
    lists = KeywordLists([["first"], ["middle"], ["last"], ["halves"]])
    half = "x " * (length // 4)
    looked = lists.look(f"first {half}middle {half}last")
    seen = [bool(looked.found(number)) for number in range(4)]
    assert seen == [True, length < SEARCHED, True, False]
    # What is cut out does not join what is left.
    cut = "x" * (SEARCHED // 2 - 5) + " half" + "y" * 1000 + "es " + "x" * (SEARCHED // 2 - 3)
    assert KeywordLists([["halfes", "halves"]]).look(cut).found(0) == ()


PARTS = [f"wort{n}" for n in range(40)]
JOINED = " ".join(f"é{word}é" for word in PARTS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (JOINED, []),
        ("é".join(PARTS), []),
        (JOINED + " wort7 zwei Wörter", ["wort7", "zwei wörter"]),
        (JOINED + " zwei ézwei wörteré", ["zwei"]),
        (JOINED + " zwei éc++ c++é 日wort9本", ["zwei", "c++", "wort9"]),
        ("é" * 120_000 + " ".join(PARTS) + "é" * 90_000, PARTS[1:-1]),
        (("é" * 49_995 + " wort5 ") * 3, ["wort5"]),
    ],
)  # fmt: skip
def test_words_that_are_parts_of_others_are_distinguished_from_words(
    text: str, found: list[str]
) -> None:
    lists = KeywordLists([PARTS, ["zwei wörter", "zwei", "c++"]])
    looked = lists.look(text)
    assert {*looked.found(0), *looked.found(1)} == set(found) | (
        {"zwei"} if "zwei wörter" in found else set()
    )


@given(st.text(st.sampled_from("aé日 _-'+"), max_size=40))
def test_the_words_of_a_text_are_those_that_it_contains_by_themselves(text: str) -> None:
    words = words_in(text)
    assert all(is_one_word(word) and whole_word(word).search(text) for word in words)
    parts = {text[a:b] for a in range(len(text)) for b in range(a + 1, min(a + 6, len(text) + 1))}
    assert {p for p in parts if is_one_word(p) and whole_word(p).search(text)} <= words


def test_many_words_take_one_pass() -> None:
    """Held against the time of a single word, so that the machine's load counts for both."""
    text = "the quick brown fox jumps over the lazy dog " * 10_000

    def fastest(lists: KeywordLists) -> float:
        times = []
        for _ in range(5):
            began = perf_counter()
            lists.look(text)
            times.append(perf_counter() - began)
        return min(times)

    one = KeywordLists([["zebra x"]])
    many = KeywordLists([f"zebra{n}", f"quagga {n}"] for n in range(500))
    assert fastest(many) < 10 * fastest(one)
    # Parts of words that occur everywhere, where none is a whole word.
    parts = KeywordLists([[word[1:]] for word in text.split()[:9]] + [["quic"], ["he quick"]])
    assert parts.look(text).found(1) == ()
    assert fastest(parts) < 10 * fastest(one)


@given(st.characters())
def test_every_character_is_taken_for_the_same(character: str) -> None:
    found = Keywords(["word"]).found(f"{character}word")
    assert bool(found) is stands("word", f"{character}word")
