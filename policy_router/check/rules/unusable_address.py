"""an address that cannot be called

It has no host, or an invalid port, or it includes the path of one endpoint: the path of each call,
such as `/chat/completions`, is added to the address.

Bad:
    models:
      x:
        model: hosted_vllm/q
        api_base: http://10.0.0.5:8000/v1/chat/completions
        tier: light
        price: free
        context: 8k

Good:
    models:
      x:
        model: hosted_vllm/q
        api_base: http://10.0.0.5:8000/v1
        tier: light
        price: free
        context: 8k
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.addresses import read
from policy_router.check.rules.placeholder import ADDRESS
from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic

_ENDPOINTS: Final = (
    "/chat/completions", "/completions", "/v1/messages", "/v1/responses", "/api/chat",
    "/api/generate", "/v1/models",
)  # fmt: skip


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        if model.api_base is None or ADDRESS.search(model.api_base):
            continue
        reason, help_ = _reason(model.api_base)
        if reason:
            yield warning(
                "unusable-address",
                f"`{model.name}` cannot be called: {reason}",
                subject.draft.places.value(("models", model.name, "api_base")),
                help_,
            )


def _reason(text: str) -> tuple[str, str]:
    address = read(text)
    if address is None:
        return "its address has no host", "write it like  http://localhost:8000/v1"
    if address.port in (-1, 0):
        return "its address has an invalid port", "a port is a number from 1 to 65535"
    for path in _ENDPOINTS:
        if address.path.rstrip("/").endswith(path):
            return f"`{path}` is added to its address", f"remove `{path}`"
    return "", ""
