from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from policy_router.catalog.table import Catalog, catalog
from policy_router.domain.money import NANO_PER_USD
from policy_router.domain.prices import Price

CHAT: dict[str, Any] = {
    "mode": "chat",
    "litellm_provider": "acme",
    "input_cost_per_token": 1e-06,
    "output_cost_per_token": 2.5e-06,
    "max_input_tokens": 128_000,
    "max_output_tokens": 8_000,
}
TABLE = Catalog(
    {
        "acme/big": {
            **CHAT,
            "supports_function_calling": True,
            "supports_vision": False,
            "supports_response_schema": True,
            "deprecation_date": "2026-01-31",
        },
        "bare": CHAT,
        "acme/zero": {**CHAT, "input_cost_per_token": 0, "output_cost_per_token": 0.0},
        "acme/half": {k: v for k, v in CHAT.items() if k != "output_cost_per_token"},
        "acme/negative": {**CHAT, "input_cost_per_token": -1},
        "acme/tiny": {**CHAT, "input_cost_per_token": 1.5e-16, "output_cost_per_token": 0},
        "acme/old": {"litellm_provider": "acme", "max_tokens": 4096},
        "acme/odd": {**CHAT, "max_input_tokens": 0, "max_output_tokens": "many"},
        "acme/vectors": {**CHAT, "mode": "embedding"},
        "acme/sized:1b": CHAT,
        "vertex": {**CHAT, "litellm_provider": "vertex_ai-language-models"},
    },
    frozenset({"listed"}),
    "made up",
)


@pytest.mark.parametrize(
    ("calls", "name", "price"),
    [
        ("acme/big", "acme/big", Price(NANO_PER_USD, 5 * NANO_PER_USD // 2)),
        ("bare", "bare", Price(NANO_PER_USD, 5 * NANO_PER_USD // 2)),
        ("acme/bare", "bare", Price(NANO_PER_USD, 5 * NANO_PER_USD // 2)),
        ("gateway/bare", "bare", None),
        ("gateway/acme/big", "acme/big", None),
        ("acme/big:free", "acme/big", None),
        ("acme/sized:1b", "acme/sized:1b", Price(NANO_PER_USD, 5 * NANO_PER_USD // 2)),
        ("acme/zero", "acme/zero", None),
        ("acme/half", "acme/half", None),
        ("acme/negative", "acme/negative", None),
        ("acme/tiny", "acme/tiny", Price(1, 0)),
    ],
)
def test_rows_are_found_and_priced_only_for_their_own_provider(
    calls: str, name: str, price: Price | None
) -> None:
    entry = TABLE.find(calls)
    assert entry is not None
    assert (entry.name, entry.price) == (name, price)
    assert entry.listed_zero is (name == "acme/zero")


@pytest.mark.parametrize("calls", ["", "/", ":", "a:", "none", "acme/none", "a/b/c:d"])
def test_rows_that_are_not_there(calls: str) -> None:
    assert TABLE.find(calls) is None


def test_what_a_row_says() -> None:
    entry = TABLE.find("acme/big")
    assert entry is not None
    assert (entry.context, entry.max_output, entry.retired) == (128_000, 8_000, "2026-01-31")
    assert entry.abilities == {"tools", "json"}
    odd, old = TABLE.find("acme/odd"), TABLE.find("acme/old")
    assert odd is not None
    assert old is not None
    assert (odd.context, odd.max_output, odd.abilities) == (None, None, frozenset())
    assert (old.context, old.price, old.listed_zero) == (4096, None, False)


def test_providers() -> None:
    assert TABLE.providers == {"acme", "listed", "vertex_ai"}
    assert TABLE.provider("acme/big") == "acme"
    assert TABLE.provider("bare") is None


def test_the_table_of_the_installed_litellm() -> None:
    code = (
        "import sys\n"
        "from policy_router.catalog.table import catalog\n"
        "table = catalog()\n"
        "entry = table.find('anthropic/claude-haiku-4-5')\n"
        "print('litellm' in sys.modules, entry.price.input > 0, entry.context > 1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == ("", "False True True\n")


def test_the_installed_table_is_large_and_read_once() -> None:
    table = catalog()
    assert table is catalog()
    assert len(table._table) > 1000
    assert table.source.startswith("litellm ")
    assert {"openai", "anthropic", "openrouter", "vertex_ai"} <= table.providers


@pytest.mark.parametrize(
    ("says", "ability"),
    [
        ({"supports_video_input": True}, {"video"}),
        ({"supports_audio_output": True}, {"audio_output"}),
        ({"supported_output_modalities": ["text", "image"]}, {"image_output"}),
        ({"supported_output_modalities": ["text"]}, set()),
        ({"supported_output_modalities": "image"}, set()),
        ({"supports_web_search": True, "supports_computer_use": True}, set()),
    ],
)
def test_media_are_abilities_and_hosted_tools_never_are(
    says: dict[str, Any], ability: set[str]
) -> None:
    table = Catalog({"acme/m": {**CHAT, **says}}, frozenset(), "test")
    entry = table.find("acme/m")
    assert entry is not None
    assert entry.abilities == ability


@pytest.mark.parametrize(
    ("day", "last"), [("2026-01-31", date(2026, 1, 31)), ("soon", None), (None, None)]
)
def test_the_last_day_of_a_model_is_a_date(day: str | None, last: date | None) -> None:
    row = {**CHAT, "deprecation_date": day} if day else CHAT
    entry = Catalog({"acme/x": row}, frozenset(), "test").find("acme/x")
    assert entry is not None
    assert entry.last_day == last


def test_the_models_of_a_provider_are_named_as_they_are_called() -> None:
    names = TABLE.names("acme")
    assert {"acme/big", "acme/bare", "acme/old"} <= set(names)
    assert "acme/vectors" not in names
    assert TABLE.names("acme") is names
    assert TABLE.names("nobody") == ()


def test_models_for_embeddings_have_that_ability() -> None:
    entry = TABLE.find("acme/vectors")
    assert entry is not None
    assert entry.abilities >= {"embeddings"}
    assert entry.price is not None
