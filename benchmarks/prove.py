"""How long the exact checks and ten promises of a large policy take, in CPU seconds.

    python benchmarks/prove.py [--sizes 200x20 1000x100]

Each size is RULESxMODELS. `checks` are all lint rules but those of promises, `promises` is `prove`.
Each time is also given as a multiple of a fixed computation of the same run, the brute-force truth
of 200 conditions at 2,000 requests, since machines differ.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.check import LABELS, PLANS, TAGS, TASKS, write
from policy_router.assurance.promises import prove
from policy_router.check.registry import LINT
from policy_router.check.subject import Subject
from policy_router.decision.facts import situation_of
from policy_router.domain.request import Request
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

if TYPE_CHECKING:
    from collections.abc import Callable

PROMISES = (
    f"when: {{ tags: {TAGS[0]} }}, never: [{LABELS[0]}]",
    f"when: {{ tags: {TAGS[1]}, plan: {PLANS[0]} }}, only: [{LABELS[1]}, {LABELS[2]}]",
    f"when: {{ tags: promised }}, never: [{LABELS[3]}]",
    "when: { tags: promised }, never: [paid]",
    f"when: {{ task: {TASKS[0]} }}, never: [{LABELS[4]}]",
    "when: \"'cheap' in tags\", max_cost: $0.01",
    "when: internal and has_tools, at_least: 1 candidate",
    f"when: {{ plan: {PLANS[1]} }}, at_least: 2 candidates, even_if: one model is down",
    "when: { tags: forbidden }, always_denied: true",
    "when: tokens > 200_000, only: [paid]",
)
KEPT = (
    f"  - {{ name: kept, when: {{ tags: promised }}, only: [{LABELS[0]}] }}",
    "  - { name: kept free, when: { tags: promised }, only: [free] }",
    f"  - {{ name: kept away, when: {{ tags: promised }}, avoid: [{LABELS[3]}] }}",
    "  - { name: cheap, when: { tags: cheap }, max_cost: $0.01 }",
    "  - { name: forbidden, when: { tags: forbidden }, deny: no }",
)


def text_of(rules: int, models: int) -> str:
    """A policy of so many rules and models with ten promises, half of which hold."""
    lines = [write(rules - len(KEPT), models).rstrip(), *KEPT]
    lines += ["budgets: { all: { cap: unlimited } }", "invariants:"]
    lines += [f"  - {{ name: promise {i}, {promise} }}" for i, promise in enumerate(PROMISES)]
    return "\n".join(lines) + "\n"


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of some work."""
    begin = process_time()
    work()
    return process_time() - begin


def subject_of(text: str) -> Subject:
    found = compile_files([PolicyFile("made.yaml", text.encode())])
    if found.policy is None or found.draft is None:
        raise SystemExit(str(found.diagnostics[:3]))
    return Subject(found.draft, found.policy, found.sources, date(2026, 1, 1))


def reference() -> float:
    """CPU seconds of the fixed computation."""
    policy = subject_of(text_of(200, 20)).policy
    request = Request(tokens=900, tags=frozenset({TAGS[0]}), attributes={"plan": PLANS[0]})
    facts = situation_of(policy, request, None).facts
    conditions = [rule.when.holds for rule in policy.rules if rule.when is not None]
    return cpu(lambda: [holds(facts) for _ in range(2_000) for holds in conditions])


def measure(rules: int, models: int, unit: float) -> None:
    """Print the times of one size."""
    subject = subject_of(text_of(rules, models))

    def checks() -> None:
        for name, check in LINT.items():
            if "promise" not in name:
                subject.regions.cover.renew()
                list(check(subject))

    checked = cpu(checks)
    proofs = prove(subject.policy)
    promised = cpu(lambda: prove(subject.policy))
    verdicts = Counter(proof.verdict.value for proof in proofs)
    for name, seconds in (("checks", checked), ("promises", promised)):
        print(f"{rules:6,} x {models:<4} {name:10} {seconds:8.3f} s {seconds / unit:8.1f} x")
    print(f"{'':14}{dict(verdicts)}, {len(subject.questions.as_note())} notes of what is undecided")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=["200x20", "1000x100"])
    sizes = [tuple(map(int, size.split("x"))) for size in parser.parse_args().sizes]
    unit = min(reference() for _ in range(3))
    print(f"{'reference':>22}{unit:12.3f} s")
    for rules, models in sizes:
        measure(rules, models, unit)


if __name__ == "__main__":
    main()
