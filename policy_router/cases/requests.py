"""The request of a policy test, made as the router makes it from what a caller sends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from policy_router.base_errors import UsageError
from policy_router.cases.clock import moment
from policy_router.intake import take_in
from policy_router.units import DURATION, MONDAY, MONEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.classification.classifier import Classifier
    from policy_router.domain.policy_tests import PolicyTest
    from policy_router.domain.request import Request
    from policy_router.options import ChatMessage, RequestOptions

_ABILITY_OF: Final = {"has_tools": "tools", "has_images": "vision", "wants_json": "json"}
"""Facts that say what a request needs."""
_LISTS: Final = ("needs", "tags", "detected", "only", "avoid", "prefer")
_NO_OPTIONS: Final = frozenset({
    "prompt", "system", "needs", "score", "hour", "weekday", "stream", "detected", "max_cost",
    "max_latency", *_ABILITY_OF,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class StatedRequest:
    """The request of a test.

    Attributes:
        request: The request as the policy sees it.
        now: Unix time at which it is decided; None without a clock.
    """

    request: Request
    now: float | None = None


def request_of(classifier: Classifier, test: PolicyTest) -> StatedRequest:
    """Make the request of a test.

    A prompt is classified as one that a caller sends, by the policy's own words alone: no model and
    no function is called.

    Args:
        classifier: The classifier of the policy.
        test: The test.

    Raises:
        UsageError: The test does not describe a valid request.
    """
    stated = {"prompt": test.request} if isinstance(test.request, str) else dict(test.request)
    listed = {name: _words(stated.get(name)) for name in _LISTS if name in stated}
    declared = classifier.policy.vocabulary.attributes
    options: dict[str, object] = {
        name: value
        for name, value in {**stated, **listed}.items()
        if name not in _NO_OPTIONS and name not in declared
    }
    if "score" in stated:
        options["complexity"] = stated["score"]
    needs = listed.get("needs", ())
    options["needs"] = [*needs, *(able for fact, able in _ABILITY_OF.items() if stated.get(fact))]
    options["attributes"] = {name: stated[name] for name in declared if name in stated}
    for name, unit in (("max_cost", MONEY), ("max_latency", DURATION)):
        if name in stated:
            text = str(stated[name])
            options[name] = text if unit is MONEY else unit.parse(text)
    messages: list[ChatMessage] = [
        {"role": role, "content": str(stated[name])}
        for role, name in (("system", "system"), ("user", "prompt"))
        if name in stated
    ]
    intake = take_in(
        classifier,
        messages or None,
        cast("RequestOptions", options),
        stream=stated.get("stream") is True,
    )
    request = intake.request
    if "detected" in listed:
        request = replace(request, detected=frozenset(listed["detected"]))
    return StatedRequest(request, _now(classifier, test, stated))


def _now(classifier: Classifier, test: PolicyTest, stated: Mapping[str, object]) -> float | None:
    zone = classifier.policy.timezone
    if test.given.clock is not None:
        return test.given.clock.replace(tzinfo=zone).timestamp()
    hour, weekday = stated.get("hour"), stated.get("weekday")
    if hour is None and weekday is None:
        return None
    start = MONDAY.replace(tzinfo=zone).timestamp()
    return moment(
        zone, start, hour if isinstance(hour, int) else None,
        weekday if isinstance(weekday, str) else None,
    )  # fmt: skip


def _words(value: object) -> tuple[str, ...]:
    if value is None:
        raise UsageError("a list of words is empty")
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)
