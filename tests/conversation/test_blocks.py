from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.conversation.blocks import asked_in, may_be_asked

REMINDER = "<system-reminder>\nKeep it short.\n</system-reminder>"
SUMMARY = """This session is being continued from a previous conversation that ran out of context.
1. Primary Request:
   A parser was written.
6. All user messages:
   - write a parser for dates
   - "now prove that it terminates"
7. Pending Tasks:
   - none
"""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Hello", "Hello"),
        ("", ""),
        (f"{REMINDER}\n\nsay done", "say done"),
        (f"say done\n{REMINDER}", "say done"),
        (f"{REMINDER}\nsay\n{REMINDER}\ndone", "say\n\ndone"),
        (REMINDER, ""),
        ("<environment_context><cwd>/tmp</cwd></environment_context>", ""),
        ("<task>\nsay done\n</task>\n<environment_details>x</environment_details>", "say done"),
        ("<document>long</document>\nSummarize it.", "Summarize it."),
        ("Compare <file name='a'>1</file> and <file name='b'>2</file>", "Compare  and"),
        ("<document>only this</document>", "only this"),
        ("<command-name>/plan</command-name><command-args>the move</command-args>", "the move"),
        ("<local-command-stdout>ok</local-command-stdout>", ""),
        ("Why is <div>x</div> red?", "Why is <div>x</div> red?"),
        ("What does <system-reminder> mean?", "What does <system-reminder> mean?"),
        ("What do <my-tag> and </other-tag> mean?", "What do <my-tag> and </other-tag> mean?"),
        ("<a-b>1<a-b>2</a-b>3</a-b>4", "4"),
        ("<a-b>1<a-b>2</a-b>3", "3"),
        ("<a-b>1</c-d>2</a-b>3</a-b>", "3</a-b>"),
        ("[Request interrupted by user for tool use]", ""),
        ("# AGENTS.md instructions for /src\n\nBe kind.", ""),
        ("Caveat: The messages below were generated", ""),
        ("Caveat emptor: what does it mean?", "Caveat emptor: what does it mean?"),
        (SUMMARY, "now prove that it terminates"),
        (SUMMARY.split("6.", maxsplit=1)[0], ""),
        ("This session is being continued from a previous conversation\nUser messages:\n", ""),
        ("Another language model started to solve this problem and wrote this.", ""),
    ],
)
def test_what_a_human_typed(text: str, asked: str) -> None:
    assert asked_in(text) == asked
    assert may_be_asked(text) is bool(asked)


@given(st.text() | st.lists(st.sampled_from(("<a-b>", "</a-b>", "<c_d>", "</c_d>", "x"))))
def test_any_text_can_be_read(text: str | list[str]) -> None:
    whole = text if isinstance(text, str) else "".join(text)
    assert len(asked_in(whole)) <= len(whole)
    assert may_be_asked(whole) is bool(asked_in(whole).strip())


@pytest.mark.parametrize("tag", ["<a-b>", "</a-b>", "<a-b>x</a-b>", "<", "<a-b ", "<a-b></c-d>"])
def test_a_hostile_text_takes_no_longer_than_another(tag: str) -> None:
    assert len(asked_in(tag * 100_000)) <= len(tag) * 100_000


@pytest.mark.parametrize(
    "sign", [" ", "\n", "1. ", "(1.", "* \n", "user messages ", "#user messages"]
)
def test_a_hostile_summary_takes_no_longer_than_another(sign: str) -> None:
    """A search that tries every length of what may stand before the heading would take hours."""
    summary = "This session is being continued from a previous conversation\n" + sign * 300_000
    assert asked_in(f"{summary}\nUser messages:\n- fix it") in {"fix it", ""}


@pytest.mark.parametrize(
    ("heading", "is_one"),
    [
        ("User messages:", True),
        ("  6. All user messages: ", True),
        ("**User messages**", True),
        ("6. user messages", True),
        ("These are the user messages:", False),
        ("-" * 100 + "user messages", False),
    ],
)
def test_the_heading_over_the_text_of_the_user(heading: str, is_one: bool) -> None:
    opening = "This session is being continued from a previous conversation\n"
    assert asked_in(f"{opening}{heading}\n- fix it") == ("fix it" if is_one else "")


def test_a_blank_text_asks_nothing() -> None:
    assert not may_be_asked(" " * 1_000)
    assert may_be_asked(" " * 1_000 + "x")
