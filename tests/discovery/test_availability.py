"""Whether models can be called from here."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from policy_router.diagnostics import Severity
from policy_router.discovery.availability import missing_addresses, missing_keys, silent_servers
from policy_router.domain.models import Model
from tests.cli.run import run
from tests.cli.spent import COUNTED


def model(name: str, calls: str, **more: str) -> Model:
    return Model(name, calls, "light", 0, **more)  # type: ignore[arg-type]


KEYS = replace(model("a", "openai/x", api_key_env="KEY_A"), api_key_envs=("KEY_A", "KEY_B"))


@pytest.mark.parametrize(
    ("asked", "environ", "texts"),
    [
        (model("a", "openai/x", api_key_env="MINE"), {}, ["MINE is not set: `a` cannot be c"]),
        (model("a", "openai/x", api_key_env="MINE"), {"MINE": ""}, ["MINE is not set"]),
        (model("a", "openai/x", api_key_env="MINE"), {"MINE": "secret"}, []),
        (model("a", "openai/x"), {}, ["OPENAI_API_KEY is not set"]),
        (model("a", "together_ai/x"), {}, ["TOGETHERAI_API_KEY is not set"]),
        (model("a", "openai/x", api_base="http://localhost:1/v1"), {}, []),
        (model("a", "gemini/x", api_key_env="MINE"), {"GOOGLE_API_KEY": "secret"}, ["MINE is not"]),
        (model("a", "gemini/x"), {}, ["GEMINI_API_KEY is not set"]),
        (model("a", "gemini/x"), {"GOOGLE_API_KEY": "secret"}, []),
        (model("a", "ollama_chat/x"), {}, []),
        (model("a", "bedrock/x"), {}, []),
        (KEYS, {}, ["KEY_A is not set: `a` cannot be called"]),
        (KEYS, {"KEY_A": "s"}, ["KEY_B is not set: `a` can only be called with other keys"]),
        (KEYS, {"KEY_A": "s", "KEY_B": "secret"}, []),
        (model("a", "openai/x", api_base_env="URL"), {}, []),
    ],
)
def test_keys_by_name(asked: Model, environ: dict[str, str], texts: list[str]) -> None:
    found = missing_keys([asked], environ)
    assert [f.text[: len(text)] for f, text in zip(found, texts, strict=True)] == texts
    assert all(f.level is Severity.WARNING for f in found)
    assert "secret" not in repr(found)


def test_models_that_need_one_key_are_reported_together() -> None:
    every = [model(name, "openai/x") for name in "abcde"]
    for models, words in (
        (every[:1], "`a`"),
        (every[:2], "`a` and `b`"),
        (every[:3], "`a`, `b` and `c`"),
        (every, "`a`, `b`, `c` and 2 more"),
    ):
        (found,) = missing_keys(models, {})
        assert found.text == f"OPENAI_API_KEY is not set: {words} cannot be called"


def test_an_address_must_be_set_somewhere() -> None:
    named = model("a", "ollama_chat/x", api_base_env="URL")
    (found,) = missing_addresses([named, model("b", "openai/x")], {})
    assert found.text == "URL is not set: `a` cannot be called"
    assert missing_addresses([named], {"URL": "http://localhost:1"}) == []
    assert missing_addresses([replace(named, api_base="http://localhost:1")], {}) == []


def test_a_server_is_looked_for_where_its_variable_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    named = model("a", "ollama_chat/x", api_base_env="URL")
    here = {"URL": f"http://127.0.0.1:{port}"}
    (found,) = asyncio.run(silent_servers([named], here))
    assert f"127.0.0.1:{port} does not answer" in found.text
    assert asyncio.run(silent_servers([named], {})) == []


def test_servers_of_ones_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as up, socket.create_server(("127.0.0.1", 0)) as s:
        here, gone = up.getsockname()[1], s.getsockname()[1]
        s.close()
        models = [
            model("up", "openai/x", api_base=f"http://127.0.0.1:{here}/v1"),
            model("down", "openai/x", api_base=f"http://localhost:{gone}"),
            model("away", "openai/x", api_base="https://api.example.com"),
            model("public", "openai/x", api_base="http://8.8.8.8:1"),
            model("metadata", "openai/x", api_base="http://169.254.169.254:1"),
            model("named", "openai/x", api_base="http://gpu.example.internal:1"),
            model("odd", "openai/x", api_base="http://127.0.0.1:port"),
            model("plain", "openai/x", api_base="ftp://127.0.0.1"),
            model("ollama", "ollama_chat/x"),
            model("cloud", "openai/x"),
        ]
        environ = {"OLLAMA_API_BASE": f"http://127.0.0.1:{here}"}
        (found,) = asyncio.run(silent_servers(models, environ))
        assert found.level is Severity.WARNING
        assert found.text.startswith(f"http://localhost:{gone} does not answer (")
        assert found.text.endswith("): `down` cannot be called")


def test_a_server_that_keeps_silent_is_not_waited_for() -> None:
    models = [model("slow", "openai/x", api_base="http://127.0.0.1:9")]
    (found,) = asyncio.run(silent_servers(models, {}, within=0.0))
    assert found.text == (
        "http://127.0.0.1:9 does not answer (no connection within 0 s): `slow` cannot be called"
    )


def test_doctor_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("OLLAMA_API_BASE", f"http://127.0.0.1:{port}")
    done = run("doctor", "-p", COUNTED)
    assert done.code == 1
    assert "OPENAI_API_KEY is not set: `big` cannot be called" in done.out
    assert f"http://127.0.0.1:{port} does not answer" in done.out
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    assert "OPENAI_API_KEY" not in run("doctor", "-p", COUNTED).out
