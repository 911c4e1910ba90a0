"""How long classifying a request takes, by the size of its prompt.

    python benchmarks/classify.py [--requests 2000] [--seed 1] [--against DIR] [--rounds 5]

Every prompt is another one: an instruction, then a passage, some with numbers, code, formulae or
another script. Each is classified once, so nothing is warm but the code. Times are microseconds;
reading the body and counting its tokens are part of them. The last row is a chat body of a coding
agent, with ten tools and a history of calls. With `--against`, a clone of another commit is
measured too, in alternation and in processes of its own; the ratio is that of the smallest medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]

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


def agent_body() -> dict[str, Any]:
    """A chat body of a coding agent of about 90 kB, the same for every tree."""
    spec = importlib.util.spec_from_file_location("agent_bodies", HERE / "tests/agent_bodies.py")
    if spec is None or spec.loader is None:
        sys.exit("tests/agent_bodies.py is missing")
    made = sys.modules["agent_bodies"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    steps = [made.Human("Refactor the parser and add unit tests.")]
    steps += [made.Call("read", {"path": f"{n}.py"}, made.prose(2_400, n)) for n in range(20)]
    body: dict[str, Any] = made.opencode(steps).body
    return body


def measure(tree: Path, requests: int, seed: int) -> dict[str, tuple[int, float, float]]:
    """(requests, median, 99th percentile) of each row, in microseconds, with the code of a tree."""
    sys.path.insert(0, str(tree))
    from policy_router import load
    from policy_router.classification.classifier import Classifier

    source = random.Random(seed)
    classifier = Classifier(load(tree / "policies"))
    rows: dict[str, tuple[int, float, float]] = {}
    for name, size in SIZES.items():
        many = max(20, min(requests, 20_000_000 // size))
        bodies = [[{"role": "user", "content": prompt(size, source)}] for _ in range(many)]
        rows[name] = _times([(body, None) for body in bodies], classifier)
    agent = json.dumps(agent_body())
    copies = [json.loads(agent) for _ in range(max(20, requests // 10))]
    rows[f"agent {len(agent) / 1000:.0f} kB"] = _times(
        [(copy["messages"], copy["tools"]) for copy in copies], classifier
    )
    return rows


def _times(bodies: list[tuple[Any, Any]], classifier: Any) -> tuple[int, float, float]:
    took = []
    for messages, tools in bodies:
        start = time.perf_counter_ns()
        classifier.classify(messages, tools=tools)
        took.append((time.perf_counter_ns() - start) / 1000)
    took.sort()
    return len(took), took[len(took) // 2], took[int(len(took) * 0.99)]


def compare(other: Path, rounds: int, requests: int) -> None:
    """Prints the smallest medians of this tree and of another one, measured in alternation."""
    best: dict[Path, dict[str, float]] = {other: {}, HERE: {}}
    for number in range(rounds):
        for tree, medians in best.items():
            command = [sys.executable, __file__, "--requests", str(requests)]
            command += ["--seed", str(number), "--tree", str(tree)]
            told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            for name, (_, median, _) in json.loads(told.stdout).items():
                medians[name] = min(median, medians.get(name, median))
    print(f"{'prompt':12} {'before us':>10} {'now us':>10} {'ratio':>6}")
    for name, now in best[HERE].items():
        before = best[other][name]
        print(f"{name:12} {before:10.1f} {now:10.1f} {now / before:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.against is not None:
        compare(options.against.resolve(), options.rounds, options.requests)
        return
    rows = measure(options.tree or HERE, options.requests, options.seed)
    if options.tree is not None:
        print(json.dumps(rows))
        return
    print(f"{'prompt':12} {'requests':>8} {'p50 us':>9} {'p99 us':>9}")
    for name, (many, median, slow) in rows.items():
        print(f"{name:12} {many:8} {median:9.1f} {slow:9.1f}")


if __name__ == "__main__":
    main()
