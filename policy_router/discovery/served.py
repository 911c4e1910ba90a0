"""A model as a server or a provider lists it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import date

    from policy_router.domain.prices import Price

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
"""Names that can stand in a policy file and on a terminal; any other is passed over."""
_EMBEDDING: Final = re.compile(r"embed|\bbge-|rerank", re.IGNORECASE)
_LARGEST: Final = 10**9
"""Tokens of a context that can be meant."""


class SourceError(Exception):
    """A source gave no list of models; its text says why, and holds nothing that the server sent.

    Attributes:
        reason: Why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server offers. What the server does not say is None.

    Attributes:
        name: The name the server knows it by.
        context: Tokens of its context window, as it is loaded or offered.
        elsewhere: Whether the server forwards requests for it to another machine.
        longest: Tokens of the longest context that it could be loaded with.
        max_output: Tokens of its longest answer.
        abilities: What it can do, such as `tools`.
        price: What it costs; None where the server names no price, or none that is fixed.
        free: Whether the server lists it at no cost.
        last_day: The last day on which it is offered.
        loaded: Whether it is in memory.
    """

    name: str
    context: int | None = None
    elsewhere: bool = False
    longest: int | None = None
    max_output: int | None = None
    abilities: frozenset[str] | None = None
    price: Price | None = None
    free: bool = False
    last_day: date | None = None
    loaded: bool | None = None


def is_chat_name(name: Any) -> bool:
    """Whether a name is one that a policy can have, and not that of a model for embeddings."""
    return (
        isinstance(name, str)
        and NAME.fullmatch(name) is not None
        and _EMBEDDING.search(name) is None
    )


def tokens(value: Any) -> int | None:
    """A number of tokens as a server states it; None for anything else."""
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST
    return value if usable else None


def rows_of(answer: Any, key: str) -> list[dict[str, Any]]:
    """The objects in a list of an answer; what is no object is passed over.

    Raises:
        SourceError: The answer has no such list.
    """
    rows = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise SourceError("its answer is no list of models")
    return [row for row in rows if isinstance(row, dict)]


def part(row: dict[str, Any], key: str) -> dict[str, Any]:
    """An object within an object; empty where there is none."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> frozenset[str]:
    """The strings of a list; none for anything else."""
    entries = value if isinstance(value, list) else []
    return frozenset(each for each in entries if isinstance(each, str))
