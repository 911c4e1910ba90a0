"""The check of an answer by a function: `python: module:function`.

An answer that cannot be checked is rejected: the policy demands the check, and code that fails is a
mistake which must be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.acceptance.user_code import FunctionFailed
from policy_router.redaction.message import redact

if TYPE_CHECKING:
    from policy_router.acceptance.user_code import Functions
    from policy_router.providers.answers.chat import ChatAnswer


async def check_with_function(
    functions: Functions, name: str, text: str, answer: ChatAnswer, seconds: float
) -> str | None:
    """Calls `function(text, answer)`, which returns True, False or a text that says why not.

    Args:
        functions: Those that policies may call.
        name: The function; it may be a coroutine function.
        text: The text of one choice.
        answer: The whole answer.
        seconds: After this time the call is abandoned.

    Returns:
        Why the function rejects the answer; None when it accepts it.
    """
    result = await functions.call(name, seconds, text, answer)
    if isinstance(result, FunctionFailed):
        return result.reason
    if isinstance(result, bool):
        return None if result else "it says no"
    if isinstance(result, str):
        return redact(result, text, "answer")
    return f"returned {type(result).__name__}, neither true nor false nor a text"
