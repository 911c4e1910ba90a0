"""Logged decisions decided again: are they the same, how fast, and does memory stay flat?

    python benchmarks/replay.py [--decisions 100000] [--json]

A policy decides random requests in random states of the world;
each decision goes to a log as a record. Then the log is read and every decision is made
again by its policy. Prints how many differ, which must be none, decisions a second, and by how many
MiB the largest memory of the process grew during the replay.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import load
from policy_router.decision.decide import decide
from policy_router.decision.limits.subjects import subject_of
from policy_router.domain.limits import Reading
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.observe.records import record_of
from policy_router.replay.decide_again import decide_again, logged_decision
from policy_router.replay.log import files_of, read_log
from policy_router.replay.summary import ReplaySummary

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import CounterKey

POLICY = """
version: 1
timezone: Europe/Berlin
tiers: [light, standard, heavy]
attributes: { plan: [free, pro, enterprise], region: string }
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 32k, tags: [local] }
  coder: { model: ollama_chat/b, tier: standard, price: free, context: 64k, tags: [local], can: [json, tools] }
  quick: { model: openai/c, tier: standard, price: { input: $0.3/M, output: $1/M }, context: 128k, can: [json] }
  large: { model: openai/d, tier: heavy, price: { input: $3/M, output: $15/M }, context: 200k, can: [json, tools] }
prefer: [free, headroom, spread, smallest, cheapest]
tasks: { code: { min_tier: standard }, extract: { needs: [json] }, chat: {} }
complexity: { bands: { easy: { from: 0 }, hard: { from: 0.5, min_tier: heavy } } }
limits: { free: { models: [small, coder], requests: [20/min, 500/day] }, each: { per: user, requests: [60/min] } }
budgets: { team: { cap: $50/month, then: free_only, narrow_at: { 80%: [light, standard] } }, each: { per: user, cap: $1/day } }
sessions: { keep: model }
experiments: { try: { share: 20%, first: [quick], stick_to: user } }
rules:
  - { name: private stays, when: { tags: private }, only: [local] }
  - { name: nights, when: "hour >= 22 or hour < 6", avoid: [large] }
  - { name: free plans, when: { plan: free }, max_cost: $0.01 }
  - { name: long, when: tokens > 24_000, avoid: [small] }
  - { name: no law, when: "'legal' in tags and plan == 'free'", deny: it needs a paid plan }
"""  # noqa: E501  one entry a line


def drawn(policy: Policy, draw: Random) -> tuple[Request, Snapshot]:
    """A request and a state of the world."""
    request = Request(
        task=draw.choice([None, "code", "extract", "chat"]),
        complexity=draw.choice([None, "easy", "hard", draw.random()]),
        tokens=draw.randrange(40_000),
        max_tokens=draw.choice([None, 200, 4_000]),
        tags=frozenset(tag for tag in ("private", "legal", "batch") if draw.random() < 0.15),
        user=draw.choice([None, *(f"user-{i}" for i in range(50))]),
        session=draw.choice([None, f"s{draw.randrange(99)}"]),
        stream=draw.random() < 0.5,
        attributes={"plan": draw.choice(["free", "pro", "enterprise"]), "region": "eu"},
        max_cost=draw.choice([None, None, None, None, 0.05]),
    )
    now = 1_790_000_000 + draw.random() * 40 * 86_400
    used: dict[CounterKey, Reading | None] = {}
    for limit in policy.limits:
        amount = int((limit.cap or 1) * draw.random() * 1.2)
        reading = Reading(amount, draw.choice([None, now + 9]))
        used[limit.key(subject_of(limit, request))] = reading if draw.random() < 0.97 else None
    cooling = {m.name: now + 5 * draw.random() for m in policy.models if draw.random() < 0.1}
    return request, Snapshot(now=now, used=used, cooling=cooling, seed=f"{draw.random()}")


def write(path: Path, policy: Policy, decisions: int) -> None:
    """Write a log of as many decisions."""
    draw = Random(7)
    with path.open("w") as log:
        for number in range(decisions):
            request, snapshot = drawn(policy, draw)
            decided = decide(policy, request, snapshot)
            decision = replace(decided, id=f"{number}", snapshot=snapshot)
            record = record_of(decision, time=snapshot.now or 0.0)
            log.write(json.dumps(record, separators=(",", ":")) + "\n")


def measure(path: Path, policy: Policy) -> tuple[ReplaySummary, float, float]:
    """What a replay finds, the seconds it takes, and MiB by which the largest memory grew."""
    summary = ReplaySummary()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    for line in read_log(files_of(path)):
        summary.add(decide_again(policy, logged_decision(line)), policy, policy)
    seconds = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return summary, seconds, grown / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    policy = load(text=POLICY)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        path = Path(folder) / "decisions.jsonl"
        write(path, policy, given.decisions)
        megabytes = path.stat().st_size / 1e6
        summary, seconds, grown = measure(path, policy)
    figures = {
        "decisions": summary.decisions,
        "own": summary.own,
        "differ": summary.broken + summary.changed,
        "megabytes": round(megabytes, 1),
        "seconds": round(seconds, 2),
        "a_second": round(summary.decisions / seconds),
        "grown_mib": round(grown, 1),
    }
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<12}{value:>12,}")


if __name__ == "__main__":
    main()
