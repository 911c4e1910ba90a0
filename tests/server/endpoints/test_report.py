"""What the endpoint of reports answers where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from policy_router import Router
from policy_router.server.app import create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from pathlib import Path


def test_a_journal_that_cannot_be_read_is_not_reported_as_unreadable_counters(
    policy_file: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.db"
    journal.write_text("no database")
    with (
        Router.open(policy_file, watch="off", journal=f"sqlite:///{journal}") as router,
        served(create_app(router)) as address,
    ):
        answer = httpx.get(f"{address}/v1/report")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    error = answer.json()["error"]
    assert error["code"] == "journal_unavailable"
    assert error["message"].startswith("the journal `")
