"""a user, a password or a key in an address

Addresses are shown, logged and passed on, and so is whatever they contain. Put the key into an
environment variable and name that in `api_key_env`.

Bad:
    models:
      x:
        model: hosted_vllm/q
        api_base: https://ann:hunter2@llm.example.com/v1
        tier: light
        price: free
        context: 8k

Good:
    models:
      x:
        model: hosted_vllm/q
        api_base: https://llm.example.com/v1
        api_key_env: LLM_KEY
        tier: light
        price: free
        context: 8k
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy_router.check.addresses import read
from policy_router.check.subject import error
from policy_router.diagnostics import Diagnostic, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ADDRESS: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`,)\]}]+")
# The value is a reference to be replaced, or has been removed.
_REFERENCE: Final = re.compile(r"[$*%{]")


def check_text(sources: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Search the text of the files: an address in a comment can be read as well."""
    for name, text in sources.items():
        if "://" not in text:
            continue
        for number, row in enumerate(text.split("\n"), start=1):
            for found in _ADDRESS.finditer(row):
                what = _held(found[0])
                if what:
                    span = Span(name, number, found.start() + 1, number, found.end() + 1)
                    yield error(
                        "credentials-in-address",
                        f"{what} is part of an address",
                        span,
                        "remove it, write  api_key_env: NAME_OF_A_VARIABLE , and replace it, since "
                        "it is no longer secret",
                    )


def _held(text: str) -> str:
    address = read(text)
    if address is None:
        return ""
    login = text.partition("://")[2].rpartition("@")[0]
    if address.login and not _REFERENCE.search(login):
        return "a password" if ":" in login else "a user or key"
    if address.secrets and not _REFERENCE.search(text):
        return f"the value of `{address.secrets[0]}`"
    return ""
