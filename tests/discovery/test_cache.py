"""What is remembered of sources from one look to the next."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import pytest

from policy_router.discovery.cache import KEPT_DAYS, DiscoveryCache, cache_file
from policy_router.discovery.query_sources import SourceListing, SourcePlace
from policy_router.discovery.served import ServedModel
from policy_router.discovery.sources.table import SOURCES
from policy_router.domain.prices import Price

if TYPE_CHECKING:
    from pathlib import Path

PLACE = SourcePlace(SOURCES["openrouter"], "https://openrouter.ai")
MODELS = (
    ServedModel("a"),
    ServedModel(
        "b", 4_096, elsewhere=True, longest=8_192, max_output=10, abilities=frozenset({"json"}),
        price=Price(1, 2, cached=3, fee=4), free=False, last_day=date(2026, 12, 1), loaded=True,
    ),
)  # fmt: skip
DAY = 86_400.0


def test_answers_are_remembered_for_a_while(tmp_path: Path) -> None:
    file = tmp_path / "below" / "discovery.json"
    cache = DiscoveryCache(file)
    assert cache.listing(PLACE, 0.0, 60.0) is None
    cache.remember(SourceListing(PLACE, 1_000.0, MODELS))
    cache.save()
    again = DiscoveryCache(file)
    assert again.listing(PLACE, 1_060.0, 60.0) == SourceListing(PLACE, 1_000.0, MODELS)
    assert again.listing(PLACE, 1_061.0, 60.0) is None
    assert again.listing(PLACE, 999.0, 60.0) is None, "a clock that was set back"
    assert again.listing(PLACE, 1_000.0, -1.0) is None
    assert [path.name for path in file.parent.iterdir()] == ["discovery.json"]


def test_a_place_that_gave_no_list_stays_as_it_was(tmp_path: Path) -> None:
    cache = DiscoveryCache(tmp_path / "c.json")
    cache.remember(SourceListing(PLACE, 1.0, MODELS))
    cache.remember(SourceListing(PLACE, 2.0, (), "no such host"))
    known = cache.listing(PLACE, 2.0, 10.0)
    assert known is not None
    assert known.at == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "[" * 100_000, '{"version": 0, "places": {}}', '{"version": 1}',
        '{"version": 1, "places": {"x": {"at": 1}}}', '{"version": 1, "places": [1]}',
    ],
)  # fmt: skip
def test_a_broken_file_is_an_empty_cache(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    cache = DiscoveryCache(file)
    assert cache.listing(PLACE, 0.0, 60.0) is None
    cache.remember(SourceListing(PLACE, 0.0, MODELS))
    cache.save()
    assert DiscoveryCache(file).listing(PLACE, 0.0, 60.0) is not None


@pytest.mark.parametrize(
    "broken",
    [
        {"at": "1"}, {"first": None}, {"seen": {"a": "1"}}, {"seen": [1]}, {"models": [{}]},
        {"models": [1]}, {"models": [{"name": 1}]}, {"history": [{"at": 1.0}]}, {"history": 1},
        {"history": [dict.fromkeys(("at", "name", "what", "before", "after"), "x")]}, {"more": 1},
    ],
)  # fmt: skip
def test_a_broken_place_makes_an_empty_cache(tmp_path: Path, broken: dict[str, object]) -> None:
    file = tmp_path / "discovery.json"
    row = {"at": 1.0, "first": 1.0, "models": [], "seen": {}, "history": [], **broken}
    file.write_text(json.dumps({"version": 1, "places": {PLACE.key: row}}))
    cache = DiscoveryCache(file)
    assert cache.listing(PLACE, 2.0, 60.0) is None
    assert cache.history(PLACE, 0.0) == []
    assert cache.recent_names(PLACE, 0.0) == frozenset()


def test_a_broken_row_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    row = {"at": 0.0, "first": 0.0, "models": [{"name": "a", "price": [1]}]}
    file.write_text(json.dumps({"version": 1, "places": {PLACE.key: row}}))
    assert DiscoveryCache(file).listing(PLACE, 0.0, 60.0) is None


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "c.json").mkdir()
    cache = DiscoveryCache(tmp_path / "c.json")
    cache.remember(SourceListing(PLACE, 1.0, MODELS))
    with pytest.raises(OSError, match="directory"):
        cache.save()
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


def test_what_is_new_and_what_changed(tmp_path: Path) -> None:
    cache = DiscoveryCache(tmp_path / "c.json")
    assert cache.recent_names(PLACE, 0.0) == frozenset()
    assert cache.is_first_look(PLACE)
    assert cache.history(PLACE, 0.0) == []
    cache.remember(SourceListing(PLACE, DAY, MODELS))
    assert cache.recent_names(PLACE, 0.0) == frozenset()
    assert cache.is_first_look(PLACE)
    cheaper = ServedModel("a", 100, price=Price(5, 6))
    cache.remember(SourceListing(PLACE, 2 * DAY, (cheaper, ServedModel("c"))))
    assert not cache.is_first_look(PLACE)
    assert cache.recent_names(PLACE, 0.0) == {"c"}
    assert cache.recent_names(PLACE, 2.5 * DAY) == frozenset()
    rows = cache.history(PLACE, 0)
    assert [(row["what"], row["name"], row["before"], row["after"]) for row in rows] == [
        ("new", "c", None, None),
        ("gone", "b", None, None),
        ("price", "a", None, [5, 6, None, None, 0]),
        ("context", "a", None, 100),
    ]  # fmt: skip
    assert cache.history(PLACE, 3 * DAY) == []
    later = (2 + KEPT_DAYS) * DAY + 1
    cache.remember(SourceListing(PLACE, later, (cheaper,)))
    assert [row["what"] for row in cache.history(PLACE, 0)] == ["gone"]


def test_where_it_is(tmp_path: Path) -> None:
    assert cache_file({"XDG_CACHE_HOME": str(tmp_path)}) == (
        tmp_path / "policy-router" / "discovery.json"
    )
    assert cache_file({"XDG_CACHE_HOME": "relative"}).parts[-3:] == (
        ".cache", "policy-router", "discovery.json",
    )  # fmt: skip
