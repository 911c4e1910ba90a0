"""What the servers of models say when they are asked, over real connections."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.diagnostics import Severity
from policy_router.discovery.live import LiveExamination
from policy_router.domain.models import Model
from policy_router.providers.model_list import ModelList
from policy_router.providers.simulated import Say, Simulated
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.ledger.diagnosis import Diagnosis
    from tests.discovery.servers import LocalServer

CANARY = "sk-canary-0123456789abcdef"
POLICY = """\
version: 1
models:
  small: {{ model: openai/gpt-oss, api_base: "{url}", tier: light, price: free, context: 8k }}
  big: {{ model: openai/gpt-osss, api_base: "{url}", tier: light, price: free, context: 8k }}
"""


def model(name: str, calls: str, base: str | None = None, key: str | None = "KEY") -> Model:
    return Model(name, calls, "light", 0, api_base=base, api_key_env=key, free=True)


def ask(*models: Model, within: float = 30.0) -> tuple[Diagnosis, ...]:
    return asyncio.run(LiveExamination(models, os.environ, within=within).ask())


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", CANARY)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def names(*ids: str) -> dict[str, Any]:
    return {"data": [{"id": each} for each in ids]}


def test_the_simulated_provider_is_asked_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / "policy.yaml"
    with Simulated({"gpt-oss": Say(), "other": Say()}) as there:
        url = there.url
        path.write_text(POLICY.format(url=url))
        done = run("doctor", "-p", path, "--live", "--json")
        told = {f["subject"]: f for f in done.json["findings"]}
        assert told["server"]["level"] == "note"
        assert told["server"]["text"] == f"{url} answers without a key and lists 2 models"
        assert told["model"]["level"] == "warning"
        assert told["model"]["text"].startswith(f"`gpt-osss` is not in the list of {url}:")
        assert told["model"]["help"] == "did you mean `gpt-oss`?"
        assert done.code == 1
        assert not there.requests
    gone = run("doctor", "-p", path, "--live")
    assert f"{url} does not answer (connection refused): `small` and `big`" in gone.out
    assert gone.code == 1


def test_each_key_is_tried_and_none_is_shown(here: LocalServer, monkeypatch: Any) -> None:
    monkeypatch.setenv("OTHER", f"{CANARY}-other")
    here.says("a", names("x"))
    here.says("b", {"error": {"message": f"wrong key: {CANARY}"}}, status=401)
    two = replace(model("two", "openai/x", f"{here.root}/a/v1"), api_key_envs=("KEY", "OTHER"))
    refused = model("refused", "openai/x", f"{here.root}/b/v1")
    keyless = model("keyless", "openai/x", f"{here.root}/b/v1", key=None)
    found = ask(two, refused, keyless)
    assert [(d.subject, d.level) for d in found] == [
        ("server", Severity.NOTE),
        ("server", Severity.NOTE),
        ("key", Severity.WARNING),
        ("key", Severity.WARNING),
    ]
    texts = [d.text for d in found]
    assert texts[1] == f"{here.root}/a/v1 answers with the key in OTHER and lists 1 model"
    assert "refuses calls with the key in KEY (401): `refused` cannot" in texts[2]
    assert "refuses calls without a key (401): `keyless` cannot" in texts[3]
    assert "api_key_env" in found[3].help
    assert sorted(filter(None, here.handler.keys)) == [
        f"Bearer {CANARY}",
        f"Bearer {CANARY}",
        f"Bearer {CANARY}-other",
    ]
    assert CANARY not in repr(found)


def test_anthropic_is_asked_in_its_own_format(here: LocalServer) -> None:
    here.says("c", {**names("claude-haiku-4-5-20251001"), "has_more": True})
    found = ask(
        model("haiku", "anthropic/claude-haiku-4-5", f"{here.root}/c"),
        model("opus", "anthropic/claude-opus-9", f"{here.root}/c"),
    )
    assert here.handler.asked == ["/c/v1/models?limit=1000"]
    assert here.handler.keys == [CANARY]
    answered, missing = found
    assert answered.text.startswith(f"{here.root}/c/v1 answers")
    # There are more than were read, so it may be among those.
    assert missing.level is Severity.NOTE
    assert "`claude-opus-9` is not in the part that was read of the list" in missing.text


def test_further_pages_are_read_from_the_same_server_only(here: LocalServer) -> None:
    here.says("p", {**names("x"), "links": {"next": f"{here.root}/q/v1/models"}})
    here.says("q", {**names("y"), "links": {"next": "http://192.0.2.1/models"}})
    first, second = ask(
        model("x", "openrouter/x", f"{here.root}/p"), model("z", "openrouter/z", f"{here.root}/p")
    )
    assert first.text.endswith("lists 2 models")
    assert second.level is Severity.NOTE
    here.says("loop", {**names("x"), "links": {"next": f"{here.root}/loop/models"}})
    (first,) = ask(model("x", "openrouter/x", f"{here.root}/loop"))
    assert first.text.endswith("lists 20 models")


@pytest.mark.parametrize(
    ("body", "status", "level", "words"),
    [
        (b"<html>", 200, Severity.NOTE, "has no list of models"),
        ({"data": 7}, 200, Severity.NOTE, "has no list of models"),
        (b"[" * 100_000, 200, Severity.NOTE, "has no list of models"),
        (b" " * (17 << 20), 200, Severity.NOTE, "has no list of models"),
        ({}, 404, Severity.NOTE, "whether it has `m` is unknown"),
        ({}, 307, Severity.WARNING, "answers with the status 307"),
        ({}, 503, Severity.WARNING, "answers with the status 503: `m` may not answer"),
        ([{"id": "x"}, 3, {"id": 4}], 200, Severity.NOTE, "lists 1 model"),
    ],
)
def test_other_answers(
    here: LocalServer, body: Any, status: int, level: Severity, words: str
) -> None:
    here.says("d", body, status)
    (found,) = ask(model("m", "together_ai/x", f"{here.root}/d"))
    assert found.level is level
    assert words in found.text


def test_no_answer(here: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    here.says("slow", names("x"))
    (late,) = ask(model("m", "openai/x", f"{here.root}/slow"), within=0.2)
    assert "does not answer (no answer within 0.2 s)" in late.text
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    (refused,) = ask(model("m", "openai/x", f"http://127.0.0.1:{port}/v1"))
    assert "does not answer (connection refused)" in refused.text
    monkeypatch.setenv("KEY", f"{CANARY}\r\nx: y")
    (odd,) = ask(model("m", "openai/x", f"{here.root}/a/v1"))
    assert "cannot be sent" in odd.text
    assert CANARY not in repr((late, refused, odd))
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]
        (broken,) = ask(model("m", "openai/x", f"http://127.0.0.1:{port}/v1"), within=0.2)
    assert broken.level is Severity.WARNING


def test_what_cannot_be_asked_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "http://user:password@127.0.0.1/v1")
    bad = replace(model("bad", "openai/x"), api_base_env="WHERE")
    unset = replace(model("unset", "openai/x"), api_base_env="NOWHERE")
    # LiteLLM would send OpenRouter's own key there.
    keyless = model("keyless", "openrouter/x", "http://127.0.0.1:1", key=None)
    priceless = replace(model("priceless", "bedrock/x", key=None), free=False)
    found = ask(bad, unset, keyless, priceless)
    assert [(d.subject, d.text.partition(":")[0]) for d in found] == [
        ("server", "`bad` cannot be called"),
        ("model", "`keyless` and `priceless` could not be checked"),
        ("price", "the price of `priceless` is unknown"),
    ]
    assert "password" not in repr(found)


@pytest.mark.parametrize(
    ("name", "listed", "there"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-5-2025-08-07", True),
        ("gpt-5", "gpt-5-mini", False),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        ("claude-haiku-4-5-20250101", "claude-haiku-4-5-20251001", False),
        ("mistral-small-latest", "mistral-small-20260101", True),
        ("llama3.2", "llama3.2:latest", True),
        ("qwen/qwen3-coder:nitro", "qwen/qwen3-coder", True),
        ("qwen/qwen3-coder:free", "qwen/qwen3-coder", False),
    ],
)
def test_names_of_models(name: str, listed: str, *, there: bool) -> None:
    assert ModelList((listed,)).has(name) is there


def test_ollama_is_asked_at_its_usual_address(
    here: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.says("v1", names("llama3.2:latest"))
    monkeypatch.setenv("OLLAMA_API_BASE", here.root)
    (found,) = ask(
        model("a", "ollama/llama3.2", key=None), model("b", "ollama_chat/llama3.2", key=None)
    )
    assert found.text == f"{here.root}/v1 answers without a key and lists 1 model"
