from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.conversation.transcript import read_transcript
from policy_router.domain.dialect import Dialect

PROVE = "Prove that there are infinitely many primes."
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "fine"}
FAILED = {"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def model(content: Any = "well") -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def talk(*said: str) -> list[dict[str, Any]]:
    """Turns of a user, each but the last with an answer."""
    return [each for words in said for each in (user(words), model())][:-1]


@pytest.mark.parametrize(
    ("messages", "asked", "turn", "turns"),
    [
        ([], "", 0, 0),
        ([user("Hi")], "Hi", 1, 1),
        ("Hi", "Hi", 1, 1),
        (talk("Hi", PROVE), PROVE, 2, 2),
        (talk(PROVE, "yes"), PROVE, 1, 2),
        (talk(PROVE, "yes", "continue", "ok do it"), PROVE, 1, 4),
        (talk(PROVE, "thanks"), "thanks", 2, 2),
        (talk("yes"), "yes", 1, 1),
        (talk("yes", "yes"), "yes", 1, 2),
        (talk(PROVE, "try it again"), f"{PROVE}\n\ntry it again", 1, 2),
        (talk(PROVE, "yes", "why?", "ok"), f"{PROVE}\n\nwhy?", 1, 4),
        (talk("why?"), "why?", 1, 1),
        (talk(PROVE, "why?", "again", "again"), f"{PROVE}\n\nwhy?\n\nagain\n\nagain", 1, 4),
        (
            talk(PROVE, "why?", "again", "again", "still no"),
            "why?\n\nagain\n\nagain\n\nstill no",
            2,
            5,
        ),
        ([user("Here is my text."), user("Translate it")], "Translate it", 1, 1),
        ([user("Hi"), {"role": "system", "content": "s"}, user("Prove it")], "Prove it", 1, 1),
        ([user("Hi"), CALL, user([RESULT])], "Hi", 1, 1),
        ([user("Hi"), CALL, user([RESULT, text("stop")])], "stop", 2, 2),
        ([user("Hi"), CALL, user([RESULT, text("<system-reminder>x</system-reminder>")])],
         "Hi", 1, 1),
        ([user("Hi"), CALL, {"role": "tool", "content": "fine"}], "Hi", 1, 1),
        ([user([text("a"), text("b")])], "a\nb", 1, 1),
        ([user([text("a"), {"type": "image_url", "image_url": {}}])], "a", 1, 1),
        ([user("Hi"), model(), user([{"type": "image_url", "image_url": {}}])], "", 2, 2),
        ([user("<system-reminder>x</system-reminder>")],
         "<system-reminder>x</system-reminder>", 0, 0),
        ([user(None), user(7), user([]), None, 3, {"role": ["user"]}], "", 0, 0),
    ],
)  # fmt: skip
def test_what_is_asked(messages: Any, asked: str, turn: int, turns: int) -> None:
    transcript = read_transcript({"messages": messages}, Dialect.CHAT)
    latest = transcript.asked()
    assert (latest.text, latest.turn, transcript.turns) == (asked, turn, turns)


def test_where_a_program_says_so_the_last_text_is_what_was_typed() -> None:
    body = {"messages": [user([text("long context"), text("say done")])]}
    assert read_transcript(body, Dialect.MESSAGES, asks_last=True).asked().text == "say done"
    assert read_transcript(body, Dialect.MESSAGES).asked().text == "long context\nsay done"


@pytest.mark.parametrize(
    ("messages", "errors", "results"),
    [
        ([user("Hi")], 0, 0),
        ([user("Hi"), CALL, user([FAILED])], 1, 1),
        ([user("Hi"), CALL, user([FAILED]), CALL, user([FAILED])], 2, 2),
        ([user("Hi"), CALL, user([FAILED]), CALL, user([RESULT])], 0, 2),
        ([user("Hi"), CALL, user([RESULT, FAILED])], 1, 2),
        ([user("Hi"), CALL, user([FAILED, RESULT])], 0, 2),
        ([user("Hi"), CALL, user([FAILED]), user("try harder")], 0, 1),
        ([user("Hi"), CALL, user([FAILED, text("try harder")])], 0, 1),
        ([user("Hi"), {"role": "tool", "content": "Error: no"}], 1, 1),
        ([user("Hi"), {"role": "function", "content": "fine"}], 0, 1),
    ],
)
def test_failures_at_the_end_are_counted(messages: Any, errors: int, results: int) -> None:
    transcript = read_transcript({"messages": messages}, Dialect.MESSAGES)
    assert (transcript.errors, transcript.results) == (errors, results)


@pytest.mark.parametrize(
    ("given_input", "asked", "turns", "errors"),
    [
        ("Hi", "Hi", 1, 0),
        ([{"role": "user", "content": "Hi"}], "Hi", 1, 0),
        (
            [
                {"type": "message", "role": "user", "content": [text("Hi")]},
                {"type": "reasoning", "summary": []},
                {"type": "custom_tool_call", "call_id": "c", "input": "x"},
                {"type": "custom_tool_call_output", "call_id": "c", "output": "Error: no"},
                {"type": "function_call_output", "output": [text("exit code 1")]},
                {"type": ["odd"]},
                "loose",
            ],
            "Hi",
            1,
            2,
        ),
        (None, "", 0, 0),
    ],
)
def test_the_input_of_responses(given_input: Any, asked: str, turns: int, errors: int) -> None:
    transcript = read_transcript({"input": given_input}, Dialect.RESPONSES)
    assert transcript.asked().text == asked
    assert (transcript.turns, transcript.errors) == (turns, errors)


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"instructions": "Be kind."}, Dialect.RESPONSES),
        ({"input": [{"role": "developer", "content": [text("Be kind.")]}]}, Dialect.RESPONSES),
        ({"system": [text("Be kind."), text("x")]}, Dialect.MESSAGES),
        ({"messages": [{"role": "system", "content": "Be kind."}, user("Hi")]}, Dialect.CHAT),
    ],
)
def test_the_beginning_of_the_system_prompt_is_kept(body: Any, dialect: Dialect) -> None:
    assert read_transcript(body, dialect).system == "Be kind."


PARTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("role", "content", "text", "type", "output", "is_error")),
            inner
            | st.sampled_from(("user", "assistant", "tool", "tool_result", "message", "x_output")),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(PARTS, st.sampled_from(Dialect), st.booleans())
def test_any_body_has_a_transcript(value: Any, dialect: Dialect, last: bool) -> None:
    body = {"messages": value, "input": value, "system": value, "instructions": value}
    transcript = read_transcript(body, dialect, asks_last=last)
    latest = transcript.asked()
    assert 0 <= latest.turn <= transcript.turns
    assert 0 <= transcript.errors <= transcript.results
