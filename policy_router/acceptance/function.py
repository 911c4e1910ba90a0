"""Checks that a function of the policy's owner makes: `python: module:function`.

What cannot be checked is rejected: the owner asked for that check, and code that fails is a mistake
to be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.acceptance.user_code import FunctionFailed
from policy_router.redaction.message import redact

if TYPE_CHECKING:
    from policy_router.acceptance.user_code import Functions
    from policy_router.providers.chat import ChatAnswer


async def ask_function(
    functions: Functions, name: str, text: str, answer: ChatAnswer, seconds: float
) -> str | None:
    """Why the function rejects the answer, or None when it does not. Never raises.

    It is called as `function(text, answer)`, may be a coroutine function, and returns True, or
    False, or a text that says why not. One that is not done after `seconds` is left behind.
    """
    said = await functions.call(name, seconds, text, answer)
    if isinstance(said, FunctionFailed):
        return said.reason
    if isinstance(said, bool):
        return None if said else "it says no"
    if isinstance(said, str):
        return redact(said, text, "answer")
    return f"returned {type(said).__name__}, neither true nor false nor a text"
