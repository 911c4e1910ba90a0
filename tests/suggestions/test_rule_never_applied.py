"""rule-never-applied: when it is suggested, and when it is not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from policy_router import load
from policy_router.domain.outcome import Role
from policy_router.journal.address import JournalAddress
from policy_router.journal.reader import JournalReader
from policy_router.suggestions.observed import RuleUse
from policy_router.suggestions.rule_never_applied import suggestions
from policy_router.suggestions.rule_use import rule_use
from tests.cli.run import run
from tests.journal.make import DAY, NOON, answered, write
from tests.suggestions.make import HEAD, TASKS, observed

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
rules:
  - { name: code, when: task == "extract", first: [two] }
  - { name: tried, when: task == "chat", first: [two], shadow: true }
"""


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (RuleUse(1_000, 7, frozenset()), ["correct or remove rule `code`"]),
        (RuleUse(1_000, 7, frozenset({"code"})), []),
        (RuleUse(999, 7, frozenset()), []),
        (RuleUse(1_000, 6.9, frozenset()), []),
        (None, []),
    ],
)
def test_many_requests_without_a_rule_suggest(use: RuleUse | None, expected: list[str]) -> None:
    found = list(suggestions(observed(HEAD + TASKS + RULES, rules=use)))
    assert [each.sentence for each in found] == expected
    assert all(each.edits == () for each in found)


def test_the_journal_knows_which_rules_applied(tmp_path: Path) -> None:
    address = JournalAddress.parse(f"sqlite:///{tmp_path}/outcomes.db")
    new = {"revision": "new"}
    write(
        address,
        [
            answered("d1", rules=("old",), revision="old"),
            answered("d2", rules=("a", "b"), **new),
            answered("d3", at=NOON + DAY, ending=None, served=False, **new),
            answered("d3", at=NOON + DAY, role=Role.AFTER_FAILURE, rank=1, **new),
            answered("d4", at=NOON + 2 * DAY, rules=("b",), **new),
        ],
    )
    with JournalReader(address) as reader:
        assert rule_use(reader, "new", NOON) == RuleUse(3, 2.0, frozenset({"a", "b"}))
        assert rule_use(reader, "new", NOON + 1) == RuleUse(2, 1.0, frozenset({"b"}))
        assert rule_use(reader, "none", NOON) == RuleUse(0, 0.0, frozenset())


def test_the_command_reads_the_journal(tmp_path: Path) -> None:
    path, now = tmp_path / "policy.yaml", time.time()
    path.write_text(HEAD + TASKS + RULES)
    revision, journal = load(path).revision, f"sqlite:///{tmp_path}/outcomes.db"
    write(
        JournalAddress.parse(journal),
        [answered(f"d{n}", at=now - 8 * DAY * n / 1_000, revision=revision) for n in range(1_001)],
    )
    state = f"sqlite:///{tmp_path}/state.db"
    done = run("suggest", path, "--state", state, "--journal", journal)
    assert done.code == 1
    said, because = done.out.splitlines()[:2]
    assert said == "rule-never-applied: correct or remove rule `code`"
    assert because.startswith("  because it applied to none of 1,001 requests in 8 days (")
    assert because.endswith("(with 95 % confidence to less than 0.30%)")
    done = run("suggest", path, "--state", state, "--journal", journal, "--since", "24h")
    assert (done.code, done.out) == (0, "no suggestions\n")
