"""`schema`: the JSON Schema and the settings of an editor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from policy_router.language.field_reference import field_reference
from policy_router.language.schema import generate
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path


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
    result = run("schema", "--vscode")
    assert result.json == {"yaml.schemas": {"./schemas/policy.schema.json": files}}
    assert "or use --merge" in result.err
    monkeypatch.chdir(tmp_path)
    settings = run("schema", "--vscode", "--write", "s.json").json
    assert settings == {"yaml.schemas": {"./s.json": files}}
    assert (tmp_path / "s.json").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    result = run("schema", "--write", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: cannot write {tmp_path}: is a directory\n"


def test_a_setting_is_added_to_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = {"./schemas/policy.schema.json": ["policies/*.yaml", "policies/*.yml"]}
    result = run("schema", "--vscode", "--merge")
    assert (result.code, result.out) == (0, "")
    file = tmp_path / ".vscode" / "settings.json"
    assert json.loads(file.read_text()) == {"yaml.schemas": ours}
    file.write_text('{\n    "a": 1,\n    "yaml.schemas": {\n        "x": "y"\n    }\n}\n')
    for _ in range(2):
        assert run("schema", "--merge").code == 0
    assert json.loads(file.read_text()) == {"a": 1, "yaml.schemas": {"x": "y", **ours}}
    assert file.read_text().startswith('{\n    "a": 1,\n')


@pytest.mark.parametrize(
    "text", ['{\n  // mine\n  "a": 1\n}', '{ "a": 1, }', "[]", '{"yaml.schemas": 5}']
)
def test_settings_that_would_be_lost_are_left_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".vscode" / "settings.json"
    file.parent.mkdir()
    file.write_text(text)
    result = run("schema", "--merge")
    assert result.code == 2
    assert '"yaml.schemas": {"./schemas/policy.schema.json"' in result.err
    assert file.read_text() == text


@pytest.mark.parametrize("place", [".vscode", ".vscode/settings.json"])
def test_settings_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if place == ".vscode":
        (tmp_path / place).write_text("")
    else:
        (tmp_path / place).mkdir(parents=True)
    result = run("schema", "--merge")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: cannot ")


def test_the_field_reference_is_printed() -> None:
    result = run("schema", "--markdown")
    assert (result.code, result.err) == (0, "")
    assert result.out == field_reference(generate())
