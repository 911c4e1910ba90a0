"""Known cases in which LiteLLM distorts an answer beyond what can be restored here.

`restore` puts right most of what LiteLLM does to an answer. What is left is in `LIES`: the contract
test calls LiteLLM provider by provider and holds the list to be exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Lie:
    """Something that LiteLLM reports of a provider's answer and that is not so.

    Attributes:
        fault: The name of the case of the contract test that shows it.
        stream: Whether it is about streams, or else about whole answers.
        what: What LiteLLM does, to be read after the name of the provider.
    """

    fault: str
    stream: bool
    what: str


LIES: Final[Mapping[str, tuple[Lie, ...]]] = MappingProxyType(
    {
        "anthropic": (
            Lie(
                "fine-without-usage",
                stream=False,
                what="a good answer without token counts is reported as an error",
            ),
        ),
        "groq": (
            Lie(
                "fine-in-few-words",
                stream=False,
                what="a good answer without a service tier is reported as an error",
            ),
        ),
    }
)
"""The lies about each provider, by its LiteLLM name."""
