"""The form of a request: what the user's last turn is made of."""

from __future__ import annotations

from typing import Any

import pytest

from policy_router import load
from policy_router.classification.classifier import Classifier
from policy_router.classification.features import read_features
from policy_router.classification.forms import Form, form_of

POLICY = load(
    text="version: 1\nmodels: { small: { model: openai/small, tier: light, price: free } }\n"
)
TOOL = {"type": "function", "function": {"name": "search"}}
CODE = "What does this print?\n```python\nprint(sum(range(3)))\n```"
CHOICES = "Which planet is largest?\nA. Mars\nB. Venus\nC. Jupiter\nD. Mercury"


@pytest.mark.parametrize(
    ("prompt", "form"),
    [
        ("", Form.PLAIN),
        ("Write a poem about the sea.", Form.PLAIN),
        ("Is it A or B?", Form.PLAIN),
        (CHOICES, Form.CHOICES),
        (f"{CHOICES}\n```python\nprint(1)\n```", Form.CHOICES),
        (CODE, Form.CODE),
        (r"Evaluate $\int_0^1 x^2 dx$.", Form.FORMULAE),
        ("x^2 = 2x + 3", Form.FORMULAE),
        ("Das kostet 5 Euro, und was kostet das andere?", Form.PLAIN),
    ],
)
def test_the_text_tells_the_form(prompt: str, form: Form) -> None:
    assert form_of(read_features(prompt)[0]) is form


def test_tools_offered_for_the_request_come_before_its_text() -> None:
    assert form_of(read_features(CODE, tools=[TOOL])[0]) is Form.TOOLS


def test_the_tools_of_an_agent_say_nothing_about_one_turn() -> None:
    toolbox = [{"type": "function", "function": {"name": f"tool_{n}"}} for n in range(9)]
    assert form_of(read_features(CODE, tools=toolbox)[0]) is Form.CODE


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [("Translate 'good morning' into French.", "translation"), ("Wednesday", None)],
)
def test_a_kind_is_named_where_it_is_likely(prompt: str, kind: str | None) -> None:
    messages: list[Any] = [
        {"role": "user", "content": CODE},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": prompt},
    ]
    found = Classifier(POLICY).classify(messages)
    assert (found.form, found.likely_kind) == (Form.PLAIN, kind)
