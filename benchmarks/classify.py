"""How long classifying a request takes, by the size of its prompt.

    python benchmarks/classify.py [--requests 2000] [--seed 1]

Every prompt is another one: an instruction, then a passage, some with numbers, code, formulae or
another script. Each is classified once, so nothing is warm but the code. Times are microseconds;
reading the body and counting its tokens are part of them.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import load
from policy_router.classification.classifier import Classifier

INSTRUCTIONS = (
    "Write a function that merges two sorted lists and returns the result as JSON.",
    "What is the probability that at least three of the 12 bulbs are defective?",
    "Summarize the key points of the following meeting in no more than five bullet points.",
    "Translate the following passage into German and keep the technical terms.",
    "Compare the two positions below, and recommend one.",
    "Which of the following is true?",
)
PASSAGES = (
    "The defendant moved to dismiss, arguing that the statute did not apply to the contract.",
    "She walked along the river until the lights of the town went out, one after another.",
    "In 1998 the plant produced 4,200 tonnes, which is 12% more than in the year before.",
    "The committee met on Tuesday and agreed to put the question to all of its members.",
    "Let $f(x) = x^2 + 3x - 4$, where $x$ is a real number, and consider its two roots.",
    "for row in rows: total += row['price'] * row['count']",
    "Die Fähre über den Fluss fährt im Winter nur bei ruhigem Wetter.",
    "Most of the birds had left by the end of September, though a few stayed for the winter.",
)
SIZES = {"100 B": 100, "1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000}


def prompt(size: int, source: random.Random) -> str:
    """About `size` characters."""
    parts = [source.choice(INSTRUCTIONS)]
    left = size - len(parts[0])
    while left > 0:
        parts.append(source.choice(PASSAGES))
        left -= len(parts[-1]) + 1
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
