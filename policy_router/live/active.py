"""The active policy, with its source texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.assurance.promises import Proof
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class Active:
    """The active policy, with its source texts, so that line numbers stay correct.

    Attributes:
        policy: The policy.
        revision: The revision of the policy.
        digest: Digest of the content of its files.
        loaded_at: Unix time at which this revision became active.
        sources: Text of each file, by name.
        diagnostics: Warnings and notes about the policy and its files.
        proofs: The verdicts on its promises; none is broken in a policy that was loaded from
            files.
    """

    policy: Policy
    revision: str
    digest: str
    loaded_at: float
    sources: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...]
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class PromiseStatus:
    """The verdicts on the promises of the active policy.

    Attributes:
        proofs: A proof for each promise of each invariant, in written order.
        revision: The revision of the policy.
        since: Unix time at which this revision became active.
    """

    proofs: tuple[Proof, ...]
    revision: str
    since: float
