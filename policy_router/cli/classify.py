"""`classify`: what prompts are taken for: task, complexity and why."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.token_count import count_tokens
from policy_router.cli.jsonl import chat_of, read_body, read_lines
from policy_router.cli.policy import Where, choose, open_policy
from policy_router.diagnostics import printable
from policy_router.views.terminal import Line, show, write

if TYPE_CHECKING:
    from policy_router.classification.complexity import Factor

SHOWN = 40
"""Characters of a prompt that are shown in its line."""


def classify(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|-]", help="Prompts, one a line. [standard input]"),
    ] = None,
    *,
    policy: Where = None,
    as_jsonl: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Count tokens with a tokenizer; loads it first.")
    ] = False,
) -> None:
    """Say what prompts are taken for.

    A line is a prompt, or a JSON object with `prompt` or `messages` and, where they matter,
    `tools` and `response_format`. No prompt is kept, sent or logged.

    \b
    echo "Translate this into German: good morning" | policy-router classify
    policy-router classify prompts.jsonl --json

    Exit code 2: a line is neither.
    """
    classifier = Classifier(open_policy(choose(policy)))
    for number, line in read_lines(file):
        chat = _chat(line, number)
        seen = classifier.classify(**chat)
        tokens = count_tokens(**chat) if exact else None
        if as_jsonl:
            more = {} if tokens is None else {"exact_tokens": tokens}
            write(json.dumps(as_json(seen) | more) + "\n", sys.stdout)
        else:
            counted = [] if tokens is None else [(f"{_tokens(tokens)}  ", "")]
            show([[*counted, *_line(seen, _excerpt(chat["messages"]))]])


def as_json(seen: Classification) -> dict[str, object]:
    """A classification as one object."""
    return {
        "task": seen.task,
        "confidence": round(seen.confidence, 4),
        "by": seen.by.value,
        "evidence": list(seen.evidence),
        "kind": seen.kind.name,
        "kinds": {name: round(share, 4) for name, share in seen.kind.shares},
        "score": round(seen.score, 4),
        "band": seen.band,
        "estimator": seen.estimator,
        "factors": [_factor(factor) for factor in seen.factors],
        "tokens": seen.tokens,
        "needs": sorted(seen.needs),
        "script": seen.features.text.script.value,
    }


def _factor(factor: "Factor") -> dict[str, object]:
    return {
        "name": factor.name,
        "value": round(factor.value, 4),
        "weight": round(factor.weight, 4),
        "share": round(factor.share, 4),
    }


def _tokens(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"


def _chat(line: str, number: int) -> Mapping[str, Any]:
    """A line as the parts of a chat body that are looked at."""
    if not line.lstrip().startswith("{"):
        return {"messages": line}
    try:
        body = read_body(line)
    except ValueError:
        # A prompt may begin with a brace, too.
        return {"messages": line}
    return chat_of(body, number)


def _excerpt(messages: object) -> str:
    last = messages[-1] if isinstance(messages, list) and messages else messages
    text = last.get("content") if isinstance(last, Mapping) else last
    words = " ".join(str(text or "").split())
    return printable(words if len(words) <= SHOWN else words[: SHOWN - 1] + "…")


def _line(seen: Classification, excerpt: str) -> Line:
    """One prompt: task, how sure, score, band, factors, and the beginning of the prompt."""
    factors = " ".join(f"{f.name} {f.share:.2f}" for f in seen.factors if f.share >= 0.005)
    return [
        (f"{printable(seen.task or '-'):16} {seen.confidence:4.0%}  ", "bold"),
        (f"{seen.score:.2f} {seen.band or '-':9} ", ""),
        (f"{factors}  ", "dim"),
        (excerpt, ""),
    ]
