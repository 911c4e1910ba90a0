"""`run`: a prompt through the policy to an answer."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import Given, ask, read_prompt, takes_request
from policy_router.cli.route import as_json, made, not_used, verdict
from policy_router.cli.screen import Line, fail, say, show, show_json, write
from policy_router.diagnostics import printable
from policy_router.errors import NoCandidateError, RoutingError

if TYPE_CHECKING:
    from policy_router.execute.answer import Answer
    from policy_router.execute.caller import Body
    from policy_router.execute.stream import AnswerStream
    from policy_router.model import Attempt, Decision, Fallback

FAILED = 3
SAID_NO = 4


@takes_request
def run(
    given: Given,
    *,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it comes.")] = False,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A system message before the prompt.")
    ] = None,
) -> None:
    """Send a prompt through the policy and print the answer.

    \b
    policy-router run "What is a monad?" --task chat
    git diff | policy-router run - --system "Review this change" --stream

    The answer goes to standard output, who gave it to standard error. Exit code 3: every model
    failed, 4: the policy says no.
    """
    prompt = read_prompt(given.prompt)
    if not prompt:
        fail("there is no prompt: give one, or - to read it from standard input")
    if stream and given.json:
        raise typer.BadParameter("--stream and --json exclude each other", param_hint="--stream")
    policy = open_policy(choose(given.policy))
    decision = made(policy, ask(policy, replace(given, prompt=prompt)))
    messages = [{"role": "user", "content": prompt}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    from policy_router.execute.caller import Body  # noqa: PLC0415  not needed for --help

    body = Body(messages=messages, max_tokens=decision.request.max_output, user=given.user)
    try:
        if stream:
            asyncio.run(_stream(decision, policy.fallback, body))
            return
        answer = asyncio.run(_run(decision, policy.fallback, body))
    except NoCandidateError as refused:
        if given.json:
            show_json({**_history(decision, ()), "answer": None})
        say(*verdict(refused.decision), *not_used(refused.decision))
        raise typer.Exit(SAID_NO) from None
    except RoutingError as failed:
        if given.json:
            show_json({**_history(decision, failed.attempts), "answer": None})
        say(*_attempts(failed.attempts), [("No model answered", "bold red")])
        raise typer.Exit(FAILED) from None
    text = answer.choices[0].message.content or ""
    if given.json:
        usage = answer.usage.model_dump() if answer.usage else None
        found = {
            kind: [{"check": f.check, "by": f.by, "detail": f.detail} for f in findings]
            for kind, findings in (("rejected", answer.rejected), ("unchecked", answer.unchecked))
        }
        history = {**_history(decision, answer.attempts), "model": answer.served_by}
        show_json({**history, "answer": text, "usage": usage, **found})
    else:
        show([text])
        say(*_attempts(answer.attempts), *_doubts(answer))


async def _run(decision: "Decision", fallback: "Fallback", body: "Body") -> "Answer":
    from policy_router.execute.executor import Executor  # noqa: PLC0415
    from policy_router.execute.litellm import LiteLLMCaller  # noqa: PLC0415

    async with LiteLLMCaller() as caller:
        if decision.candidates:
            await caller.prepare()
        return await Executor(caller).run(decision, fallback, body)


async def _stream(decision: "Decision", fallback: "Fallback", body: "Body") -> None:
    import sys  # noqa: PLC0415  the stream of the moment, which a test replaces

    from policy_router.execute.executor import Executor  # noqa: PLC0415
    from policy_router.execute.litellm import LiteLLMCaller  # noqa: PLC0415

    async with LiteLLMCaller() as caller:
        if decision.candidates:
            await caller.prepare()
        answer: AnswerStream = await Executor(caller).stream(decision, fallback, body)
        async with answer:
            async for chunk in answer:
                if chunk.choices and chunk.choices[0].delta.content:
                    write(chunk.choices[0].delta.content, sys.stdout)
        write("\n", sys.stdout)
        say(*_attempts(answer.attempts), *_doubts(answer))


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


def _attempts(attempts: "tuple[Attempt, ...]") -> list[Line]:
    """One line per call: who, how long, and how it ended."""
    lines: list[Line] = []
    for attempt in attempts:
        took = f"{printable(attempt.model)} ({printable(attempt.calls)}) {attempt.seconds:.1f} s"
        if attempt.failure is None:
            lines.append([(f"answered by {took}", "dim")])
        else:
            detail = f": {printable(attempt.detail)}" if attempt.detail else ""
            lines.append([(f"{took} ", ""), (f"{attempt.failure}{detail}", "yellow")])
    return lines


def _history(decision: "Decision", attempts: "tuple[Attempt, ...]") -> dict[str, Any]:
    answered = next((a.model for a in reversed(attempts) if a.failure is None), None)
    return {
        "model": answered,
        "attempts": [
            {
                "model": a.model,
                "calls": a.calls,
                "seconds": round(a.seconds, 3),
                "failure": a.failure,
                "status": a.status,
                "detail": a.detail,
                "retry_after": a.retry_after,
            }
            for a in attempts
        ],
        "decision": as_json(decision),
    }
