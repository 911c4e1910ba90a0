"""`schema`: the JSON Schema and the settings of an editor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from policy_router.language.schema import generate
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_schema_is_printed() -> None:
    result = run("schema")
    assert (result.code, result.err) == (0, "")
    assert result.json == generate()


def test_the_schema_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s.json"
    for _ in range(2):
        result = run("schema", "--write", path)
        assert (result.code, result.out, result.err) == (0, "", f"wrote {path}\n")
        assert json.loads(path.read_text(encoding="utf-8")) == generate()


def test_editor_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ["policies/*.yaml", "policies/*.yml"]
    settings = run("schema", "--vscode").json
    assert settings == {"yaml.schemas": {"./schemas/policy.schema.json": files}}
    monkeypatch.chdir(tmp_path)
    settings = run("schema", "--vscode", "--write", "s.json").json
    assert settings == {"yaml.schemas": {"./s.json": files}}
    assert (tmp_path / "s.json").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    result = run("schema", "--write", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: cannot write {tmp_path}: is a directory\n"
