"""A starter policy for whatever was found: `check` finds nothing in it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.catalog.table import Catalog, catalog
from policy_router.check.report import inspect
from policy_router.discovery.local import (
    KEYS,
    Discovered,
    Server,
)
from policy_router.discovery.served import ServedModel
from policy_router.discovery.starter import TIERS, compose, hosted_models
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router.check.report import Report
from tests.discovery.servers import ANSWERS, LocalServer, look

DAY = date(2026, 11, 30)


def checked(text: str) -> Report:
    return inspect([PolicyFile("p.yaml", text.encode())], today=DAY)


SOME_KEYS = [
    (),
    *((key,) for key in KEYS),
    ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"),
    ("GROQ_API_KEY", "OPENROUTER_API_KEY"),
    KEYS,
]


@pytest.mark.parametrize("keys", SOME_KEYS, ids=["+".join(k)[:40] or "none" for k in SOME_KEYS])
def test_what_is_found_makes_a_policy_without_findings(
    here: LocalServer, keys: tuple[str, ...]
) -> None:
    for size in range(len(ANSWERS) + 1):
        for names in combinations(ANSWERS, size):
            found = look(here, *names, environ=dict.fromkeys(keys, "a-value-nobody-may-see"))
            assert [server.kind for server in found.servers] == list(names)
            assert found.keys == tuple(keys)
            text = compose(found, catalog(), DAY)
            report = checked(text)
            assert report.findings == (), text
            policy = report.policy
            assert policy is not None
            assert policy.models
            paid = [model for model in policy.models if not model.free]
            assert ("\nbudgets:" in text) == bool(paid)
            assert "a-value-nobody-may-see" not in text
            for model in policy.models:
                assert ("local" in model.tags) == (model.api_base is not None)


def test_models_are_called_as_litellm_calls_them(here: LocalServer) -> None:
    policy = checked(compose(look(here, *ANSWERS), catalog(), DAY)).policy
    assert policy is not None
    assert {m.name: (m.provider_model, m.api_base, m.tier, m.context) for m in policy.models} == {
        "llama3.2": ("ollama_chat/llama3.2:latest", f"{here.root}/ollama", "light", 4000),
        "qwen2.5:72b-instruct": (
            "ollama_chat/qwen2.5:72b-instruct", f"{here.root}/ollama", "heavy", 4000,
        ),
        "qwen3.5-9b": ("lm_studio/qwen/qwen3.5-9b", f"{here.root}/lmstudio/v1", "light", 4000),
        "Qwen2.5-32B-Instruct": (
            "hosted_vllm/Qwen/Qwen2.5-32B-Instruct", f"{here.root}/vllm/v1", "standard", 32_768,
        ),
    }  # fmt: skip


def test_private_data_stays_when_there_is_a_choice(here: LocalServer) -> None:
    text = compose(look(here, "ollama", environ={"OPENAI_API_KEY": "x"}), catalog(), DAY)
    policy = checked(text).policy
    assert policy is not None
    rule, checks = policy.rules
    assert checks.accept is not None
    assert rule.only == ("llama3.2", "qwen2.5:72b-instruct")
    assert "not listed: gpt-oss:120b-cloud of ollama is answered elsewhere" in text


def test_names_are_unique_and_no_selectors() -> None:
    models = tuple(
        ServedModel(name)
        for name in ("free", "a/local", "b/local", "HEAVY", "x/m", "y/m", "z/m", "...", "n" * 119)
    )
    servers = (
        Server("ollama", "http://127.0.0.1:1", models),
        Server("vllm", "http://[::1]:2", models),
    )
    report = checked(compose(Discovered(servers), catalog(), DAY))
    assert report.findings == ()
    assert report.policy is not None
    assert len(report.policy.models) == 16


def test_models_answered_elsewhere_are_nothing_here(here: LocalServer) -> None:
    here.says("ollama", {"models": [{"name": "gpt-oss:120b-cloud"}]})
    report = checked(compose(look(here, "ollama"), catalog(), DAY))
    assert report.findings == ()
    assert report.policy is not None
    assert [model.name for model in report.policy.models] == ["llama"]


def test_hosted_models_the_table_does_not_know_are_left_out() -> None:
    empty = Catalog({}, frozenset(), "no table")
    for keys in (("OPENAI_API_KEY",), KEYS):
        policy = checked(compose(Discovered(keys=keys), empty, DAY)).policy
        assert policy is not None
        assert all(model.free for model in policy.models)


def test_hosted_models_are_known_to_litellm() -> None:
    assert set(hosted_models()) == set(KEYS)
    for key, tiers in hosted_models().items():
        for tier, names in tiers:
            assert tier in TIERS
            for name in names:
                entry = catalog().find(name)
                assert entry is not None, f"{name} of {key} is not in the table"
                assert entry.price, name
                assert entry.context, name


def test_a_long_list_is_cut() -> None:
    models = tuple(ServedModel(f"m{number}") for number in range(30))
    text = compose(Discovered((Server("vllm", "http://127.0.0.1:1", models),)), catalog(), DAY)
    report = checked(text)
    assert report.findings == ()
    assert report.policy is not None
    assert len(report.policy.models) == 8
    assert "  # not listed: 22 more of vllm\n" in text


def priced(**days: str | None) -> Catalog:
    """A table of OpenAI's models, each with its last day."""
    rows: dict[str, dict[str, Any]] = {
        name.replace("_", "-").replace("gpt-5-", "gpt-5."): {
            "litellm_provider": "openai", "mode": "chat", "max_input_tokens": 128_000,
            "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
            **({"deprecation_date": day} if day else {}),
        }
        for name, day in days.items()
    }  # fmt: skip
    return Catalog(rows, frozenset({"openai"}), "test")


def chosen(table: Catalog, today: date = DAY) -> list[str]:
    """The models that OPENAI_API_KEY opens."""
    found = Discovered(keys=("OPENAI_API_KEY",))
    policy = inspect([PolicyFile("p.yaml", compose(found, table, today).encode())]).policy
    assert policy is not None
    return [m.provider_model.removeprefix("openai/") for m in policy.models if m.api_key_env]


def test_a_model_without_a_last_day_goes_before_one_that_goes_soon() -> None:
    soon = (DAY + timedelta(days=60)).isoformat()
    late = (DAY + timedelta(days=61)).isoformat()
    assert chosen(priced(gpt_5=soon, gpt_4o=None)) == ["gpt-4o"]
    assert chosen(priced(gpt_5=late, gpt_4o=None)) == ["gpt-5"]
    assert chosen(priced(gpt_5=None, gpt_4o=None)) == ["gpt-5"]
    assert chosen(priced(gpt_5="someday", gpt_4o=None)) == ["gpt-5"]


def test_of_models_that_all_go_soon_the_last_is_taken() -> None:
    days = [(DAY + timedelta(days=n)).isoformat() for n in (3, 9, -1)]
    assert chosen(priced(gpt_5=days[0], gpt_4_1=days[1], gpt_4o=days[2])) == ["gpt-5"]
    assert chosen(priced(gpt_5=days[0], gpt_4o=days[1])) == ["gpt-4o"]
    assert chosen(priced(gpt_5=DAY.isoformat())) == ["gpt-5"]


@pytest.mark.parametrize("key", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"])
def test_a_key_of_a_large_provider_opens_models_of_two_tiers(key: str) -> None:
    policy = checked(compose(Discovered(keys=(key,)), catalog(), DAY)).policy
    assert policy is not None
    assert {model.tier for model in policy.models} == {"standard", "heavy"}
    assert all(model.api_key_env == key for model in policy.models)


def test_a_key_that_opens_nothing_is_named() -> None:
    gone = priced(gpt_5=(DAY - timedelta(days=1)).isoformat())
    found = Discovered(keys=("OPENAI_API_KEY", "OPENROUTER_API_KEY"))
    text = compose(found, gone, DAY)
    assert "# Found: OPENROUTER_API_KEY.\n# OPENAI_API_KEY is set, but LiteLLM's table" in text
    text = compose(Discovered(keys=("OPENAI_API_KEY",)), gone, DAY)
    assert "# OPENAI_API_KEY is set, but" in text
    assert "# No model was found here." in text
    assert checked(text).findings == ()
