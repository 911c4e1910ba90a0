"""How long classifying a request takes, by the size of its prompt.

    python benchmarks/classify.py [--requests 2000] [--seed 1]

Every prompt is another one, made of words, numbers, code and formulae in changing parts. Each is
classified once, so nothing is warm but the code. Times are microseconds; reading the body and its
tokens is part of them.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router.check.report import load
from policy_router.classify.classify import Classifier

SENTENCES = (
    "Write a function that merges two sorted lists and returns the result as JSON.",
    "What is the probability that at least three of the 12 bulbs are defective?",
    "The defendant moved to dismiss, arguing that the statute did not apply to the contract.",
    "Let $f(x) = x^2 + 3x - 4$. Find the sum of all roots of $f(f(x)) = 0$.",
    "Summarize the key points of the meeting in no more than five bullet points.",
    "def total(rows): return sum(row['price'] * row['count'] for row in rows)",
    "She walked along the river until the lights of the town went out, one after another.",
    "Übersetze den folgenden Absatz ins Deutsche und behalte die Fachwörter bei.",
    "Compare the advantages and disadvantages of both approaches, and recommend one.",
    "请把下面的文字翻译成英文 并总结主要观点。",
)
SIZES = {"100 B": 100, "1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000}


def prompt(size: int, source: random.Random) -> str:
    """About `size` characters."""
    parts: list[str] = []
    while size > 0:
        parts.append(source.choice(SENTENCES))
        size -= len(parts[-1]) + 1
    return " ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)
    classifier = Classifier(load(Path(__file__).parents[1] / "policies"))
    print(f"{'prompt':8} {'requests':>8} {'p50 us':>9} {'p99 us':>9}")
    for name, size in SIZES.items():
        many = max(20, min(options.requests, 20_000_000 // size))
        bodies = [[{"role": "user", "content": prompt(size, source)}] for _ in range(many)]
        took = []
        for body in bodies:
            start = time.perf_counter_ns()
            classifier.classify(body)
            took.append((time.perf_counter_ns() - start) / 1000)
        took.sort()
        print(f"{name:8} {many:8} {took[many // 2]:9.1f} {took[int(many * 0.99)]:9.1f}")


if __name__ == "__main__":
    main()
