"""a key that is sent over plain http to a remote server

Anyone on the network path can read the key and the prompts. On this machine and in a private
network plain http is usual.

Bad:
    models:
      x:
        model: openai/q
        api_base: http://llm.example.com/v1
        api_key_env: LLM_KEY
        tier: light
        price: free
        context: 8k

Good:
    models:
      x:
        model: openai/q
        api_base: https://llm.example.com/v1
        api_key_env: LLM_KEY
        tier: light
        price: free
        context: 8k
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model, address, span in subject.addresses:
        if model.api_key_env and address.scheme == "http" and not address.is_near:
            yield error(
                "key-over-plain-http",
                f"the key of `{model.name}` is sent to `{address.host}` over plain http",
                span,
                "use https://",
            )
