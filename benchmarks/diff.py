"""How long it takes to compare two large policies, in CPU seconds.

    python benchmarks/diff.py [--sizes 200x20 1000x100]

Each size is RULESxMODELS. `identical` is the same policy written with other rule names, so that
nothing but its meaning is the same; `edited` has five rules changed; `refactored` means the same in
other words: conditions the other way round, alternatives as rules of their own, rules that only
exclude in another order. Each time is also given as a multiple of a fixed computation of the same
run, the brute-force truth of 200 conditions at 2,000 requests, since machines differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.made_policies import made_policy
from policy_router.assurance.compare import PolicyDiff, compare
from policy_router.decision.facts import situation_of
from policy_router.domain.request import Request
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy


def compiled(document: dict[str, Any]) -> Policy:
    text = json.dumps(document)  # which is YAML, and never has an anchor
    found = compile_files([PolicyFile("made.yaml", text.encode())])
    if found.policy is None:
        raise SystemExit(str(found.diagnostics[:3]))
    return found.policy


def identical(document: dict[str, Any], _: random.Random) -> dict[str, Any]:
    """The same rules by other names."""
    rules = [{**rule, "name": f"also {rule['name']}"} for rule in document["rules"]]
    return {**document, "rules": rules}


def edited(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Five rules have another condition."""
    rules = [dict(rule) for rule in document["rules"]]
    for number in chance.sample(range(len(rules)), 5):
        rules[number]["when"] = f"({rules[number]['when']}) or 'tag-3' in tags and internal"
    return {**document, "rules": rules}


def refactored(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same meaning in other words."""
    excluding: list[dict[str, Any]] = []
    ordering: list[dict[str, Any]] = []
    for rule in document["rules"]:
        head, *rest = str(rule["when"]).split(" and ")
        tail = " and ".join(rest[::-1])
        heads = head.strip("()").split(" or ") if head.startswith("(") else [head]
        into = ordering if "first" in rule else excluding
        for number, each in enumerate(heads):
            into.append({**rule, "name": f"{rule['name']} {number}", "when": f"{tail} and {each}"})
    chance.shuffle(excluding)
    return {**document, "rules": [*ordering, *excluding]}


def reference(document: dict[str, Any]) -> float:
    """CPU seconds of the fixed computation."""
    policy = compiled({**document, "rules": document["rules"][:200]})
    request = Request(tokens=900, tags=frozenset({"tag-1"}), attributes={"plan": "pro"})
    facts = situation_of(policy, request, None).facts
    conditions = [rule.when.holds for rule in policy.rules if rule.when is not None]
    begin = process_time()
    for _ in range(2_000):
        for holds in conditions:
            holds(facts)
    return process_time() - begin


def timed(old: Policy, new: Policy) -> tuple[float, PolicyDiff]:
    """CPU seconds of a comparison, and what it says."""
    begin = process_time()
    compared = compare(old, new)
    return process_time() - begin, compared


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=["200x20", "1000x100"])
    sizes = [tuple(map(int, size.split("x"))) for size in parser.parse_args().sizes]
    unit = min(reference(yaml.safe_load(made_policy(1000, 100).text)) for _ in range(3))
    print(f"{'reference':>24}{unit:12.3f} s")
    for rules, models in sizes:
        document = yaml.safe_load(made_policy(rules, models).text)
        old = compiled(document)
        for variant in (identical, edited, refactored):
            seconds, compared = timed(old, compiled(variant(document, random.Random(1))))
            verdict = "equal" if compared.equal else f"{len(compared.regions)} regions"
            print(
                f"{rules:6,} x {models:<4} {variant.__name__:12}{seconds:8.3f} s"
                f"{seconds / unit:8.1f} x   {verdict}, {len(compared.doubts)} doubts"
            )


if __name__ == "__main__":
    main()
