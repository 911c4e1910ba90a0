"""What sources of models offer, compared with the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.discovery.changes import ChangeKind
from policy_router.views.html.figures import badge, note
from policy_router.views.html.markup import element, join, prose
from policy_router.views.html.tables import table
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from policy_router.discovery.changes import ModelChange
    from policy_router.discovery.query_sources import SourcePlace
    from policy_router.discovery.watch import Offers
    from policy_router.views.html.markup import Markup
    from policy_router.views.html.tables import Content

_TONES: Final[Mapping[ChangeKind, str]] = {
    ChangeKind.GONE: "bad",
    ChangeKind.GOES_AWAY: "bad",
    ChangeKind.MORE_EXPENSIVE: "warn",
    ChangeKind.CONTEXT: "warn",
    ChangeKind.CHEAPER: "good",
    ChangeKind.FREE_NOW: "good",
}
_MOST: Final = 12
"""Differences that are shown where there is little room."""


def offers(known: Offers | None, now: float, zone: ZoneInfo, *, brief: bool) -> Markup:
    """Return how the policy differs from what its sources offer.

    Args:
        known: What is known about them; None where the policy does not want them to be asked.
        now: Unix time.
        zone: The time zone of the policy.
        brief: Whether there is little room.
    """
    if known is None:
        if brief:
            return element("span")
        return note(
            "Sources of models are asked by themselves where the policy says so, such as by ",
            element("code", "discovery: { sources: [openrouter], every: 24h }"), ".",
        )  # fmt: skip
    changes = sorted(known.changes, key=lambda change: not change.asks_for_an_edit)
    shown = changes[:_MOST] if brief else changes
    more = len(changes) - len(shown)
    heading = element("h3", "Offered")
    differences = table(
        ["model", "", "what differs", "what to do"],
        [_row(each) for each in shown],
        caption="differences between the policy and what is offered",
        empty="The policy agrees with what is offered."
        if known.listings
        else "No source has given a list so far.",
    )
    rest = note(f"{more:,} more: the panel of models has all") if more > 0 else None
    return join([heading, differences, rest, _sources(known, now, zone)])


def _row(change: ModelChange) -> list[Content]:
    name = change.model
    if not name and change.served is not None and change.listing is not None:
        name = f"{change.listing.place.source.name} {change.served.name}"
    kind = badge(change.kind.value, _TONES.get(change.kind, ""))
    return [name, kind, prose(change.text), prose(change.help or "add it, if it is of use")]


def _sources(known: Offers, now: float, zone: ZoneInfo) -> Markup:
    return note(join((_source(place, known, now, zone) for place in known.places), " "))


def _source(place: SourcePlace, known: Offers, now: float, zone: ZoneInfo) -> Markup:
    name = f"{place.source.name} at {place.base}"
    failure = known.failures.get(place.key)
    if failure is not None:
        since = spell_time(failure.since, now, zone)
        return element("span", f"{name} gives no list since {since}: {failure.problem}.")
    listing = next((each for each in known.listings if each.place.key == place.key), None)
    if listing is None:
        return element("span", f"{name} was not asked so far.")
    models = f"{len(listing.models):,} model{'' if len(listing.models) == 1 else 's'}"
    return element("span", f"{name} listed {models} at {spell_time(listing.at, now, zone)}.")
