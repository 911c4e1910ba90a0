"""What sources offer, as the page shows it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from policy_router.discovery.cache import KnownFailure
from policy_router.discovery.changes import ChangeKind, ModelChange
from policy_router.discovery.query_sources import SourceListing, SourcePlace
from policy_router.discovery.served import ServedModel
from policy_router.discovery.sources.table import SOURCES
from policy_router.discovery.watch import Offers
from policy_router.views.html.offers import offers
from tests.views.html.seen import seen

UTC = ZoneInfo("UTC")
OLLAMA = SourcePlace(SOURCES["ollama"], "http://gpu-1:11434")
VLLM = SourcePlace(SOURCES["vllm"], "http://gpu-2:8000")
LISTING = SourceListing(OLLAMA, 1000.0, (ServedModel("q"),))
NEW = ModelChange(ChangeKind.NEW, "", ServedModel("q"), LISTING, "free, 8k tokens")
GONE = ModelChange(ChangeKind.GONE, "m", None, LISTING, "`m` is not offered", "remove it")
SAID = (
    "ollama at http://gpu-1:11434 listed 1 model at 00:16:40 UTC. "
    "vllm at http://gpu-2:8000 was not asked so far."
)


def shown(found: Offers | None, *, brief: bool = False) -> list[str]:
    return seen(offers(found, 1000.0, UTC, brief=brief))


def test_what_should_change_comes_first() -> None:
    found = Offers((LISTING,), {}, (NEW, GONE), (OLLAMA, VLLM))
    assert shown(found)[3:] == [
        "m | gone | m is not offered | remove it",
        "ollama q | new | free, 8k tokens | add it, if it is of use",
        SAID,
    ]


def test_what_has_little_room_is_cut() -> None:
    assert "8 more: the panel of models has all" in shown(
        Offers((LISTING,), {}, (NEW,) * 20, (OLLAMA,)), brief=True
    )


def test_a_source_that_gives_no_list() -> None:
    failures = {OLLAMA.key: KnownFailure(900.0, 1000.0, 2, "no answer within 20 s")}
    found = Offers((), failures, (), (OLLAMA,))
    assert shown(found) == [
        "Offered",
        "No source has given a list so far.",
        "ollama at http://gpu-1:11434 gives no list since 00:15:00 UTC: no answer within 20 s.",
    ]


def test_nothing_differs() -> None:
    assert "The policy agrees with what is offered." in shown(Offers((LISTING,), {}, (), ()))


def test_a_policy_that_does_not_want_it_is_told_how() -> None:
    assert shown(None, brief=True) == []
    assert "discovery: { sources: [openrouter], every: 24h }" in shown(None)[0]
