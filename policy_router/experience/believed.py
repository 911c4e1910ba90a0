"""Computes the beliefs about each model for each kind of request, from its counted outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.beliefs import Beliefs, Rival
from policy_router.domain.outcome import Role
from policy_router.experience.counts import OutcomeCounts, total
from policy_router.experience.nodes import EVERYTHING
from policy_router.experience.rated_answers import SCORE
from policy_router.experience.table import with_wider
from policy_router.learning.beliefs import model_belief, pooled, share_after
from policy_router.learning.evidence import JUDGE, STRUCTURAL, TRUTH, Answers, answers_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.beliefs import Rivals
    from policy_router.domain.models import Model
    from policy_router.experience.nodes import Node, OutcomeKey

ENOUGH: Final = 30
"""Minimum number of verdicts on a model's answers before the order of all requests changes."""
ENOUGH_BELOW: Final = 20
"""The same for requests of one kind."""
JUDGED: Final = 0.5
"""The minimum share of a model's answers that must have been checked: fewer are not
representative."""

Leaves = dict["Node", dict[tuple[str, Role], OutcomeCounts]]


@dataclass(frozen=True, slots=True)
class BeliefTable:
    """Beliefs for every kind of request. Immutable; later outcomes create a new table.

    Attributes:
        revision: Identifies the outcomes and the policy that it is based on.
        nodes: Node -> the evidence there.
    """

    revision: str = ""
    nodes: Mapping[Node, Rivals] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, node: Node) -> Beliefs | None:
        """The beliefs for requests like those of a node; None where nothing is known."""
        path = [rivals for each in with_wider(node) if (rivals := self.nodes.get(each)) is not None]
        return Beliefs(self.revision, tuple(reversed(path))) if path else None


def belief_table(
    counted: Mapping[OutcomeKey, OutcomeCounts],
    policy: Policy,
    alarmed: Collection[tuple[str, str]] = (),
) -> BeliefTable:
    """Compute the beliefs at all nodes.

    Args:
        counted: The counts, with the narrowest node of each.
        policy: Declares the quality and the tiers of the models, and what quality is read from.
        alarmed: Models whose answers have become worse: their names, with the form of the requests.
    """
    work = _Work(policy, _leaves(counted), alarmed)
    return BeliefTable(_revision(counted, policy, alarmed), work.nodes())


def _leaves(counted: Mapping[OutcomeKey, OutcomeCounts]) -> Leaves:
    """The counts by their narrowest node, model and role, with all prompts together."""
    rows: dict[Node, dict[tuple[str, Role], list[OutcomeCounts]]] = {}
    for key, counts in counted.items():
        if key.role in (Role.FIRST, Role.AFTER_REJECTION):
            leaf = rows.setdefault(key.node, {})
            leaf.setdefault((key.model, key.role), []).append(counts)
    return {
        node: {name: total(parts) for name, parts in leaf.items()} for node, leaf in rows.items()
    }


class _Work:
    """The leaves, and which of them lie below each node."""

    def __init__(
        self, policy: Policy, leaves: Leaves, alarmed: Collection[tuple[str, str]]
    ) -> None:
        self._policy = policy
        self._alarmed = alarmed
        self._leaves = leaves
        self._sources = policy.learning.quality
        self._below: dict[Node, list[Node]] = {}
        for leaf in leaves:
            for node in with_wider(leaf):
                self._below.setdefault(node, []).append(leaf)
        self._requests = {
            leaf: sum(row.calls for (_, role), row in counts.items() if role is Role.FIRST)
            for leaf, counts in leaves.items()
        }

    def nodes(self) -> dict[Node, Rivals]:
        """The evidence at each node about the models that were called there.

        Where models are tried, also what is believed of those that never were: they could not be
        tried otherwise.
        """
        table: dict[Node, Rivals] = {}
        tries = self._policy.learning.explore > 0
        for node, under in self._below.items():
            called = {name for leaf in under for name, _ in self._leaves[leaf]}
            table[node] = {
                model.name: self._rival(model, node)
                for model in self._policy.models
                if tries or model.name in called
            }
        return table

    def _rival(self, model: Model, node: Node) -> Rival:
        path = list(with_wider(node))[::-1]
        share = min(0.99, max(0.01, model.quality))
        harder = share_after(share)
        first = [self._seen(model, Role.FIRST, each, share) for each in path]
        after = [self._seen(model, Role.AFTER_REJECTION, each, harder) for each in path]
        here = first[-1] + after[-1]
        enough = ENOUGH if node == EVERYTHING else ENOUGH_BELOW
        return Rival(
            belief=model_belief(share, first, after),
            tier=self._policy.tiers.index(model.tier),
            known=here.verdicts >= enough and here.checked >= JUDGED * here.answers,
            truthful=here.truths >= enough,
            alarmed=any(
                name == model.name and node.form in (None, form) for name, form in self._alarmed
            ),
        )

    def _seen(self, model: Model, role: Role, node: Node, share: float) -> Answers:
        """The evidence about a model at a node, from the leaves below it."""
        parts = []
        for leaf in self._below[node]:
            own = self._leaves[leaf].get((model.name, role))
            answers = Answers() if own is None else _answers(own, self._sources)
            parts.append((answers, self._requests[leaf]))
        return pooled(parts, share)


def _answers(counts: OutcomeCounts, sources: Collection[str]) -> Answers:
    """What the verdicts and scores of some counts are worth.

    No group of tenants has too much weight in the share of verdicts that accept.
    """
    good = bad = 0.0
    verdicts = truths = 0
    accepted = counts.acceptance()
    if accepted is not None and (not sources or "accept" in sources):
        raw = (counts.accepted + counts.good) / counts.verdicts
        for passed, flagged, check in (
            (counts.accepted, counts.flagged, STRUCTURAL),
            (counts.good, counts.bad, JUDGE),
        ):
            judged = passed + flagged
            even = passed if not raw else min(judged, round(passed * accepted.value / raw))
            more_good, more_bad = answers_of(even, judged - even, check)
            good, bad = good + more_good, bad + more_bad
        verdicts += counts.verdicts
        truths += counts.good + counts.bad
    if counts.feedback and (not sources or "feedback" in sources):
        scored = min(counts.feedback, round(counts.feedback_sum / SCORE))
        more_good, more_bad = answers_of(scored, counts.feedback - scored, TRUTH)
        good, bad = good + more_good, bad + more_bad
        verdicts += counts.feedback
        truths += counts.feedback
    checked = counts.checked + counts.feedback
    return Answers(good, bad, verdicts, truths, checked, counts.answered)


def _revision(
    counted: Mapping[OutcomeKey, OutcomeCounts],
    policy: Policy,
    alarmed: Collection[tuple[str, str]],
) -> str:
    """A short identifier of the table's inputs."""
    text = repr(
        (
            policy.revision,
            sorted((str(key), sorted(row.tally.items())) for key, row in counted.items()),
            sorted(alarmed),
        )
    )
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
