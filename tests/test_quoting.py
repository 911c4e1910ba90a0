"""Values of a caller as they stand in a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.quoting import LONGEST, quoted, unknown


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Liar(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "x" * 10_000


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary() | st.lists(st.text()))
def test_it_is_short_and_on_one_line(value: object) -> None:
    assert len(quoted(value)) <= LONGEST
    assert quoted(value).isprintable()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("word", "word"),
        ("a\nb\x1b[31m", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m"),
        ("x" * 10_000_000, "x" * (LONGEST - 1) + "\N{HORIZONTAL ELLIPSIS}"),
        (7, "7"),
        (None, "None"),
        (10**5000, "a number of thousands of digits"),
        (["a prompt"], "a value of type list"),
        (Hostile(), "a value of type Hostile"),
        (Liar("word"), "word"),
    ],
    ids=["word", "controls", "long", "number", "none", "digits", "list", "hostile", "liar"],
)
def test_any_value_is_shown(value: object, shown: str) -> None:
    assert quoted(value) == shown


@pytest.mark.parametrize(
    ("word", "known", "words"),
    [
        ("cod", ["code", "chat"], "unknown task `cod`; did you mean `code`?"),
        ("CODE", ["code", "chat"], "unknown task `CODE`; did you mean `code`?"),
        ("sums", ["code", "chat"], "unknown task `sums`: the known ones are `code`, `chat`"),
        ("sums", [], "unknown task `sums`: the policy has none"),
        (7, ["code"], "unknown task `7`: the known ones are `code`"),
    ],
)
def test_an_unknown_word(word: object, known: list[str], words: str) -> None:
    assert unknown("task", word, known) == words


def test_neither_a_long_word_nor_many_known_ones_make_a_long_message() -> None:
    many = [f"model-{n}-" + "x" * 1000 for n in range(5000)]
    message = unknown("model", "y" * 10_000_000, many)
    assert len(message) < 1200
    assert message.endswith(" and 4988 more")
