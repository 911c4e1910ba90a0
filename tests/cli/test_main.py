"""The program around the commands: help, usage, streams, the last net."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from policy_router.cli.app import COMMANDS
from policy_router.cli.commands import check
from tests.cli.run import BROKEN, DOUBTFUL, ROOT, TEAM, clean_environment, run, start


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command(flag: str) -> None:
    result = run(flag)
    assert result.code == 0
    assert result.err == ""
    for name in COMMANDS:
        assert f"  {name} " in result.out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_examples(name: str) -> None:
    result = run(name, "-h")
    assert result.code == 0
    assert f"policy-router {name}" in result.out.split("\n\n", 1)[1]


_EXAMPLE = re.compile(rf"policy-router (?:{'|'.join(COMMANDS)})\b")


@pytest.mark.parametrize("argv", [[], *([name] for name in COMMANDS)])
def test_each_example_in_a_help_text_is_a_line_of_its_own(argv: list[str]) -> None:
    lines = [line for line in run(*argv, "-h").out.splitlines() if line.startswith("  policy-")]
    assert lines
    for line in lines:
        assert len(_EXAMPLE.findall(line)) == 1, line
        assert _EXAMPLE.match(line.strip()), line


def test_version() -> None:
    result = run("--version")
    assert result.code == 0
    assert result.out.startswith("policy-router ")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "Usage: policy-router"),
        (["chek"], "'check'"),
        (["check", "--formt", "json"], "--format"),
        (["check", "--format", "yaml"], "the known ones are `text`, `json`, `github`, `sarif`"),
        (["route", "--tsk", "x"], "--task"),
        (["route", "a", "b"], "b"),
        (["route", "--max-candidates", "0"], "--max-candidates"),
    ],
)
def test_wrong_usage_is_reported_on_stderr(argv: list[str], said: str) -> None:
    result = run(*argv)
    assert result.code == 2
    assert result.out == ""
    assert said in result.err


_LOADED = (
    "import sys, io, contextlib\n"
    "from policy_router.__main__ import main\n"
    "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
    "    code = main({argv!r})\n"
    "print(code, *[m for m in {names!r} if m in sys.modules])\n"
)


@pytest.mark.parametrize(
    "argv", [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)]
)
def test_help_imports_nothing_heavy(argv: list[str]) -> None:
    heavy = ["litellm", "pydantic", "jsonschema", "rich", "simpleeval", "watchdog", "re2", "httpx"]
    in_color = {"FORCE_COLOR": "1"}
    done = start(code=_LOADED.format(argv=argv, names=heavy), env=in_color)
    assert done.stdout.split() == ["0"], done.stderr


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["check", TEAM], "0"),
        (["check", DOUBTFUL, "--format", "json"], "1"),
        (["route", "hello", "-p", TEAM], "0"),
        (["explain", "hello", "-p", TEAM], "0"),
        (["usage", "-p", TEAM], "0"),
        (["audit", "-p", TEAM], "0"),
        (["doctor", "-p", TEAM], "1"),  # its keys are not set
        (["schema"], "0"),
        (["init", "--dry-run"], "0"),
    ],
)
def test_no_command_imports_litellm(argv: list[str], code: str) -> None:
    done = start(code=_LOADED.format(argv=argv, names=["litellm"]))
    assert done.stdout.split() == [code], done.stderr


def test_a_decision_in_a_pipe_needs_no_rich() -> None:
    argv = ["route", "hello", "-p", TEAM]
    done = start(code=_LOADED.format(argv=argv, names=["rich"]))
    assert done.stdout.split() == ["0"], done.stderr


def test_a_process_of_its_own() -> None:
    done = start("route", "hello", "-p", TEAM, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["candidates"][0]["model"] == "small"
    assert start("check", BROKEN).returncode == 1
    assert start("check", "no/such/file.yaml").returncode == 2


@pytest.mark.parametrize("argv", [["check", DOUBTFUL], ["schema"], ["explain", "-p", TEAM]])
def test_a_reader_who_leaves_changes_no_exit_code(argv: list[str]) -> None:
    expected = start(*argv).returncode
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "policy_router", *argv],
            cwd=ROOT,
            env=clean_environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr.replace(b"policy: policies\n", b"") == b""
    assert done.returncode == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_is_reported() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "policy_router", "schema"],
            cwd=ROOT,
            env=clean_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stderr == "error: cannot write the answer: no space left on device\n"
    assert done.returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
@pytest.mark.parametrize("argv", [["--help"], ["route", "-h"]])
def test_help_on_a_full_disk(argv: list[str]) -> None:
    done = _shell(">/dev/full", *argv)
    assert done.stderr == "error: cannot write the answer: no space left on device\n"
    assert done.returncode == 2
    done = _shell("2>/dev/full", "chek")
    assert (done.stdout, done.returncode) == ("", 2)


def _shell(redirect: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose streams the shell has redirected."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", "policy_router", *argv],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirect", "argv", "code"),
    [
        (">&-", ["check", TEAM], 0),
        (">&-", ["check", DOUBTFUL], 1),
        ("2>&-", ["check", DOUBTFUL], 1),
        ("<&- >&- 2>&-", ["check", DOUBTFUL], 1),
        ("<&-", ["route", "-", "-p", TEAM], 0),
        ("<&-", ["classify", "-p", TEAM], 0),
        (">&-", ["--help"], 0),
    ],
)
def test_a_closed_stream_leads_nowhere(redirect: str, argv: list[str], code: int) -> None:
    done = _shell(redirect, *argv)
    assert (done.returncode, done.stderr) == (code, "")


def test_no_answer_is_paid_for_that_would_be_lost() -> None:
    done = _shell(">&-", "run", "hello", "-p", "no-policy-is-read")
    assert done.returncode == 2
    assert done.stderr == "error: standard output is closed, so the answer would be lost: open it\n"


def _cannot_read(**_: Any) -> None:
    raise OSError("a shelf collapsed")


def test_another_mistake_of_the_system_is_no_answer_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "_write", lambda *_: _cannot_read())
    result = run("check", TEAM)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("internal error: OSError: a shelf collapsed")


ESCAPE = "x\x1b[31m"


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["rules", ESCAPE], 2),
        (["usage", "-p", TEAM, "--state", ESCAPE], 2),
        (["check", ESCAPE], 2),
        (["check", TEAM, "--select", ESCAPE], 2),
        (["explain", "-p", TEAM, "--why-not", ESCAPE], 2),
        (["route", "-p", TEAM, "--fact", ESCAPE], 2),
        (["init", f"{TEAM}/{ESCAPE}"], 2),
        (["schema", "--write", f"{TEAM}/{ESCAPE}"], 2),
        (["classify", ESCAPE, "-p", TEAM], 2),
        (["route"], 2),
    ],
)
def test_no_output_drives_a_terminal(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], code: int
) -> None:
    monkeypatch.setenv("POLICY_ROUTER_POLICY", ESCAPE)
    result = run(*argv)
    assert result.code == code
    assert "31m" in result.err
    assert "\x1b" not in result.out + result.err


def _breaks(**_: Any) -> None:
    raise RuntimeError("a shelf\ncollapsed")


def _is_interrupted(**_: Any) -> None:
    raise KeyboardInterrupt


def test_an_unexpected_exception_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_write", lambda *_: _breaks())
    result = run("check", TEAM)
    assert result.code == 2
    assert result.out == ""
    assert result.err == (
        "internal error: RuntimeError: a shelf collapsed "
        "(run with POLICY_ROUTER_DEBUG=1 for the traceback)\n"
    )
    monkeypatch.setenv("POLICY_ROUTER_DEBUG", "1")
    result = run("check", TEAM)
    assert result.code == 2
    assert "Traceback" in result.err


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_write", lambda *_: _is_interrupted())
    assert run("check", TEAM).code == 130


def test_colour_is_for_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("check", DOUBTFUL)
    assert "\x1b" not in plain.out
    monkeypatch.setenv("FORCE_COLOR", "1")
    bright = run("check", DOUBTFUL)
    assert "\x1b[1;33mwarning[dead-rule]\x1b[0m" in bright.out
    assert "\x1b" not in run("check", DOUBTFUL, "--format", "json").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("check", DOUBTFUL) == plain


@pytest.mark.parametrize("style", ["1", ""])
def test_users_text_is_no_markup(monkeypatch: pytest.MonkeyPatch, style: str) -> None:
    monkeypatch.setenv("FORCE_COLOR", style)
    result = run("explain", "-p", TEAM, "--fact", "hour=23")
    assert "nights are for small models [20/min]" in result.out


def test_a_terminal_that_cannot_spell_a_name(tmp_path: Path) -> None:
    text = Path(TEAM).read_text(encoding="utf-8").replace("no law", "kein Recht für Ärger")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = start("explain", "-p", str(tmp_path), env=ascii_only)
    assert done.returncode == 0
    assert "f\\xfcr" in done.stdout
    done = start("explain", "-p", str(tmp_path), "--json", env=ascii_only)
    assert "kein Recht für Ärger" in [each["rule"] for each in json.loads(done.stdout)["trace"]]
