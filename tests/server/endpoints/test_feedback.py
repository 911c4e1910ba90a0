"""Feedback over HTTP: each key judges the answers of its own tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from policy_router.journal.journal import Journal
from policy_router.loading import load
from policy_router.router.router import Router
from policy_router.server.app import closes, create_app
from policy_router.server.identity.key_ring import KeyRing
from policy_router.server.identity.keys import new_entry, new_key, store_keys
from tests.execution.make import FakeCaller, response
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.domain.feedback import Feedback

POLICY = """
version: 1
tiers: [light]
models: { small: { model: openai/small, tier: light, price: free } }
"""
KEYS = {name: new_key() for name in ("ada", "service", "theirs", "admin")}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(f"sqlite:///{tmp_path}/journal.db", patience=0.2)


@pytest.fixture
def client(tmp_path: Path, journal: Journal) -> Iterator[httpx.Client]:
    rows: dict[str, dict[str, object]] = {
        "ada": {"tenant": "us", "user": "ada"},
        "service": {"tenant": "us"},
        "theirs": {"tenant": "them"},
        "admin": {"admin": True},
    }
    path = tmp_path / "keys.json"
    store_keys(path, [new_entry(name, KEYS[name], row) for name, row in rows.items()])
    router = Router(load(text=POLICY), FakeCaller(small=[response()] * 9), journal=journal)
    app = create_app(router, identify=KeyRing(path), lifespan=closes(router))
    with served(app) as address, httpx.Client(base_url=address) as client:
        yield client


def post(client: httpx.Client, key: str, path: str, **body: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {KEYS[key]}"}
    return client.post(path, headers=headers, json=body)


def answered(client: httpx.Client, key: str = "ada") -> str:
    hello = [{"role": "user", "content": "Hello!"}]
    answer = post(client, key, "/v1/chat/completions", model="auto", messages=hello)
    assert answer.status_code == 200
    return str(answer.headers["x-policy-router-decision"])


def kept(journal: Journal, decision: str) -> list[Feedback]:
    with journal.reader() as reader:
        return reader.feedback(decision)


@pytest.mark.parametrize(
    ("key", "more", "source"),
    [
        ("ada", {}, "ada"),
        ("ada", {"user": "bob"}, "ada"),
        ("service", {}, "service"),
        ("admin", {}, "admin"),
    ],
)
def test_who_says_it_is_known_by_the_key(
    client: httpx.Client, journal: Journal, key: str, more: dict[str, str], source: str
) -> None:
    decision = answered(client)
    answer = post(
        client, key, "/v1/feedback", decision=decision, score=0.25, label="too_long", **more
    )
    assert (answer.status_code, answer.json()["by"]) == (200, source)
    (given,) = kept(journal, decision)
    assert (given.source, given.score, given.label) == (source, 0.25, "too_long")


def test_answers_of_other_tenants_are_as_unknown_as_none(
    client: httpx.Client, journal: Journal
) -> None:
    ours = answered(client)
    theirs = post(client, "theirs", "/v1/feedback", decision=ours, score=1)
    never = post(client, "theirs", "/v1/feedback", decision="never", score=1)
    assert (theirs.status_code, never.status_code) == (404, 404)
    assert theirs.json()["error"]["code"] == "decision_not_found"
    assert theirs.text.replace("***", "never") == never.text
    assert kept(journal, ours) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"score": 1}, "`decision`"),
        ({"decision": "d"}, "`score`"),
        ({"decision": "d", "score": 2}, "from 0 to 1"),
        ({"decision": "d", "score": "1"}, "from 0 to 1"),
        ({"decision": 5, "score": 1}, "`decision`"),
        ({"decision": "d", "score": 1, "label": "x" * 99}, "`label`"),
        ({"decision": "d", "score": 1, "lable": "x"}, "did you mean `label`"),
        ({"decision": "d", "score": 1, "user": 5}, "`user` must be a string"),
    ],
)
def test_what_is_wrong_is_reported(client: httpx.Client, body: dict[str, Any], words: str) -> None:
    answer = post(client, "ada", "/v1/feedback", **body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
