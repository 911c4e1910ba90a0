"""Renders the proofs of promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.assurance.promises import ProofVerdict
from policy_router.assurance.reproduce import route_command, shown_facts
from policy_router.diagnostics import printable
from policy_router.views.document import document
from policy_router.views.times import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.assurance.promises import Counterexample, Proof
    from policy_router.decision.policy import Policy
    from policy_router.views.lines import Block

_STYLES: Final = {
    ProofVerdict.PROVED: "green",
    ProofVerdict.BROKEN: "red",
    ProofVerdict.UNKNOWN: "yellow",
}
_SHOWN: Final = 6
"""Parts of a proof that are listed on a terminal; JSON has all of them."""


def as_json(proofs: Mapping[str, tuple[Policy, Sequence[Proof]]]) -> dict[str, object]:
    """Return the proofs of policies as a JSON document.

    Args:
        proofs: Path of each policy -> the policy and its proofs.
    """
    return document(
        policies=[
            {
                "path": printable(path),
                "revision": policy.revision,
                "promises": [proof_as_json(policy, proof, path) for proof in found],
            }
            for path, (policy, found) in proofs.items()
        ]
    )


def proof_as_json(policy: Policy, proof: Proof, path: str | None = None) -> dict[str, object]:
    """Return one proof as plain JSON values.

    Args:
        policy: The policy.
        proof: The proof.
        path: Path of the policy, for the command that decides the request of a counterexample.
    """
    invariant, example = proof.invariant, proof.counterexample
    return {
        "invariant": invariant.name,
        "promise": proof.promise.value,
        "when": None if invariant.when is None else invariant.when.text,
        "verdict": proof.verdict.value,
        "because": list(proof.because),
        "reason": proof.reason or None,
        "counterexample": None if example is None else _example(policy, example, path),
        "at": None if invariant.span is None else str(invariant.span),
    }


def _example(policy: Policy, example: Counterexample, path: str | None) -> dict[str, object]:
    now = example.witness.now
    return {
        "request": shown_facts(policy, example.witness),
        "now": iso(now, policy.timezone),
        "reaches": list(example.reaches),
        "how": example.how,
        "rules": list(example.rules),
        "command": route_command(policy, example.witness, path),
    }


def as_lines(policy: Policy, proofs: Sequence[Proof], path: str | None = None) -> list[Block]:
    """Return the proofs of a policy as lines.

    Args:
        policy: The policy.
        proofs: Its proofs.
        path: Path of the policy, for the commands that decide the requests of counterexamples.
    """
    lines: list[Block] = []
    for proof in proofs:
        verdict, style = proof.verdict.value, _STYLES[proof.verdict]
        lines.append([(f"{verdict:8} ", style), (_title(proof), "")])
        example = proof.counterexample
        if example is not None:
            lines.append(f"         a request {example.how}")
            command = route_command(policy, example.witness, path)
            facts = shown_facts(policy, example.witness)
            shown = command or ", ".join(f"{name}={value}" for name, value in facts.items())
            lines.append(f"         {printable(shown)}")
            if example.rules:
                names = ", ".join(f"`{name}`" for name in example.rules)
                lines.append(f"         rules that apply to it: {names}")
        elif proof.verdict is ProofVerdict.PROVED and proof.because:
            more = len(proof.because) - _SHOWN
            listed = ", ".join(proof.because[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
            lines.append(f"         by {listed}")
        elif proof.reason:
            lines.append(f"         {proof.reason}")
    return lines


def _title(proof: Proof) -> str:
    return printable(f"{proof.invariant.name} ({proof.promise})")


def summary(proofs: Sequence[Proof]) -> str:
    """Return how many promises have which verdict, in one line."""
    counts = {v: sum(proof.verdict is v for proof in proofs) for v in ProofVerdict}
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    if not proofs:
        return "the policy has no promises: its `invariants` are empty"
    noun = "promise" if len(proofs) == 1 else "promises"
    return f"{len(proofs)} {noun}: {', '.join(parts)}"
