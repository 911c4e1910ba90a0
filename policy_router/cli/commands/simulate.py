"""The `simulate` command: traffic through a policy, in virtual time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import PolicyRouterError
from policy_router.cli.options.journal import named_journal
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.since import Since, beginning
from policy_router.cli.output import cause, fail, progress, show, show_json
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.simulation.result import SimulationResult
    from policy_router.simulation.scenario import Scenario
    from policy_router.simulation.traffic import Arrival


def simulate(
    *,
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file.")],
    policy: Where = None,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="LOG|JOURNAL",
            help="Take the requests from a decision log, or from a journal of outcomes "
            "(sqlite:///PATH, postgresql://HOST/NAME).",
        ),
    ] = None,
    since: Since = "30d",
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The seed of all random numbers. [1]")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page with plots.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run hours of simulated traffic through a policy.

    A scenario can have outages, storms of 429, new prices and new budgets. Requests are decided,
    reserved, called and charged as in a router, but time is virtual and the models are simulated.
    The same arguments give the same results.

    \b
    policy-router simulate outage.yaml
    policy-router simulate outage.yaml --policy new/ --log decisions.jsonl --html outage.html
    policy-router simulate outage.yaml --log sqlite:////var/lib/router.journal.db --since 7d

    Exit code 0: the simulation ran, 2: the scenario or the log cannot be used.
    """
    from dataclasses import replace  # noqa: PLC0415  not needed for --help

    from policy_router.simulation.reading import read_scenario  # noqa: PLC0415  as above

    target = open_policy(choose(policy))
    try:
        read = read_scenario(str(scenario), scenario.read_bytes(), target)
        read = read if seed is None else replace(read, seed=seed)
        result = _run(target, read, log, since)
    except OSError as problem:
        fail(f"cannot read {problem.filename or scenario}: {cause(problem)}")
    except PolicyRouterError as error:
        fail(printable(str(error)))
    _write(result, read, json=json)
    if html is not None:
        _write_page(html, result, read)


def _run(policy: "Policy", scenario: "Scenario", log: str | None, since: str) -> "SimulationResult":
    from random import Random  # noqa: PLC0415  as above

    from policy_router.classification.classifier import Classifier  # noqa: PLC0415  as above
    from policy_router.replay.log import files_of, read_log  # noqa: PLC0415  as above
    from policy_router.simulation.run import simulate as run  # noqa: PLC0415  as above
    from policy_router.simulation.traffic import logged, made_up  # noqa: PLC0415  as above

    if log is None:
        draw = Random(scenario.seed)  # noqa: S311  no secret
        arrivals = made_up(scenario, Classifier(policy), draw)
    else:
        journal = "://" in log
        every = (
            _remembered(log, since, policy) if journal else logged(read_log(files_of(Path(log))))
        )
        arrivals = (arrival for arrival in every if arrival.at < scenario.duration)
    try:
        with progress("simulating ...") as step:
            result = run(policy, scenario, arrivals, step)
    except ExceptionGroup as group:  # the journal or the log could not be read to its end
        raise group.exceptions[0] from None
    if not result.total.requests:
        fail("there are no requests to simulate")
    return result


def _remembered(url: str, since: str, policy: "Policy") -> "Iterator[Arrival]":
    """The requests with outcomes in a journal; raises StoreError immediately if there are none."""
    from policy_router.journal.query import OutcomeFilter  # noqa: PLC0415  rarely needed
    from policy_router.journal.reader import JournalReader  # noqa: PLC0415  as above
    from policy_router.simulation.traffic import remembered  # noqa: PLC0415  as above

    address, began = named_journal(url), beginning(since)
    if address is None:
        return iter(())
    reader = JournalReader(address)

    def arrivals() -> "Iterator[Arrival]":
        with reader:
            yield from remembered(reader.outcomes(OutcomeFilter(since=began)), policy)

    return arrivals()


def _write(result: "SimulationResult", scenario: "Scenario", *, json: bool) -> None:
    from policy_router.views import simulation as view  # noqa: PLC0415  as above

    if json:
        show_json(view.as_json(result, scenario))
    else:
        show(view.as_lines(result, scenario))


def _write_page(path: Path, result: "SimulationResult", scenario: "Scenario") -> None:
    from policy_router.views.html.simulation import page  # noqa: PLC0415  rarely needed

    try:
        path.write_text(page(result, scenario), encoding="utf-8")
    except OSError as problem:
        fail(f"cannot write {path}: {cause(problem)}")
