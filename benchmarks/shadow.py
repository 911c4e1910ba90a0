"""How long a decision takes with rules, limits and budgets in shadow that would change it.

    python benchmarks/shadow.py [--models 50] [--parts 20]

Every budget and limit is used up, and every rule applies, so that what each of them would have done
is worked out. Each covers other models. A decision runs on the event loop, where nothing may take
5 ms at once. Times are milliseconds of the processor a decision: the best of five
rounds, each the median of 50.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import Request, Snapshot, decide
from policy_router.check.report import inspect
from policy_router.domain.limits import ANYONE, Metric, Reading
from policy_router.domain.sessions import SessionState
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router import Policy

NOW: Final = 1_795_000_000.0
ROUNDS: Final = 5
EACH: Final = 50
ORDERS: Final = (
    "[cheapest]",
    "[headroom, cheapest]",
    "[spread]",
    "[same_model, cheapest]",
)


def made(models: int, parts: int, section: str, prefer: str) -> Policy:
    """A policy with so many models, and so many parts in shadow that each exclude other models."""
    lines = ["version: 1", "tiers: [light, strong]", f"prefer: {prefer}", "models:"]
    for i in range(models):
        tier, cost = ("light", 1 + i % 7) if i % 2 else ("strong", 2 + i % 11)
        tags = ", ".join(f"t{part}" for part in range(parts) if (i + part) % (part + 2) == 0)
        lines.append(
            f"  m{i}: {{model: openai/gpt-{i // 2}, tier: {tier}, context: 128k, can: [],"
            f" price: {{input: ${cost}/M, output: ${3 * cost}/M}}, tags: [{tags}]}}"
        )
    lines += ["sessions: {keep: model, for: 1h}", "budgets:", "  all: {cap: $900/month}"]
    shadow = range(parts)
    if section == "budgets":
        lines += [f"  b{i}: {{cap: $5/month, models: [t{i}], shadow: true}}" for i in shadow]
    elif section == "limits":
        lines += ["limits:"]
        lines += [
            f"  l{i}: {{tokens: [{9000 + i}/min], models: [t{i}], shadow: true}}" for i in shadow
        ]
    else:
        lines += ["rules:"]
        lines += [f"  - {{name: r{i}, avoid: [t{i}], shadow: true}}" for i in shadow]
    report = inspect([PolicyFile("made.yaml", "\n".join(lines).encode())])
    if report.policy is None:
        raise SystemExit(str(report.diagnostics[:3]))
    return report.policy


def best(policy: Policy, request: Request, snapshot: Snapshot) -> float:
    """Milliseconds of a decision."""
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for _ in range(EACH):
            start = time.thread_time_ns()
            decide(policy, request, snapshot)
            times.append(time.thread_time_ns() - start)
        rounds.append(sorted(times)[EACH // 2] / 1e6)
    return min(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--parts", type=int, default=20)
    options = parser.parse_args()
    requests = {
        "": Request(tokens=1000),
        ", 5 candidates": Request(tokens=1000, max_candidates=5),
        ", in a session": Request(tokens=1000, session="s", turn=4, tool_errors=3),
    }
    print(f"{options.models} models, {options.parts} parts in shadow; milliseconds a decision")
    for section in ("budgets", "limits", "rules"):
        for prefer in ORDERS:
            policy = made(options.models, options.parts, section, prefer)
            used = {
                limit.key(ANYONE): Reading(limit.cap or 0)
                for limit in policy.limits
                if limit.shadow and limit.metric is not Metric.CONCURRENT
            }
            for kind, request in requests.items():
                snapshot = Snapshot(NOW, used=used, seed="7")
                if request.session is not None:
                    state = SessionState("m1", 0, "", NOW)
                    snapshot = replace(snapshot, session=state)
                effects = len(decide(policy, request, snapshot).shadow)
                took = best(policy, request, snapshot)
                print(f"{section:8} {prefer:24}{kind:16} {effects:3} effects {took:8.2f}")


if __name__ == "__main__":
    main()
