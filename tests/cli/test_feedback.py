"""The command `feedback`, and which journal a command uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_router.cli.options.journal import journal_of
from policy_router.cli.options.store import StoreLocation
from policy_router.journal.address import JournalAddress
from policy_router.journal.reader import JournalReader
from tests.cli.run import run
from tests.journal.make import answered, read, write


@pytest.fixture
def journal(tmp_path: Path) -> JournalAddress:
    address = JournalAddress.parse(f"sqlite:///{tmp_path}/router.journal.db")
    write(address, [answered("d1")])
    return address


def test_feedback_is_kept(journal: JournalAddress) -> None:
    options = ("--label", "too_long", "--by", "ada", "--journal", journal.url)
    result = run("feedback", "d1", "0.25", *options)
    assert (result.code, result.out) == (0, "")
    assert result.err == "recorded: 0.25 for d1 by ada\n"
    assert [outcome.feedback for outcome in read(journal)] == [0.25]
    with JournalReader(journal) as reader:
        assert [each.label for each in reader.feedback("d1")] == ["too_long"]


def test_the_journal_is_next_to_the_state_store(journal: JournalAddress) -> None:
    assert journal.file is not None
    state = f"sqlite:///{journal.file.with_name('router.db')}"
    assert run("feedback", "d1", "1", "--state", state).code == 0
    assert [outcome.feedback for outcome in read(journal)] == [1.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("never", "1"), "no decision with this id"),
        (("d1", "1.5"), "from 0 to 1"),
        (("d1", "1", "--by", "check"), "policy's checks"),
        (("d1", "1", "--journal", "mysql://ada:hunter2@db/x"), "no journal has an address like"),
        (("d1", "1", "--journal", "off"), "there is no journal"),
        (("d1", "1", "--journal", "sqlite:////nowhere/at/all.db"), "there is no journal at"),
    ],
)
def test_what_is_wrong_is_reported(
    journal: JournalAddress, arguments: tuple[str, ...], words: str
) -> None:
    assert journal.file is not None
    state = f"sqlite:///{journal.file.with_name('router.db')}"
    result = run("feedback", *arguments, "--state", state)
    assert result.code == 2
    assert words in result.err
    assert "hunter2" not in result.err


@pytest.mark.parametrize(
    ("option", "variable", "state", "expected"),
    [
        (None, "", "sqlite:////s/a.db", "/s/a.journal.db"),
        (None, "", "redis://host", None),
        (None, "off", "sqlite:////s/a.db", None),
        ("off", "", "sqlite:////s/a.db", None),
        ("off", "sqlite:////e.db", "sqlite:////s/a.db", None),
        (None, "sqlite:////e.db", "redis://host", "/e.db"),
        ("sqlite:////o.db", "sqlite:////e.db", "sqlite:////s/a.db", "/o.db"),
    ],
)
def test_which_journal_a_command_uses(
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
    variable: str,
    state: str,
    expected: str | None,
) -> None:
    monkeypatch.setenv("POLICY_ROUTER_JOURNAL", variable)
    address = journal_of(option, StoreLocation(state))
    assert (None if address is None else address.file) == (expected and Path(expected))


def test_a_prompt_is_kept_where_a_journal_is_named(tmp_path: Path) -> None:
    address = JournalAddress.parse(f"sqlite:///{tmp_path}/journal.db")
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\ntiers: [light]\nmodels:\n  gone: { model: openai/gone, tier: light,"
        " api_base: 'http://127.0.0.1:9/v1', price: free }\nfallback: { deadline: 5s }\n"
    )
    options = ("--policy", policy, "--state", "memory://", "--journal", address.url)
    assert run("run", "Hello!", *options).code == 3
    assert {outcome.model for outcome in read(address)} == {"gone"}
