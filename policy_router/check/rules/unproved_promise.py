"""a promise under `invariants` that is neither proved nor broken

The proof would have to look into something that it cannot: what a pattern matches, which price a
model has. Or the conditions have too many combinations. The promise may
hold, or not.

Bad:
    attributes: { region: string }
    invariants:
      - { name: no cost, when: "matches(region, '^e[0-9]{7}u$')", never: [big] }

Good:
    attributes: { region: string }
    rules:
      - { name: r, when: "matches(region, '^e[0-9]{7}u$')", avoid: [big] }
    invariants:
      - { name: no cost, when: "matches(region, '^e[0-9]{7}u$')", never: [big] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.assurance.promises import ProofVerdict
from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for proof in subject.proofs:
        if proof.verdict is ProofVerdict.UNKNOWN:
            yield warning(
                "unproved-promise",
                f"`{proof.promise}` of `{proof.invariant.name}` is neither proved nor broken: "
                f"{proof.reason}",
                proof.invariant.span,
                "compare facts with constants, and exclude the models where the promise says so",
            )
