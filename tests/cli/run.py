"""The command line as a test sees it: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from policy_router.__main__ import main

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
TEAM = str(CASES / "team.yaml")
DOUBTFUL = str(CASES / "doubtful.yaml")
BROKEN = str(CASES / "broken.yaml")


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout, read as JSON."""
        import json

        return json.loads(self.out)


def run(*argv: object, stdin: bytes = b"") -> Result:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", given):
        code = main([str(each) for each in argv])
    return Result(code, out.getvalue(), err.getvalue())


def start(
    *argv: str, env: dict[str, str] | None = None, code: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command, or a piece of Python, in a process of its own."""
    command = ["-c", code] if code else ["-m", "policy_router", *argv]
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**clean_environment(), **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """The environment without what would change an answer."""
    drop = ("POLICY_ROUTER_", "NO_COLOR", "FORCE_COLOR", "OLLAMA_HOST")
    return {
        k: v for k, v in os.environ.items() if not k.startswith(drop) and not k.endswith("_API_KEY")
    }
