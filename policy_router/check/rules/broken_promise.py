"""a promise under `invariants` that a request breaks

The request is one that the policy decides in just that way. A policy with a broken promise is not
used: it does not load, and a router that follows the file keeps the policy before it.

Bad:
    rules:
      - { name: r, when: "'private' in tags and 'vip' not in tags", only: [local] }
    invariants:
      - { name: private stays, when: { tags: private }, never: [big] }

Good:
    rules:
      - { name: r, when: { tags: private }, only: [local] }
    invariants:
      - { name: private stays, when: { tags: private }, never: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.assurance.promises import ProofVerdict
from policy_router.assurance.reproduce import route_command
from policy_router.check.subject import Subject, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for proof in subject.proofs:
        example = proof.counterexample
        if proof.verdict is ProofVerdict.BROKEN and example is not None:
            command = route_command(subject.policy, example.witness)
            shown = "change the rules or the promise"
            if command is not None:
                shown = f"`{command}` shows it; {shown}"
            yield error(
                "broken-promise",
                f"promise `{proof.invariant.name}` ({proof.promise}) is broken by a request "
                f"{example.how}",
                proof.invariant.span,
                shown,
            )
