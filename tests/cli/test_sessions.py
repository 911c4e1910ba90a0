"""What commands show of a session that a router remembers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from policy_router import load
from policy_router.domain.request import Request
from policy_router.domain.sessions import SessionState
from policy_router.execution.sessions import session_key, to_record
from policy_router.ledger.sqlite.store import SqliteStore
from tests.cli.run import run

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, api_base: "http://127.0.0.1:1", tier: light, price: free, context: 8k }
  other: { model: openai/other, api_base: "http://127.0.0.1:2", tier: light, price: free, context: 8k }
  big: { model: openai/big, api_base: "http://127.0.0.1:3", tier: heavy, price: free, context: 64k }
complexity: { bands: { easy: { from: 0.0 }, hard: { from: 0.6, min_tier: heavy } } }
sessions: { keep: model }
"""  # noqa: E501  one model on each line
LARGE = (
    '  large: { model: openai/large, api_base: "http://127.0.0.1:4", tier: heavy, price: free }\n'
)
STAYS = "stays with `other`, which answered last"


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, ...]:
    """Options that name a policy, and a store that remembers the session `s1`."""
    path, ledger = tmp_path / "policy.yaml", tmp_path / "ledger.db"
    path.write_text(POLICY)

    async def remember() -> None:
        store = SqliteStore(ledger)
        key = session_key(load(path), Request(session="s1", user="ada"))
        state = SessionState("other", 0, "it began with `other`", 1.0)
        await store.write_session(key, to_record(state), 3600)
        await store.aclose()

    asyncio.run(remember())
    return "-p", str(path), "--state", f"sqlite:///{ledger}", "--user", "ada"


def test_route_shows_why_a_session_stays_or_moves(places: tuple[str, ...]) -> None:
    shown = run("route", *places, "--session", "s1")
    assert shown.out.startswith(f"Session: {STAYS}\n")
    found = run("route", *places, "--session", "s1", "--json").json
    assert found["session"] == STAYS
    assert [c["model"] for c in found["candidates"]] == ["other", "small", "big"]
    assert found["candidates"][0]["why"] == "answered last in this session"
    moved = run("route", *places, "--session", "s1", "--complexity", "hard", "--json").json
    assert moved["session"] == "leaves `other`: below tier `heavy`: band `hard` needs it"
    assert moved["candidates"][0]["model"] == "big"


def test_explain_shows_it_too(places: tuple[str, ...]) -> None:
    assert f"Session     {STAYS}\n" in run("explain", *places, "--session", "s1").out
    assert "Session     a new session\n" in run("explain", *places, "--session", "s2").out
    assert "Session" not in run("explain", *places).out


def test_explain_shows_the_tier_that_a_session_is_in(places: tuple[str, ...]) -> None:
    path, ledger = Path(places[1]), Path(places[3].removeprefix("sqlite:///"))
    path.write_text(f"{POLICY}rules: [{{ name: ours, when: {{ tags: ours }}, avoid: [big] }}]\n")
    path.write_text(path.read_text().replace("  big:", f"{LARGE}  big:"))

    async def remember() -> None:
        store = SqliteStore(ledger)
        key = session_key(load(path), Request(session="s3", user="ada"))
        state = SessionState("big", 1, "an answer of `small` failed its checks", 1.0)
        await store.write_session(key, to_record(state), 3600)
        await store.aclose()

    asyncio.run(remember())
    asked = ("explain", *places, "--session", "s3", "--tag", "ours")
    shown = run(*asked).out
    assert "Session     leaves `big`: excluded by `avoid` of rule `ours`\n" in shown
    assert (
        "Tier        heavy or better, weaker ones as a last resort: session `s3` requires heavy, "
        "an answer of `small` failed its checks\n"
    ) in shown
    assert run(*asked, "--json").json["floor"] == {
        "tier": "heavy",
        "asked_by": [
            {
                "kind": "session",
                "name": "s3",
                "tier": "heavy",
                "at": None,
                "why": "an answer of `small` failed its checks",
            }
        ],
    }
    # What the request itself needs is said as before.
    hard = run("explain", *places, "--session", "s3", "--complexity", "hard").out
    assert "band `hard` requires heavy" in hard
    assert "session `s3` requires" not in hard


def test_without_a_session_there_is_nothing_to_show(places: tuple[str, ...]) -> None:
    assert "Session" not in run("route", *places).out
    assert run("route", *places, "--json").json["session"] is None
