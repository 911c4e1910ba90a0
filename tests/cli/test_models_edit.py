"""`models add`, `set` and `remove`: the change is shown, checked and written, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

MODELS = b"""\
# The models of the team.\r
version: 1\r
tiers: [light, heavy]\r
models:\r
  # cheap, and here\r
  small: { model: openai/small, tier: light, price: free, tags: [local] }  # ours\r
  large:\r
    model: "openai/large"  # the big one\r
    tier: heavy\r
    price: { input: $1/M, output: $2/M }\r
"""
RULES = """\
version: 1
tasks: { code: { first: [large] }, chat: {} }
rules:
  - name: private data stays here
    when: { tags: private }
    only: [local]
  - name: not the small one at night
    when: "hour < 6"
    avoid:
      - small  # it sleeps
budgets: { all: { cap: $10/month, then: block } }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A policy in two files, one of them with line ends of Windows."""
    path = tmp_path / "policies"
    path.mkdir()
    (path / "models.yaml").write_bytes(MODELS)
    (path / "rules.yaml").write_text(RULES)
    return path


def test_a_change_is_shown_and_not_written(folder: Path) -> None:
    done = run("models", "-p", folder, "set", "large", "tier=light", "price.output=$3/M")
    assert done.code == 0
    assert done.out.splitlines()[2:] == [
        "@@ -6,5 +6,5 @@",
        "   small: { model: openai/small, tier: light, price: free, tags: [local] }  # ours",
        "   large:",
        '     model: "openai/large"  # the big one',
        "-    tier: heavy",
        "-    price: { input: $1/M, output: $2/M }",
        "+    tier: light",
        "+    price: { input: $1/M, output: $3/M }",
    ]
    assert "nothing was written: use --write to change the files" in done.err
    assert (folder / "models.yaml").read_bytes() == MODELS


def test_a_change_is_written(folder: Path) -> None:
    (folder / "models.yaml").chmod(0o640)
    done = run("models", "-p", folder, "set", "large", "model=openai/larger", "--write", "--json")
    assert (done.code, done.json["changed"], done.json["written"]) == (0, True, True)
    assert (folder / "models.yaml").read_bytes() == MODELS.replace(
        b"openai/large", b"openai/larger"
    )
    assert (folder / "models.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["models.yaml", "rules.yaml"]
    again = run("models", "-p", folder, "set", "large", "model=openai/larger", "--write", "--json")
    assert (again.json["changed"], again.json["written"]) == (False, False)
    assert run("models", "-p", folder, "set", "large", "tier=heavy").out.startswith(
        "nothing change"
    )


def test_a_change_with_new_errors_is_not_written(folder: Path) -> None:
    done = run("models", "-p", folder, "set", "large", "teir=heavy", "--write")
    assert done.code == 1
    assert "help: `tier` is already set" in done.err
    assert "+    teir: heavy" in done.out
    assert (folder / "models.yaml").read_bytes() == MODELS
    told = run("models", "-p", folder, "set", "large", "tier=gigantic", "--write", "--json")
    assert (told.code, told.json["written"]) == (1, False)
    assert told.json["errors"][0]["message"] == "`gigantic` is not a tier"


def test_new_warnings_are_reported(folder: Path) -> None:
    done = run("models", "-p", folder, "set", "small", "tags=[here]", "--json")
    assert done.code == 1, "the tag `local` selects nothing any more"
    told = run("models", "-p", folder, "set", "large", "model=groq/llama-guard-3-8b", "--json")
    assert (told.code, told.json["errors"]) == (0, [])
    assert [each["rule"] for each in told.json["warnings"]] == ["deprecated-model"]


def test_a_field_is_taken_out(folder: Path) -> None:
    done = run("models", "-p", folder, "set", "large", "price=", "--write")
    assert done.code in (0, 1)
    done = run("models", "-p", folder, "set", "small", "latency=")
    assert (done.code, done.out) == (2, "")
    assert "`models.small.latency` is not in the policy" in done.err


def test_a_model_is_added_and_removed(folder: Path) -> None:
    fields = ("model=openai/mini", "tier=light", "price.input=$0.10/M", "price.output=$1/M")
    done = run("models", "-p", folder, "add", "mini", *fields, "--write")
    assert done.code == 0, done.err
    assert (folder / "models.yaml").read_bytes() == MODELS + (
        b"  mini:\r\n    model: openai/mini\r\n    tier: light\r\n"
        b"    price: { input: $0.10/M, output: $1/M }\r\n"
    ).removesuffix(b"\r\n") + b"\r\n"
    assert run("models", "-p", folder, "mini").code == 0
    twice = run("models", "-p", folder, "add", "mini", *fields)
    assert (twice.code, twice.out) == (2, "")
    assert "`mini` is already in the policy" in twice.err
    done = run("models", "-p", folder, "remove", "mini", "--write")
    assert done.code == 0, done.err
    assert (folder / "models.yaml").read_bytes() == MODELS


def test_a_model_that_is_named_stays(folder: Path) -> None:
    done = run("models", "-p", folder, "remove", "large", "--write")
    assert (done.code, done.out) == (1, "")
    assert f"{folder}/rules.yaml:2:26  `large` is selected by `tasks.code.first`" in done.err
    told = run("models", "-p", folder, "remove", "small", "--json")
    assert (told.code, told.json["written"]) == (1, False)
    assert told.json["named_at"] == [
        {
            "place": f"{folder}/rules.yaml:6:12",
            "why": "`local` is not a model, tier or tag",
        },
        {
            "place": f"{folder}/rules.yaml:10:9",
            "why": "`small` is selected by `rules.avoid`",
        },
    ]
    assert (folder / "models.yaml").read_bytes() == MODELS


def test_places_are_those_of_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    rules = RULES.replace("version: 1\n", "").replace("first: [large]", "first: [small]")
    models = MODELS.decode().replace("\r", "")
    path.write_text(f"{models}{rules}aliases: {{ best: [large] }}\n")
    told = run("models", "-p", path, "remove", "large", "--json").json
    assert [each["place"] for each in told["named_at"]] == [f"{path}:21:19"]


def test_names_that_are_unknown(folder: Path) -> None:
    for action in (("set", "lagre", "tier=light"), ("remove", "lagre")):
        done = run("models", "-p", folder, *action)
        assert (done.code, done.out) == (2, "")
        assert "unknown model `lagre`; did you mean `large`?" in done.err


def test_files_that_cannot_be_edited(folder: Path, tmp_path: Path) -> None:
    (folder / "rules.yaml").write_text("rules: &x []\n")
    done = run("models", "-p", folder, "set", "large", "tier=light")
    assert done.code == 1
    assert "anchors are not allowed; fix it before the policy is edited" in done.err
    (folder / "rules.yaml").write_bytes(b"name: \xff\n")
    assert "is not UTF-8" in run("models", "-p", folder, "set", "large", "tier=light").err
    gone = run("models", "-p", tmp_path / "gone", "set", "large", "tier=light")
    assert (gone.code, gone.out) == (2, "")


def test_a_manifest_is_remembered(folder: Path) -> None:
    run("check", folder, "--write-manifest")
    done = run("models", "-p", folder, "set", "large", "tier=light", "--write")
    assert "`check --write-manifest` renews it" in done.err
