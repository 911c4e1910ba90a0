"""Whether what a human asks is judged alike, bare and as coding agents send it.

    python benchmarks/agents.py [--runs 100] [--requests 100] [--recorded DIR]

Every everyday ask of the tests is embedded in a made-up request of each agent, with and without its
headers, and in the bodies in DIR if that is given: files of {"path", "headers", "body"}, whose last
text of the user is replaced. Then whole runs of agents are judged request by request: the band may
change only where a human asks for something else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1]))

from policy_router import load, read_request
from policy_router.classification.classifier import Classification, Classifier
from tests.agent_bodies import AGENTS, Human, Sent
from tests.agent_transcripts import transcript
from tests.everyday_asks import EVERYDAY_ASKS

KINDS = (
    "code_generation", "code_refactor", "reasoning", "math", "analysis", "security_analysis",
    "extraction", "summarization", "translation", "creative", "rewriting", "functional_writing",
    "advice", "open_question", "tool_use",
)  # fmt: skip
MODEL = "{ model: openai/m, tier: standard, price: free, context: 1M, can: [tools, json] }"
POLICY = load(
    text=f"version: 1\nmodels:\n  m: {MODEL}\ntasks:\n"
    + "".join(f"  {kind}: {{}}\n" for kind in (*KINDS, "other"))
)
CLASSIFIER = Classifier(POLICY)
DIALECTS = {"messages": "messages", "responses": "responses", "completions": "chat"}
Embed: TypeAlias = Callable[[str], Sent]


def judged(sent: Sent, headers: Mapping[str, str] | None) -> Classification:
    """What is made of a request."""
    return CLASSIFIER.classify_reading(
        read_request(sent.body, headers=headers, dialect=sent.dialect)
    )


def made_up(agent: str) -> Embed:
    """Embeds an ask in a request of an agent that was made up."""
    return lambda ask: AGENTS[agent]([Human(ask)])


def recorded(folder: Path) -> dict[str, Embed]:
    """What embeds an ask in each recorded request with tools, by the name of its file."""
    found: dict[str, Embed] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        if record["body"].get("tools"):
            found[path.stem] = lambda ask, record=record: _replaced(record, ask)  # type: ignore[misc]
    return found


def _replaced(record: dict[str, Any], ask: str) -> Sent:
    body = deepcopy(record["body"])
    dialect = DIALECTS[record["path"].partition("?")[0].rpartition("/")[2]]
    for message in reversed(body.get("messages") or body.get("input")):
        if message.get("role") != "user":
            continue
        if isinstance(message["content"], str):
            message["content"] = ask
            break
        texts = [part for part in message["content"] if "text" in part]
        if texts:
            texts[-1]["text"] = ask
            break
    return Sent(dialect, record["headers"], body)


def compare(embeds: Mapping[str, Embed]) -> None:
    """Prints how often an ask has the same band and the same task, bare and embedded."""
    print(f"{'embedded in':24} {'asks':>5} {'headers':>8} {'same band':>10} {'same task':>10}")
    for name, embed in embeds.items():
        for with_headers in (True, False):
            bands = tasks = 0
            for ask in EVERYDAY_ASKS:
                bare = CLASSIFIER.classify(ask)
                sent = embed(ask)
                seen = judged(sent, sent.headers if with_headers else None)
                bands += bare.band == seen.band
                tasks += bare.task == seen.task
            n = len(EVERYDAY_ASKS)
            told = "yes" if with_headers else "no"
            print(f"{name:24} {n:5} {told:>8} {bands / n:10.1%} {tasks / n:10.1%}")


def follow(runs: int, requests: int) -> None:
    """Prints how often the band changes in runs of agents, and why."""
    total = changes = within = other = 0
    largest = 0
    for seed in range(runs):
        last: tuple[int, str | None] | None = None
        for step in transcript(seed, requests=requests):
            seen = judged(step.sent, step.sent.headers)
            total += 1
            other += seen.band != CLASSIFIER.classify(step.ask).band
            if step.subagent:
                continue
            if last is not None and last[1] != seen.band:
                changes += 1
                within += last[0] == step.task
            last = (step.task, seen.band)
        largest = max(largest, len(json.dumps(step.sent.body)))
    print(f"\n{runs} runs, {total:,} requests, the last body up to {largest / 1000:.0f} kB")
    print(f"changes of the band                        {changes:6}")
    print(f"  of them while nobody asked for more      {within:6}")
    print(f"requests with another band than their ask  {other:6}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--recorded", type=Path)
    options = parser.parse_args()
    embeds = {f"{agent}, made up": made_up(agent) for agent in AGENTS}
    compare(embeds | (recorded(options.recorded) if options.recorded else {}))
    follow(options.runs, options.requests)


if __name__ == "__main__":
    main()
