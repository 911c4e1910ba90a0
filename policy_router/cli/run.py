"""`run`: a prompt through the policy to an answer."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.clock import iso, spell_time
from policy_router.cli.counters import with_readings
from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import (
    Asked,
    Given,
    ask,
    messages_of,
    read_prompt,
    takes_request,
)
from policy_router.cli.route import as_json, made, not_used, out, verdict
from policy_router.cli.store_option import StoreLocation, place_of, reached
from policy_router.decision.limits import spell_used
from policy_router.diagnostics import printable
from policy_router.domain.limits import ANYONE
from policy_router.errors import (
    BudgetExceededError,
    CooldownError,
    NoCandidateError,
    RateLimitError,
    RoutingError,
    StateUnavailableError,
)
from policy_router.units import dollars
from policy_router.views.terminal import Line, fail, progress, say, show, show_json, unheard, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from policy_router.acceptance.user_code import Functions
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Attempt, Decision, Skip
    from policy_router.execution.accounting import RequestAccount
    from policy_router.execution.answer import Answer
    from policy_router.execution.executor import Executor
    from policy_router.execution.stream import AnswerStream
    from policy_router.ledger.store import Crossing
    from policy_router.providers.caller import Body

FAILED = 3
SAID_NO = 4
LOADING = "loading what calls the models ..."


@takes_request
def run(
    given: Given,
    *,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it comes.")] = False,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A system message before the prompt.")
    ] = None,
    allow_function: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:NAME", help="A function that the policy may call; repeat it for more."
        ),
    ] = None,
) -> None:
    """Send a prompt through the policy and print the answer.

    \b
    policy-router run "What is a monad?" --task chat
    git diff | policy-router run - --system "Review this change" --stream

    The answer goes to standard output, who gave it to standard error. Exit code 3: every model
    failed, 4: the policy says no.
    """
    if unheard():
        fail("standard output is closed: nobody would get the answer")
    prompt = read_prompt(given.prompt)
    if not prompt:
        fail("there is no prompt: give one, or - to read it from standard input")
    if stream and given.json:
        raise typer.BadParameter("--stream and --json exclude each other", param_hint="--stream")
    path = choose(given.policy)
    functions = _functions(allow_function or ())
    policy = open_policy(path, functions)
    asked = ask(policy, replace(given, prompt=prompt), system=system)
    messages = messages_of(prompt, system)
    from policy_router.providers.caller import Body  # noqa: PLC0415  not needed for --help

    body = Body(messages=messages, max_tokens=asked.request.max_tokens)
    place = (
        place_of(given.state, policy.name, path) if policy.limits else StoreLocation("memory://")
    )
    try:
        if stream:
            streamed = asyncio.run(_stream(policy, asked, body, place, functions))
            say(*_attempts(policy, streamed.attempts), *_doubts(streamed))
            return
        answer = asyncio.run(_run(policy, asked, body, place, functions))
    except NoCandidateError as refused:
        if given.json:
            told = _history(policy, refused.decision, ())
            show_json({**told, "refused": _refused(policy, refused), "answer": None})
        say(*_refusal(policy, refused))
        raise typer.Exit(SAID_NO) from None
    except RoutingError as failed:
        if given.json:
            show_json({**_history(policy, failed.decision, failed.attempts), "answer": None})
        say(*_attempts(policy, failed.attempts), *_unasked(failed))
        raise typer.Exit(FAILED) from None
    text = answer.choices[0].message.content or ""
    if given.json:
        usage = answer.usage.model_dump() if answer.usage else None
        found = {
            kind: [{"check": f.check, "by": f.by, "detail": f.detail} for f in findings]
            for kind, findings in (("rejected", answer.rejected), ("unchecked", answer.unchecked))
        }
        history = _history(policy, answer.decision, answer.attempts)
        history["model"] = answer.served_by
        show_json({**history, "answer": text, "usage": usage, **found})
    else:
        show([text])
        say(*_attempts(policy, answer.attempts), *_doubts(answer))


def _functions(names: "Sequence[str]") -> "Functions":
    from policy_router.acceptance.user_code import Functions  # noqa: PLC0415  not needed for --help

    try:
        return Functions(names)
    except UsageError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--allow-function") from None


def _unasked(failed: RoutingError) -> list[Line]:
    """That nobody answered, and who was not asked, and why."""
    skipped: tuple[Skip, ...] = getattr(failed, "skipped", ())
    lines = [f"{printable(s.model)}: not asked: {printable(s.detail)}" for s in skipped]
    return [[("No model answered", "bold red")], *lines]


async def _run(
    policy: "Policy", asked: Asked, body: "Body", place: StoreLocation, functions: "Functions"
) -> "Answer":
    ready = _ready(policy, asked, body, place, functions)
    async with ready as (executor, decision, account, began):
        return await executor.run(decision, policy.fallback, body, account, began=began)


async def _stream(
    policy: "Policy", asked: Asked, body: "Body", place: StoreLocation, functions: "Functions"
) -> "AnswerStream":
    """A stream, after it was written."""
    import sys  # noqa: PLC0415  the stream of the moment, which a test replaces

    async with (
        _ready(policy, asked, body, place, functions) as (executor, decision, account, began),
        await executor.stream(decision, policy.fallback, body, account, began=began) as answer,
    ):
        async for chunk in answer:
            if chunk.choices and chunk.choices[0].delta.content:
                write(chunk.choices[0].delta.content, sys.stdout)
        write("\n", sys.stdout)
        return answer


@asynccontextmanager
async def _ready(
    policy: "Policy", asked: Asked, body: "Body", place: StoreLocation, functions: "Functions"
) -> "AsyncIterator[tuple[Executor, Decision, RequestAccount, float | None]]":
    """What it takes to carry a request out: rated by whom the policy names, decided on what the
    counters show, with an account that reserves and settles; and when it was begun to be rated, on
    the monotonic clock."""
    from policy_router.execution.accounting import Accounting  # noqa: PLC0415
    from policy_router.execution.estimators import EstimatorRunner  # noqa: PLC0415
    from policy_router.execution.executor import Executor  # noqa: PLC0415
    from policy_router.ledger.degraded import DegradableStore  # noqa: PLC0415
    from policy_router.providers.litellm.caller import LiteLLMCaller  # noqa: PLC0415

    async with reached(place, create=True) as store, LiteLLMCaller() as caller:
        guarded = DegradableStore(store, clock=time.time)
        ledger = Accounting(guarded, clock=time.time, told=lambda crossing: say(*_warned(crossing)))
        asked = await with_readings(Accounting(store, clock=time.time), policy, asked)
        began = None
        if asked.seen is not None and asked.scored and policy.complexity.is_asked:
            with progress(LOADING):
                await caller.prepare(policy.models)  # before its time begins to run
            began = time.monotonic()
            rater = EstimatorRunner(caller, ledger, functions=functions)
            messages = body["messages"]
            score = await rater.rate(policy, asked.request, asked.snapshot, messages)
            if score is not None:
                seen = asked.seen.rated(policy.complexity.estimator, score, policy)
                request = replace(asked.request, complexity=seen.score)
                asked = replace(asked, request=request, seen=seen)
        decision = made(policy, asked)
        if decision.candidates:
            with progress(LOADING):
                await caller.prepare(candidate.model for candidate in decision.candidates)
        account = ledger.account(policy, asked.request, asked.snapshot)
        try:
            executor = Executor(caller, clock=time.time, functions=functions)
            yield executor, decision, account, began
        finally:
            await ledger.aclose()


def _doubts(answer: "Answer | AnswerStream") -> list[Line]:
    """What is to be known of an answer that did not pass every check."""
    lines: list[Line] = []
    if answer.rejected:
        words = f": no answer passed its checks; this one, by {answer.served_by}, was the best"
        lines.append([("Warning", "bold yellow"), (printable(words), "")])
        lines += [f"  {printable(str(finding))}" for finding in answer.rejected]
    for finding in answer.unchecked:
        lines.append([("Not checked", "yellow"), (f": {printable(str(finding))}", "")])
    return lines


def _warned(crossing: "Crossing") -> list[Line]:
    """A threshold that was passed, in one line."""
    key = crossing.key
    whose = "" if key.subject == ANYONE else f" of {key.subject}"
    used = spell_used(key.metric, crossing.spent, crossing.cap, key.window)
    name = f"{key.section.removesuffix('s')} `{key.name}`{whose}"
    words = f"{name} has passed {crossing.share:.0%}: {used}"
    return [[("warning", "bold yellow"), (f": {printable(words)}", "")]]


def _refusal(policy: "Policy", refused: NoCandidateError) -> list[Line]:
    """Why nobody was asked, and when somebody may be again."""
    skips = (*refused.decision.skipped, *refused.refused)
    lines = verdict(refused.decision)
    if type(refused) not in _BY:
        return [*lines, *not_used(skips, policy.timezone)]
    words = str(refused).partition("\n")[0]
    until = ""
    if refused.retry_at is not None:
        until = f"; opens {spell_time(refused.retry_at, time.time(), policy.timezone)}"
    head: Line = [(words[0].upper() + words[1:], "bold red"), (until, "")]
    return [head, *not_used(skips, policy.timezone)]


def _refused(policy: "Policy", refused: NoCandidateError) -> dict[str, object]:
    """The same for machines. by: `budget`, `limit`, `state`, `cooldown` or `policy`."""
    return {
        "by": _BY.get(type(refused), "policy"),
        "opens": iso(refused.retry_at, policy.timezone),
        "skipped": [out(skip, policy.timezone) for skip in refused.refused],
    }


_BY: "Final[Mapping[type[NoCandidateError], str]]" = {
    BudgetExceededError: "budget",
    RateLimitError: "limit",
    StateUnavailableError: "state",
    CooldownError: "cooldown",
}
"""What kept a request from every model, where that passes by itself."""


def _attempts(policy: "Policy", attempts: "tuple[Attempt, ...]") -> list[Line]:
    """One line per call: who, how long, what it cost, and how it ended."""
    lines: list[Line] = []
    for attempt in attempts:
        model, called = printable(attempt.model), printable(attempt.provider_model)
        took = f"{model} ({called}) {attempt.seconds:.1f} s"
        took += f", {_cost(policy, attempt)}"
        if attempt.failure is None:
            lines.append([(f"answered by {took}", "dim")])
        else:
            detail = f": {printable(attempt.detail)}" if attempt.detail else ""
            lines.append([(f"{took} ", ""), (f"{attempt.failure}{detail}", "yellow")])
    return lines


def _cost(policy: "Policy", attempt: "Attempt") -> str:
    model = policy.model(attempt.model)
    if model.free:
        return "free"
    return "cost unknown" if model.price is None else f"${dollars(attempt.cost or 0)}"


def _history(
    policy: "Policy", decision: "Decision", attempts: "tuple[Attempt, ...]"
) -> dict[str, Any]:
    from policy_router.cli.render import SCHEMA_VERSION  # noqa: PLC0415  brings all renderings

    answered = next((a.model for a in reversed(attempts) if a.failure is None), None)
    return {
        "schema_version": SCHEMA_VERSION,
        "model": answered,
        "attempts": [
            {
                "model": a.model,
                "calls": a.provider_model,
                "seconds": round(a.seconds, 3),
                "failure": a.failure,
                "status": a.status,
                "detail": a.detail,
                "retry_after": a.retry_after,
                "cost_usd": _charged(policy, a),
            }
            for a in attempts
        ],
        "decision": as_json(decision, policy.timezone),
    }


def _charged(policy: "Policy", attempt: "Attempt") -> str | None:
    """Dollars; None when the price is unknown."""
    known = policy.model(attempt.model).price is not None
    return dollars(attempt.cost or 0) if known else None
