"""llm-comply, a judge of servers, over upstreams of every dialect: what applies of it passes."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.sdks.clients import FOLDER, LIMIT
from tests.sdks.model import UPSTREAMS, offered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRAM: Final = FOLDER / "bin" / "llm-comply"
FORMATS: Final = {
    "openai-chat": "gpt-5",
    "anthropic": "claude-sonnet-4-5",
    "open-responses": "gpt-5",
}
"""The formats of this server, each with a model of which llm-comply expects reasoning."""
TESTS: Final = {"openai-chat": 9, "anthropic": 9, "open-responses": 13}
"""How many tests each format has."""
_NO_MODEL: Final = "a body without a model is no mistake here: the policy chooses"
DOES_NOT_APPLY: Final[Mapping[str, str]] = {
    "chat-error-handling": _NO_MODEL,
    "error-handling": _NO_MODEL,
}
"""Tests that expect what this server does otherwise, each with the reason."""


@pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not there: see `make clients`")
@pytest.mark.timeout(LIMIT + 60)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("form", FORMATS)
def test_all_that_applies_passes(
    form: str, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "none")
    with offered(tmp_path, upstream) as url:
        arguments = ["-u", f"{url}/v1", "-k", "none", "-m", FORMATS[form], "--format", form]
        done = subprocess.run(
            [str(PROGRAM), *arguments, "--json"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    assert len(results) == TESTS[form]
    others = {each["id"]: each.get("errors") for each in results if each["status"] != "passed"}
    assert others.keys() == {each["id"] for each in results} & DOES_NOT_APPLY.keys(), others
