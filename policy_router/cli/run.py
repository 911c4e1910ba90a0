"""The `run` command: a prompt sent to the models that the policy allows."""

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.counters import with_readings
from policy_router.cli.deciding import decided
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.output import fail, inform, progress, show_json, stdout_is_closed, write
from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import (
    Asked,
    Given,
    ask,
    messages_of,
    read_prompt,
    takes_request,
)
from policy_router.cli.store_option import StoreLocation, place_of, reached
from policy_router.diagnostics import printable
from policy_router.errors import NoCandidateError, RoutingError
from policy_router.views import answer as view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from policy_router.acceptance.user_code import Functions
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.execution.accounting import RequestAccount
    from policy_router.execution.answer import Answer
    from policy_router.execution.executor import Executor
    from policy_router.execution.stream import AnswerStream
    from policy_router.providers.caller import Body

LOADING = "loading LiteLLM ..."


@takes_request
def run(
    given: Given,
    *,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the answer while it is generated.")
    ] = False,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A system message before the prompt.")
    ] = None,
    allow_function: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:NAME", help="A function that the policy may call; repeatable."
        ),
    ] = None,
) -> None:
    """Send a prompt through the policy and print the answer.

    \b
    policy-router run "What is a monad?" --task chat
    git diff | policy-router run - --system "Review this change" --stream

    The answer goes to standard output; the calls, their duration and their cost go to standard
    error. Exit code 3: every model failed, 4: the policy allows none.
    """
    if stdout_is_closed():
        fail("standard output is closed, so the answer would be lost: open it")
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
            inform(*view.attempts(policy, streamed.attempts), *view.doubts(streamed))
            return
        answer = asyncio.run(_run(policy, asked, body, place, functions))
    except NoCandidateError as refused:
        if given.json:
            show_json(view.refusal_as_json(policy, refused))
        inform(*view.refusal(policy, refused))
        raise typer.Exit(ExitCode.DENIED) from None
    except RoutingError as failed:
        if given.json:
            show_json(view.failure_as_json(policy, failed))
        inform(*view.failure(policy, failed))
        raise typer.Exit(ExitCode.FAILED) from None
    if given.json:
        show_json(view.as_json(policy, answer))
        return
    write(f"{answer.choices[0].message.content or ''}\n", sys.stdout)
    inform(*view.attempts(policy, answer.attempts), *view.doubts(answer))


def _functions(names: "Sequence[str]") -> "Functions":
    from policy_router.acceptance.user_code import Functions  # noqa: PLC0415  not needed for --help

    try:
        return Functions(names)
    except UsageError as error:
        raise typer.BadParameter(printable(str(error)), param_hint="--allow-function") from None


async def _run(
    policy: "Policy", asked: Asked, body: "Body", place: StoreLocation, functions: "Functions"
) -> "Answer":
    ready = _ready(policy, asked, body, place, functions)
    async with ready as (executor, decision, account, began):
        return await executor.run(decision, policy.fallback, body, account, began=began)


async def _stream(
    policy: "Policy", asked: Asked, body: "Body", place: StoreLocation, functions: "Functions"
) -> "AnswerStream":
    """Write an answer while it is generated, and return the finished stream."""
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
    """Prepare what carries a request out.

    Yields:
        The executor, the decision, the account that reserves and settles, and the monotonic time
        at which rating the complexity began, if it was rated by a model or function.
    """
    from policy_router.execution.accounting import Accounting  # noqa: PLC0415
    from policy_router.execution.estimators import EstimatorRunner  # noqa: PLC0415
    from policy_router.execution.executor import Executor  # noqa: PLC0415
    from policy_router.ledger.degraded import DegradableStore  # noqa: PLC0415
    from policy_router.providers.litellm.caller import LiteLLMCaller  # noqa: PLC0415

    async with reached(place, create=True) as store, LiteLLMCaller() as caller:
        guarded = DegradableStore(store, clock=time.time)
        ledger = Accounting(
            guarded, clock=time.time, on_crossing=lambda crossed, *_: inform(view.crossing(crossed))
        )
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
        decision = decided(policy, asked)
        if decision.candidates:
            with progress(LOADING):
                await caller.prepare(candidate.model for candidate in decision.candidates)
        account = ledger.account(policy, asked.request, asked.snapshot)
        try:
            executor = Executor(caller, clock=time.time, functions=functions)
            yield executor, decision, account, began
        finally:
            await ledger.aclose()
