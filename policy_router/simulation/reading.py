"""Reads a scenario from YAML."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field, ValidationError

from policy_router.base_errors import UsageError
from policy_router.language.compile.selectors import Selectors as ModelSelectors
from policy_router.language.document.types import (
    Clock,
    Duration,
    Factor,
    Money,
    Name,
    Percent,
    PerTokens,
    Scalar,
    Selectors,
    Shape,
    Wait,
    Word,
)
from policy_router.language.yaml_reader import parse
from policy_router.simulation.scenario import LATENCY, Behaviour, Fault, Happening, Mix, Scenario
from policy_router.units import MONDAY, count

if TYPE_CHECKING:
    from datetime import datetime

    from policy_router.decision.policy import Policy

_RATE: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)/(s|min|hour)")
_SECONDS: Final = {"s": 1.0, "min": 60.0, "hour": 3600.0}
_RANGE: Final = re.compile(
    r"(\d{1,9}|\d{1,6}(?:\.\d{1,3})?k)(?:-(\d{1,9}|\d{1,6}(?:\.\d{1,3})?k))?"
)


def _rate(text: str) -> str:
    if _RATE.fullmatch(text) is None:
        raise ValueError(f"`{text}` is not a rate such as 5/s or 300/min")
    return text


def _range(text: str | int) -> str | int:
    if _RANGE.fullmatch(str(text)) is None:
        raise ValueError(f"`{text}` is not a number of tokens such as 500, or a range as 200-2k")
    return text


Rate = Annotated[str, AfterValidator(_rate)]
Range = Annotated[str | int, AfterValidator(_range)]


class MixShape(Shape):
    """One kind of request in the traffic."""

    name: Word | None = None
    share: Percent | None = None
    request: dict[Word, Scalar | list[Scalar]] | None = None
    tokens: Range | None = None
    output: Range | None = None
    users: Annotated[int, Field(ge=0)] | None = None


class BehaviourShape(Shape):
    """How a model behaves."""

    latency: Duration | None = None
    failures: Percent | None = None


class PriceChangeShape(Shape):
    """New prices."""

    input: PerTokens
    output: PerTokens


class HappeningShape(Shape):
    """Something that happens at a time."""

    name: Word | None = None
    at: Duration
    for_: Annotated[Wait | None, Field(alias="for")] = None
    models: Selectors | None = None
    fault: Word | None = None
    share: Percent | None = None
    slower: Factor | None = None
    traffic: Factor | None = None
    price: PriceChangeShape | None = None
    budgets: dict[Name, Money] | None = None


class ScenarioShape(Shape):
    """What is simulated."""

    duration: Wait
    rate: Rate
    start: Clock | None = None
    seed: int | None = None
    traffic: Annotated[list[MixShape], Field(min_length=1)] | None = None
    models: dict[Word, BehaviourShape] | None = None
    events: list[HappeningShape] | None = None


def read_scenario(name: str, data: bytes, policy: Policy) -> Scenario:
    """Return the scenario that a file describes.

    Args:
        name: Name of the file, for messages.
        data: Its bytes.
        policy: The policy that it is for.

    Raises:
        UsageError: It is no scenario for this policy; the message has the place.
    """
    source, problems = parse(name, data)
    if source is None or problems:
        first = problems[0]
        raise UsageError(f"{first.span or name}: {first.message}")
    try:
        shape = ScenarioShape.model_validate(source.data)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        path = tuple(step for step in detail["loc"] if step not in {"str", "int"})
        message = detail["msg"].removeprefix("Value error, ")
        where = ".".join(map(str, path)) or "the scenario"
        raise UsageError(f"{source.value_span(path[:2])}: `{where}`: {message}") from None
    return _scenario(name, shape, policy)


def _scenario(name: str, shape: ScenarioShape, policy: Policy) -> Scenario:
    rate = _RATE.fullmatch(shape.rate)
    assert rate is not None  # noqa: S101  it was checked
    start: datetime = shape.start or MONDAY
    for model in shape.models or ():
        _known(name, model, policy.models_by_name, "model")
    happenings = [_happening(name, each, policy) for each in shape.events or ()]
    traffic = shape.traffic or [MixShape()]
    return Scenario(
        duration=shape.duration,
        rate=float(rate[1]) / _SECONDS[rate[2]],
        start=start.replace(tzinfo=policy.timezone).timestamp(),
        seed=1 if shape.seed is None else shape.seed,
        traffic=tuple(_mix(each, number) for number, each in enumerate(traffic, 1)),
        models=MappingProxyType(
            {
                model: Behaviour(
                    (policy.model(model).latency or LATENCY) if b.latency is None else b.latency,
                    b.failures or 0.0,
                )
                for model, b in (shape.models or {}).items()
            }
        ),
        happenings=tuple(sorted(happenings, key=lambda each: each.at)),
    )


def _mix(shape: MixShape, number: int) -> Mix:
    facts = dict(shape.request or {})
    task = facts.get("task")
    return Mix(
        name=shape.name or (str(task) if task is not None else f"requests {number}"),
        weight=1.0 if shape.share is None else shape.share,
        facts=MappingProxyType(
            {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()}
        ),
        tokens=_bounds(shape.tokens, (200, 800)),
        output=_bounds(shape.output, (100, 400)),
        users=20 if shape.users is None else shape.users,
    )


def _bounds(text: str | int | None, default: tuple[int, int]) -> tuple[int, int]:
    if text is None:
        return default
    low, _, high = str(text).partition("-")
    return count(low), max(count(low), count(high or low))


def _happening(name: str, shape: HappeningShape, policy: Policy) -> Happening:
    chosen = ModelSelectors(policy.models)
    models: set[str] = set()
    for word in shape.models or ():
        selected = chosen.select(word)
        if not selected:
            raise UsageError(f"{name}: `{word}` selects no model of the policy")
        models.update(selected)
    for budget in shape.budgets or ():
        _known(name, budget, {b.name for b in policy.limits if b.is_budget}, "budget")
    fault = None
    if shape.fault is not None:
        _known(name, shape.fault, set(Fault), "fault")
        fault = Fault(shape.fault)
    elif shape.slower is not None:
        fault = Fault.SLOW
    if fault is None and not (shape.price or shape.budgets or shape.traffic):
        raise UsageError(f"{name}: an event needs a fault, slower, traffic, price or budgets")
    if (fault is not None or shape.price is not None) and not models:
        raise UsageError(f"{name}: an event with a fault or a price needs models")
    what = shape.name or (fault.value if fault else "traffic" if shape.traffic else "change")
    return Happening(
        name=what,
        at=shape.at,
        lasts=shape.for_,
        models=frozenset(models),
        fault=fault,
        share=1.0 if shape.share is None else shape.share,
        factor=(shape.slower if fault is Fault.SLOW else shape.traffic) or 1.0,
        price=None if shape.price is None else (shape.price.input, shape.price.output),
        caps=MappingProxyType(dict(shape.budgets or {})),
    )


def _known(file: str, name: str, known: object, what: str) -> None:
    if name not in known:  # type: ignore[operator]  # a collection of names
        names = ", ".join(f"`{each}`" for each in sorted(known))  # type: ignore[call-overload]  # as above
        raise UsageError(f"{file}: `{name}` is no {what}; the known ones are {names}")
