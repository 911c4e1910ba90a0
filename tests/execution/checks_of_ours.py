"""Functions that policies of the tests name in `python:`."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from policy_router.providers.answers.chat import ChatAnswer

BEGAN = threading.Event()
"""Set when `hang` is called."""
HELD = threading.Event()
"""Lets `hang` go, at the end of a test."""


def short(text: str, _: Any) -> bool:
    return len(text) < 20


def polite(text: str, answer: ChatAnswer) -> str | bool:
    whole = answer.choices[0].finish_reason == "stop"
    return True if "please" in text and whole else "it is not polite"


def echo(text: str, _: Any) -> str:
    return f"I do not like this: {text}"


def nothing(*_: Any) -> None:
    """Says neither yes nor no."""


def broken(text: str, _: Any) -> bool:
    raise KeyError(text)


def leaves(*_: Any) -> bool:
    sys.exit(3)


def late(*_: Any) -> bool:
    raise TimeoutError


def hang(*_: Any) -> bool:
    BEGAN.set()
    return HELD.wait(30)


def waits(text: str, _: Any) -> Coroutine[Any, Any, bool]:
    async def answer() -> bool:
        return text == "good"

    return answer()


async def fails(*_: Any) -> bool:
    raise ZeroDivisionError
