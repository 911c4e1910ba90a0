"""The `calibrate` command: complexity weights and bands fitted to labeled requests."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from policy_router.classification.calibration.examples import Example, distinct
from policy_router.classification.calibration.labels import (
    LabeledRequest,
    LabelError,
    choose_models,
    to_example,
)
from policy_router.classification.calibration.propose import TooFewError, propose
from policy_router.classification.classifier import HEURISTIC, Classifier
from policy_router.cli.jsonl import chat_of, read_body, read_lines
from policy_router.cli.options.policy import choose, open_policy
from policy_router.cli.output import fail, inform, progress, write
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

    Exit code 2: a line is invalid, or there are too few lines.
    """
    current = open_policy(choose(policy))
    rows = _rows(file)
    if not rows:
        fail(f"no requests in {printable(str(file))}")
    # Another estimator has no factors to weigh.
    weighed = replace(current.complexity, estimator=HEURISTIC)
    classifier = Classifier(replace(current, complexity=weighed))
    starts = [band.start for band in current.bands]
    examples = []
    try:
        models = None if "band" in rows[0].label else choose_models(rows, light, strong)
        with progress("classifying requests", len(rows)) as advance:
            for row in rows:
                examples.append(to_example(row, classifier, models))
                advance()
        with progress("fitting weights and bands ..."):
            proposal = propose(examples, current.complexity.weights, starts)
    except LabelError as problem:
        fail(str(problem))
    except TooFewError as problem:
        fail(f"too few: {_counted(examples)}, where {problem}")
    if models is not None:
        inform(f"light: {printable(models[0])}, strong: {printable(models[1])}")
    write(as_yaml(proposal, current, _counted(examples)), sys.stdout)


def _counted(examples: Sequence[Example]) -> str:
    prompts = distinct(examples)
    some = f"{len(examples)} requests"
    return some if prompts == len(examples) else f"{some} of {prompts} distinct prompts"


def _rows(file: Path) -> list[LabeledRequest]:
    rows: list[LabeledRequest] = []
    for number, line in read_lines(str(file)):
        try:
            body = read_body(line)
        except ValueError:
            fail(f"line {number} is not JSON")
        row = LabeledRequest(number, body, chat_of(body, number))
        if ("band" in body) == ("outcomes" in body):
            fail(f"line {number} needs either `band` or `outcomes`")
        if rows and ("band" in body) != ("band" in rows[0].label):
            fail(f"line {number}: all lines must have `band`, or all `outcomes`")
        rows.append(row)
    return rows
