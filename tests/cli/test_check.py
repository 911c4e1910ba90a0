"""`check`: what is found, how it is written, and the exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from policy_router.check import manual, report
from policy_router.check.report import Report, inspect_path
from policy_router.check.shorten import MOST_SHOWN
from policy_router.diagnostics import Diagnostic, Severity, Span, draw
from tests.cli.run import BROKEN, DOUBTFUL, TEAM, clean_environment, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEAD = "warning[dead-rule] no request can meet `tokens > 1000 and tokens < 500`"


def test_nothing_found() -> None:
    result = run("check", TEAM)
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("No findings in 1 file\n")


def test_findings_are_drawn_and_counted() -> None:
    result = run("check", DOUBTFUL)
    assert result.code == 1
    assert DEAD in result.out
    assert f"  --> {DOUBTFUL}:6:25\n" in result.out
    assert "   = help: correct the condition\n" in result.out
    assert result.out.endswith("Found 2 warnings in 1 file\n")
    both = run("check", BROKEN, DOUBTFUL, TEAM)
    assert both.code == 1
    assert both.out.endswith("Found 2 errors and 2 warnings in 3 files\n")


def test_text_is_what_draw_draws() -> None:
    found = inspect_path(Path(DOUBTFUL))
    drawn = "".join(draw(d, found.sources) + "\n" for d in found.diagnostics)
    assert run("check", DOUBTFUL).out == drawn + "Found 2 warnings in 1 file\n"


@pytest.fixture
def _noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report has a note besides."""

    def noted(path: Path, *, wanted: Callable[[Diagnostic], bool], tests: Sequence[Path]) -> Report:
        found = inspect_path(path, wanted=wanted, tests=tests)
        note = Diagnostic("curious", Severity.NOTE, "worth knowing", Span(str(path), 1, 1, 1, 8))
        return replace(found, diagnostics=(note, *found.findings))

    monkeypatch.setattr(report, "inspect_path", noted)


@pytest.mark.usefixtures("_noted")
def test_notes_are_no_findings() -> None:
    result = run("check", TEAM)
    assert result.code == 0
    assert result.out == (
        "note[curious] worth knowing\n"
        f"  --> {TEAM}:1:1\n"
        "   |\n"
        " 1 | version: 1\n"
        "   | ^^^^^^^\n"
        "No findings in 1 file\n"
    )
    found = run("check", TEAM, "--format", "json").json
    assert found["findings"] == []
    assert [note["rule"] for note in found["notes"]] == ["curious"]


def test_where_the_policy_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("check")
    assert result.code == 2
    assert result.err.startswith("policy: policies\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.yaml").write_text(Path(TEAM).read_text())
    assert run("check").code == 0
    monkeypatch.setenv("POLICY_ROUTER_POLICY", DOUBTFUL)
    result = run("check")
    assert result.code == 1
    assert result.err == f"policy: {DOUBTFUL} (from $POLICY_ROUTER_POLICY)\n"
    assert run("check", "--policy", TEAM).code == 0
    assert run("check", TEAM).code == 0
    both = run("check", TEAM, "-p", DOUBTFUL)
    assert both.code == 2
    assert "-p" in both.err


def test_the_same_path_twice_is_one_policy() -> None:
    assert run("check", DOUBTFUL, DOUBTFUL).out == run("check", DOUBTFUL).out


@pytest.mark.parametrize("format_", ["text", "json", "github", "sarif"])
def test_nothing_to_check(tmp_path: Path, format_: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "sub.yaml").mkdir()
    for name, rule in (
        ("missing.yaml", "no-policy-files"),
        ("empty", "no-policy-files"),
        ("sub.yaml", "no-policy-files"),
        ("", "unreadable-file"),
    ):
        result = run("check", tmp_path / name, "--format", format_)
        assert result.code == 2
        assert "Traceback" not in result.err
        if format_ == "text":
            assert result.out == ""
            assert f"error[{rule}]" in result.err
        else:
            assert result.err == ""
            assert rule in result.out


def test_an_unreadable_path_does_not_hide_the_others() -> None:
    result = run("check", "no/such.yaml", DOUBTFUL)
    assert result.code == 2
    assert "`no/such.yaml` does not exist" in result.err
    assert result.out.endswith("Found 2 warnings in 1 file\n")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\xff\xfe",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"[" * 100_000,
        b"a: " + b"[" * 100_000 + b"]" * 100_000,
        b"{" * 100_000,
        b"- " * 100_000,
        b"",
        b"just a text",
        b"\xef\xbb\xbfversion: 1\n",
    ],
    ids=["binary", "picture", "open", "closed", "braces", "dashes", "empty", "text", "mark"],
)
def test_files_that_are_no_policies(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(data)
    for format_ in ("text", "json", "github", "sarif"):
        result = run("check", path, "--format", format_)
        assert result.code == 1
        assert result.err == ""
        assert all(c.isprintable() or c in "\n\t" for c in result.out)
    assert run("route", "hi", "-p", path).code == 1


def test_select_and_ignore() -> None:
    every = [f["rule"] for f in run("check", DOUBTFUL, "--format", "json").json["findings"]]
    assert sorted(every) == ["dead-rule", "missing-context"]
    for argv, left in (
        (["--select", "dead-rule"], ["dead-rule"]),
        (["--ignore", "dead-rule"], ["missing-context"]),
        (["--ignore", "dead-rule", "--ignore", "missing-context"], []),
        (["--ignore", "dead-rule,missing-context"], []),
        (["--select", "dead-rule", "--ignore", "dead-rule"], []),
        (["--select", "unused-tier"], []),
    ):
        result = run("check", DOUBTFUL, "--format", "json", *argv)
        assert [f["rule"] for f in result.json["findings"]] == left
        assert result.code == (1 if left else 0)


def test_errors_cannot_be_ignored() -> None:
    assert run("check", BROKEN, "--select", "dead-rule").code == 1
    assert "error[" in run("check", BROKEN, "--select", "dead-rule").out
    assert run("check", BROKEN, "--ignore", "unknown-field,unknown-fact").code == 1


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_an_unknown_rule_is_wrong_usage(option: str) -> None:
    result = run("check", TEAM, option, "ded-rule")
    assert result.code == 2
    assert option in result.err
    assert "did you mean `dead-rule`?" in " ".join(result.err.split())


FINDING = {
    "rule": str, "severity": str, "message": str, "file": str, "line": int, "col": int,
    "end_line": int, "end_col": int, "help": str, "related": list,
}  # fmt: skip


def test_json_has_one_shape() -> None:
    found = run("check", DOUBTFUL, "--format", "json").json
    assert list(found) == [
        "schema_version", "policy", "policies", "files", "findings", "notes", "omitted",
    ]  # fmt: skip
    assert found["omitted"] == {"error": 0, "warning": 0, "note": 0}
    assert found["schema_version"] == 1
    assert set(found["policy"]) == {"name", "revision"}
    assert found["policies"] == [{"path": DOUBTFUL, **found["policy"]}]
    assert found["files"] == [DOUBTFUL]
    for finding in found["findings"]:
        assert {key: type(value) for key, value in finding.items()} == FINDING
    dead = found["findings"][0] if found["findings"][0]["rule"] == "dead-rule" else None
    dead = dead or found["findings"][1]
    place = {"line": 6, "col": 25, "end_line": 6, "end_col": 55}
    assert dead["severity"] == "warning"
    assert {key: dead[key] for key in place} == place


def test_json_of_a_policy_that_cannot_be_used() -> None:
    found = run("check", BROKEN, "--format", "json").json
    assert found["policy"] is None
    assert found["policies"] == [{"path": BROKEN, "name": None, "revision": None}]
    assert {f["severity"] for f in found["findings"]} == {"error"}
    missing = run("check", "no/such.yaml", "--format", "json").json
    assert missing["files"] == []
    assert missing["findings"][0]["file"] is None
    assert missing["findings"][0]["end_col"] is None
    several = run("check", TEAM, BROKEN, "--format", "json").json
    assert several["policy"] is None
    assert [each["name"] for each in several["policies"]] == ["team", None]


def test_github_commands_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a,b:c%.yaml"
    path.write_text(
        "version: 1\n"
        "models:\n"
        "  small: { model: ollama_chat/x, tier: light, price: free, context: 8k }\n"
        "rules:\n"
        "  - { name: r, when: \"tags == '100%, a::b'\", avoid: [small] }\n"
    )
    result = run("check", path, "--format", "github")
    assert result.code == 1
    (line,) = result.out.splitlines()
    head, text = line.removeprefix("::error ").split("::", 1)
    pairs = dict(pair.split("=", 1) for pair in head.split(","))
    assert pairs["file"] == str(path).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    assert (pairs["line"], pairs["endLine"]) == ("5", "5")
    assert int(pairs["col"]) < int(pairs["endColumn"])
    assert pairs["title"].startswith("policy-router ")
    assert "100%25, a::b" in text
    assert "%0A" in text


@pytest.mark.usefixtures("_noted")
def test_three_levels() -> None:
    lines = run("check", DOUBTFUL, BROKEN, "--format", "github").out.splitlines()
    assert {line.split(" ")[0] for line in lines} == {"::error", "::warning", "::notice"}


@pytest.mark.usefixtures("_noted")
def test_three_sarif_levels() -> None:
    (one,) = run("check", DOUBTFUL, BROKEN, "--format", "sarif").json["runs"]
    assert {found["level"] for found in one["results"]} == {"error", "warning", "note"}


def test_github_says_nothing_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\n"
        "models: { small: { model: ollama_chat/x, tier: light, price: free, context: 8k } }\n"
    )
    result = run("check", tmp_path, "--format", "github")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_a_mistake_over_several_lines_has_no_columns_on_github(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\n"
        "models:\n"
        "  small: { model: ollama_chat/x, tier: light, price: free, context: 8k }\n"
        "rules:\n"
        "  - name: r\n"
        "    when:\n"
        "      tokens: [1,\n"
        "        2]\n"
        "    only:\n"
        "      a: b\n"
        "      c: d\n"
    )
    lines = run("check", tmp_path, "--format", "github").out.splitlines()
    found = run("check", tmp_path, "--format", "json").json["findings"]
    for line, finding in zip(lines, found, strict=True):
        assert (",col=" in line) == (finding["line"] == finding["end_line"])


def test_sarif_of_nothing_readable(tmp_path: Path) -> None:
    result = run("check", tmp_path, "--format", "sarif")
    assert (result.code, result.err) == (2, "")
    (found,) = result.json["runs"][0]["results"]
    assert (found["ruleId"], found["locations"]) == ("no-policy-files", [])


def test_sarif_is_a_valid_log(tmp_path: Path) -> None:
    odd = tmp_path / "größe 1.yaml"
    odd.write_text(Path(DOUBTFUL).read_text())
    result = run("check", odd, BROKEN, "--format", "sarif")
    assert result.code == 1
    log = result.json
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (one,) = log["runs"]
    driver = one["tool"]["driver"]
    assert driver["name"] == "policy-router"
    assert driver["version"]
    assert one["columnKind"] == "unicodeCodePoints"
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == sorted(set(ids))
    for rule in driver["rules"]:
        page = manual.page(rule["id"])
        assert page is not None
        assert rule["shortDescription"] == {"text": page.summary}
        assert rule["fullDescription"] == {"text": page.text}
    assert len(one["results"]) == 4
    for found in one["results"]:
        assert ids[found["ruleIndex"]] == found["ruleId"]
        assert found["level"] in ("error", "warning", "note")
        assert found["message"]["text"]
        for location in found["locations"]:
            place = location["physicalLocation"]
            assert place["artifactLocation"]["uri"].isascii()
            region = place["region"]
            assert all(region[key] >= 1 for key in region)
            assert set(region) == {"startLine", "startColumn", "endLine", "endColumn"}
    uris = {unquote(each["location"]["uri"]) for each in one["artifacts"]}
    assert f"file://{odd}" in uris


def test_sarif_names_a_relative_file_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(DOUBTFUL).parent)
    (one,) = run("check", "doubtful.yaml", "--format", "sarif").json["runs"]
    place = one["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "doubtful.yaml"}


def test_sarif_keeps_related_places(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\n"
        "tiers: [light, heavy]\n"
        "models:\n"
        "  small: { model: ollama_chat/x, tier: light, price: free, context: 8k }\n"
        "  big: { model: ollama_chat/y, tier: heavy, price: free, context: 8k }\n"
        "rules:\n"
        "  - { name: a, when: tokens >= 100, avoid: [big] }\n"
        "  - { name: b, when: tokens < 100, avoid: [big] }\n"
    )
    (one,) = run("check", tmp_path, "--format", "sarif").json["runs"]
    related = [r for found in one["results"] for r in found.get("relatedLocations", ())]
    assert [each["message"]["text"] for each in related] == ["the model"]
    assert related[0]["physicalLocation"]["region"]["startLine"] == 5
    found = run("check", tmp_path, "--format", "json").json["findings"]
    (place,) = [each for finding in found for each in finding["related"]]
    assert (place["message"], place["line"]) == ("the model", 5)


SECRET = "sk-" + "proj-abcdefghijklmnopqrstuvwxyz012345"


@pytest.mark.parametrize("format_", ["text", "json", "github", "sarif"])
def test_a_secret_is_never_repeated(tmp_path: Path, format_: str) -> None:
    (tmp_path / "p.yaml").write_text(
        Path(TEAM).read_text() + f"description: our key is {SECRET}\n{SECRET}: 1\n"
    )
    result = run("check", tmp_path, "--format", format_)
    assert result.code == 1
    assert "secret-in-policy" in result.out
    assert SECRET not in result.out + result.err


def test_json_is_short_for_its_format() -> None:
    short, long = run("check", BROKEN, "--json"), run("check", BROKEN, "--format", "json")
    assert (short.code, short.json) == (long.code, long.json)


# -- very many findings ----------------------------------------------------------------------------


@pytest.fixture
def crowded(tmp_path: Path) -> str:
    """A policy with 300 warnings of one rule, then five of another, then an error."""
    path = tmp_path / "policy.yaml"
    rows = [
        "version: 1",
        "models: { m: { model: ollama_chat/x, price: free, context: 8k, tier: t } }",
    ]
    rows += [
        "rules:",
        *(f"  - {{ name: r{i}, when: tokens < 0, avoid: [m], shadow: true }}" for i in range(300)),
    ]
    rows += ["tiers: [t,", *(f"    t{i}," for i in range(5)), "  ]", ""]
    path.write_text("\n".join(rows))
    return str(path)


def test_of_very_many_findings_the_first_are_shown_and_the_rest_counted(crowded: str) -> None:
    result = run("check", crowded)
    assert result.code == 1
    assert result.out.count("warning[dead-rule]") == MOST_SHOWN
    assert "note[more-findings] and 105 more: 105 warnings\n" in result.out
    assert result.out.endswith("Found 305 warnings in 1 file\n")


def test_json_counts_what_it_leaves_out(crowded: str) -> None:
    found = run("check", crowded, "--json").json
    assert len(found["findings"]) == MOST_SHOWN
    assert found["omitted"] == {"error": 0, "warning": 105, "note": 0}
    assert [note["rule"] for note in found["notes"]] == ["more-findings"]


def test_rules_are_chosen_before_findings_are_left_out(crowded: str) -> None:
    found = run("check", crowded, "--json", "--select", "unused-tier").json
    assert [each["rule"] for each in found["findings"]] == ["unused-tier"] * 5
    assert (found["notes"], found["omitted"]["warning"]) == ([], 0)


def test_an_error_is_shown_before_warnings(crowded: str) -> None:
    path = Path(crowded)
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz012345"  # noqa: S105  a made-up one
    path.write_text(path.read_text() + f"description: {secret}\n")
    found = run("check", crowded, "--json").json
    assert found["findings"][-1]["rule"] == "secret-in-policy"
    assert len(found["findings"]) == MOST_SHOWN
    assert found["omitted"]["warning"] == 106


def test_write_manifest(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_bytes(Path(TEAM).read_bytes())
    manifest = tmp_path / "MANIFEST.sha256"
    manifest.write_text("of an older version\n")
    result = run("check", tmp_path, "--write-manifest")
    assert (result.code, result.err) == (0, f"manifest: {manifest}\n")
    assert [file.name for file in sorted(tmp_path.iterdir())] == [manifest.name, "team.yaml"]
    assert run("check", tmp_path).code == 0
    with (tmp_path / "team.yaml").open("a") as file:
        file.write("# edited\n")
    after = run("check", tmp_path)
    assert after.code == 1
    assert "error[manifest-mismatch]" in after.out


def test_no_manifest_for_a_policy_with_errors(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_bytes(Path(BROKEN).read_bytes())
    assert run("check", tmp_path, "--write-manifest").code == 1
    assert not (tmp_path / "MANIFEST.sha256").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("check", empty, "--write-manifest").code == 2


def test_manifest_that_cannot_be_written(tmp_path: Path) -> None:
    result = run("check", TEAM, "--write-manifest")
    assert result.code == 2
    assert "is a file" in result.err
    (tmp_path / "team.yaml").write_bytes(Path(TEAM).read_bytes())
    (tmp_path / "MANIFEST.sha256").mkdir()
    result = run("check", tmp_path, "--write-manifest")
    assert result.code == 2
    assert "cannot be written" in result.err
    assert len(list(tmp_path.iterdir())) == 2


def test_standard_input_is_one_file() -> None:
    told = run("check", "-", stdin=Path(DOUBTFUL).read_bytes())
    assert told.code == 1
    assert DEAD in told.out
    assert "  --> standard input:6:25\n" in told.out
    assert run("check", "-", stdin=Path(TEAM).read_bytes()).code == 0
    for option in ("--watch", "--write-manifest"):
        refused = run("check", "-", option)
        assert refused.code == 2
        assert "standard input is not a file of a folder" in refused.err


def test_what_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    done = run("check", "--watch", tmp_path / "missing.yaml")
    assert (done.code, done.out) == (2, "")
    assert "there is nothing to watch at " in done.err


def test_watching_checks_again_after_each_change(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(Path(TEAM).read_bytes())
    command = [sys.executable, "-m", "policy_router", "check", "--watch", str(path)]
    environment = clean_environment()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert "No findings in 1 file\n" in lines
        path.write_bytes(Path(DOUBTFUL).read_bytes())
        assert "Found 2 warnings in 1 file\n" in lines
        path.write_bytes(Path(TEAM).read_bytes())
        assert "No findings in 1 file\n" in lines
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    finally:
        process.kill()
        process.communicate()
