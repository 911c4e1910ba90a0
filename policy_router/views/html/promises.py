"""Promises of the policy: proved, broken or unknown, for which revision, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.assurance.promises import ProofVerdict
from policy_router.assurance.reproduce import route_command, shown_facts
from policy_router.views.html.figures import KeyFigure, badge, figures
from policy_router.views.html.markup import element, join, prose
from policy_router.views.html.rules import short_name, source_address
from policy_router.views.html.tables import HtmlCell, table
from policy_router.views.times import spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.assurance.promises import Proof
    from policy_router.decision.policy import Policy
    from policy_router.views.html.markup import Markup
    from policy_router.views.html.tables import Content

_TONES: Final[Mapping[ProofVerdict, str]] = {
    ProofVerdict.PROVED: "good",
    ProofVerdict.BROKEN: "bad",
    ProofVerdict.UNKNOWN: "warn",
}
_PARTS: Final = 4
"""Parts of a proof that are listed."""


@dataclass(frozen=True, slots=True)
class KnownProof:
    """The verdict on a promise, and since when it holds.

    Attributes:
        proof: What is known about it.
        since: Unix time from which on this process has known the same, over revisions.
    """

    proof: Proof
    since: float


def promises(policy: Policy, known: Sequence[KnownProof], now: float, base: str) -> Markup:
    """Return the promises of a policy; those that are broken stand first.

    Args:
        policy: The policy.
        known: What is known about each promise.
        now: Unix time.
        base: The address of the page.
    """
    if not known:
        what = element("code", "invariants")
        return element(
            "p", "The policy makes no promises; write them under ", what, ".", class_="empty"
        )
    counts = {
        verdict: sum(each.proof.verdict is verdict for each in known) for verdict in ProofVerdict
    }
    head = figures(
        KeyFigure(
            verdict.value,
            f"{count:,}",
            f"for @{policy.revision[:7]}" if verdict is ProofVerdict.PROVED else None,
            _TONES[verdict] if count else "",
        )
        for verdict, count in counts.items()
    )
    order = (ProofVerdict.BROKEN, ProofVerdict.UNKNOWN, ProofVerdict.PROVED)
    rows = [
        _row(each, policy, now, base)
        for each in sorted(known, key=lambda each: order.index(each.proof.verdict))
    ]
    columns = ["promise", "", "verdict", "why", "since", "where"]
    return join([head, table(columns, rows, caption="promises")])


def _row(known: KnownProof, policy: Policy, now: float, base: str) -> list[Content]:
    proof, span = known.proof, known.proof.invariant.span
    where: Content = None
    if span is not None:
        where = HtmlCell(
            f"{short_name(span.file)}:{span.line}", "place", href=source_address(span, base)
        )
    return [
        proof.invariant.name,
        proof.promise.value,
        badge(proof.verdict.value, _TONES[proof.verdict]),
        _why(proof, policy),
        HtmlCell(spell_time(known.since, now, policy.timezone), "nowrap"),
        where,
    ]


def _why(proof: Proof, policy: Policy) -> Markup:
    example = proof.counterexample
    if example is not None:
        command = route_command(policy, example.witness, None)
        facts = shown_facts(policy, example.witness)
        shown = command or ", ".join(f"{name}={value}" for name, value in facts.items())
        return join([prose(f"a request {example.how}: "), element("code", shown)])
    if proof.reason:
        return prose(proof.reason)
    more = len(proof.because) - _PARTS
    listed = ", ".join(proof.because[:_PARTS]) + (f" and {more} more" if more > 0 else "")
    return prose(f"by {listed}" if listed else "")
