"""Sessions: which tier answered each turn, when the model changed, what the cache lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.views.html.charts import legend
from policy_router.views.html.figures import KeyFigure, figures, note
from policy_router.views.html.markup import element, join, number
from policy_router.views.html.spend import spell_money
from policy_router.views.html.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.reports.sessions import SessionStory
    from policy_router.views.html.markup import Markup

_STEP: Final = 12.0
_HEIGHT: Final = 18.0
_DRAWN: Final = 40
"""Turns that are drawn, the latest ones."""


def sessions(stories: Sequence[SessionStory], tiers: Sequence[str]) -> Markup:
    """Return the sessions, the latest first.

    Args:
        stories: What happened in each.
        tiers: The tiers of the policy, the weakest first.
    """
    if not stories:
        return element("p", "No session has answered in this time.", class_="empty")
    turns = sum(len(story.turns) for story in stories)
    switches = sum(story.switches for story in stories)
    lost = sum(story.cache_lost for story in stories)
    head = figures(
        [
            KeyFigure("sessions", f"{len(stories):,}", f"{turns:,} turns"),
            KeyFigure("model switches", f"{switches:,}"),
            KeyFigure("input read again", f"{lost:,}", "tokens that a switch lost from the cache"),
        ]
    )
    rows = [
        [
            story.session,
            story.client or "",
            f"{len(story.turns):,}",
            _drawn(story, tiers),
            f"{story.switches:,}",
            "" if story.cached_share is None else f"{story.cached_share:.0%}",
            f"{story.cache_lost:,}" if story.cache_lost else "",
            spell_money(story.cost),
        ]
        for story in stories
    ]
    columns = [
        "session", "client", "turns", "tier of each turn", "switches", "cached", "lost", "cost",
    ]  # fmt: skip
    shown = table(columns, rows, caption="sessions", right=frozenset({2, 4, 5, 6, 7}))
    keys = [(f"tier-{place}", tier) for place, tier in enumerate(tiers)]
    remark = "A mark below a turn says that another model answered it than the turn before."
    return join([head, shown, legend(keys), note(remark)])


def _drawn(story: SessionStory, tiers: Sequence[str]) -> Markup:
    turns = story.turns[-_DRAWN:]
    top = max(1, len(tiers))
    parts = []
    before = None
    for place, turn in enumerate(turns):
        rank = tiers.index(turn.tier) if turn.tier in tiers else 0
        height = (rank + 1) / top * (_HEIGHT - 5)
        parts.append(
            element(
                "rect",
                element("title", f"{turn.model}, {turn.tier or 'no tier'}"),
                class_=f"tier-{rank}",
                x=place * _STEP,
                y=_HEIGHT - 4 - height,
                width=_STEP - 3,
                height=height,
                rx=2,
            )
        )
        if before is not None and before != turn.model:
            parts.append(
                element(
                    "rect",
                    class_="switch",
                    x=place * _STEP,
                    y=_HEIGHT - 3,
                    width=_STEP - 3,
                    height=3,
                )
            )
        before = turn.model
    label = f"{len(turns)} turns, {story.switches} model switches"
    width = len(turns) * _STEP
    return element(
        "svg",
        element("title", label),
        *parts,
        class_="turns",
        role="img",
        aria_label=label,
        viewBox=f"0 0 {number(width)} {number(_HEIGHT)}",
        width=width,
        height=_HEIGHT,
    )
