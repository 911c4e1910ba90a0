"""LiteLLM's table of models: price, context, abilities, shutdown date.

The table is a JSON file in the litellm package. It is read without importing litellm, which takes
seconds and accesses the network.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policy_router.catalog.prices import first_tier, is_rate, read_price

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.domain.prices import Price

_TABLE: Final = "model_prices_and_context_window_backup.json"
_PROVIDERS: Final = "provider_endpoints_support_backup.json"
_CHAT_MODES: Final = (None, "chat", "completion", "responses")
"""Modes of models that chat requests can be sent to."""
_EMBEDDING: Final = "embedding"
"""The mode of embedding models, which do not answer chat requests."""
_OTHER_MODES: Final = frozenset({
    _EMBEDDING, "image_generation", "image_edit", "video_generation", "audio_transcription",
    "audio_speech", "rerank", "moderation", "realtime", "ocr", "search", "vector_store",
})  # fmt: skip
"""Modes of models that no chat request can be sent to."""
_TYPES: Final = Path("types", "utils.py")
_ABILITIES: Final = {
    "supports_function_calling": "tools",
    "supports_response_schema": "json",
    "supports_vision": "vision",
    "supports_audio_input": "audio",
    "supports_video_input": "video",
    "supports_audio_output": "audio_output",
    "supports_pdf_input": "pdf",
    "supports_reasoning": "reasoning",
}

_LEVELS: Final = ("none", "minimal", "xhigh", "max")
"""Levels of effort that the table lists model by model; the others are usual."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A row of the table.

    Attributes:
        name: The name of the row.
        price: Nano-USD per million tokens, rounded up. None when the table has none, or none for
            this provider and variant, or one that cannot be computed from the usage of an answer.
        listed_zero: Whether the table has a price of 0, which does not mean that the model is free.
        context: The context in tokens, or None.
        max_output: The longest answer in tokens, or None.
        abilities: What the model can do.
        efforts: The levels of effort that it has in addition to the usual ones, such as `xhigh`.
        retired: The day on which the provider stops serving it, as an ISO date, or None.
    """

    name: str
    price: Price | None
    listed_zero: bool
    context: int | None
    max_output: int | None
    abilities: frozenset[str]
    efforts: frozenset[str]
    retired: str | None

    @property
    def last_day(self) -> date | None:
        """`retired` as a date; None when there is none, or it is not a date."""
        try:
            return date.fromisoformat(self.retired) if self.retired else None
        except ValueError:
            return None


class Catalog:
    """A table of models and the names of known providers."""

    def __init__(
        self, table: Mapping[str, Mapping[str, Any]], providers: frozenset[str], source: str
    ) -> None:
        self._table = table
        self._names: dict[str, tuple[str, ...]] | None = None
        self.source = source
        listed = {str(row.get("litellm_provider", "")) for row in table.values()}
        self.providers = providers | {p.split("/")[0].split("-language")[0] for p in listed if p}

    def find(self, litellm_name: str, api_base: str | None = None) -> CatalogEntry | None:
        """Return the row for a LiteLLM name, or None.

        The whole name is looked up first, then the name without leading segments, then without a
        `:variant`.

        Args:
            litellm_name: The name, such as `openai/gpt-4o`.
            api_base: The address where the model is called, which some prices depend on.
        """
        for name, skipped, exact in _spellings(litellm_name):
            row = self._table.get(name)
            if row is not None and row.get("mode") in (*_CHAT_MODES, _EMBEDDING):
                provider = litellm_name.partition("/")[0]
                same = not skipped or str(row.get("litellm_provider", "")).startswith(provider)
                return _entry(name, row, api_base, priced=exact and same)
        return None

    def other_mode(self, litellm_name: str) -> str | None:
        """Return what a model is for that the table lists, but not for chat: `embedding`, `rerank`.

        Names are looked up as in `find`. A name that the table has for chat as well gives None.

        Args:
            litellm_name: The name, such as `openai/text-embedding-3-small`.
        """
        rows = (self._table.get(name, {}) for name, _, _ in _spellings(litellm_name))
        modes = [row.get("mode") for row in rows if row]
        if any(mode in _CHAT_MODES for mode in modes):
            return None
        return next((mode for mode in modes if mode in _OTHER_MODES), None)

    def names(self, provider: str) -> tuple[str, ...]:
        """Return LiteLLM's names of the models of a provider that are in the table."""
        if self._names is None:
            by_owner: dict[str, list[str]] = {}
            for name, row in self._table.items():
                owner = str(row.get("litellm_provider", ""))
                whole = name if name.startswith(f"{owner}/") else f"{owner}/{name}"
                if row.get("mode") in _CHAT_MODES:
                    by_owner.setdefault(owner, []).append(whole)
            self._names = {owner: tuple(names) for owner, names in by_owner.items()}
        return self._names.get(provider, ())

    def provider(self, litellm_name: str) -> str | None:
        """Return the provider at the beginning of a LiteLLM name, or None."""
        head, slash, _ = litellm_name.partition("/")
        return head if slash else None

    def knows(self, provider: str | None) -> bool:
        """Whether LiteLLM can call a provider of that name."""
        return provider in self.providers


def _spellings(litellm_name: str) -> Iterator[tuple[str, int, bool]]:
    """The names to look up in turn, with the number of leading segments that each leaves out, and
    whether it has the variant."""
    bare, _, variant = litellm_name.rpartition(":")
    for name, exact in ((litellm_name, True), *([(bare, False)] if bare and variant else [])):
        parts = name.split("/")
        for skip in range(len(parts)):
            yield "/".join(parts[skip:]), skip, exact


def _entry(
    name: str, row: Mapping[str, Any], api_base: str | None, *, priced: bool
) -> CatalogEntry:
    row = first_tier(row)
    rates = row.get("input_cost_per_token"), row.get("output_cost_per_token")
    known = priced and all(map(is_rate, rates))
    zero = known and not any(rates)
    price = read_price(name, row, api_base) if known and not zero else None
    abilities = {word for flag, word in _ABILITIES.items() if row.get(flag) is True}
    if row.get("mode") == _EMBEDDING:
        abilities.add("embeddings")
    # Hosted tools are not read from the table: its prices do not include them, so a model has the
    # ability only if the policy says so.
    if "image" in _words(row.get("supported_output_modalities")):
        abilities.add("image_output")
    return CatalogEntry(
        name,
        price,
        zero,
        _whole(row.get("max_input_tokens") or row.get("max_tokens")),
        _whole(row.get("max_output_tokens")),
        frozenset(abilities),
        frozenset(
            level for level in _LEVELS if row.get(f"supports_{level}_reasoning_effort") is True
        ),
        # Other providers may continue to serve what its maker switches off.
        row.get("deprecation_date") if priced else None,
    )


def _words(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


@cache
def catalog() -> Catalog:
    """Return the table of the installed litellm, read once per process."""
    return read_catalog(folder_of("litellm"), f"litellm {version('litellm')}")


def read_catalog(folder: Path, source: str) -> Catalog:
    """Read the table in the folder of a litellm package.

    Another release may have moved a file: values that cannot be read are unknown, and must be set
    in the policy.

    Args:
        folder: The folder.
        source: Where the table is from, for messages.
    """
    providers = frozenset(_read(folder / _PROVIDERS).get("providers", {}))
    return Catalog(_read(folder / _TABLE), providers | _callable(folder / _TYPES), source)


def folder_of(package: str) -> Path:
    """Return the folder of an installed package without importing it; empty when there is none."""
    spec = find_spec(package)
    return Path(*(list(spec.submodule_search_locations or ())[:1] if spec else ()))


def _callable(path: Path) -> frozenset[str]:
    """Return the providers in litellm's own enumeration, some of which its tables do not list."""
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    listed = re.search(r"^class LlmProviders\b.*?(?=^\S)", source, re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r"= [\"']([a-z0-9_-]+)[\"']", listed[0] if listed else ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # another release may have moved it; the policy must then state what it needs
    return content
