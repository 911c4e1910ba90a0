"""A request from the words of a command line: the options, once for every command that asks a
policy, and the Request and Snapshot they come to for one policy."""

import inspect
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import wraps
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from policy_router import units
from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.token_bound import most_tokens
from policy_router.cli.policy import Where
from policy_router.cli.store_option import State
from policy_router.diagnostics import printable
from policy_router.domain.facts import BUILT_IN, WEEKDAYS, Fact, FactType
from policy_router.domain.money import parse_usd
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.quoting import quoted
from policy_router.suggest import help_line

if TYPE_CHECKING:
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    from policy_router.decision.policy import Policy
    from policy_router.units import Unit

Words = list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the caller said of a request, as typed."""

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
    tag: Annotated[
        Words, typer.Option(metavar="TAG", help="A tag; several: repeat it, or use commas.")
    ] = None
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="The tenant who asks.")] = None
    user: Annotated[str | None, typer.Option(metavar="NAME", help="The user who asks.")] = None
    team: Annotated[str | None, typer.Option(metavar="NAME", help="The team who asks.")] = None
    tokens: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Tokens that go in, such as 900, 24k.")
    ] = None
    need: Annotated[
        Words, typer.Option(metavar="ABILITY", help="An ability a model must have, such as json.")
    ] = None
    max_cost: Annotated[
        str | None, typer.Option(metavar="DOLLARS", help="At most so many dollars: 0.01.")
    ] = None
    max_latency: Annotated[
        str | None, typer.Option(metavar="TIME", help="At most so long: 2s.")
    ] = None
    min_quality: Annotated[
        str | None, typer.Option(metavar="SHARE", help="At least this quality, 0 to 1.")
    ] = None
    prefer: Annotated[
        Words, typer.Option(metavar="KEY", help="What decides the order: cheapest,fastest.")
    ] = None
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="This model alone.")] = None
    max_candidates: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most so many models.")
    ] = None
    fact: Annotated[
        Words,
        typer.Option(
            metavar="NAME=VALUE",
            help="An attribute of the policy, or one of hour, weekday, language, stream, key, "
            "max_tokens.",
        ),
    ] = None
    state: State = None
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a policy reads it, and the moment it is made at. characters: of the prompt.
    seen: what its text was taken for; scored: whether the score is that of `seen`."""

    request: Request
    snapshot: Snapshot
    characters: int | None = None
    seen: Classification | None = None
    scored: bool = False


def takes_request(function: Callable[..., None]) -> Callable[..., None]:
    """The command with an option per field of Given beside its own; it gets a Given first."""
    hints = get_type_hints(Given, include_extras=True)
    shared = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
        for f in fields(Given)
    ]
    own = list(inspect.signature(function).parameters.values())[1:]
    names = [p.name for p in shared]

    @wraps(function)
    def command(**values: Any) -> None:
        given = Given(**{name: values.pop(name) for name in names})
        function(given, **values)

    signature = inspect.Signature([*shared, *own])
    vars(command)["__signature__"] = signature
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


def read_prompt(word: str | None) -> str | None:
    """The prompt itself; `-` stands for what is on standard input."""
    if word != "-":
        return word
    raw = getattr(sys.stdin, "buffer", None)
    return raw.read().decode("utf-8", "replace") if raw else sys.stdin.read()


def messages_of(prompt: str, system: str | None) -> list[dict[str, str]]:
    """A chat of a prompt, after a system message if there is one."""
    before = [] if system is None else [{"role": "system", "content": system}]
    return [*before, {"role": "user", "content": prompt}]


def ask(
    policy: "Policy", given: Given, *, system: str | None = None, now: float | None = None
) -> Asked:
    """The request for this policy. system: a message before the prompt. now: Unix time, the
    clock's unless given.

    Ends the command when an option's value makes no sense whatever the policy says, or a fact is
    none of the policy's.
    """
    prompt = read_prompt(given.prompt)
    facts = _Facts(policy, given.fact or ())
    needs = frozenset(_split(given.need))
    task, complexity = given.task, _complexity(policy, given.complexity)
    seen, tokens, most = None, 0, None
    if prompt is not None:
        cap = facts.known.get("max_tokens")
        messages = messages_of(prompt, system)
        seen = Classifier(policy).classify(messages, max_output=cap, needs=needs, task=task)
        # The caller's word wins.
        task, tokens = seen.told, seen.tokens
        complexity = seen.score if complexity is None else complexity
        most = most_tokens(messages)
    if given.tokens is not None:
        tokens = _whole(given.tokens, "--tokens")
    request = Request(
        task=task,
        complexity=complexity,
        tokens=tokens,
        max_input_tokens=None if most is None else max(most, tokens),
        max_tokens=facts.known.get("max_tokens"),
        needs=needs,
        tags=frozenset(_split(given.tag)),
        tenant=given.tenant,
        user=given.user,
        team=given.team,
        key=facts.known.get("key"),
        language=facts.known.get("language"),
        stream=facts.known.get("stream", False),
        attributes=facts.attributes,
        max_cost=_money(given.max_cost),
        max_latency=_seconds(given.max_latency),
        min_quality=_share(given.min_quality, "--min-quality"),
        prefer=tuple(_split(given.prefer)) if given.prefer else None,
        model=given.model,
        max_candidates=given.max_candidates,
    )
    at = moment(
        policy.timezone,
        time.time() if now is None else now,
        facts.known.get("hour"),
        facts.known.get("weekday"),
    )
    return Asked(
        request,
        Snapshot(now=at),
        None if prompt is None else len(prompt),
        seen,
        scored=seen is not None and given.complexity is None,
    )


def moment(zone: "ZoneInfo", now: float, hour: int | None, weekday: str | None) -> float:
    """Now, or the first moment from now on that falls on the hour and weekday asked for."""
    # A quarter of an hour is the finest offset of any zone. An hour that a clock change leaves out
    # comes again a week later.
    for step in range(15 * 24 * 4):
        at = now + step * 900
        local = datetime.fromtimestamp(at, zone)
        if hour in (None, local.hour) and weekday in (None, WEEKDAYS[local.weekday()]):
            return at
    raise AssertionError("two weeks hold every hour of every weekday")


def _split(words: Words) -> list[str]:
    return [part.strip() for word in words or () for part in word.split(",") if part.strip()]


def _wrong(option: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(printable(message), param_hint=option)


def _parse(unit: "Unit", text: str, option: str) -> Any:
    try:
        return unit.parse(text)
    except ValueError:
        examples = " or ".join(unit.examples[:2])
        message = f"`{quoted(text)}` is not a {unit.name}; write it like {examples}"
        raise _wrong(option, message) from None


def _whole(text: str, option: str) -> int:
    return int(_parse(units.COUNT, text.replace("_", ""), option))


def _money(text: str | None) -> "Decimal | None":
    if text is None:
        return None
    try:
        return parse_usd(text)
    except ValueError:
        message = f"`{quoted(text)}` is not an amount of dollars; write it like $0.05 or 0.05"
        raise _wrong("--max-cost", message) from None


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    return float(_parse(units.DURATION, text + "s" * text[-1:].isdigit(), "--max-latency"))


_NUMBER: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def _number(text: str) -> float | None:
    """A finite number, whole where it is written so."""
    if _NUMBER.fullmatch(text) is None or not isfinite(float(text)):
        return None
    return int(text) if text.removeprefix("-").isdigit() and len(text) < 16 else float(text)


def _share(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    value = _number(text)
    if value is None or not 0 <= value <= 1:
        raise _wrong(option, f"`{quoted(text)}` is not a number from 0 to 1")
    return value


def _complexity(policy: "Policy", text: str | None) -> str | float | None:
    if text is None or policy.band(text) is not None:
        return text
    number = _number(text)
    return text if number is None else number


_ELSEWHERE: Final = {
    "task": "--task", "complexity": "--complexity", "score": "--complexity", "tokens": "--tokens",
    "tags": "--tag", "user": "--user", "team": "--team", "tenant": "--tenant",
    "has_tools": "--need tools", "has_images": "--need vision", "wants_json": "--need json",
}  # fmt: skip
"""Facts that have an option of their own."""
_HERE: Final = tuple(sorted(BUILT_IN - _ELSEWHERE.keys()))


@dataclass(slots=True)
class _Facts:
    """What `--fact` said: attributes of the policy, and built-in facts by name."""

    policy: "Policy"
    words: "list[str] | tuple[str, ...]"
    attributes: dict[str, str | float | bool] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        declared: Mapping[str, Fact] = {f.name: f for f in self.policy.vocabulary.declared}
        for word in self.words:
            name, equals, text = word.partition("=")
            if not equals:
                raise _wrong(
                    "--fact", f"`{quoted(word)}` has no value; write it like {quoted(name)}=..."
                )
            if name in self.attributes or name in self.known:
                raise _wrong("--fact", f"`{quoted(name)}` is given twice")
            if name in declared:
                self.attributes[name] = _value(declared[name], text)
            elif name in _HERE:
                fact = self.policy.vocabulary.facts[self.policy.vocabulary.by_name[name]]
                self.known[name] = _value(fact, text)
            elif name in _ELSEWHERE:
                raise _wrong("--fact", f"`{name}` has an option of its own: {_ELSEWHERE[name]}")
            else:
                hint = help_line(name, [*declared, *_HERE], what="facts")
                raise _wrong("--fact", f"`{quoted(name)}` is not a fact about a request: {hint}")


def _value(fact: Fact, text: str) -> Any:
    """The text as a value of this fact."""
    match fact.kind:
        case FactType.BOOL if text in ("true", "false"):
            return text == "true"
        case FactType.BOOL:
            raise _wrong("--fact", f"`{fact.name}` is true or false, not `{quoted(text)}`")
        case FactType.ENUM if text not in fact.values:
            hint = help_line(text, fact.values)
            raise _wrong("--fact", f"`{quoted(text)}` is not a value of `{fact.name}`: {hint}")
        case FactType.NUMBER:
            return _bounded(fact, text)
    return text


def _bounded(fact: Fact, text: str) -> float:
    number = _number(text)
    if number is None:
        raise _wrong("--fact", f"`{fact.name}` is a number, not `{quoted(text)}`")
    if fact.integer and not isinstance(number, int):
        raise _wrong("--fact", f"`{fact.name}` is a whole number, not `{quoted(text)}`")
    if (fact.low is not None and number < fact.low) or (
        fact.high is not None and number > fact.high
    ):
        top = "" if fact.high is None else f" and at most {fact.high:g}"
        raise _wrong(
            "--fact", f"`{fact.name}` is at least {fact.low or 0:g}{top}, not {quoted(text)}"
        )
    return number
