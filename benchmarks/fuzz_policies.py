"""Mutated policy files through `check`: no exception, no crash, every error with a place.

    python benchmarks/fuzz_policies.py --count 100000 --seed 1 --jobs 2

Case number n of a seed is always the same bytes, so one that fails is repeated with
`--first n --count 1 --show`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policy_router.check.report import inspect
from policy_router.diagnostics import Severity, draw
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.connection import Connection

    from policy_router.check.report import Report

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("policies", "examples", "tests/cases")
NAME: Final = "fuzz.yaml"
_CHUNK: Final = 5_000

TOKENS: Final = (
    b"no", b"on", b"yes", b"~", b"null", b"true", b"1:30", b"012", b"1_000", b"2026-12-31", b"0x10",
    b"0o14", b"1e3", b".inf", b".nan", b"-", b"- ", b"? ", b": ", b":", b",", b"[", b"]", b"{",
    b"}", b"#", b" #", b"&a ", b"*a", b"!!python/object:os.system ", b"!x ", b"<<: *a", b"|", b">",
    b"|+2", b">-", b"'", b'"', b"\\", b"\\x00", b"%YAML 1.1\n---\n", b"---\n", b"...\n", b"@", b"`",
    b"\t", b"\r", b"\r\n", b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85",
    b"$1/M", b"$-1/M", b"20/min", b"128k", b"60s", b"80%", b"unlimited", b"free", b"paid", b"*",
    b"[a-", b"when: tokens > 3\n", b"'x' in tags", b"tokens = 3", b"not " * 60, b"__import__('os')",
    b"lambda: 0", b"f'{x}'", b"x := 1", b"1;2", b"(" * 300, b"matches(user, '(a+)+$')",
    b"matches(user, '\\x')", b"user.startswith('')", b"task in 'code'", b"score < 1e999",
    b"tokens > 0x10", b"'a' == 'a'", b"1 < tokens < 3 < hour", b"task == b'x'", b"hour in {1, 2.5}",
    b"tags == tags", b"...", b"sk-ant-abcdefghijklmnopqrstuvwxyz",
)  # fmt: skip
WORDS: Final = (
    b"version", b"name", b"models", b"model", b"tier", b"tiers", b"price", b"context", b"rules",
    b"when", b"only", b"avoid", b"first", b"deny", b"budgets", b"cap", b"then", b"fallback",
    b"tags", b"tasks", b"pattern", b"needs", b"bands", b"from", b"complexity", b"attributes",
    b"limits", b"requests", b"tests", b"request", b"expect", b"given", b"invariants", b"never",
    b"prompts", b"experiments", b"share", b"until", b"learning", b"prefer", b"accept", b"json",
    b"timezone",
)  # fmt: skip
NUMBERS: Final = (
    b"0", b"-1", b"1", b"1.0", b"1e99", b"1e400", b"9" * 18, b"9" * 19, b"9" * 5000, b"-0", b"0.1",
    b"99999999999999999k", b"$999999999.999999999/M", b"1.5", b"0.9999999999999999", b"100%",
)  # fmt: skip
UNICODE: Final = "äß→模😀\u00a0\u202e\u200d\ufeff\ue000\u0301\uff54\u2028\u0085\U0010ffff"


def corpus(root: Path = ROOT) -> tuple[bytes, ...]:
    """Every policy file of the repository, by name."""
    found = sorted(p for f in FOLDERS for p in (root / f).rglob("*.y*ml") if p.is_file())
    return tuple(p.read_bytes() for p in found)


def case(seeds: Sequence[bytes], seed: int, number: int) -> bytes:
    """The bytes of one case."""
    rng = random.Random(f"{seed}/{number}")
    data = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 9))):
        data = rng.choice(_MUTATIONS)(data, rng, seeds)
    return data[: 1 << 21]


def _at(data: bytes, rng: random.Random) -> int:
    return rng.randint(0, len(data))


def _flip(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _times in range(rng.randint(1, 4)):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _delete(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start = _at(data, rng)
    return data[:start] + data[start + rng.randint(1, 40) :]


def _truncate(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: _at(data, rng)]


def _lines(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """A line twice, gone, or somewhere else."""
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            lines.insert(j, lines[i])
        case 1:
            del lines[i]
        case _:
            lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def _splice(data: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    return data[: _at(data, rng)] + other[_at(other, rng) :]


def _token(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _at(data, rng)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _value(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """What stands behind a `: ` or `- `, replaced."""
    places = [i + 2 for i in range(len(data)) if data[i : i + 2] in (b": ", b"- ")]
    if not places:
        return data
    start = rng.choice(places)
    stops = [i for c in (b"\n", b",", b"}") if (i := data.find(c, start)) >= 0]
    stop = min(stops, default=len(data))
    return data[:start] + rng.choice((*TOKENS, *NUMBERS, *WORDS, b"")) + data[stop:]


def _swap(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """Two values change places."""
    places = [i + 2 for i in range(len(data)) if data[i : i + 2] == b": "]
    if len(places) < 2:
        return data
    a, b = sorted(rng.sample(places, 2))
    ends = [e if (e := data.find(b"\n", p)) >= 0 else len(data) for p in (a, b)]
    if ends[0] > b:
        return data
    return data[:a] + data[b : ends[1]] + data[ends[0] : b] + data[a : ends[0]] + data[ends[1] :]


def _rename(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    """A known word becomes another, or a misspelling of itself."""
    old = rng.choice(WORDS)
    new = rng.choice((*WORDS, old[1:], old[::-1], old + b"s", old.upper(), b""))
    return data.replace(old, new, rng.choice((1, 1, -1)))


def _indent(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    first = rng.randrange(len(lines))
    pad = rng.choice((b" ", b"  ", b"\t", b"- ", b""))
    for i in range(first, min(len(lines), first + rng.randint(1, 6))):
        lines[i] = pad + lines[i] if pad else lines[i].lstrip()
    return b"\n".join(lines)


def _number(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    places = [i for i, c in enumerate(data) if 48 <= c <= 57]
    if not places:
        return data
    at = rng.choice(places)
    return data[:at] + rng.choice(NUMBERS) + data[at + 1 :]


def _nest(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at, depth = _at(data, rng), rng.choice((3, 31, 33, 500))
    opening, closing = rng.choice(((b"[", b"]"), (b"{a: ", b"}"), (b"- ", b""), (b"(", b")")))
    return data[:at] + opening * depth + rng.choice((closing * depth, b"")) + data[at:]


def _unicode(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _at(data, rng)
    return data[:at] + rng.choice(UNICODE).encode() * rng.choice((1, 1, 70)) + data[at:]


def _repeat(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at : at + rng.randint(1, 30)] * rng.choice((2, 40)) + data[at:]


_MUTATIONS: Final = (
    _flip, _delete, _truncate, _lines, _splice, _token, _token, _value, _value, _value, _swap,
    _rename, _rename, _indent, _number, _nest, _unicode, _repeat,
)  # fmt: skip


def faults(report: Report) -> list[str]:
    """What is wrong with a report whatever the file: an error without a place, or with one
    outside the file; a diagnostic that cannot be drawn; a verdict that fits not its errors."""
    found = []
    errors = [d for d in report.diagnostics if d.severity is Severity.ERROR]
    if bool(errors) is not (report.policy is None):
        found.append("the verdict and the errors differ")
    texts = {name: text.split("\n") for name, text in report.sources.items()}
    for d in report.diagnostics:
        draw(d, report.sources)
        for span in (d.span, *(span for _, span in d.related)):
            if span is None:
                if d.severity is Severity.ERROR:
                    found.append(f"{d.rule}: no place")
                continue
            start, end = (span.line, span.col), (span.end_line, span.end_col)
            rows = texts.get(span.file, [])
            inside = (
                (1, 1) <= start <= end
                and span.end_line <= len(rows)
                and span.col <= len(rows[span.line - 1]) + 1
                # A caret at the very end of a file stands one behind its last character.
                and span.end_col <= len(rows[span.end_line - 1]) + 2
            )
            if not inside:
                found.append(f"{d.rule}: {span} to {span.end_line}:{span.end_col} is not in it")
    return found


@dataclass(slots=True)
class Outcome:
    """What came of a run of cases. failed: number of the case -> why. seconds: of the slowest."""

    kinds: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    slowest: int = -1

    def add(self, other: Outcome) -> None:
        """Take in what came of more cases."""
        self.kinds.update(other.kinds)
        self.rules.update(other.rules)
        self.failed.update(other.failed)
        if other.seconds > self.seconds:
            self.seconds, self.slowest = other.seconds, other.slowest


def run(
    numbers: Iterable[int], seed: int, bound: float | None = None, seeds: Sequence[bytes] = ()
) -> Outcome:
    """Cases by number, in this process."""
    outcome = Outcome()
    files = seeds or corpus()
    for number in numbers:
        policy = [PolicyFile(NAME, case(files, seed, number))]
        if number % 4 == 0:  # a folder of two files
            policy.append(PolicyFile(f"more-{NAME}", case(files, seed, number + 1)))
        begun = time.perf_counter()
        try:
            report = inspect(policy)
            spent = time.perf_counter() - begun
            wrong = faults(report)
        except Exception:  # noqa: BLE001  any exception is what this looks for
            outcome.failed[number] = traceback.format_exc(limit=-4)
            continue
        outcome.kinds["refused" if report.policy is None else "sound"] += 1
        outcome.rules.update({d.rule for d in report.diagnostics})
        if spent > outcome.seconds:
            outcome.seconds, outcome.slowest = spent, number
        if bound is not None and spent > bound:
            wrong.append(f"took {spent:.3f} s, more than {bound} s")
        if wrong:
            outcome.failed[number] = "\n".join(wrong)
    return outcome


def _child(numbers: range, seed: int, bound: float | None, at: Any, results: Connection) -> None:
    """Cases in a process of their own; `at` tells which one is under way."""
    seeds = corpus()
    total = Outcome()
    for number in numbers:
        at.value = number
        total.add(run([number], seed, bound, seeds))
    results.send(total)


def run_apart(first: int, last: int, seed: int, bound: float | None) -> Outcome:
    """Cases first to last in child processes: one that crashes ends its child and nothing else."""
    context = get_context("spawn")
    total = Outcome()
    while first < last:
        ours, theirs = context.Pipe(duplex=False)
        at = context.Value("q", first)
        # A child ends at each chunk, so that a crash costs the count of one chunk only.
        stop = min(last, first + _CHUNK)
        child = context.Process(target=_child, args=(range(first, stop), seed, bound, at, theirs))
        child.start()
        theirs.close()
        try:
            total.add(ours.recv())
            first = stop
        except EOFError:
            child.join()
            total.failed[at.value] = f"the process ended with {child.exitcode}"
            first = at.value + 1
        child.join()
    return total


def main() -> int:
    """Run, print one line, 1 when a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bound", type=float, help="seconds that a case may take")
    parser.add_argument("--show", action="store_true", help="print each case and what is found")
    asked = parser.parse_args()
    last = asked.first + asked.count
    if asked.show:
        show(range(asked.first, last), asked.seed)
        return 0
    edges = [asked.first + asked.count * i // asked.jobs for i in range(asked.jobs + 1)]
    begun = time.perf_counter()
    total = Outcome()
    with ThreadPoolExecutor(asked.jobs) as pool:
        for part in pool.map(
            lambda pair: run_apart(pair[0], pair[1], asked.seed, asked.bound), pairwise(edges)
        ):
            total.add(part)
    for number, why in sorted(total.failed.items())[:20]:
        print(f"case {number}: {why}", file=sys.stderr)
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(total.kinds.items()))
    print(
        f"{asked.count:,} cases of seed {asked.seed} in {time.perf_counter() - begun:.0f} s: "
        f"{kinds}; {len(total.rules)} rules fired; slowest {total.seconds * 1000:.0f} ms "
        f"(case {total.slowest}); {len(total.failed)} failed"
    )
    return 1 if total.failed else 0


def show(numbers: Iterable[int], seed: int) -> None:
    """Print cases and what is found in them."""
    seeds = corpus()
    for number in numbers:
        data = case(seeds, seed, number)
        print(f"--- case {number}\n{data.decode('utf-8', 'replace')}")
        report = inspect([PolicyFile(NAME, data)])
        for diagnostic in report.diagnostics:
            print(draw(diagnostic, report.sources))


if __name__ == "__main__":
    sys.exit(main())
