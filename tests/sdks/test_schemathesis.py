"""schemathesis calls every endpoint of the OpenAPI document: no answer is a defect."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.sdks.clients import FOLDER, LIMIT
from tests.sdks.model import offered

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM: Final = FOLDER / "bin" / "schemathesis"


@pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not there: see `make clients`")
@pytest.mark.timeout(LIMIT + 60)
def test_no_call_reveals_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with offered(tmp_path, "chat") as url:
        options = ["--checks", "not_a_server_error", "--max-examples", "40", "--seed", "1"]
        options += ["--exclude-path", "/ui/events"]  # its answer lasts as long as the page is open
        done = subprocess.run(
            [str(PROGRAM), "run", f"{url}/openapi.json", *options],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
