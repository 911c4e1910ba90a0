"""The reference of the commands is the one in the documentation.

`UPDATE_DOCS=1` writes it there.
"""

from __future__ import annotations

import inspect
import os
import re
from typing import TYPE_CHECKING

from policy_router.cli.app import COMMANDS, command
from policy_router.cli.reference import reference
from tests.cli.run import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = ROOT / "docs" / "cli.md"


def test_the_documentation_has_the_reference() -> None:
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(reference(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_the_overview_cuts_no_command_short() -> None:
    program = command([])
    text = program.get_help(program.make_context("policy-router", [], resilient_parsing=True))
    for name, function in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(first_line(function))}$", text, re.MULTILINE), (
            name
        )


def first_line(function: Callable[..., None]) -> str:
    return inspect.cleandoc(function.__doc__ or "").split("\n")[0]


def test_every_command_has_a_section_with_an_example() -> None:
    sections = reference().split("\n## ")[1:]
    assert [section.split("\n", 1)[0] for section in sections] == list(COMMANDS)
    for section in sections:
        name = section.split("\n", 1)[0]
        assert f"policy-router {name}" in section
        assert "```sh\n" in section
