"""A page about a simulation, with its plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.money import spell_usd
from policy_router.views.html.blocks import blocks
from policy_router.views.html.charts import sparkline
from policy_router.views.html.document import Panel, standalone
from policy_router.views.html.figures import KeyFigure, figures
from policy_router.views.simulation import details, headline, plots

if TYPE_CHECKING:
    from policy_router.simulation.result import SimulationResult
    from policy_router.simulation.scenario import Scenario


def page(result: SimulationResult, scenario: Scenario) -> str:
    """Return a simulation as one HTML file without scripts."""
    total = result.total
    shown = {
        "requests": f"{total.requests:,}",
        "answered": _percent(total.availability),
        "free": _percent(total.free_share),
        "cost": spell_usd(total.cost),
        "calls": f"{total.amplification or 0.0:.2f}",
    }
    values = [
        KeyFigure(
            plot.name,
            shown[plot.name],
            plot.note,
            drawing=sparkline([value or 0.0 for value in plot.values], f"{plot.name} over time"),
        )
        for plot in plots(result)
    ]
    parts = [
        Panel("time", "Over the time", figures(values), wide=True),
        Panel("details", "Details", blocks(details(result), caption="details"), wide=True),
    ]
    return str(standalone("Simulation", headline(result, scenario), parts))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
