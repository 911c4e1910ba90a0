"""Small policies with one defect each: exactly that is found, on exactly that line.

`# expect: rule, rule` stands on the line where each rule must find something; `# expect-above:` on
the line after it, where the text leaves no room.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from policy_router.check.registry import LINT, TEXT_RULES
from policy_router.check.report import inspect
from policy_router.language.files import PolicyFile
from tests.check.policies import TABLE, TODAY

CASES: Final = sorted((Path(__file__).parents[1] / "cases" / "check").glob("*.yaml"))
MARK: Final = re.compile(r"# expect(-above)?: ([a-z0-9-]+(?:, [a-z0-9-]+)*)$")
# Notes on what is sound.
NOT_WARNED_OF: Final = {
    "calls-own-function",
    "checks-need-whole-answers",
    "no-escalation-target",
    "report-without-effect",
    "tags-not-declared",
}


def expected(text: str) -> list[tuple[int, str]]:
    return sorted(
        (number - bool(mark[1]), rule)
        for number, row in enumerate(text.split("\n"), start=1)
        if (mark := MARK.search(row))
        for rule in mark[2].split(", ")
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_exactly_the_defect_is_found(path: Path) -> None:
    data = path.read_bytes()
    report = inspect([PolicyFile(path.name, data)], today=TODAY, table=TABLE)
    found = [(d.span.line, d.rule) for d in report.findings if d.span]
    assert sorted(found) == expected(data.decode())
    assert len(found) == len(report.findings)


def test_there_is_a_case_for_every_lint_rule() -> None:
    shown = {rule for path in CASES for _, rule in expected(path.read_text(encoding="utf-8"))}
    assert (set(LINT) | set(TEXT_RULES)) - shown == NOT_WARNED_OF


def test_some_cases_are_sound() -> None:
    sound = [path for path in CASES if path.stem.startswith("sound")]
    assert sound
    assert all(expected(path.read_text(encoding="utf-8")) == [] for path in sound)
