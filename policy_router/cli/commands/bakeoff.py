"""The `bakeoff` command: every model answers your prompts, and the cheapest good plan is shown."""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.bakeoff_rows import (
    PromptRow,
    SupposedCheck,
    as_row,
    read_outcomes,
    read_prompts,
)
from policy_router.cli.options import values
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.store import State, location_of, reached
from policy_router.cli.output import LOADING, cause, fail, inform, progress, show, show_json, write
from policy_router.diagnostics import printable
from policy_router.domain.money import NANO_PER_USD, spell_usd
from policy_router.quoting import unknown
from policy_router.views.lines import count, quoted_names

if TYPE_CHECKING:
    from policy_router.cli.bakeoff_calls import PlannedPrompt, Trials
    from policy_router.cli.options.store import StoreLocation
    from policy_router.decision.policy import Policy
    from policy_router.domain.acceptance import Judge
    from policy_router.learning.cascades import Cascade, GradedPrompt
    from policy_router.router.router import Router

RUBRIC: Final = "It answers the question correctly and completely, in the form that was asked for."
"""What a judge looks for where no rubric is given."""
MOST: Final = 200
"""Prompts that are answered, by default."""
_COMMON: Final = 0.8
"""The share of the prompts that a model must have answered to be compared."""


def bakeoff(
    file: Annotated[
        str | None,
        typer.Argument(metavar="PROMPTS.jsonl|-", help="Prompts, one JSON object per line."),
    ] = None,
    *,
    policy: Where = None,
    recorded: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Use the outcomes in this file; call no model."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A model of the policy that judges the answers."),
    ] = None,
    rubric: Annotated[
        str, typer.Option(metavar="TEXT", help="What the judge looks for in an answer.")
    ] = RUBRIC,
    target: Annotated[
        str, typer.Option(metavar="SHARE", help="The share of the best quality to keep.")
    ] = "0.97",
    limit: Annotated[
        int, typer.Option(metavar="N", min=2, help="Prompts to answer at most.")
    ] = MOST,
    budgets: Annotated[
        str | None,
        typer.Option(
            metavar="DOLLARS,...", help="Also show the best plan for each mean cost per prompt."
        ),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="CAUGHT/SPURIOUS",
            help="For recorded answers without a verdict: simulate a check that rejects these "
            "shares of bad and of good answers, such as 0.8/0.2.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the outcomes, without any text, for --recorded."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The seed for splitting the prompts.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before calling.")] = False,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare models on your prompts, and find the cheapest plan.

    \b
    policy-router bakeoff prompts.jsonl --judge gpt --save outcomes.jsonl
    policy-router bakeoff --recorded outcomes.jsonl --budgets 0.001,0.01

    Each line has `prompt` or `messages`, and can have `expected`, a text that a good answer
    contains. Every model answers every prompt that the policy allows it to see. A plan says which
    model to call first, and which one next if the check rejects the answer; the result is the
    cheapest plan that keeps the target quality. It is printed with a patch for the policy; nothing
    is changed. Limits and budgets apply to the calls. After Ctrl-C, the answers so far are used.

    Exit code 2: a line is invalid, or there is no way to tell good answers from bad ones.
    """
    if (file is None) == (recorded is None):
        fail("give either a file of prompts, or --recorded with a file of outcomes")
    share = values.share(target, "--target")
    steps = [_dollars(each) for each in budgets.split(",")] if budgets else []
    supposed = None if check is None else _supposed(check)
    if recorded is not None:
        outcomes = _Outcomes(read_outcomes(recorded, supposed))
    elif supposed is not None:
        raise typer.BadParameter("is for --recorded", param_hint="--check")
    else:
        path = choose(policy)
        opened = open_policy(path)
        chosen = _judge(opened, judge, rubric)
        rows = read_prompts(str(file), limit)
        location = location_of(state, opened.name, path)
        outcomes = _answered(opened, rows, location, chosen, save, yes=yes)
    _tell(outcomes, 0.97 if share is None else share, steps, seed, json=json)


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Outcomes, with the policy and the judge that they came from."""

    prompts: "Sequence[GradedPrompt]"
    policy: "Policy | None" = None
    judge: "Judge | None" = None


def _tell(
    outcomes: _Outcomes, target: float, steps: Sequence[float], seed: int, *, json: bool
) -> None:
    from policy_router.learning.bakeoff import bake_off  # noqa: PLC0415  not needed for --help
    from policy_router.learning.budget_rows import budget_rows  # noqa: PLC0415  as above
    from policy_router.views import bakeoff as view  # noqa: PLC0415  YAML takes long to import

    models, prompts = _complete(outcomes.prompts)
    with progress("comparing plans ..."):
        result = bake_off(prompts, models, target, seed)
        rows = budget_rows(prompts, models, steps, seed)
    tasks: dict[str, Cascade] = {}
    kinds = {each.path[:1] for each in prompts}
    policy = outcomes.policy
    if policy is not None and all(path and policy.task(path[0]) for path in kinds):
        usual, own = result.plan.usual, result.plan.kinds
        tasks = {name: own.get(name, usual) for (name,) in sorted(kinds)}
    patch = view.as_yaml(result, tasks, outcomes.judge)
    if json:
        show_json(view.as_json(result, prompts, models, target, budgets=rows, patch=patch))
        return
    show(view.as_lines(result, prompts, models, target))
    if rows:
        show(view.budgets_as_lines(rows))
    write(f"\n# for the policy; nothing was changed\n{patch}", sys.stdout)


def _complete(prompts: "Sequence[GradedPrompt]") -> "tuple[list[str], list[GradedPrompt]]":
    """The models that answered most prompts, and the prompts that all of these answered."""
    from policy_router.learning.bakeoff import FEWEST  # noqa: PLC0415  not needed for --help

    names = {name: None for each in prompts for name in each.answers}
    answered = {name: sum(name in each.answers for each in prompts) for name in names}
    models = [name for name in names if answered[name] >= _COMMON * len(prompts)]
    left_out = [name for name in names if name not in models]
    if left_out:
        inform(f"not compared, as too few answers count: {quoted_names(left_out)}")
    whole = [each for each in prompts if models and all(name in each.answers for name in models)]
    if len(whole) < len(prompts):
        inform(f"{count(len(prompts) - len(whole), 'prompt')} left out: not every model answered")
    if len(whole) < 2:
        fail("there are fewer than two prompts that every model answered")
    if len(whole) < 2 * FEWEST:
        inform(f"with fewer than {2 * FEWEST} prompts, hardly any plan is certain enough")
    return models, whole


def _answered(
    policy: "Policy",
    rows: Sequence[PromptRow],
    location: "StoreLocation",
    judge: "Judge | None",
    save: Path | None,
    *,
    yes: bool,
) -> _Outcomes:
    """Have the models answer; what is done is kept when the user stops it."""
    from policy_router.cli.bakeoff_calls import Trials  # noqa: PLC0415  not needed for --help

    if not rows:
        fail("there are no prompts")
    trials = Trials()
    with ExitStack() as stack:
        into = None
        if save is not None:
            into = _new_file(save)
            stack.callback(_forget_empty, save)
            stack.enter_context(into)
        try:
            asyncio.run(_run(policy, rows, location, judge, trials, into=into, yes=yes))
        except KeyboardInterrupt:
            trials.stopped = "stopped"
    if trials.stopped is not None:
        inform(printable(f"{trials.stopped}: {len(trials.done)} of {len(rows)} prompts are done"))
    for name, calls in sorted(trials.failed.items()):
        inform(printable(f"{name}: {count(calls, 'answer')} missing or not marked"))
    if trials.unjudged:
        inform(f"the judge gave no verdict on {count(trials.unjudged, 'answer')}")
    inform(f"spent: {spell_usd(trials.spent)}")
    if len(trials.done) < 2:
        fail("there are fewer than two prompts that were answered")
    has_checks = any(task.accept for task in policy.tasks) or any(
        rule.accept for rule in policy.rules
    )
    return _Outcomes(trials.done, policy, None if has_checks else judge)


async def _run(
    policy: "Policy",
    rows: Sequence[PromptRow],
    location: "StoreLocation",
    judge: "Judge | None",
    trials: "Trials",
    *,
    into: TextIO | None,
    yes: bool,
) -> None:
    from policy_router.cli.bakeoff_calls import judged_policy  # noqa: PLC0415  not needed for --help
    from policy_router.ledger.degraded import DegradableStore  # noqa: PLC0415  as above
    from policy_router.providers.default_caller import DefaultCaller  # noqa: PLC0415  as above
    from policy_router.router.router import Router  # noqa: PLC0415  as above

    async with reached(location, create=True) as store:
        router = Router(
            judged_policy(policy, judge),
            DefaultCaller(),
            store=DegradableStore(store, clock=time.time),
            on_event=trials.note,
        )
        async with router:
            planned = await _planned(router, rows)
            _confirm(planned, judge, yes=yes)
            with progress(LOADING):
                await router.warm()
            with progress("asking the models", len(planned)) as advance:

                def done(prompt: "GradedPrompt") -> None:
                    if into is not None:
                        into.write(as_row(prompt))
                        into.flush()
                    advance()

                await trials.run(router, planned, done)


async def _planned(router: "Router", rows: Sequence[PromptRow]) -> "list[PlannedPrompt]":
    """Decide each prompt; end the command where one cannot be marked."""
    from policy_router.cli.bakeoff_calls import (  # noqa: PLC0415  not needed for --help
        PlannedPrompt,
        short_of_room,
    )

    planned = []
    with progress("reading the prompts", len(rows)) as advance:
        for row in rows:
            try:
                decision = await router.aroute(row.messages, **row.options)
            except UsageError as error:
                fail(f"line {row.number}: {error}")
            if decision.invalid:
                fail(f"line {row.number}: {decision.denied}")
            each = PlannedPrompt(row, decision)
            if each.candidates and not each.is_marked():
                fail(
                    f"line {row.number}: nothing tells a good answer from a bad one: add "
                    "`expected` to the line, give --judge, or check answers in the policy "
                    "by `accept` with `llm` or `python`"
                )
            planned.append(each)
            advance()
    for name, (prompts, why) in short_of_room(planned).items():
        inform(printable(f"`{name}` is left out of {count(prompts, 'prompt')}: {why}"))
    denied = sum(not each.candidates for each in planned)
    if denied:
        inform(f"{count(denied, 'prompt')} left out: no model may answer")
    return [each for each in planned if each.candidates]


def _confirm(planned: "Sequence[PlannedPrompt]", judge: "Judge | None", *, yes: bool) -> None:
    """Show what the calls are expected to cost, and have it confirmed."""
    from policy_router.cli.bakeoff_calls import estimate  # noqa: PLC0415  not needed for --help

    total, unpriced = estimate(planned, judge)
    calls = sum(len(each.candidates) for each in planned)
    judged = "" if judge is None else ", and as many of the judge"
    inform(
        f"{count(len(planned), 'prompt')}, {count(calls, 'call')}{judged}: about {spell_usd(total)}"
    )
    if unpriced:
        inform(f"without the price of {quoted_names(unpriced)}, which is unknown")
    if judge is not None and any(
        candidate.name == judge.model.name for each in planned for candidate in each.candidates
    ):
        inform(
            f"`{printable(judge.model.name)}` judges its own answers too, and may favor them: "
            "a judge that is no candidate is better"
        )
    if yes:
        return
    if not sys.stdin.isatty():
        fail("confirm the calls with --yes")
    if not typer.confirm("Call the models?", err=True):
        raise typer.Exit


def _judge(policy: "Policy", name: str | None, rubric: str) -> "Judge | None":
    from policy_router.domain.acceptance import Judge  # noqa: PLC0415  not needed for --help

    if name is None:
        return None
    if name not in policy.models_by_name:
        fail(unknown("model", name, policy.models_by_name))
    return Judge(policy.model(name), rubric)


def _new_file(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8")
    except OSError as problem:
        fail(f"cannot write {printable(str(path))}: {cause(problem)}")


def _forget_empty(path: Path) -> None:
    """Delete the file again where nothing was written, so that the next run may have its name."""
    if not path.stat().st_size:
        path.unlink()


def _dollars(text: str) -> float:
    amount = values.usd(text.strip(), "--budgets")
    return float(amount or 0) * NANO_PER_USD


def _supposed(text: str) -> SupposedCheck:
    caught, _, spurious = text.partition("/")
    shares = [values.share(each or "-", "--check") for each in (caught, spurious)]
    return SupposedCheck(shares[0] or 0.0, shares[1] or 0.0)
