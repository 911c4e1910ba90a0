"""Estimates of a model from past outcomes, in place of what the policy declares about it.

With fewer than `learning.min_samples` samples, the declared value is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.experience import Measured
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.money import spell_usd
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.experience import Measurement
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Task
    from policy_router.domain.snapshot import Snapshot

_LAST: Final = float("inf")
_NOTHING: Final = Measured()
_MILLION: Final = 1_000_000


class ModelEstimates:
    """The values of models for one request: measured ones where there are enough samples.

    Args:
        request: The request.
        task: Its task.
        snapshot: The state of the world, with what was measured.
        least: The number of samples from which a measured value counts.
    """

    def __init__(self, request: Request, task: Task | None, snapshot: Snapshot, least: int) -> None:
        self._request = request
        self._task = task
        self._now = snapshot.now
        self._measured = snapshot.measured
        self._least = least
        self._worths: list[float] | None = None

    def latency(self, model: Model) -> float | None:
        """Seconds that an answer takes; None when unknown."""
        measured = self._enough(self._of(model).latency)
        return model.latency if measured is None else measured

    def quality(self, model: Model) -> float:
        """The quality of answers, 0..1."""
        measured = self._enough(self._of(model).quality)
        return model.quality if measured is None else measured

    def output(self, model: Model) -> float | None:
        """Output tokens of an answer, as measured; None where that is not known."""
        measured = self._enough(self._of(model).output)
        cap = self._request.max_tokens
        return measured if measured is None or cap is None else min(measured, cap)

    def success(self, model: Model) -> float:
        """Lower bound of the share of calls that succeed, 0..1; 0 where that is not known."""
        return self._enough(self._of(model).success) or 0.0

    def accepted(self, model: Model) -> float:
        """How likely an answer is to be accepted, 0..1: as measured, or as the quality says."""
        measured = self._enough(self._of(model).accepted)
        return model.quality if measured is None else measured

    def worths(self, models: Sequence[Model]) -> list[float] | None:
        """What a call of each model is worth after its cost, in nano-USD.

        Args:
            models: The models of the policy. The slowest known latency among them stands for one
                that is unknown.

        Returns:
            For each model the expected worth, minus infinity where the price is unknown; None where
            the task does not say what an answer is worth.
        """
        task = self._task
        if task is None or task.worth is None or self._worths is not None:
            return self._worths
        latencies = [self.latency(model) for model in models]
        slowest = max([seconds for seconds in latencies if seconds is not None], default=0.0)
        worths = self._worths = []
        for model, seconds in zip(models, latencies, strict=True):
            cost = self.cost(model)
            wait = slowest if seconds is None else seconds
            worths.append(
                -_LAST
                if cost is None
                else round(task.worth * self.accepted(model) - cost - task.patience * wait)
            )
        return worths

    def note(self, models: Sequence[Model], key: OrderKey, i: int) -> str | None:
        """What a key sorts a model by, as text for people; None where outcomes do not matter to it.

        Args:
            models: The models of the policy.
            key: The key.
            i: The position of the model.
        """
        model, of = models[i], self._of(models[i])
        match key:
            case SortKey.FASTEST:
                declared = None if model.latency is None else f"{model.latency:.3g} s"
                return self._words(of.latency, "{:.3g} s", "calls", declared)
            case SortKey.QUALITY:
                return self._words(of.quality, "{:.2f}", "verdicts", f"{model.quality:.2f}")
            case SortKey.RELIABLE:
                return self._words(of.success, "at least {:.1%} succeed", "calls", None)
            case SortKey.CHEAPEST if model.price is not None and not model.free:
                output = self._request.max_tokens or TYPICAL_OUTPUT
                return self._words(of.output, "{:,.0f} output tokens", "calls", f"{output:,}")
            case SortKey.VALUE if (worths := self.worths(models)) is not None:
                return self._worth_words(worths[i], model)
            case _:
                return None

    def _words(self, found: Measurement | None, form: str, what: str, declared: str | None) -> str:
        """A measured value with its samples; or the declared one, and how many are missing."""
        if found is not None and found.samples >= self._least:
            return f"{form.format(found.value)} measured over {found.samples:,} {what}"
        samples = 0 if found is None else found.samples
        shown = "nothing declared" if declared is None else f"{declared} declared"
        return f"{shown}, {samples:,} of {self._least:,} {what} measured"

    def _worth_words(self, worth: float, model: Model) -> str:
        if worth == -_LAST:
            return "its price is unknown"
        accepted = self._words(
            self._of(model).accepted, "{:.0%} accepted", "verdicts", f"{model.quality:.0%} accepted"
        )
        return f"{spell_usd(round(worth))} after its cost: {accepted}"

    def _of(self, model: Model) -> Measured:
        return self._measured.get(model.name, _NOTHING)

    def _enough(self, found: Measurement | None) -> float | None:
        return found.value if found is not None and found.samples >= self._least else None

    def cost(self, model: Model) -> float | None:
        """What a call costs in nano-USD, as expected; None when the price is unknown."""
        if model.free:
            return 0.0
        request, price = self._request, model.price
        if price is None:
            return None
        price = price.at(self._now)
        output = self.output(model)
        if output is None:
            output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
        output *= request.answers
        fees = price.fee + (request.pictures + request.thumbnails) * price.image
        tokens = request.tokens + model.prompt_tokens
        return (tokens * price.input + output * price.output) / _MILLION + fees


def outcome_values(
    estimates: ModelEstimates,
    models: Sequence[Model],
    prefer: tuple[OrderKey, ...],
    measured: Mapping[str, Measured],
) -> dict[OrderKey, Sequence[float]]:
    """The values of the keys that outcomes matter to, except `cheapest`; smaller comes first.

    Args:
        estimates: The values of the models.
        models: The models of the policy.
        prefer: The sort keys.
        measured: What was measured; without it only `value` is not as declared.
    """
    values: dict[OrderKey, Sequence[float]] = {}
    if measured:
        if SortKey.FASTEST in prefer:
            latencies = map(estimates.latency, models)
            values[SortKey.FASTEST] = [_LAST if each is None else each for each in latencies]
        if SortKey.QUALITY in prefer:
            values[SortKey.QUALITY] = [-estimates.quality(model) for model in models]
        if SortKey.RELIABLE in prefer:
            values[SortKey.RELIABLE] = [-estimates.success(model) for model in models]
    if SortKey.VALUE in prefer:
        worths = estimates.worths(models)
        if worths is not None:
            values[SortKey.VALUE] = [-worth for worth in worths]
    return values
