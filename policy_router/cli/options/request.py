"""A request from a command line: the options of every command that asks a policy."""

import inspect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from policy_router.base_errors import UsageError
from policy_router.cases.clock import moment
from policy_router.cli.options import values
from policy_router.cli.options.facts import StatedFacts, read_facts
from policy_router.cli.options.policy import Where
from policy_router.cli.options.store import State
from policy_router.cli.output import fail
from policy_router.decision.facts import situation_of
from policy_router.domain.situation import Situation
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from policy_router.classification.classifier import Classification
    from policy_router.decision.policy import Policy
    from policy_router.domain.request import Request
    from policy_router.options import RequestOptions

Words = list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestArguments:
    """The options of a command that asks a policy, as they were typed."""

    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT|-", help="The prompt; - reads it from standard input."),
    ] = None
    policy: Where = None
    task: Annotated[str | None, typer.Option(metavar="TASK", help="A task of the policy.")] = None
    complexity: Annotated[
        str | None,
        typer.Option(metavar="BAND", help="A band of the policy, or a score from 0 to 1."),
    ] = None
    tag: Annotated[Words, typer.Option(metavar="TAG", help="A tag; repeatable.")] = None
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="The tenant.")] = None
    user: Annotated[str | None, typer.Option(metavar="NAME", help="The user.")] = None
    team: Annotated[str | None, typer.Option(metavar="NAME", help="The team.")] = None
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="The session that the request belongs to.")
    ] = None
    tokens: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Input tokens, such as 900 or 24k.")
    ] = None
    need: Annotated[
        Words,
        typer.Option(
            metavar="ABILITY", help="An ability that a model must have, such as json; repeatable."
        ),
    ] = None
    max_cost: Annotated[
        str | None,
        typer.Option(
            metavar="DOLLARS", help="The maximum estimated cost in dollars, such as 0.01."
        ),
    ] = None
    max_price: Annotated[
        str | None,
        typer.Option(
            metavar="DOLLARS", help="The maximum price per million tokens, such as 3 or $3/M."
        ),
    ] = None
    max_latency: Annotated[
        str | None, typer.Option(metavar="TIME", help="The maximum latency, such as 2s.")
    ] = None
    min_quality: Annotated[
        str | None, typer.Option(metavar="SHARE", help="The minimum quality, 0 to 1.")
    ] = None
    prefer: Annotated[
        Words,
        typer.Option(metavar="KEY", help="The sort keys, such as cheapest,fastest."),
    ] = None
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The only model to use, or an alias.")
    ] = None
    min_tier: Annotated[str | None, typer.Option(metavar="TIER", help="The minimum tier.")] = None
    only: Annotated[
        Words, typer.Option(metavar="WORD", help="Only models of this name, tier or tag.")
    ] = None
    avoid: Annotated[
        Words, typer.Option(metavar="WORD", help="No model of this name, tier or tag.")
    ] = None
    max_candidates: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=values.candidates, help="The maximum number of models to try."
        ),
    ] = None
    fact: Annotated[
        Words,
        typer.Option(
            metavar="NAME=VALUE",
            help="An attribute of the policy, or one of hour, weekday, language, stream, key, "
            "max_tokens, client, subagent, housekeeping, turn, tool_errors.",
        ),
    ] = None
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The time of the request in the zone of the policy, such as 22:15, "
            "'sat 22:15' or '2026-11-30 22:15'. Default: now.",
        ),
    ] = None
    state: State = None
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it was typed, read for one policy.

    Attributes:
        messages: The conversation; None without a prompt.
        options: Identity, facts, constraints and parameters.
        stream: Whether the answer is streamed, for conditions on it.
        shift: Seconds from now to the moment at which the request is decided, where `--clock` or
            `--fact` names another; else 0.
    """

    messages: "list[dict[str, str]] | None"
    options: "RequestOptions"
    stream: bool
    shift: float


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request as a policy sees it, with the moment at which it is decided.

    Attributes:
        request: The request.
        snapshot: The state of the world; it has no readings yet.
        characters: Length of the prompt; None without one.
        classification: What the classifier made of the prompt; None without one.
        is_estimated: Whether the complexity is the one of the classification.
    """

    request: "Request"
    snapshot: Snapshot
    characters: int | None = None
    classification: "Classification | None" = None
    is_estimated: bool = False

    def situation(self, policy: "Policy") -> Situation:
        """The request as the policy sees it."""
        return situation_of(policy, self.request, self.snapshot.now)


def takes_request(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of RequestArguments to those of a command, which gets them first."""
    hints = get_type_hints(RequestArguments, include_extras=True)
    shared = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
        for f in fields(RequestArguments)
    ]
    own = list(inspect.signature(function).parameters.values())[1:]
    names = [p.name for p in shared]

    @wraps(function)
    def command(**values: Any) -> None:
        arguments = RequestArguments(**{name: values.pop(name) for name in names})
        function(arguments, **values)

    signature = inspect.Signature([*shared, *own])
    vars(command)["__signature__"] = signature
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


def read_prompt(word: str | None) -> str | None:
    """Return the prompt; `-` stands for the text on standard input."""
    if word != "-":
        return word
    raw = getattr(sys.stdin, "buffer", None)
    return raw.read().decode("utf-8", "replace") if raw else sys.stdin.read()


def messages_of(prompt: str, system: str | None) -> list[dict[str, str]]:
    """Make a conversation of a prompt, after a system message if there is one."""
    before = [] if system is None else [{"role": "system", "content": system}]
    return [*before, {"role": "user", "content": prompt}]


def read_call(
    policy: "Policy",
    arguments: RequestArguments,
    *,
    system: str | None = None,
    now: float | None = None,
) -> Call:
    """Read the options of a command for a policy.

    Ends the command when the value of an option is invalid, or a fact is unknown.

    Args:
        policy: The policy, whose bands and facts may be named.
        arguments: The options as they were typed.
        system: A system message before the prompt.
        now: Unix time. Default: the current time.
    """
    prompt = read_prompt(arguments.prompt)
    facts = read_facts(policy, arguments.fact or ())
    options: RequestOptions = {
        "task": arguments.task,
        "complexity": values.complexity(policy, arguments.complexity),
        "tokens": values.count(arguments.tokens, "--tokens"),
        "needs": values.words(arguments.need),
        "tags": values.words(arguments.tag),
        "tenant": arguments.tenant,
        "user": arguments.user,
        "team": arguments.team,
        "session": arguments.session,
        "key": facts.text("key"),
        "language": facts.text("language"),
        "client": facts.text("client"),
        "subagent": facts.flag("subagent"),
        "housekeeping": facts.flag("housekeeping"),
        "turn": facts.integer("turn"),
        "tool_errors": facts.integer("tool_errors"),
        "attributes": facts.attributes,
        "max_cost": values.usd(arguments.max_cost, "--max-cost"),
        "max_price": values.price(arguments.max_price, "--max-price"),
        "max_latency": values.seconds(arguments.max_latency, "--max-latency"),
        "min_quality": values.share(arguments.min_quality, "--min-quality"),
        "prefer": values.words(arguments.prefer) if arguments.prefer else None,
        "model": arguments.model,
        "max_candidates": arguments.max_candidates,
        "min_tier": arguments.min_tier,
        "only": values.words(arguments.only) if arguments.only else None,
        "avoid": values.words(arguments.avoid),
        "max_tokens": facts.integer("max_tokens"),
    }
    start = time.time() if now is None else now
    messages = None if prompt is None else messages_of(prompt, system)
    decided = _decided_at(policy, arguments.clock, facts, start)
    return Call(messages, options, facts.flag("stream") is True, decided - start)


def _decided_at(policy: "Policy", clock: str | None, facts: StatedFacts, now: float) -> float:
    """The Unix time at which a request is decided."""
    hour, weekday = facts.integer("hour"), facts.text("weekday")
    if clock is None:
        return moment(policy.timezone, now, hour, weekday)
    if hour is not None or weekday is not None:
        raise values.wrong("--clock", "says what the hour and the weekday are; leave these out")
    return values.clock(policy.timezone, now, clock)


def prepare_request(
    policy: "Policy",
    arguments: RequestArguments,
    *,
    system: str | None = None,
    now: float | None = None,
) -> PreparedRequest:
    """Read the options of a command and make the request of them, as the router does.

    Ends the command when the value of an option is invalid. The arguments are those of
    `read_call`.
    """
    from policy_router.classification.classifier import Classifier  # noqa: PLC0415  not needed for --help
    from policy_router.intake import take_in  # noqa: PLC0415  as above

    start = time.time() if now is None else now
    call = read_call(policy, arguments, system=system, now=start)
    try:
        intake = take_in(
            Classifier(policy),
            call.messages,
            call.options,
            stream=call.stream,
            always_classify=True,
        )
    except UsageError as error:
        fail(str(error))
    return PreparedRequest(
        intake.request,
        Snapshot(now=start + call.shift),
        None if call.messages is None else len(call.messages[-1]["content"]),
        intake.classification,
        intake.is_estimated,
    )
