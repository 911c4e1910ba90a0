"""The `run` command: a prompt sent to the models that the policy allows."""

import asyncio
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.journal import KeptIn, named_journal
from policy_router.cli.options.policy import choose, open_policy
from policy_router.cli.options.request import (
    Call,
    RequestArguments,
    read_call,
    read_prompt,
    takes_request,
)
from policy_router.cli.options.store import StoreLocation, location_of, reached
from policy_router.cli.output import (
    LOADING,
    fail,
    inform,
    progress,
    show_json,
    stdout_is_closed,
    write,
)
from policy_router.diagnostics import printable
from policy_router.errors import InvalidRequestError, NoCandidateError, RoutingError
from policy_router.events import Warned
from policy_router.execution.answer import Answer
from policy_router.views import answer as view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policy_router.acceptance.user_code import Functions
    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.events import Event
    from policy_router.execution.stream import AnswerStream
    from policy_router.journal.address import JournalAddress
    from policy_router.providers.caller import Caller


@takes_request
def run(
    arguments: RequestArguments,
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
    journal: KeptIn = None,
) -> None:
    """Send a prompt through the policy and print the answer.

    \b
    policy-router run "What is a monad?" --task chat
    git diff | policy-router run - --system "Review this change" --stream

    The answer goes to standard output; the calls, with their duration and cost, go to standard
    error. Exit code 3: every model failed, 4: the policy allows none.
    """
    if stdout_is_closed():
        fail("standard output is closed, so the answer would be lost: open it")
    prompt = read_prompt(arguments.prompt)
    if not prompt:
        fail("there is no prompt: give one, or - to read it from standard input")
    if stream and arguments.json:
        raise typer.BadParameter("cannot be combined with --json", param_hint="--stream")
    keeper = named_journal(journal)
    path = choose(arguments.policy)
    functions = _functions(allow_function or ())
    policy = open_policy(path, functions)
    call = read_call(policy, replace(arguments, prompt=prompt), system=system)
    if call.stream:
        raise typer.BadParameter("`stream` has an option of its own: --stream", param_hint="--fact")
    location = (
        location_of(arguments.state, policy.name, path)
        if policy.limits or policy.sessions.remembers
        else StoreLocation("memory://")
    )
    with _exit_codes(policy, json=arguments.json):
        answer = asyncio.run(_answer(policy, call, (location, keeper), functions, stream=stream))
    if isinstance(answer, Answer):
        if arguments.json:
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


@contextmanager
def _exit_codes(policy: "Policy", *, json: bool) -> "Iterator[None]":
    """End the command with its exit code where a request gets no answer, after showing why."""
    try:
        yield
    except InvalidRequestError as invalid:
        fail(printable(str(invalid.decision.denied)))
    except UsageError as error:
        fail(printable(str(error)))
    except NoCandidateError as refused:
        if json:
            show_json(view.refusal_as_json(policy, refused))
        inform(*view.refusal(policy, refused))
        raise typer.Exit(ExitCode.DENIED) from None
    except RoutingError as failed:
        if json:
            show_json(view.failure_as_json(policy, failed))
        inform(*view.failure(policy, failed))
        raise typer.Exit(ExitCode.FAILED) from None


async def _answer(
    policy: "Policy",
    call: Call,
    places: "tuple[StoreLocation, JournalAddress | None]",
    functions: "Functions",
    *,
    stream: bool,
) -> "Answer | AnswerStream":
    """Have a router answer the request; write a stream while it is generated."""
    from policy_router.journal.journal import Journal  # noqa: PLC0415  as above
    from policy_router.ledger.degraded import DegradableStore  # noqa: PLC0415  not needed for --help
    from policy_router.router.router import Router  # noqa: PLC0415  as above

    location, keeper = places
    messages = call.messages or ()
    async with reached(location, create=True) as store:
        router = Router(
            policy,
            _caller(),
            store=DegradableStore(store, clock=time.time),
            decide_at=lambda: time.time() + call.shift,
            on_event=_report,
            functions=functions,
            journal=None if keeper is None else Journal(keeper),
        )
        async with router:
            if not stream:
                return await router.acompletion(messages, **call.options)
            async with await router.acompletion(messages, stream=True, **call.options) as answer:
                async for chunk in answer:
                    write(chunk.text, sys.stdout)
                write("\n", sys.stdout)
                return answer


def _caller() -> "Caller":
    """What calls the models, and shows that it is being loaded."""
    from policy_router.providers.default_caller import DefaultCaller  # noqa: PLC0415  not needed for --help

    class ShownWhileLoading(DefaultCaller):
        async def prepare(self, models: "Iterable[Model]" = ()) -> None:
            with progress(LOADING):
                await super().prepare(models)

    return ShownWhileLoading()


def _report(event: "Event") -> None:
    """Show the warnings of budgets."""
    if isinstance(event, Warned):
        inform(view.warning(event))
