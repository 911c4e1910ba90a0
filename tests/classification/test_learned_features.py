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
        ("x = 2", "=", 1),
        ("$x^2$", "bytes", 3),
        ("a  b\n", "bytes", 3),
        ("a|b|c", "|", 3),
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


OPTIONS = "Which organ stores bile?\nA. Liver\nB. Gallbladder\nC. Spleen\nD. Pancreas"


@pytest.mark.parametrize(
    "style",
    ["{}) ", "({}) ", "{}: ", "[{}] ", "**{}.** ", "**{}**. ", "- {}. ", "* ({}) ", "  {}.  "],
)
def test_the_style_of_options_is_no_feature(style: str) -> None:
    styled = OPTIONS
    for letter in "ABCD":
        styled = styled.replace(f"\n{letter}. ", f"\n{style.format(letter)}")
    assert styled != OPTIONS
    assert features_of(styled) == features_of(OPTIONS)


@pytest.mark.parametrize("style", ["({}) ", "{}) "])
def test_options_on_one_line_are_those_on_several(style: str) -> None:
    flat = OPTIONS
    for letter in "ABCD":
        flat = flat.replace(f"\n{letter}. ", f" {style.format(letter)}")
    assert features_of(flat) == features_of(OPTIONS)


@pytest.mark.parametrize(
    ("marked", "bare"),
    [
        ("Let $x^2$ be **large**, and $y_1$ not.", "Let x2 be large, and y1 not."),
        (r"Let \(x\) be in \[ 0, 1 \].", "Let x be in 0, 1 ."),
        (r"Find $\frac{a}{b}$ where $\sqrt{b} = c$.", "Find a b where b = c."),
        ("# Title\n`code` and *more*", "Title\ncode and more"),
        ("Run this:\n```python\nx = 1\n```\n", "Run this:\nx = 1\n"),
        ("~~~\nreturn x\n~~~", "return x\n"),
    ],
)
def test_latex_and_markdown_are_no_features(marked: str, bare: str) -> None:
    one, other = features_of(marked), features_of(bare)
    assert one.words == other.words
    without = NAMES.index("words"), NAMES.index("letters_per_word"), NAMES.index("repetition")
    assert [n for i, n in enumerate(one.numbers) if i not in without] == [
        n for i, n in enumerate(other.numbers) if i not in without
    ]


def test_names_of_commands_are_no_words() -> None:
    assert features_of("Find frac a b where sqrt b = c.").words == {
        b"find",
        b"a",
        b"b",
        b"where",
        b"c",
    }


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
