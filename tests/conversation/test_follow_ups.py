from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.conversation.follow_ups import goes_on, refers_back


@pytest.mark.parametrize(
    "message",
    [
        "yes",
        "Yes!",
        "y",
        "ok",
        "OK, do it.",
        "ok do it",
        "continue",
        "Continue please",
        "go ahead",
        "sounds good, proceed",
        "looks good",
        "yes, option 2",
        "lgtm",
        "carry on",
        "yes that's fine",
        "ja",
        "Ja, bitte weiter",
        "mach das",
        "Passt, mach weiter",
        "oui, vas-y",
        "d'accord",
        "d\N{RIGHT SINGLE QUOTATION MARK}accord",
        "sí",
        "sí, por favor",
        "adelante",
        "sim, continue",
        "sì, va bene",
        "ga door",
        "tak",
        "да",
        "Да, продолжай",
        "хорошо, давай",
        "evet, devam et",
        "好的",
        "继续",
        "继续。",
        "好的\uff0c继续",
        "はい",
        "続けてください",
        "네",
        "계속해 주세요",
        "نعم",
        "हाँ, जारी रखो",
        "vâng, tiếp tục",
        "כן",
    ],
)
def test_a_message_that_only_tells_to_go_on(message: str) -> None:
    assert goes_on(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "thanks",
        "no",
        "stop",
        "hi",
        "good",
        "Yes, and prove it for all primes.",
        "continue with the parser",
        "do the dishes",
        "What is yes in German?",
        "Okay, what about the other file?",
        "nein",
        "non",
        "不",
        "继续写一个编译器",
        "yes " * 30,
    ],
)
def test_a_message_that_says_more(message: str) -> None:
    assert not goes_on(message)


@pytest.mark.parametrize(
    "message",
    ["try it again", "Why?", "now the same for the tests", "fix it", "nochmal", "pourquoi ?"],
)
def test_a_brief_message_that_refers_to_another(message: str) -> None:
    assert refers_back(message)
    assert not goes_on(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Hello",
        "Why is the sky blue?",
        "Translate 'good morning' into French",
        "Explain why it is that " * 5,
    ],
)
def test_a_message_that_stands_alone(message: str) -> None:
    assert not refers_back(message)


@given(st.text())
def test_any_message_is_read(message: str) -> None:
    assert isinstance(goes_on(message), bool)
    assert not (len(message.strip()) > 80 and (goes_on(message) or refers_back(message)))
