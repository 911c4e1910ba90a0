"""Prompts and outcomes of bake-offs, as files with one JSON object per line."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, cast

from policy_router.cli.jsonl import prompt_of, read_body, read_lines
from policy_router.cli.options.request import messages_of
from policy_router.cli.output import fail, inform
from policy_router.domain.money import NANO_PER_USD
from policy_router.learning.cascades import GradedAnswer, GradedPrompt
from policy_router.quoting import quoted
from policy_router.views.lines import count

if TYPE_CHECKING:
    from policy_router.options import ChatMessage, RequestOptions

OTHER: Final = "other"
"""The kind of a prompt that is of none of the built-in kinds of work."""
_FACTS: Final = (
    "task", "complexity", "tags", "needs", "tenant", "user", "team", "language", "attributes",
    "tools", "tool_choice", "response_format", "max_tokens", "temperature",
)  # fmt: skip
"""Fields of a line that go with its request."""


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One prompt of a bake-off.

    Attributes:
        number: The line that it is on.
        id: Its id, or a digest of its messages.
        messages: The conversation.
        options: Facts and parameters of the request.
        expected: Text that a good answer contains; None where something else marks the answers.
    """

    number: int
    id: str
    messages: "list[ChatMessage]"
    options: "RequestOptions"
    expected: str | None


@dataclass(frozen=True, slots=True)
class SupposedCheck:
    """A check that there could be.

    Attributes:
        caught: The share of bad answers that it rejects, 0..1.
        spurious: The share of good answers that it rejects, 0..1.
    """

    caught: float
    spurious: float


def read_prompts(file: str, most: int) -> list[PromptRow]:
    """Read the prompts of a bake-off; end the command where a line cannot be one.

    Args:
        file: Path of a file, or `-` for standard input.
        most: How many prompts are read at most.
    """
    rows: dict[str, PromptRow] = {}
    texts: set[str] = set()
    repeated = 0
    for number, body in _bodies(file):
        if len(rows) == most:
            break
        messages = prompt_of(body, number)
        if isinstance(messages, str):
            messages = messages_of(messages, None)
        if not isinstance(messages, list) or not messages:
            fail(f"line {number} has neither `prompt` nor `messages`")
        expected = body.get("expected")
        if expected is not None and not (isinstance(expected, str) and expected.strip()):
            fail(f"line {number}: `expected` is not a text that an answer can contain")
        text = _digest(messages)
        id_ = str(body.get("id", text))
        facts = {name: body[name] for name in _FACTS if name in body}
        options = cast("RequestOptions", facts)
        if id_ in rows or text in texts:
            repeated += 1
            continue
        texts.add(text)
        rows[id_] = PromptRow(number, id_, messages, options, expected)
    if repeated:
        inform(f"{count(repeated, 'prompt')} left out: a repeated id or text adds no evidence")
    return list(rows.values())


def read_outcomes(file: str, supposed: SupposedCheck | None) -> list[GradedPrompt]:
    """Read recorded outcomes; end the command where a line has none.

    Args:
        file: Path of a file, or `-` for standard input.
        supposed: The check whose mean verdict an answer gets that has no verdict.
    """
    prompts: dict[str, GradedPrompt] = {}
    for number, body in _bodies(file):
        outcomes = body.get("outcomes")
        if not isinstance(outcomes, dict) or not outcomes:
            fail(f"line {number} has no `outcomes`, a mapping of models to `score` and `cost`")
        answers = {
            str(name): _answer(outcome, supposed, f"line {number}, `{quoted(name)}`")
            for name, outcome in outcomes.items()
            if outcome is not None
        }
        id_ = str(body.get("id", number))
        if id_ in prompts:
            fail(f"line {number} repeats the id `{quoted(id_)}`")
        prompts[id_] = GradedPrompt(id_, _kinds(body, number), answers)
    return list(prompts.values())


def as_row(prompt: GradedPrompt) -> str:
    """Return outcomes as a line that `read_outcomes` reads; it holds no text."""
    outcomes: dict[str, dict[str, object]] = {}
    for name, answer in prompt.answers.items():
        outcome: dict[str, object] = {"score": answer.quality, "cost": answer.cost / NANO_PER_USD}
        if answer.passed is not None:
            outcome["passed"] = bool(answer.passed)
        if answer.check_cost:
            outcome["check_cost"] = answer.check_cost / NANO_PER_USD
        outcomes[name] = outcome
    return json.dumps({"id": prompt.id, "kinds": list(prompt.path), "outcomes": outcomes}) + "\n"


def _bodies(file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in read_lines(file):
        try:
            yield number, read_body(line)
        except ValueError:
            fail(f"line {number} is not JSON")


def _answer(outcome: object, supposed: SupposedCheck | None, place: str) -> GradedAnswer:
    if not isinstance(outcome, dict):
        fail(f"{place}: an outcome is an object with `score` and `cost`")
    passed = outcome.get("passed")
    if passed is not None and not isinstance(passed, bool):
        fail(f"{place}: `passed` is neither true nor false")
    quality = _number(outcome.get("score"))
    if quality is None or quality > 1:
        fail(f"{place}: `score` is not a number from 0 to 1")
    cost = _amount(outcome, "cost", place)
    if passed is not None:
        check_cost = _amount(outcome, "check_cost", place) if "check_cost" in outcome else 0.0
        return GradedAnswer.checked(quality, cost, passed=passed, check_cost=check_cost)
    if supposed is not None:
        return GradedAnswer.supposed(quality, cost, supposed.caught, supposed.spurious)
    return GradedAnswer(quality, cost)


def _amount(outcome: Mapping[str, object], name: str, place: str) -> float:
    """An amount of dollars as nano-USD."""
    dollars = _number(outcome.get(name))
    if dollars is None:
        fail(f"{place}: `{name}` is not an amount of dollars such as 0.002")
    return dollars * NANO_PER_USD


def _number(value: object) -> float | None:
    """A number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) and value >= 0 else None


def _kinds(body: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """The kinds of request that a line belongs to: as it says, or as its text is read."""
    kinds = body.get("kinds")
    if kinds is not None:
        if not isinstance(kinds, list) or not all(isinstance(each, str) for each in kinds):
            fail(f"line {number}: `kinds` is not a list of names")
        return tuple(kinds)
    if isinstance(body.get("task"), str):
        return (str(body["task"]),)
    messages = prompt_of(body, number)
    if messages is None:
        return ()
    from policy_router.classification.features import read_features  # noqa: PLC0415  only for texts
    from policy_router.classification.forms import form_of  # noqa: PLC0415  as above
    from policy_router.classification.kinds import kind_of  # noqa: PLC0415  as above

    features, _ = read_features(messages, tools=body.get("tools", ()))
    return form_of(features).value, kind_of(features).name or OTHER


def _digest(messages: object) -> str:
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:16]
