from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.learned_features import CODE, NAMES, SIGNS, features_of


def numbers(text: str) -> dict[str, int]:
    return dict(zip(NAMES, features_of(text).numbers, strict=True))


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("", "bytes", 0),
        ("a", "bytes", 1),
        ("ab", "bytes", 3),
        ("abcd", "bytes", 5),
        ("two words", "words", 3),
        ("ab ab ab ab", "repetition", 12),
        ("ab cd ef gh", "repetition", 0),
        ("1 22 333", "numbers", 4),
        ("1234", "digits_per_number", 4),
        ("ABCD", "capitals", 32),
        ("abcd", "capitals", 0),
        ("$x^2$", "$", 3),
        ("$x^2$", "^", 1),
        ("a\nb\nc\nd\ne", "\n", 5),
        ("for x in y: return x", "for ", 1),
        ("for x in y: return x", "return", 1),
    ],
)
def test_numbers(text: str, name: str, value: int) -> None:
    assert numbers(text)[name] == value


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Which?\nA. x\nB. y\nC. z\nD. w", 4),
        ("Which?\nA) x\nB) y", 2),
        ("Which?\n(A) x\n(B) y\n(C) z", 3),
        ("A. x\nB. y", 2),
        ("Which?\n" + "\n".join(f"{letter}. x" for letter in "ABCDEFGHIJK"), 10),
        ("Which?\nB. y\nA. x", 1),
        ("Plan A. Then plan B. Then plan C.", 0),
        ("", 0),
    ],
)
def test_options_are_lettered_lines_in_order(text: str, options: int) -> None:
    assert numbers(text)["options"] == options


def test_the_stem_ends_where_the_options_begin() -> None:
    assert numbers("Which?\nA. x\nB. y")["stem"] == numbers("Which?!")["bytes"]
    assert numbers("Which?")["stem"] == numbers("Which?")["bytes"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat, the CAT!", {"the", "cat"}),
        ("don't", {"don", "t"}),
        ("x2y", {"x", "y"}),
        ("ÄPFEL und Äpfel", {"Äpfel", "ÄPFEL".replace("PFEL", "pfel"), "und"}),
        ("你好 world", {"你好", "world"}),
        ("123 $%", set()),
    ],
)
def test_words_are_distinct_and_ascii_letters_are_lowered(text: str, words: set[str]) -> None:
    assert features_of(text).words == {word.encode() for word in words}


@given(st.text(st.characters() | st.sampled_from(SIGNS + "ABC. \n1"), max_size=300))
def test_any_text_has_a_shape_of_small_numbers(text: str) -> None:
    found = features_of(text)
    assert len(found.numbers) == len(NAMES) == 10 + len(SIGNS) + len(CODE)
    assert all(0 <= number < 64 for number in found.numbers)


@given(st.text(st.sampled_from(SIGNS + "aB1 "), max_size=200))
def test_signs_are_counted_by_half_octaves(text: str) -> None:
    found = numbers(text)
    for sign in SIGNS:
        assert found[sign] == (text.count(sign) ** 2).bit_length()


@given(st.text(max_size=100))
def test_a_lone_surrogate_is_a_letter_of_another_script(text: str) -> None:
    assert features_of("\ud800" + text).numbers[0] >= features_of(text).numbers[0]
