"""The configuration of a server process, as the supervisor passes it to each worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What a server process serves.

    Attributes:
        policy: Path of the policy.
        state: Address of the state store.
        keys: Path of the file of keys; None without keys.
        functions: Functions that the policy may call, as `MODULE:NAME`.
        workers: How many processes serve together.
        decision_log: Path of the file that decisions are written to; None for none.
        journal: Address of the journal of outcomes; None for none.
        traces: Whether requests are reported to OpenTelemetry.
        peers: Path of a folder where the processes ask one another what they saw, and agree on who
            sends an alert; None for one.
        leads: Whether this process does what one of several does for all of them.
    """

    policy: str
    state: str
    keys: str | None = None
    functions: tuple[str, ...] = ()
    workers: int = 1
    decision_log: str | None = None
    journal: str | None = None
    traces: bool = False
    peers: str | None = None
    leads: bool = True
