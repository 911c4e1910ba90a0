"""The `calibrate` command: complexity weights and bands fitted to labeled requests."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from policy_router.classification.calibration.examples import Example, distinct, mean
from policy_router.classification.calibration.propose import TooFewError, propose
from policy_router.classification.classifier import HEURISTIC, Classifier
from policy_router.cli.jsonl import chat_of, read_body, read_lines
from policy_router.cli.output import fail, inform, progress, write
from policy_router.cli.policy import choose, open_policy
from policy_router.diagnostics import printable
from policy_router.views.calibration import as_yaml


def calibrate(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS.jsonl|-", help="Labeled requests, one JSON object per line."
        ),
    ],
    *,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", "-p", metavar="PATH", help="A policy file, or a folder of them. [policies/]"
        ),
    ] = None,
    light: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="The light model of the outcomes. [the one with the lowest mean]"
        ),
    ] = None,
    strong: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The strong model of the outcomes. [the one with the highest mean]",
        ),
    ] = None,
) -> None:
    """Fit complexity weights and bands to your own requests.

    Each line is a JSON object with `prompt` or `messages`, optionally `tools`, and either `band`,
    the name of a band of the policy, or `outcomes`, the score of each model from 0 to 1. The
    result is YAML for a policy. Its comments compare current and new settings on requests that
    were held out, with a 95 % confidence interval. Nothing is stored or sent.

    \b
    policy-router calibrate labels.jsonl

    Exit code 2: a line is invalid, or there are too few.
    """
    current = open_policy(choose(policy))
    rows = _rows(file)
    if not rows:
        fail("no requests")
    pair = None if "band" in rows[0].body else _pair(rows, light, strong)
    # Another estimator has no factors to weigh.
    weighed = replace(current.complexity, estimator=HEURISTIC)
    classifier = Classifier(replace(current, complexity=weighed))
    examples = []
    with progress("classifying requests", len(rows)) as advance:
        for row in rows:
            examples.append(_example(row, classifier, pair))
            advance()
    starts = [band.start for band in current.bands]
    try:
        with progress("fitting weights and bands ..."):
            proposal = propose(examples, current.complexity.weights, starts)
    except TooFewError as problem:
        fail(f"too few: {_counted(examples)}, where {problem}")
    if pair is not None:
        inform(f"light: {printable(pair[0])}, strong: {printable(pair[1])}")
    write(as_yaml(proposal, current, _counted(examples)), sys.stdout)


def _counted(examples: Sequence[Example]) -> str:
    prompts = distinct(examples)
    some = f"{len(examples)} requests"
    return some if prompts == len(examples) else f"{some} of {prompts} distinct prompts"


class _Row(NamedTuple):
    """A line of the file.

    Attributes:
        number: The number of the line, from 1.
        body: The JSON object of the line.
        chat: The fields of it that are classified.
    """

    number: int
    body: Mapping[str, Any]
    chat: Mapping[str, Any]


def _rows(file: Path) -> list[_Row]:
    rows: list[_Row] = []
    for number, line in read_lines(str(file)):
        try:
            body = read_body(line)
        except ValueError:
            fail(f"line {number} is not JSON")
        row = _Row(number, body, chat_of(body, number))
        if ("band" in body) == ("outcomes" in body):
            fail(f"line {number} needs either `band` or `outcomes`")
        if rows and ("band" in body) != ("band" in rows[0].body):
            fail(f"line {number}: all lines must have `band`, or all `outcomes`")
        rows.append(row)
    return rows


def _pair(rows: Sequence[_Row], light: str | None, strong: str | None) -> tuple[str, str]:
    """Return the light and the strong model whose outcomes are compared.

    Those named, else the ones with the lowest and the highest mean among those that have an outcome
    in every line.
    """
    scores: dict[str, list[float]] = {}
    for number, body, _ in rows:
        outcomes = body["outcomes"]
        if not isinstance(outcomes, dict):
            fail(f"line {number}: `outcomes` is not a mapping of models to scores")
        for model, score in outcomes.items():
            if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
                fail(f"line {number}: the score of `{printable(model)}` is not a number 0 to 1")
            scores.setdefault(model, []).append(float(score))
    means = {model: mean(own) for model, own in scores.items() if len(own) == len(rows)}
    for named in (light, strong):
        if named is not None and named not in means:
            fail(f"`{printable(named)}` has no outcome in some line")
    if len(means) < 2:
        fail("fewer than two models have an outcome in every line")
    low = light or min(means, key=means.__getitem__)
    high = strong or max(means, key=means.__getitem__)
    if means[low] >= means[high]:
        fail(f"`{printable(high)}` scores no better than `{printable(low)}`")
    return low, high


def _example(row: _Row, classifier: Classifier, pair: tuple[str, str] | None) -> Example:
    seen = classifier.classify(**row.chat)
    by_name = {factor.name: factor.value for factor in seen.factors}
    values = tuple(by_name[name] for name in classifier.policy.complexity.weights.__slots__)
    criticality = by_name.get("criticality", 0.0)
    prompt = _digest(row.chat["messages"])
    if pair is not None:
        low, high = (float(row.body["outcomes"][model]) for model in pair)
        return Example(values, criticality, prompt, light=low, strong=high)
    names = [band.name for band in classifier.policy.bands]
    band = row.body["band"]
    if band not in names:
        fail(f"line {row.number}: no band `{printable(str(band))}` in the policy")
    return Example(values, criticality, prompt, band=names.index(band))


def _digest(messages: object) -> int:
    """Return a number that identifies a prompt, given as `prompt` or in `messages`."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    text = json.dumps(messages, sort_keys=True).encode()
    return int.from_bytes(sha256(text).digest())
