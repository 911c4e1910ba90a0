"""The benchmark of reports runs; its figures are those of `python benchmarks/report.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.report import PANELS, Measured, as_lines, main
from policy_router.reports.report import GROUPINGS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_benchmark_reports_by_everything_and_in_every_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = f"sqlite:///{tmp_path}/journal.db"
    main(["--rows", "300", "--runs", "1", "--json", "--journal", journal])
    measured = [Measured(**each) for each in json.loads(capsys.readouterr().out)]
    groups = {each.what: each.groups for each in measured}
    assert list(groups)[: 1 + len(GROUPINGS)] == ["by nothing", *(f"by {by}" for by in GROUPINGS)]
    assert groups["by model"] == 5
    assert {groups[way] for way in groups if "by=" in way} == {groups["by user"]}
    assert len(groups) == 1 + len(GROUPINGS) + 2 + len(PANELS) + 2
    assert all(each.engine == "sqlite" and each.server_cpu is None for each in measured)
    lines = list(as_lines(measured))
    assert len(lines) == 2 + len(measured) + 1
    assert "the aim, 2 s, is" in lines[-1]
