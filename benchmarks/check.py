"""How long it takes to check a large policy: each stage, each lint rule, and a fresh process; then
the CPU seconds of policies made to be hard, checked and compiled.

python benchmarks/check.py [RULES [MODELS]]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    S = TypeVar("S")
    T = TypeVar("T")

TIERS = ("light", "medium", "heavy", "huge")
PLANS = tuple(f"plan_{i}" for i in range(8))
REGIONS = tuple(f"region-{i}" for i in range(30))
TAGS = tuple(f"tag-{i}" for i in range(40))
TASKS = tuple(f"task_{i}" for i in range(10))
LABELS = ("local", "eu", "us", "vision", "fast", "cheap", "audited", "beta")


def write(rules: int, models: int, seed: int = 1) -> str:
    """A policy of so many rules and models; the same for the same numbers."""
    chance = random.Random(seed)
    lines = ["version: 1", "attributes:", f"  plan: [{', '.join(PLANS)}]", "  region: string"]
    lines += ["  spend: number", "  internal: bool", f"tiers: [{', '.join(TIERS)}]", "models:"]
    for i in range(models):
        price = "free" if i % 3 == 0 else f"{{ input: ${i}.10/M, output: ${i}.40/M }}"
        labels = ", ".join(chance.sample(LABELS, 2))
        lines.append(
            f"  model-{i}: {{ model: hosted_vllm/m{i}, tier: {TIERS[i % 4]}, price: {price}, "
            f"context: {8 << i % 5}k, tags: [{labels}] }}"
        )
    lines += ["tasks:", *(f"  {t}: {{ keywords: [word-{t}] }}" for t in TASKS), "  chat: {}"]
    lines.append("rules:")
    written: list[str] = []
    for i in range(rules):
        # One in twenty says again, more narrowly, what an earlier rule says.
        if written and i % 20 == 19:
            when, does = chance.choice(written).split("\n")
            when += f" and {next(_tests(chance))}"
        else:
            tests = _tests(chance)
            when = " and ".join(next(tests) for _ in range(chance.randint(2, 5)))
            does = _does(chance, models)
            written.append(f"{when}\n{does}")
        lines.append(f'  - {{ name: rule {i}, when: "{when}", {does} }}')
    return "\n".join(lines) + "\n"


def _tests(chance: random.Random) -> Iterator[str]:
    """Tests of a condition, no fact twice."""
    low = chance.randrange(0, 100_000, 500)
    kinds = [
        f"tokens > {low}",
        f"spend <= {chance.randrange(100)}",
        f"plan in {chance.sample(PLANS, chance.randint(1, 4))}",
        f"region == '{chance.choice(REGIONS)}'",
        f"region.startswith('region-{chance.randrange(3)}')",
        f"'{chance.choice(TAGS)}' in tags",
        f"'{chance.choice(TAGS)}' not in tags",
        f"task in {chance.sample(TASKS, chance.randint(1, 3))}",
        f"(hour >= {chance.randrange(18, 23)} or hour < {chance.randrange(4, 8)})",
        f"score < 0.{chance.randint(1, 9)}",
        "internal",
        "has_tools",
    ]
    chance.shuffle(kinds)
    yield from kinds


def _does(chance: random.Random, models: int) -> str:
    some = [f"model-{chance.randrange(models)}" for _ in range(chance.randint(1, 5))]
    return chance.choice(
        [
            f"only: [{', '.join(chance.sample(LABELS, 3))}]",
            f"avoid: [{', '.join(some)}]",
            f"avoid: [{chance.choice(LABELS)}]",
            f"first: [{', '.join(some)}]",
            f"min_tier: {chance.choice(TIERS[1:])}",
        ]
    )


def _timed(name: str, work: Callable[[], T]) -> T:
    begin = perf_counter()
    found = work()
    print(f"  {name:32}{(perf_counter() - begin) * 1000:9.1f} ms")
    return found


def _run(check: Callable[[S], Iterator[T]], subject: S) -> list[T]:
    return list(check(subject))


def stages(text: str) -> None:
    """Print what each stage takes in this process, imports done."""
    from policy_router.catalog.table import catalog
    from policy_router.check.registry import LINT, TEXT_RULES
    from policy_router.check.report import inspect
    from policy_router.check.subject import Subject
    from policy_router.language import schema, schema_errors
    from policy_router.language.files import PolicyFile
    from policy_router.language.load import compile_files
    from policy_router.language.yaml_reader import parse

    file = PolicyFile("policy.yaml", text.encode())
    _timed("table of models", catalog)
    _timed("generated schema", schema.validator)
    source, _ = _timed("parse", lambda: parse(file.name, file.data))
    if source is None:
        raise SystemExit("the policy cannot be parsed")
    _timed("schema", lambda: schema_errors.check(source))
    loaded = _timed("parse to compile, all of it", lambda: compile_files([file]))
    if loaded.policy is None or loaded.draft is None:
        raise SystemExit("the policy does not compile")
    subject = Subject(loaded.draft, loaded.policy, loaded.sources, date(2026, 1, 1))
    for name, look in TEXT_RULES.items():
        _timed(name, partial(_run, look, loaded.sources))
    _timed("regions", lambda: subject.regions)
    for name, check in LINT.items():
        found = _timed(name, partial(_run, check, subject))
        if found:
            print(f"  {'':32}{len(found):9} found")
    report = _timed("inspect, all of it", lambda: inspect([file], today=date(2026, 1, 1)))
    print(f"  {'':32}{len(report.findings):9} findings")


def fresh(text: str) -> None:
    """Print what a new process takes to check the file, interpreter and imports included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        code = (
            "import sys; from pathlib import Path; "
            "from policy_router.check.report import inspect_path; "
            "print(len(inspect_path(Path(sys.argv[1])).findings))"
        )
        command = [sys.executable, "-c", code, str(path)]
        _timed("fresh process", lambda: subprocess.run(command, check=True, capture_output=True))  # noqa: S603  this interpreter


HEAD = """version: 1
tiers: [light, heavy]
budgets: { all: { cap: $5/day } }
models:
  a: { model: ollama_chat/llama3.2, tier: light, price: free, context: 32k, tags: [local] }
  b: { model: openai/gpt-4o, tier: heavy, price: { input: $1/M, output: $2/M }, context: 128k }
"""


def more_models(count: int) -> str:
    """So many free models, each with one of seven tags."""
    does = "tier: light, price: free, context: 1k"
    return "".join(
        f"  m{i}: {{ model: openai/x{i}, {does}, tags: [t{i % 7}] }}\n" for i in range(count)
    )


def rules_of(count: int, when: str, does: str) -> str:
    """So many rules; `{0}` stands for the number of each."""
    line = f'  - {{{{ name: r{{0}}, when: "{when}", {does} }}}}\n'
    return "rules:\n" + "".join(line.format(i) for i in range(count))


def hard_ones() -> Iterator[tuple[str, str]]:
    """Policies that took time in proportion to the square of their size, or worse."""
    own_tag = rules_of(1000, "'p{0}' in tags", "avoid: [b]")
    yield "1,000 rules, a tag each", HEAD + own_tag
    both = rules_of(1000, "'p{0}' in tags and tokens > {0}", "avoid: [b]")
    yield "1,000 rules, a tag and a threshold each", HEAD + both
    some = rules_of(400, "'p{0}' in tags and tokens > {0}", "avoid: [m{0}, t3]")
    yield "1,500 models, 400 rules", HEAD + more_models(1500) + some
    one = rules_of(400, "user == 'u{0}'", "only: [m{0}]")
    yield "1,500 models, 400 rules that allow one", HEAD + more_models(1500) + one
    nested = rules_of(4000, "tokens > {0}", "only: [local]")
    yield "4,000 rules, each within the one before", HEAD + nested
    pairs = [(f"'p{i}' in tags", f"'p{(i + 1) % 500}' not in tags") for i in range(500)]
    ring = (
        f'  - {{ name: r{i}, when: "{" and ".join(pair)}", avoid: [b] }}\n'
        for i, pair in enumerate(pairs)
    )
    yield "500 rules in a ring", f"{HEAD}rules:\n{''.join(ring)}"
    yield "6,000 models", HEAD + more_models(6000)
    slips = rules_of(800, "'p{0}' in tags", "avoid: [modelnumber{0}z]")
    yield "800 slips among 800 models", HEAD + more_models(800) + slips
    yield "20,000 unknown fields", HEAD + "".join(f"modles{i}: 1\n" for i in range(20_000))


def shapes() -> None:
    """Print the CPU seconds that each hard policy takes: to check and to compile alone."""
    from policy_router.check.report import inspect
    from policy_router.language.files import PolicyFile
    from policy_router.language.load import compile_files

    print(f"\n  {'CPU seconds':44}{'check':>8}{'compile':>9}{'findings':>10}")
    for name, text in hard_ones():
        files = [PolicyFile("policy.yaml", text.encode())]
        begin = process_time()
        report = inspect(files, today=date(2026, 1, 1))
        checked = process_time()
        compile_files(files)
        compiled = process_time()
        found = len(report.findings) + sum(report.omitted.values())
        print(f"  {name:44}{checked - begin:8.2f}{compiled - checked:9.2f}{found:10,}")


def main() -> None:
    rules, models = (*map(int, sys.argv[1:]), *(1000, 100)[len(sys.argv) - 1 :])
    text = write(rules, models)
    print(f"{rules} rules, {models} models, {len(text):,} bytes")
    stages(text)
    fresh(text)
    shapes()


if __name__ == "__main__":
    main()
