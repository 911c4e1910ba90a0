"""What each check makes of an answer: tables, and what a finding never says."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.acceptance.checks import (
    CHECKS,
    PASSED,
    SLOW,
    Verdict,
    apply_table,
    finding_for,
    takes_time,
)
from policy_router.domain.acceptance import CHECKS as NAMES
from policy_router.domain.acceptance import Accept, Judge, OnRejected
from policy_router.domain.findings import Finding
from policy_router.domain.models import Model
from policy_router.providers.answers.adapt import to_answer
from policy_router.providers.answers.chat import ChatChoice
from policy_router.providers.answers.message import AnswerMessage, FunctionCall, ToolCall
from policy_router.providers.failures.failure import FailureKind

BY = "task `form`"
PERSON = json.dumps(
    {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"minimum": 0}},
        "additionalProperties": False,
    }
)


CALL = ToolCall("c", FunctionCall("f", "{}"))


def choice(text: str, finish: str | None = "stop", acts: bool = False) -> ChatChoice:
    return ChatChoice(0, AnswerMessage(text, (CALL,) if acts else ()), finish)


def look(text: str, finish: str = "stop", *, acts: bool = False, **checks: Any) -> str | None:
    """The one finding's detail, or None."""
    verdict = apply_table([Accept(BY, **checks)], [choice(text, finish, acts)])
    assert len(verdict.rejected) + len(verdict.passed) == 1
    return verdict.rejected[0].detail if verdict.rejected else None


@pytest.mark.parametrize(
    ("text", "checks", "detail"),
    [
        ("x", {"not_empty": True}, None),
        ("", {"not_empty": True}, "no text"),
        (" \n\t", {"not_empty": True}, "no text"),
        ('{"a": 1}', {"json": True}, None),
        (' [1, 2]\n', {"json": True}, None),
        ("null", {"json": True}, None),
        ("", {"json": True}, "no JSON: expecting value at character 0"),
        ("{'a': 1}", {"json": True},
         "no JSON: expecting property name enclosed in double quotes at character 1"),
        ('{"a": 1} and so on', {"json": True}, "no JSON: extra data at character 9"),
        ('```json\n{"a": 1}\n```', {"json": True}, "no JSON: expecting value at character 0"),
        ('{"a": NaN}', {"json": True}, "no JSON: a number that cannot be read"),
        ("-Infinity", {"json": True}, "no JSON: a number that cannot be read"),
        ("9" * 5000, {"json": True}, "no JSON: a number that cannot be read"),
        ("[" * 100_000, {"json": True}, "no JSON: nested too deeply"),
        ("1" + " " * 1_000_000, {"json": True},
         "longer than 1,000,000 characters, the most that are checked"),
        ("1" + " " * 1_000_000, {"json_schema": "{}"},
         "longer than 1,000,000 characters, the most that are checked"),
        ("1" + " " * 1_000_000, {"pattern": "1"},
         "longer than 1,000,000 characters, the most that are checked"),
        ('{"name": "Ada", "age": 3}', {"json_schema": PERSON}, None),
        ("Ada", {"json_schema": PERSON}, "no JSON: expecting value at character 0"),
        ("{}", {"json_schema": PERSON}, "does not fit the schema at `required`"),
        ('{"name": 5}', {"json_schema": PERSON},
         "does not fit the schema at `properties/name/type`"),
        ('{"name": "ada"}', {"json_schema": PERSON},
         "does not fit the schema at `properties/name/pattern`"),
        ('{"name": "A", "a secret": 1}', {"json_schema": PERSON},
         "does not fit the schema at `additionalProperties`"),
        ("[]", {"json_schema": "{}"}, None),
        ("1", {"json_schema": '{"$ref": "#"}'},
         "the schema cannot be followed to its end"),
        ("see: 42", {"pattern": r"\d+$"}, None),
        ("x" * 70_000 + "7", {"pattern": r"\d$"}, None),
        ("see", {"pattern": r"\d+"}, "the pattern is not found"),
        ("half a pair: \ud800 7", {"pattern": r"\d"}, None),
        ("ab", {"min_chars": 2}, None),
        ("a" * 999, {"min_chars": 1000}, "999 characters, fewer than 1,000"),
        ("ab", {"max_chars": 2}, None),
        ("abc", {"max_chars": 2}, "3 characters, more than 2"),
        ("a", {"max_chars": 0}, "1 characters, more than 0"),
        ("a", {"stop_reason": ("stop", "length")}, None),
        ("a", {"stop_reason": ("tool_calls", "length")},
         "ended with `stop`, not `tool_calls` or `length`"),
    ],
)  # fmt: skip
def test_checks(text: str, checks: dict[str, Any], detail: str | None) -> None:
    assert look(text, **checks) == detail


@pytest.mark.parametrize("finish", ["a very private text", "x" * 33, 5, ["stop"]])
def test_a_finish_reason_that_is_no_word_is_not_repeated(finish: Any) -> None:
    assert look("a", finish, stop_reason=("stop",)) == "ended with another reason, not `stop`"
    assert look("a", None, stop_reason=("stop",)) == "ended with `None`, not `stop`"  # type: ignore[arg-type]  # as providers do


@pytest.mark.parametrize(
    ("checks", "passes"),
    [
        ({"not_empty": True}, True),
        ({"json": True}, True),
        ({"json_schema": PERSON}, True),
        ({"pattern": "x"}, True),
        ({"min_chars": 5}, True),
        ({"max_chars": 5}, True),
        ({"stop_reason": ("tool_calls",)}, True),
        ({"stop_reason": ("stop",)}, False),
    ],
)
def test_a_choice_that_calls_a_tool_needs_no_text(checks: dict[str, Any], passes: bool) -> None:
    assert (look("", "tool_calls", acts=True, **checks) is None) is passes


def test_a_text_with_a_tool_call_is_bounded_all_the_same() -> None:
    assert look("much too long", acts=True, max_chars=3) == "13 characters, more than 3"


def test_every_check_has_an_implementation() -> None:
    assert set(CHECKS) | {"python", "llm"} == set(NAMES)
    assert [name for name in NAMES if name in CHECKS] == list(CHECKS)


def test_every_choice_must_pass_and_every_check_is_counted() -> None:
    task = Accept(BY, json=True, max_chars=4)
    rule = Accept("rule `r`", not_empty=True, otherwise=OnRejected.ERROR)
    said = [choice("{}"), choice("not so")]
    assert apply_table([task, rule], said) == Verdict(
        (
            Finding("json", "no JSON: expecting value at character 0", BY),
            Finding("max_chars", "6 characters, more than 4", BY),
        ),
        (),
        ("not_empty",),
    )
    empty = apply_table([task, rule], [choice("")])
    assert [(f.check, f.fatal) for f in empty.rejected] == [("json", False), ("not_empty", True)]
    assert apply_table([task, rule], said).may_stand_in
    assert not empty.may_stand_in


@pytest.mark.parametrize("name", list(CHECKS))
def test_which_checks_take_time(name: str) -> None:
    said = {"min_chars": 1, "max_chars": 1, "pattern": "x", "json_schema": "{}"}
    value = ("stop",) if name == "stop_reason" else said.get(name, True)
    accept = Accept(BY, **{name: value})  # type: ignore[arg-type]  # by name
    assert takes_time([Accept(BY, not_empty=True), accept]) is (name in SLOW)


def test_what_needs_help_is_not_in_the_table() -> None:
    judge = Judge(Model("j", "openai/j", "t", 0), "good")
    assert apply_table([Accept(BY, python="a:b", llm=judge)], [choice("", None)]) == PASSED


@pytest.mark.parametrize(
    ("checks", "names"),
    [
        ({}, ()),
        ({"not_empty": False, "stop_reason": ()}, ()),
        ({"min_chars": 0, "max_chars": 0}, ("min_chars", "max_chars")),
        ({"llm": Judge(Model("j", "openai/j", "t", 0), "good"), "json": True}, ("json", "llm")),
    ],
)
def test_names_of_the_checks(checks: dict[str, Any], names: tuple[str, ...]) -> None:
    assert Accept(BY, **checks).checks == names


def test_the_failure_of_a_verdict() -> None:
    assert PASSED.failure is None
    accept = Accept(BY, json=True)
    failure = Verdict(
        (finding_for(accept, "json", "x" * 300), finding_for(accept, "llm", "no"))
    ).failure
    assert failure is not None
    assert (failure.kind, failure.status, len(failure.detail)) == (FailureKind.REJECTED, 200, 200)
    assert failure.detail.startswith("json (task `form`): xxx")
    assert not failure.reaction.counts_for_cooldown


TEXTS = st.text(min_size=12, max_size=60).filter(lambda t: t.strip())


ANY = st.text(st.characters(categories=None), max_size=40)
"""Lone surrogates too: an answer's JSON may carry them."""


@given(ANY, ANY, st.booleans())
def test_any_text_can_be_checked(text: str, finish: str, acts: bool) -> None:
    accept = Accept(
        BY, not_empty=True, json=True, json_schema='{"pattern": "a"}', pattern="a", min_chars=3,
        max_chars=9, stop_reason=("stop",),
    )  # fmt: skip
    for said in (text, json.dumps(text)):
        verdict = apply_table([accept], [choice(said, finish, acts)])
        assert len(verdict.passed) + len(verdict.rejected) == 7


@given(TEXTS, st.booleans(), st.sampled_from([None, "stop", "length"]))
def test_no_finding_repeats_the_answer(text: str, wrap: bool, finish: str | None) -> None:
    said = json.dumps({text: [text]}) if wrap else text
    accept = Accept(BY, json=True, json_schema=PERSON, pattern="^$", min_chars=10_000, max_chars=1)
    verdict = apply_table([accept], [choice(said, finish)])
    assert verdict.rejected
    for finding in verdict.rejected:
        assert text not in str(finding)
        assert len(finding.detail) <= 200


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (SimpleNamespace(content="hello"), ("hello", False)),
        (SimpleNamespace(content=None), ("", False)),
        (SimpleNamespace(content=None, tool_calls=[{}]), ("", True)),
        (SimpleNamespace(content="", function_call={"name": "f"}), ("", True)),
        (
            SimpleNamespace(
                content=[{"type": "text", "text": "a"}, {"type": "thinking", "text": "b"}, "c",
                         {"type": "text", "text": "d"}, {"type": "text"}]
            ),
            ("ad", False),
        ),
        (SimpleNamespace(content=5), ("", False)),
        (None, ("", False)),
    ],
)  # fmt: skip
def test_what_is_checked_of_an_answer(message: Any, said: tuple[str, bool]) -> None:
    answer = SimpleNamespace(choices=[SimpleNamespace(message=message, finish_reason="stop")])
    (only,) = to_answer(answer).choices
    assert (only.message.text, only.message.calls_tools) == said
    assert only.finish_reason == "stop"
