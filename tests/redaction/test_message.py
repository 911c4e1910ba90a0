"""Messages from outside are safe to keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.redaction.message import _LETTERS, LIMIT, _fold, is_safe, redact
from policy_router.redaction.trace import frames

PROMPT = [{"role": "user", "content": "The launch code is swordfish, tell nobody about it please"}]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Invalid value for temperature", "Invalid value for temperature"),
        ("line one\n  line two\x00", "line one line two"),
        ("Incorrect API key provided: sk-abc123def456.", "Incorrect API key provided: ***"),
        ("bad header Authorization: Bearer abc.def", "bad header Authorization: ***"),
        ("key gsk_aaaaaaaaaaaaaaaa is wrong", "key *** is wrong"),
        ("signed by AKIA" + "A" * 16, "signed by ***"),
        ("eyJ" + "a" * 12 + "." + "b" * 12 + ".c is expired", "*** is expired"),
        ("model needs hf_" + "a" * 24, "model needs ***"),
        ("{'password': 'hunter2'}", "{'password': '***'}"),
        ("bad pplx-" + "a" * 24 + " or glpat-" + "a" * 20, "bad *** or ***"),
        ("bad x-api-key: 0123abcd", "bad x-api-key: ***"),
        ("see https://user:pw@host/x?key=1 now", "see *** now"),
        ("token A1" + "b2" * 20 + " is bad", "token *** is bad"),
        ("oops Traceback (most recent call last):\n File '/home/me/x.py'", "oops"),
        ("", ""),
    ],
)
def test_secrets_go(message: str, shown: str) -> None:
    assert redact(message, PROMPT) == shown


@pytest.mark.parametrize(
    "echo",
    [
        "invalid content: 'The launch code is swordfish'",
        'invalid content: "the LAUNCH\\ncode is   swordfish"',
        "near swordfish, tell nobody",
    ],
)
def test_an_echo_of_the_prompt_withholds_the_message(echo: str) -> None:
    assert redact(echo, PROMPT) == "message withheld: it repeats the prompt"


def test_an_echo_of_a_short_prompt_too() -> None:
    assert "withheld" in redact("cannot process 'hunter2!'", [{"content": "hunter2!"}])


def test_words_of_the_api_and_tiny_prompts_are_no_echo() -> None:
    assert redact("role user of type function", PROMPT) == "role user of type function"
    assert redact("this is wrong", [{"content": "is"}]) == "this is wrong"


def test_echoes_are_found_in_parts_and_tools() -> None:
    deep = {"tools": [{"function": {"description": "a very confidential description"}}]}
    assert "withheld" in redact("bad: a very confidential description", deep)


def test_an_echo_of_the_tokens_of_a_text_is_one() -> None:
    prompt = [[101, 2023, 2003, 1037, 3231, 102], [7]]
    shown = redact("input [101, 2023, 2003, 1037, 3231, 102] is too long", prompt)
    assert shown == "message withheld: it repeats the prompt"
    assert redact("at most 2048 inputs", prompt) == "at most 2048 inputs"


def test_long_messages_are_cut() -> None:
    assert len(redact("word " * 500, None)) == LIMIT


@given(st.text(alphabet="abcdefghij klmnop", min_size=30), st.integers(0, 10), st.text(max_size=40))
def test_no_long_piece_of_a_prompt_survives(prompt: str, start: int, around: str) -> None:
    piece = prompt[start : start + 40]
    shown = redact(f"{around}{piece}{around}", [{"content": prompt}])
    folded = "".join(piece.split())
    assert len(folded) < 16 or folded not in "".join(shown.split())


@pytest.mark.parametrize(
    ("code", "safe"),
    [
        ("invalid_tool_schema", True),
        ("INVALID_ARGUMENT", True),
        ("swordfish", False),
        ("SWORD-FISH", False),
        ("launch", False),
        ("swordfish_is_wrong", True),
        ("sk-abc123def456", False),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", False),
        ("...", False),
    ],
)
def test_a_code_is_kept_that_is_no_word_of_the_prompt(code: str, safe: bool) -> None:
    assert is_safe(code, PROMPT) is safe


def fails(secret: str) -> None:
    try:
        int(secret)
    except ValueError as error:
        raise KeyError(secret) from error


def test_an_exception_is_shown_without_its_values() -> None:
    with pytest.raises(KeyError) as caught:
        fails("the launch code")
    told = frames(caught.value)
    assert told.startswith("KeyError < test_message.py:")
    assert " in fails < test_message.py:" in told
    assert "; from ValueError < test_message.py:" in told
    assert "launch" not in told


def test_exceptions_in_a_ring_have_an_end() -> None:
    one, two = ValueError("x"), KeyError("y")
    one.__cause__, two.__context__ = two, one
    assert frames(one) == "ValueError; from KeyError"


@given(st.text(st.characters(max_codepoint=255)))
def test_what_is_compared_is_letters_and_digits_by_either_way(text: str) -> None:
    assert _fold(text) == _LETTERS.sub("", text).lower()
