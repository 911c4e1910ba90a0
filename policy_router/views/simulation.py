"""Renders the result of a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.views.document import document
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.simulation.result import Recovery, RequestTally, SimulationResult
    from policy_router.simulation.scenario import Happening, Scenario
    from policy_router.views.lines import Block, Cell

_BARS: Final = " ▁▂▃▄▅▆▇█"
_MOST_USERS: Final = 5


def as_lines(result: SimulationResult, scenario: Scenario) -> Iterator[Block]:
    """Yield the figures of a simulation, with bars over its time."""
    total = result.total
    yield [(headline(result, scenario), "bold")]
    yield Table(
        [
            ("answered", _percent(total.availability), f"{total.answered:,}"),
            ("refused", _percent(_share(total.refused, total)), f"{total.refused:,}"),
            ("failed", _percent(_share(total.failed, total)), f"{total.failed:,}"),
            ("free answers", _percent(total.free_share), f"{total.free:,}"),
            ("cost", spell_usd(total.cost), f"{spell_usd(_cost_per_answer(total))} an answer"),
            ("calls a request", _number(total.amplification), f"{total.calls:,} calls"),
            ("mean time", _seconds(total), "of an answer"),
        ],
        indent=2,
    )
    yield ""
    yield from _plots(result, scenario)
    yield ""
    yield from details(result)


def headline(result: SimulationResult, scenario: Scenario) -> str:
    """Return how many requests there were, in which time."""
    number = f"{result.total.requests:,} requests in {_time(scenario.duration)}"
    return f"{number}, seed {scenario.seed}"


def details(result: SimulationResult) -> Iterator[Block]:
    """Yield tables of the kinds of requests and of the models, then what recovered and starved."""
    yield Table([_HEAD, *_rows(result.groups)], header=True)
    yield ""
    yield Table(
        [
            ("model", "calls", "answered", "cost"),
            *(
                (printable(name), f"{m.calls:,}", _percent(m.answered / m.calls), spell_usd(m.cost))
                for name, m in sorted(result.models.items(), key=lambda pair: -pair[1].calls)
            ),
        ],
        header=True,
    )
    if result.reasons:
        yield "refused for:"
        rows = [(printable(name), f"{count:,}") for name, count in result.reasons.most_common()]
        yield Table(rows, indent=2)
    for each in result.recoveries:
        yield _recovery(each)
    starving = result.starving
    if starving:
        yield [(f"{len(starving)} users get half of the usual share of answers or less", "yellow")]
        yield Table(_rows(dict(starving[:_MOST_USERS])), indent=2)


_HEAD: Final = ("requests", "number", "answered", "free", "cost", "calls each", "mean time")


def _rows(tallies: dict[str, RequestTally]) -> list[Sequence[Cell]]:
    return [
        (
            printable(name), f"{t.requests:,}", _percent(t.availability), _percent(t.free_share),
            spell_usd(t.cost), _number(t.amplification), _seconds(t),
        )
        for name, t in tallies.items()
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimulationPlot:
    """One figure over time of a simulation.

    Attributes:
        name: What it is.
        values: It in each part of the time as a share of the highest, 0..1; None where there is
            none.
        note: What the whole height means.
    """

    name: str
    values: tuple[float | None, ...]
    note: str


def plots(result: SimulationResult) -> tuple[SimulationPlot, ...]:
    """Return what is drawn of a simulation."""
    slices = result.slices
    most = max(tally.requests for tally in slices)
    highest = max(tally.cost for tally in slices)
    calls = max([1.0, *(tally.amplification or 0.0 for tally in slices)])
    return (
        SimulationPlot("requests", tuple(t.requests / most for t in slices), f"at most {most:,}"),
        SimulationPlot("answered", tuple(t.availability for t in slices), "of all"),
        SimulationPlot("free", tuple(t.free_share for t in slices), "of answers"),
        SimulationPlot(
            "cost",
            tuple(t.cost / highest if highest else 0.0 for t in slices),
            f"at most {spell_usd(highest)}",
        ),
        SimulationPlot(
            "calls",
            tuple((t.amplification or 0.0) / calls for t in slices),
            f"at most {calls:.2f} a request",
        ),
    )


def _plots(result: SimulationResult, scenario: Scenario) -> Iterator[Block]:
    for plot in plots(result):
        yield f"{plot.name:<9} {bars(plot.values)}  {plot.note}"
    for happening in scenario.happenings:
        mark = _mark(happening, scenario.duration, len(result.slices))
        yield f"{'':<9} {mark:<{len(result.slices)}}  {printable(happening.name)}"
    yield f"{'':<9} each bar is {_time(result.slice_seconds)}"


def bars(values: Sequence[float | None]) -> str:
    """Return shares, 0..1, as a row of bars; a dot where there is no value."""
    return "".join(
        "·" if value is None else _BARS[min(len(_BARS) - 1, max(0, round(value * 8)))]
        for value in values
    )


def _mark(happening: Happening, duration: float, slices: int) -> str:
    """The time of something that happens, below the bars."""
    begin = int(happening.at / duration * slices)
    end = int(min(happening.ends, duration) / duration * slices)
    return " " * begin + "-" * max(1, end - begin)


def _recovery(each: Recovery) -> str:
    answered = "did not recover" if each.requests is None else "at once"
    if each.requests:
        answered = f"after {_time(each.requests)}"
    used = "not used again" if each.models is None else f"used again after {_time(each.models)}"
    return printable(f"{each.name}: over at {_time(each.ended)}, recovered {answered}, {used}")


def _share(part: int, tally: RequestTally) -> float | None:
    return part / tally.requests if tally.requests else None


def _cost_per_answer(tally: RequestTally) -> int:
    return tally.cost // tally.answered if tally.answered else 0


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _seconds(tally: RequestTally) -> str:
    return f"{tally.seconds / tally.answered:.2f} s" if tally.answered else "-"


def _time(seconds: float) -> str:
    """A time for people: `12 s`, `5 min`, `2.5 h`."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h"


def as_json(result: SimulationResult, scenario: Scenario) -> dict[str, object]:
    """Return the result of a simulation as a JSON document."""
    return document(
        seed=scenario.seed,
        duration=scenario.duration,
        total=_values(result.total),
        slices=[_values(tally) for tally in result.slices],
        groups={printable(name): _values(tally) for name, tally in result.groups.items()},
        models={
            name: {"calls": m.calls, "answered": m.answered, "cost_usd": format_usd(m.cost)}
            for name, m in result.models.items()
        },
        reasons=dict(result.reasons),
        recoveries=[
            {
                "name": each.name,
                "ended": each.ended,
                "answering_after": each.requests,
                "used_after": each.models,
            }
            for each in result.recoveries
        ],
        starving=[{"user": user, **_values(tally)} for user, tally in result.starving],
    )


def _values(tally: RequestTally) -> dict[str, object]:
    return {
        "requests": tally.requests,
        "answered": tally.answered,
        "refused": tally.refused,
        "failed": tally.failed,
        "free": tally.free,
        "calls": tally.calls,
        "cost_usd": format_usd(tally.cost),
        "seconds": round(tally.seconds, 3),
    }
