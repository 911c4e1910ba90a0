"""Which of several processes tells what all of them noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router.events import (
    DegradationChanged,
    Event,
    OfferChanged,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.loading import load
from policy_router.observe.alert_claims import WITHIN, AlertClaims
from policy_router.observe.alerts import alert_of
from policy_router.observe.webhook import AlertSender
from tests.observe.test_alerts import ID, WITH_ALERTS

if TYPE_CHECKING:
    from pathlib import Path


def test_one_process_tells_and_what_happens_again_is_told_again(tmp_path: Path) -> None:
    now = [1_000.0]
    one, two, three = (AlertClaims(tmp_path, lambda: now[0]) for _ in range(3))

    def claim(claims: AlertClaims, fact: str = "a", after: float = 1.0) -> bool:
        now[0] += after
        return claims.claim(fact)

    assert [claim(each) for each in (one, two, three)] == [True, False, False]
    assert claim(two, "b")
    # It happens again, and another one is the first to notice.
    assert [claim(each) for each in (two, one, three)] == [True, False, False]
    assert [claim(each) for each in (three, three, one)] == [True, True, False]
    # What was told long ago is not the same.
    assert claim(two, after=WITHIN + 1)


def test_a_folder_that_is_gone_keeps_nobody_from_telling(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert AlertClaims(tmp_path / "gone").claim("a")
    assert "an alert may be sent by several processes" in caplog.text


@pytest.mark.parametrize(
    ("event", "same", "other"),
    [
        (ReloadRefused(*ID, "f.yaml:1:1: no", 1), {}, {"detail": "f.yaml:2:1: no"}),
        (DegradationChanged(*ID, "big", worse=True, detail="p95 9 s"), {"detail": "p95 8 s"},
         {"worse": False}),
        (QualityChanged(*ID, "big", "json", worse=True, usual=0.1), {"usual": 0.2},
         {"form": "text"}),
        (StoreChanged(*ID, up=False, detail="refused"), {"detail": "timeout"}, {"up": True}),
        (StoreLostData(*ID, lost=True, detail="3 holds"), {"detail": "2 holds"}, {"lost": False}),
    ],
)  # fmt: skip
def test_what_several_processes_notice_is_the_same_in_all(
    event: Event, same: dict[str, object], other: dict[str, object]
) -> None:
    facts = [
        alert.shared
        for change in ({}, {**same, "id": "x", "time": 1.0}, other)
        if (alert := alert_of(replace(event, **change))) is not None  # type: ignore[arg-type]  # names of fields
    ]
    assert None not in facts
    assert facts[0] == facts[1] != facts[2]


@pytest.mark.parametrize(
    "event",
    [
        Warned(*ID, "all", "-", "tokens", 0.95, 95, 100, "day"),
        QuotaLow(*ID, "limits", "free", "requests", 0.95, 48, 50, "day"),
        OfferChanged(*ID, "gone", "big", "ollama", "it is not offered", "remove it"),
    ],
)
def test_what_one_process_notices_is_not_asked_about(event: Event) -> None:
    alert = alert_of(event)
    assert alert is not None
    assert alert.shared is None


def test_an_alert_that_another_process_tells_is_not_sent_here() -> None:
    policy, ended, asked = load(text=WITH_ALERTS), [], []

    def claim(fact: str) -> bool:
        asked.append(fact)
        return False

    sender = AlertSender(lambda: policy, lambda *end: ended.append(end), environ={}, claim=claim)
    sender(ReloadRefused(*ID, "no", 1))
    sender(Warned(*ID, "all", "-", "tokens", 0.95, 95, 100, "day"))
    sender.close()
    assert asked == ["'reload_refused' 'rev' 'no'"]
    assert [(kind, delivered) for kind, delivered, _ in ended] == [("budget", False)]
