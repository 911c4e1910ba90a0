"""The measured values of models for every kind of request that outcomes were counted under."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.outcome import Role
from policy_router.experience.counts import OutcomeCounts, total
from policy_router.experience.nodes import EVERYTHING, Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.domain.learning import Learning
    from policy_router.experience.intervals import IntervalEstimate
    from policy_router.experience.nodes import OutcomeKey

_NOTHING: Final[Mapping[str, Measured]] = MappingProxyType({})
_VALUES: Final = tuple(each.name for each in fields(Measured))


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """Measured values. It never changes; what is counted later makes another one.

    Attributes:
        nodes: Node -> name of a model -> what was measured.
    """

    nodes: Mapping[Node, Mapping[str, Measured]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def at(self, node: Node) -> Mapping[str, Measured]:
        """What was measured at requests like those of a node: there, or at the next wider node
        that has outcomes."""
        wider: Node | None = node
        while wider is not None:
            found = self.nodes.get(wider)
            if found is not None:
                return found
            wider = wider.parent
        return _NOTHING


def measured_table(
    counted: Mapping[OutcomeKey, OutcomeCounts], learning: Learning
) -> MeasuredTable:
    """Work out the measured values of all nodes.

    Each value of a model is that of the narrowest node with `min_samples` samples of it; where none
    has that many, that of all requests.

    Args:
        counted: The counts, with the narrowest node of each.
        learning: From how many samples on a value counts, and what quality is read from.
    """
    rows: dict[Node, dict[str, list[tuple[Role, OutcomeCounts]]]] = {}
    for key, row in counted.items():
        for node in with_wider(key.node):
            rows.setdefault(node, {}).setdefault(key.model, []).append((key.role, row))
    own = {
        node: {model: _measured(parts, learning) for model, parts in models.items()}
        for node, models in rows.items()
    }
    everywhere = own.get(EVERYTHING, {})
    return MeasuredTable(
        {
            node: {model: _best(own, node, model, learning.min_samples) for model in everywhere}
            for node in own
        }
    )


def with_wider(node: Node) -> Iterator[Node]:
    """A node and all that contain it, the narrowest first."""
    wider: Node | None = node
    while wider is not None:
        yield wider
        wider = wider.parent


def _measured(parts: list[tuple[Role, OutcomeCounts]], learning: Learning) -> Measured:
    """What the counts of one model at one node say.

    After a rejected answer requests are harder than most, so that only first calls say how good a
    model is; how long it takes and how much it writes all of them say.
    """
    every = total(row for _, row in parts)
    first = total(row for role, row in parts if role is Role.FIRST)
    success, latency, output = first.success(), every.latency(), every.output()
    return Measured(
        success=None if success is None else Measurement(success.low, success.samples),
        latency=None if latency is None else Measurement(latency, every.timed),
        quality=_mean(first.quality(learning.quality)),
        accepted=_mean(first.acceptance()),
        output=None if output is None else Measurement(output, every.metered),
    )


def _mean(estimate: IntervalEstimate | None) -> Measurement | None:
    return None if estimate is None else Measurement(estimate.value, estimate.samples)


def _best(
    own: Mapping[Node, Mapping[str, Measured]], node: Node, model: str, least: int
) -> Measured:
    """The values of a model at a node, each from the narrowest node with enough samples."""
    chain = [found for wider in with_wider(node) if (found := own[wider].get(model)) is not None]
    values: dict[str, Measurement | None] = {}
    for name in _VALUES:
        narrowest: list[Measurement] = [
            each for one in chain if (each := getattr(one, name)) is not None
        ]
        enough = [each for each in narrowest if each.samples >= least]
        values[name] = next(iter(enough or narrowest[-1:]), None)
    return Measured(**values)
