"""What LiteLLM's own table knows of a model: price, context, abilities, the day it goes away.

The table is a JSON file inside the litellm package; it is read without importing litellm, which
would cost seconds and reach for the network.
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
    from collections.abc import Mapping

    from policy_router.domain.prices import Price

_TABLE: Final = "model_prices_and_context_window_backup.json"
_PROVIDERS: Final = "provider_endpoints_support_backup.json"
_TALKING: Final = (None, "chat", "completion", "responses")
"""Modes of the models that a request can be sent to."""
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


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A row of the table.

    price: nano-USD per million tokens, rounded up; None when the table has none, or none for
    this provider and variant, or one that the counts of an answer do not tell. listed_zero: the
    table says 0, which does not mean free. retired: the day the provider stops serving it, as an
    ISO date.
    """

    name: str
    price: Price | None
    listed_zero: bool
    context: int | None
    max_output: int | None
    abilities: frozenset[str]
    retired: str | None

    @property
    def last_day(self) -> date | None:
        """The same as a date; None when there is none, or it is no date."""
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

    def find(self, calls: str, api_base: str | None = None) -> CatalogEntry | None:
        """The row for a LiteLLM name: the whole name, then without leading segments, then
        without a `:variant`. api_base: where it is called, which some prices depend on."""
        bare, _, variant = calls.rpartition(":")
        for name, exact in ((calls, True), (bare, False)) if bare and variant else ((calls, True),):
            parts = name.split("/")
            for skip in range(len(parts)):
                row = self._table.get("/".join(parts[skip:]))
                if row is not None and row.get("mode") in _TALKING:
                    same = skip == 0 or str(row.get("litellm_provider", "")).startswith(parts[0])
                    return _entry("/".join(parts[skip:]), row, api_base, priced=exact and same)
        return None

    def names(self, provider: str) -> tuple[str, ...]:
        """The names under which LiteLLM calls a provider's models, of those in the table."""
        if self._names is None:
            found: dict[str, list[str]] = {}
            for name, row in self._table.items():
                owner = str(row.get("litellm_provider", ""))
                whole = name if name.startswith(f"{owner}/") else f"{owner}/{name}"
                if row.get("mode") in _TALKING:
                    found.setdefault(owner, []).append(whole)
            self._names = {owner: tuple(names) for owner, names in found.items()}
        return self._names.get(provider, ())

    def provider(self, calls: str) -> str | None:
        """The provider that a LiteLLM name begins with; None when it begins with none."""
        head, slash, _ = calls.partition("/")
        return head if slash else None

    def knows(self, provider: str | None) -> bool:
        """Whether LiteLLM can call a provider of that name, in its tables or not."""
        return provider in self.providers


def _entry(
    name: str, row: Mapping[str, Any], api_base: str | None, *, priced: bool
) -> CatalogEntry:
    row = first_tier(row)
    rates = row.get("input_cost_per_token"), row.get("output_cost_per_token")
    known = priced and all(map(is_rate, rates))
    zero = known and not any(rates)
    price = read_price(name, row, api_base) if known and not zero else None
    abilities = {word for flag, word in _ABILITIES.items() if row.get(flag) is True}
    # Hosted tools are not taken from the table: what they cost is in none of its prices, so that
    # a model has the ability only where the policy says so.
    if "image" in _words(row.get("supported_output_modalities")):
        abilities.add("image_output")
    return CatalogEntry(
        name,
        price,
        zero,
        _whole(row.get("max_input_tokens") or row.get("max_tokens")),
        _whole(row.get("max_output_tokens")),
        frozenset(abilities),
        # Others may go on serving what its maker switches off.
        row.get("deprecation_date") if priced else None,
    )


def _words(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


@cache
def catalog() -> Catalog:
    """The table of the installed litellm; read once per process."""
    return read_catalog(folder_of("litellm"), f"litellm {version('litellm')}")


def read_catalog(folder: Path, source: str) -> Catalog:
    """The table in a litellm package's folder. Another release may have moved a file: what cannot
    be read is not known, and the policy must say what it needs."""
    providers = frozenset(_read(folder / _PROVIDERS).get("providers", {}))
    return Catalog(_read(folder / _TABLE), providers | _callable(folder / _TYPES), source)


def folder_of(package: str) -> Path:
    """Where a package is installed, without importing it; an empty path when it is not."""
    spec = find_spec(package)
    return Path(*(list(spec.submodule_search_locations or ())[:1] if spec else ()))


def _callable(path: Path) -> frozenset[str]:
    """The providers in litellm's own enumeration of them, which its tables do not all list."""
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    listed = re.search(r"^class LlmProviders\b.*?(?=^\S)", source, re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r"= [\"']([a-z0-9_-]+)[\"']", listed[0] if listed else ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # another release may have moved it; then the policy must say what it needs
    return found
