"""What a Redis or Valkey server says of itself, and what that means for counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity
from policy_router.ledger.diagnosis import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping

SKEW: Final = 1.0
"""Seconds that clocks may differ before it is worth a word."""
OLDEST: Final = (6, 2)
"""The oldest version that the tests ran on."""


def facts(info: bytes) -> dict[str, str]:
    """What INFO says, by name."""
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def faults(info: Mapping[str, str]) -> tuple[Diagnosis, ...]:
    """Why counters would not hold on a server, from its INFO."""
    found = []
    if info.get("cluster_enabled") == "1":
        help_ = "use one server, with replicas where it has to survive a host"
        found.append(Diagnosis("mode", Severity.ERROR, "is a cluster", help_))
    if info.get("role") != "master":
        found.append(Diagnosis("role", Severity.ERROR, "is a replica", "use the server it follows"))
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        text = f"drops what was counted when memory is full (`maxmemory-policy {policy}`)"
        help_ = "set `maxmemory-policy noeviction` in its configuration"
        found.append(Diagnosis("maxmemory-policy", Severity.ERROR, text, help_))
    return tuple(found)


def describe(info: Mapping[str, str], skew: float, ahead: float) -> tuple[Diagnosis, ...]:
    """What is to be said of a server, from its INFO.

    skew: seconds that its clock is ahead of ours. ahead: seconds that the ledger's time is ahead
    of its clock.
    """
    name, version = "Redis", info["redis_version"]
    if "valkey_version" in info:
        name, version = "Valkey", info["valkey_version"]
    found = [Diagnosis("version", Severity.NOTE, f"{name} {version}"), *faults(info)]
    if _version(info["redis_version"]) < OLDEST:
        help_ = f"use Redis {'.'.join(map(str, OLDEST))} or later, or Valkey"
        found[0] = Diagnosis("version", Severity.WARNING, f"{name} {version} is not tested", help_)
    if info.get("aof_enabled") != "1":
        text = "forgets what was counted since its last snapshot when it stops (`appendonly no`)"
        help_ = "set `appendonly yes`; at most the last second is lost then"
        found.append(Diagnosis("appendonly", Severity.WARNING, text, help_))
    replicas = int(info.get("connected_slaves", 0))
    text = f"{replicas} connected; the last writes may be missing on one that takes over"
    found.append(Diagnosis("replicas", Severity.NOTE, text if replicas else "none"))
    if abs(skew) > SKEW:
        text = f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this host's"
        found.append(Diagnosis("clock", Severity.WARNING, text, "synchronise both clocks"))
    if ahead > SKEW:
        text = f"the ledger's time stands still for {ahead:.0f} s: it was written by a faster clock"
        help_ = "windows and periods go on when the server's clock has caught up"
        found.append(Diagnosis("time", Severity.WARNING, text, help_))
    return tuple(found)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
