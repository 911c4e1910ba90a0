"""A decision as it is shown."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import pytest

from policy_router.domain.decision import Reason, Skip
from policy_router.views.decision import skip_detail
from policy_router.views.times import spell_time

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        (Reason.COOLING, "in cooldown after failures", "in cooldown after failures, until "),
        (Reason.BUDGET, "budget `b`: all used", "budget `b`: all used, opens "),
    ],
)
def test_a_skip_says_when_it_ends(reason: Reason, detail: str, words: str) -> None:
    until = time.time() + 86_400
    shown = skip_detail(Skip("m", reason, detail, until), UTC)
    assert shown == words + spell_time(until, time.time(), UTC)


def test_a_skip_that_does_not_end_has_no_time() -> None:
    assert skip_detail(Skip("m", Reason.ONLY, "excluded"), UTC) == "excluded"
