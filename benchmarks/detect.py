"""How well kinds of sensitive text are found, and how long that takes.

    python benchmarks/detect.py [--count 40] [--development] [--wrong KIND]

Every sentence of `benchmarks/detect_corpus.py` is looked through for every kind. The figures are of
sentences and seeds that the patterns were not made with, unless `--development` is given. Precision
counts a kind in any sentence without it, whatever that sentence was made to look like, with as many
sentences that look like the kind as there are with it: much more than ordinary text has.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.detect_corpus import DEVELOPMENT, HELD_OUT, Sentence, corpus
from policy_router.classification.detect.detector import kinds_in
from policy_router.domain.detection import Sensitive

SEEDS = {DEVELOPMENT: 1, HELD_OUT: 20_261_130}


def sentences(part: int, count: int) -> list[tuple[Sentence, frozenset[str]]]:
    return [(each, kinds_in(each.text, Sensitive)) for each in corpus(SEEDS[part], part, count)]


def table(judged: list[tuple[Sentence, frozenset[str]]]) -> None:
    print("| kind | recall | lowest recall by language | precision | sentences |")
    print("|---|---|---|---|---|")
    for kind in Sensitive:
        positive = [(s, found) for s, found in judged if kind in s.kinds]
        right = sum(kind in found for _, found in positive)
        wrong = sum(kind in found for s, found in judged if kind not in s.kinds)
        total, hits = Counter(s.language for s, _ in positive), Counter[str]()
        hits.update(s.language for s, found in positive if kind in found)
        recall, language = min((hits[name] / total[name], name) for name in total)
        print(
            f"| `{kind}` | {right / len(positive):.1%} | {recall:.0%} ({language}) "
            f"| {right / max(1, right + wrong):.1%} | {len(judged)} |"
        )


def seconds(text: str) -> float:
    began = time.perf_counter()
    kinds_in(text, Sensitive)
    return time.perf_counter() - began


HARD = {
    "prose": "the quick brown fox jumps over the lazy dog. ",
    "Chinese": "这是一个关于数据库优化的问题。",
    "source code": 'def f(x: int) -> dict[str, Any]:\n    return {"key": x["value"], "n": 10}\n',
    "one digit and a space": "1 ",
    "digits": "0123456789",
    "@": "a@",
    "a@a.": "a@a.",
    "colons": "a:b:",
    "dots and digits": "1.2.3.4.",
    "password=": "password=x ",
    "token: 12 letters": "token: abcdefghijklmn ",
    "://": "a://b:c",
    "DE00": "DE00 ",
    "sk-": "sk-",
    "? and =": "?a=b&c",
}
"""Texts that are repeated: ordinary ones, and some that begin like what is looked for."""


def speed(characters: int) -> None:
    print(f"\n| text of {characters:,} characters | ms | of twice that: times as long |")
    print("|---|---|---|")
    for name, piece in HARD.items():
        text = (piece * (2 * characters // len(piece) + 1))[: 2 * characters]
        once = min(seconds(text[:characters]) for _ in range(3))
        twice = min(seconds(text) for _ in range(3))
        print(f"| {name} | {once * 1000:.1f} | {twice / once:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=40, help="sentences of a kind and language")
    parser.add_argument("--development", action="store_true", help="the other half of the corpus")
    parser.add_argument("--wrong", metavar="KIND", help="show the sentences that are misjudged")
    options = parser.parse_args()
    judged = sentences(DEVELOPMENT if options.development else HELD_OUT, options.count)
    table(judged)
    if options.wrong:
        for sentence, found in judged:
            if (options.wrong in found) != (options.wrong in sentence.kinds):
                print(f"{sentence.language} {sorted(sentence.kinds)} {sentence.text!r}")
        return
    speed(1_000_000)


if __name__ == "__main__":
    main()
