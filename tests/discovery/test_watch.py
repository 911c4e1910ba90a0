"""A server that watches the sources of models: what it asks, and what it tells."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Final

import pytest

from policy_router.discovery.cache import DiscoveryCache
from policy_router.discovery.query_sources import SourceListing, SourcePlace
from policy_router.discovery.served import ServedModel
from policy_router.discovery.sources.table import SOURCES
from policy_router.discovery.watch import RETRY, SHORTEST, OfferWatch
from policy_router.domain.prices import Price
from policy_router.loading import load
from tests.discovery.sim import SimulatedSources, raw, simulated, slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

NOON: Final = 1_796_126_400.0
TEXT: Final = """\
version: 1
models:
  here: { model: ollama_chat/llama3.2, api_base: "SERVER/ollama", tier: t, price: free }
  card: { model: hosted_vllm/Qwen/Qwen2.5-32B-Instruct, api_base: "SERVER/vllm/v1", tier: t,
          price: free }
discovery: { sources: [ollama, vllm], every: 1h }
"""
NEW: Final = ("new", "qwen2.5-coder:14b", "ollama")


class Desk:
    """A watch over simulated sources, and what it has told."""

    def __init__(self, folder: Path, sources: SimulatedSources) -> None:
        self.sources = sources
        self.cache = folder / "cache.json"
        self.text = TEXT
        self.now = NOON
        self.changes: list[tuple[str, str, str]] = []
        self.reports: list[tuple[str, bool, str]] = []
        self.watch = self.restarted()

    def restarted(self) -> OfferWatch:
        """A watch that knows only what is in the file."""
        self.watch = OfferWatch(
            lambda: load(text=self.text.replace("SERVER", self.sources.root)),
            self.cache,
            "policy.yaml",
            lambda kind, model, source, _detail, _help: self.changes.append((kind, model, source)),
            lambda source, _address, up, why: self.reports.append((source, up, why)),
            environ={},
            clock=lambda: self.now,
        )
        return self.watch

    def look(self, later: float = 0.0) -> list[tuple[str, str, str]]:
        """What a look tells that was not told before."""
        self.now += later
        self.changes.clear()
        self.watch.look()
        return self.changes

    def lists(self) -> int:
        """How often Ollama was asked for its models."""
        return self.sources.asked.count("GET /ollama/api/tags")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with simulated() as sources:
        yield Desk(tmp_path, sources)


@pytest.mark.parametrize("section", ["", "discovery: { sources: [ollama, vllm] }\n"])
def test_nothing_is_asked_where_the_policy_does_not_say_how_often(desk: Desk, section: str) -> None:
    desk.text = TEXT[: TEXT.index("discovery")] + section
    assert desk.look() == []
    assert desk.watch.offers() is None
    assert desk.sources.asked == []
    assert not desk.cache.exists()


def test_sources_are_asked_again_when_their_answers_are_old_and_changes_are_reported_once(
    desk: Desk,
) -> None:
    assert NEW in desk.look()
    assert desk.look(3599) == []
    assert desk.lists() == 1
    assert desk.look(2) == []
    assert desk.lists() == 2
    desk.restarted()
    assert desk.look(4000) == []
    assert desk.lists() == 3
    desk.sources.answers["/ollama/api/tags"]["models"].append({"name": "brand-new:1b"})
    assert desk.look(4000) == [("new", "brand-new:1b", "ollama")]


def test_another_process_that_looked_lately_is_enough(desk: Desk) -> None:
    desk.look()
    asked = len(desk.sources.asked)
    desk.changes.clear()
    other = desk.restarted()
    assert not other.look()
    assert len(desk.sources.asked) == asked


def test_a_model_that_disappears_is_reported_each_time(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.look()
    listed = desk.sources.answers["/ollama/api/tags"]["models"].pop(0)
    with caplog.at_level(logging.INFO, "policy_router"):
        assert desk.look(4000) == [("gone", "here", "ollama")]
    assert "gone: `here`: `llama3.2` is not offered by ollama" in caplog.text
    assert desk.look(4000) == []
    desk.sources.answers["/ollama/api/tags"]["models"].append(listed)
    assert desk.look(4000) == []
    desk.sources.answers["/ollama/api/tags"]["models"].remove(listed)
    assert desk.look(4000) == [("gone", "here", "ollama")]


def test_a_source_that_fails_is_reported_once_and_asked_less_and_less(desk: Desk) -> None:
    desk.look()
    good = desk.sources.answers["/ollama/api/tags"]
    desk.sources.answers["/ollama/api/tags"] = raw(b"[", 500)
    assert desk.look(4000) == []
    assert [(name, up) for name, up, _ in desk.reports] == [("ollama", False)]
    before = desk.lists()
    for later in (RETRY - 1, 2, 2 * RETRY - 2, 2):
        assert desk.look(later) == [], "what it listed before counts until it lists again"
    assert desk.lists() == before + 2
    assert len(desk.reports) == 1
    found = desk.watch.offers()
    assert found is not None
    (failure,) = found.failures.values()
    assert (failure.since, failure.problem) == (NOON + 4000, "it answers with the status 500")
    desk.restarted()
    desk.sources.answers["/ollama/api/tags"] = good
    desk.look(3600)
    assert desk.reports[1:] == [("ollama", True, "")]
    assert desk.look(3600) == []


def test_a_changed_policy_is_compared_without_asking(desk: Desk) -> None:
    desk.look()
    asked = len(desk.sources.asked)
    desk.text = TEXT.replace("llama3.2", "llama9")
    assert ("gone", "here", "ollama") in desk.look(60)
    assert len(desk.sources.asked) == asked


def test_a_price_is_reported_again_when_it_is_another_one(desk: Desk) -> None:
    place = SourcePlace(SOURCES["openrouter"], SOURCES["openrouter"].base)
    desk.text = """\
version: 1
models: { m: { model: openrouter/a/m, tier: t, price: { input: $1/M, output: $1/M } } }
budgets: { all: { cap: unlimited } }
discovery: { sources: [openrouter], every: 1h }
"""

    def costs(dollars: int) -> list[tuple[str, str, str]]:
        cache = DiscoveryCache(desk.cache)
        price = Price(dollars * 10**9, 10**9)
        cache.remember(SourceListing(place, desk.now, (ServedModel("a/m", price=price),)))
        cache.save()
        desk.restarted()
        return desk.look()

    assert costs(2) == [("more expensive", "m", "openrouter")]
    assert costs(2) == []
    assert costs(3) == [("more expensive", "m", "openrouter")]
    assert desk.sources.asked == []


def test_no_source_is_asked_more_than_once_a_minute(desk: Desk) -> None:
    desk.text = TEXT.replace("every: 1h", "every: 1s")
    desk.look()
    desk.look(SHORTEST - 1)
    assert desk.lists() == 1
    desk.look(2)
    assert desk.lists() == 2


def test_what_cannot_be_written_is_kept_in_memory(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.cache = desk.cache / "below a file" / "cache.json"
    desk.cache.parent.parent.write_text("")
    desk.restarted()
    assert NEW in desk.look()
    assert desk.look(60) == []
    assert desk.look(4000) == []
    assert desk.lists() == 2
    assert caplog.text.count("is kept in memory") == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"failures": {"x": {"since": "now", "at": 0, "times": 1, "problem": ""}}},
        {"failures": {"x": {"since": 0, "at": 0, "times": 1, "problem": 3}}},
        {"failures": {"x": {}}},
        {"failures": 3},
        {"reported": {"policy.yaml": {"what": 3}}},
    ],
)
def test_a_file_with_a_broken_part_is_as_if_it_were_not_there(
    desk: Desk, broken: dict[str, object]
) -> None:
    desk.look()
    desk.cache.write_text(json.dumps(json.loads(desk.cache.read_text()) | broken))
    desk.restarted()
    assert NEW in desk.look()


def test_closing_waits_for_no_source(desk: Desk) -> None:
    asked, answer = threading.Event(), slow(desk.sources)

    def write(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        answer(handler)

    desk.sources.answers["/ollama/api/tags"] = write
    desk.watch.begin()
    assert asked.wait(60)
    desk.watch.close()
    desk.watch.close()
    assert desk.watch._thread is not None
    desk.watch._thread.join(60)
    assert not desk.watch._thread.is_alive()
    desk.sources.release.set()
    assert not desk.cache.exists()


def test_a_thread_goes_on_after_a_defect(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    looked = 0

    def fails(*_: object) -> None:
        nonlocal looked
        looked += 1
        desk.watch._closing.set()
        raise LookupError

    desk.watch._on_change = fails
    desk.watch.begin()
    assert desk.watch._thread is not None
    desk.watch._thread.join(60)
    assert looked == 1
    assert "were not compared: LookupError" in caplog.text
