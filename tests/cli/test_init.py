"""`init`: files it writes, and files it does not replace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from policy_router.discovery import local as finding
from policy_router.discovery.local import (
    KEYS,
    Discovered,
    discover,
)
from policy_router.language.schema import generate
from tests.cli.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from tests.discovery.servers import LocalServer, look, serving
from tests.discovery.test_starter import checked


@pytest.fixture
def here() -> Iterator[LocalServer]:
    with serving() as place:
        yield place


@pytest.fixture
def alone(here: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on a machine that has vLLM and nothing else."""
    sources = here.sources("vllm")

    def ask(environ: dict[str, str]) -> Discovered:
        return discover(environ, sources=sources, within=10)

    monkeypatch.setattr(finding, "discover", ask)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_a_policy_that_works(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-value-nobody-may-see")
    result = run("init")
    assert (result.code, result.out) == (0, "wrote policies/policy.yaml\n")
    assert "found vllm at http://127.0.0.1:" in result.err
    assert "found OPENAI_API_KEY in the environment\n" in result.err
    text = (alone / "policies" / "policy.yaml").read_text()
    assert "a-value-nobody-may-see" not in text + result.err
    assert run("check").code == 0
    routed = run("route", "hello", "--json").json
    assert routed["candidates"][0]["model"] == "Qwen2.5-32B-Instruct"


def test_a_dry_run_writes_nothing(alone: Path) -> None:
    result = run("init", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert checked(result.out).findings == ()
    assert list(alone.iterdir()) == []


def test_nothing_is_overwritten_unless_asked(alone: Path) -> None:
    path = alone / "mine.yaml"
    path.write_text("mine")
    result = run("init", path)
    assert (result.code, result.out) == (2, "")
    assert "--force" in result.err
    assert path.read_text() == "mine"
    assert run("init", path, "--dry-run").code == 0
    assert run("init", path, "--force").code == 0
    assert checked(path.read_text()).findings == ()


def test_a_name_that_would_not_be_read_is_not_written(alone: Path) -> None:
    result = run("init", "x\x1b[31m.yaml")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: the file name x\ufffd[31m.yaml has characters that cannot be shown: "
        "choose another\n"
    )
    assert list(alone.iterdir()) == []
    assert run("init", "x\x1b[31m").out == "wrote x\ufffd[31m/policy.yaml\n"
    assert run("check", "x\x1b[31m").code == 0


def test_two_policies_are_not_mixed(alone: Path) -> None:
    (alone / "policies").mkdir()
    (alone / "policies" / "other.yml").write_text("version: 1\n")
    result = run("init")
    assert (result.code, result.out) == (2, "")
    assert "policies holds other.yml" in result.err
    assert run("init", "elsewhere").out == "wrote elsewhere/policy.yaml\n"
    assert run("init", "policies/new.yaml").code == 0


@pytest.mark.parametrize("argv", [["f"], ["f/p.yaml"], ["f/x/p.yaml"]])
def test_a_place_that_cannot_be_written(alone: Path, argv: list[str]) -> None:
    (alone / "f").write_text("a file")
    result = run("init", *argv)
    assert (result.code, result.out) == (2, "")
    assert "cannot write f/" in result.err


def test_nothing_found_is_reported(
    here: LocalServer, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "discover", lambda _: look(here))
    result = run("init")
    assert result.code == 0
    assert "found no model server on this machine and no API key in the environment" in result.err
    text = (alone / "policies" / "policy.yaml").read_text()
    assert "ollama pull llama3.2" in text
    assert "  # haiku:" in text
    assert run("check").code == 0
    assert run("route").code == 0


def test_the_schema_is_written_next_to_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    result = run("init", "team.yaml")
    assert result.code == 0
    first = (tmp_path / "team.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=policy.schema.json"
    assert json.loads((tmp_path / "policy.schema.json").read_text()) == generate()
    assert "wrote policy.schema.json" in result.err
    (tmp_path / "policy.schema.json").write_text("{}")
    result = run("init", "team.yaml", "--force")
    assert (result.code, result.out) == (0, "wrote team.yaml\n")
    assert "another file has this name" in result.err
    assert (tmp_path / "policy.schema.json").read_text() == "{}"
