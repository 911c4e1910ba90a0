"""The reference of the commands is the one in the documentation.

`UPDATE_DOCS=1` writes it there.
"""

from __future__ import annotations

import os

from policy_router.cli.app import COMMANDS
from policy_router.cli.reference import reference
from tests.cli.run import ROOT

PAGE = ROOT / "docs" / "cli.md"


def test_the_documentation_has_the_reference() -> None:
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(reference(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_command_has_a_section_with_an_example() -> None:
    sections = reference().split("\n## ")[1:]
    assert [section.split("\n", 1)[0] for section in sections] == list(COMMANDS)
    for section in sections:
        name = section.split("\n", 1)[0]
        assert f"policy-router {name}" in section
        assert "```sh\n" in section
