"""Labeled requests, turned into examples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from policy_router.classification.calibration.examples import Example, mean
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.classification.classifier import Classifier


class LabelError(ValueError):
    """A label cannot be used; the message says which one, and why."""


@dataclass(frozen=True, slots=True)
class LabeledRequest:
    """A request with its label.

    Attributes:
        line: The number of its line, from 1.
        label: The JSON object of the line, which has either `band` or `outcomes`.
        chat: The arguments of `Classifier.classify` that the line has.
    """

    line: int
    label: Mapping[str, Any]
    chat: Mapping[str, Any]


def choose_models(
    requests: Sequence[LabeledRequest], light: str | None, strong: str | None
) -> tuple[str, str]:
    """Return the light and the strong model whose outcomes are compared.

    Args:
        requests: The requests; all have `outcomes`.
        light: The name of the light model. Default: the one with the lowest mean among those that
            have an outcome in every line.
        strong: The name of the strong model. Default: the one with the highest mean, likewise.

    Raises:
        LabelError: An outcome is not a score, or the models cannot be compared.
    """
    scores: dict[str, list[float]] = {}
    for request in requests:
        outcomes = request.label["outcomes"]
        if not isinstance(outcomes, dict):
            raise LabelError(
                f"line {request.line}: `outcomes` is not a mapping of models to scores"
            )
        for model, score in outcomes.items():
            if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
                raise LabelError(
                    f"line {request.line}: the score of `{printable(model)}` is not a number 0 to 1"
                )
            scores.setdefault(model, []).append(float(score))
    means = {model: mean(own) for model, own in scores.items() if len(own) == len(requests)}
    for named in (light, strong):
        if named is not None and named not in means:
            raise LabelError(f"`{printable(named)}` has no outcome in some line")
    if len(means) < 2:
        raise LabelError("fewer than two models have an outcome in every line")
    low = light or min(means, key=means.__getitem__)
    high = strong or max(means, key=means.__getitem__)
    if means[low] >= means[high]:
        raise LabelError(f"`{printable(high)}` scores no better than `{printable(low)}`")
    return low, high


def to_example(
    request: LabeledRequest, classifier: Classifier, models: tuple[str, str] | None
) -> Example:
    """Classify a labeled request.

    Args:
        request: The request.
        classifier: The classifier of the policy, with the heuristic estimator.
        models: The light and the strong model to compare; None where the label is a band.

    Raises:
        LabelError: The policy has no such band.
    """
    classified = classifier.classify(**request.chat)
    by_name = {factor.name: factor.value for factor in classified.factors}
    values = tuple(by_name[name] for name in classifier.policy.complexity.weights.__slots__)
    criticality = by_name.get("criticality", 0.0)
    prompt = _digest(request.chat["messages"])
    if models is not None:
        low, high = (float(request.label["outcomes"][model]) for model in models)
        return Example(values, criticality, prompt, light=low, strong=high)
    names = [band.name for band in classifier.policy.bands]
    band = request.label["band"]
    if band not in names:
        raise LabelError(f"line {request.line}: no band `{printable(str(band))}` in the policy")
    return Example(values, criticality, prompt, band=names.index(band))


def _digest(messages: object) -> int:
    """Return a number that identifies a prompt, given as a text or as messages."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    text = json.dumps(messages, sort_keys=True).encode()
    return int.from_bytes(sha256(text).digest())
