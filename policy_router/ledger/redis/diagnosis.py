"""What an operator should know about a Redis or Valkey server, according to its INFO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Severity
from policy_router.ledger.diagnosis import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping

SKEW: Final = 1.0
"""A difference of clocks of more seconds than this is reported."""
OLDEST: Final = (6, 2)
"""The oldest version that is tested."""


def facts(info: bytes) -> dict[str, str]:
    """The fields of an INFO, by name."""
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def faults(info: Mapping[str, str]) -> tuple[Diagnosis, ...]:
    """Why a server must not be used, because it may lose counters, according to its INFO."""
    diagnoses = []
    if info.get("cluster_enabled") == "1":
        help_ = "use one server, with replicas if it must survive the loss of a host"
        diagnoses.append(Diagnosis("mode", Severity.ERROR, "is a cluster", help_))
    if info.get("role") != "master":
        diagnoses.append(
            Diagnosis("role", Severity.ERROR, "is a replica", "use the server that it replicates")
        )
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        text = f"drops counters when memory is full (`maxmemory-policy {policy}`)"
        help_ = "set `maxmemory-policy noeviction` in its configuration"
        diagnoses.append(Diagnosis("maxmemory-policy", Severity.ERROR, text, help_))
    return tuple(diagnoses)


def describe(info: Mapping[str, str], skew: float, ahead: float) -> tuple[Diagnosis, ...]:
    """What an operator should know about a server.

    Args:
        info: The fields of its INFO.
        skew: Seconds by which its clock is ahead of this host's.
        ahead: Seconds by which the ledger's time is ahead of its clock.
    """
    name, version = "Redis", info["redis_version"]
    if "valkey_version" in info:
        name, version = "Valkey", info["valkey_version"]
    diagnoses = [Diagnosis("version", Severity.NOTE, f"{name} {version}"), *faults(info)]
    if _version(info["redis_version"]) < OLDEST:
        help_ = f"use Redis {'.'.join(map(str, OLDEST))} or later, or Valkey"
        diagnoses[0] = Diagnosis(
            "version", Severity.WARNING, f"{name} {version} is not tested", help_
        )
    if info.get("aof_enabled") != "1":
        text = "loses what was counted since its last snapshot when it stops (`appendonly no`)"
        help_ = "set `appendonly yes`, so that at most the last second is lost"
        diagnoses.append(Diagnosis("appendonly", Severity.WARNING, text, help_))
    replicas = int(info.get("connected_slaves", 0))
    text = f"{replicas} connected; a replica that takes over may lack the last writes"
    diagnoses.append(Diagnosis("replicas", Severity.NOTE, text if replicas else "none"))
    if abs(skew) > SKEW:
        text = f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this host's"
        diagnoses.append(Diagnosis("clock", Severity.WARNING, text, "synchronize both clocks"))
    if ahead > SKEW:
        text = f"the ledger's time stands still for {ahead:.0f} s: it was written by a faster clock"
        help_ = "windows and periods go on once the server's clock has caught up"
        diagnoses.append(Diagnosis("time", Severity.WARNING, text, help_))
    return tuple(diagnoses)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
