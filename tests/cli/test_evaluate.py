"""`policy-router evaluate`: another policy, estimated from the journal."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from policy_router.journal.address import JournalAddress
from tests.cli.run import run
from tests.journal.make import answered, write

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: ollama_chat/qwen2.5:7b, tier: light, price: free, context: 32k }
  large: { model: ollama_chat/qwen2.5:72b, tier: heavy, price: free, context: 32k }
tasks: { code: { first: [large] }, chat: {} }
"""


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "new.yaml"
    path.write_text(POLICY, "utf-8")
    return str(path)


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/outcomes.db"


def fill(journal: str, count: int, explore: float) -> None:
    """A journal of code that `small` does badly and `large` does well."""
    random, now = Random(1), time.time()  # noqa: S311  the same each time
    rows = []
    for number in range(count):
        model = "large" if random.random() < explore else "small"
        propensity = explore if model == "large" else 1 - explore
        good = random.random() < (0.9 if model == "large" else 0.6)
        chance = {"model": model, "propensity": propensity}
        rows.append(answered(f"d{number}", at=now - 60, task="code", ok=good, **chance))
    write(JournalAddress.parse(journal), rows)


def test_what_was_tried_often_enough_is_known(policy: str, journal: str) -> None:
    fill(journal, 3000, 0.2)
    found = run("evaluate", policy, "--journal", journal, "--json").json
    assert (found["outcomes"], found["known"], found["needed"]) == (3000, True, 0)
    assert found["logged"] == pytest.approx(0.66, abs=0.03)
    for each in found["estimates"].values():
        assert each["low"] < 0.9 < each["high"]
    text = run("evaluate", policy, "--journal", journal).out
    assert "3000 outcomes, worth" in text
    assert "not known" not in text


def test_what_was_hardly_tried_is_not_known(policy: str, journal: str) -> None:
    fill(journal, 200, 0.05)
    done = run("evaluate", policy, "--journal", journal)
    assert "not known: it needs about" in done.out
    assert "outcomes more like these" in done.out


def test_what_was_never_tried_is_never_known(policy: str, journal: str) -> None:
    fill(journal, 200, 0.0)
    done = run("evaluate", policy, "--journal", journal)
    assert "what the other policy would have called was never or hardly called" in done.out


def test_what_was_drawn_for_a_single_user_is_not_known(policy: str, journal: str) -> None:
    drawn = {"user": "ada", "arms": {"e": "e"}, "propensity": 0.5, "model": "large", "task": "code"}
    rows = [answered(f"d{number}", at=time.time() - 60, **drawn) for number in range(300)]
    write(JournalAddress.parse(journal), rows)
    done = run("evaluate", policy, "--journal", journal)
    assert "not known: the arms were drawn for too few users or tenants" in done.out
    found = run("evaluate", policy, "--journal", journal, "--json").json
    assert (found["known"], found["estimates"]["snips"]["high"]) == (False, None)


def test_no_outcomes(policy: str, journal: str) -> None:
    rows = [answered(at=time.time() - 60, task="unknown")]
    write(JournalAddress.parse(journal), rows)
    assert run("evaluate", policy, "--journal", journal).out == (
        "no outcomes to estimate from, 1 left out\n"
    )
    found = run("evaluate", policy, "--journal", journal, "--since", "1h", "--json").json
    assert (found["outcomes"], found["left_out"], found["estimates"]) == (0, 1, None)


@pytest.mark.parametrize("age", ["30", "0d", "1y", "-1d"])
def test_an_age_that_is_none(policy: str, journal: str, age: str) -> None:
    done = run("evaluate", policy, "--journal", journal, "--since", age)
    assert done.code == 2
    assert "write it like 24h, 30d or 12w" in done.err


def test_without_a_journal(policy: str, journal: str) -> None:
    done = run("evaluate", policy, "--journal", journal)
    assert done.code == 2
    assert "there is no journal" in done.err
