"""The `classify` command: the task and the complexity of prompts, and why."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from policy_router.classification.classifier import Classifier
from policy_router.classification.tokens.exact import count_tokens
from policy_router.cli.jsonl import chat_of, read_body, read_lines
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.output import show, write
from policy_router.views import classification as view


def classify(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|-]", help="Prompts, one per line. [standard input]"),
    ] = None,
    *,
    policy: Where = None,
    as_jsonl: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Count tokens exactly, with a tokenizer; slower to start."),
    ] = False,
) -> None:
    """Classify prompts: task, complexity, tokens.

    Each line is a prompt, or a JSON object with `prompt` or `messages` and optionally `tools` and
    `response_format`. No prompt is stored, sent or logged.

    \b
    echo "Translate this into German: good morning" | policy-router classify
    policy-router classify prompts.jsonl --json

    Exit code 2: a line is invalid.
    """
    classifier = Classifier(open_policy(choose(policy)))
    for number, line in read_lines(file):
        chat = _chat(line, number)
        classified = classifier.classify(**chat)
        tokens = count_tokens(**chat) if exact else None
        if as_jsonl:
            more = {} if tokens is None else {"exact_tokens": tokens}
            write(json.dumps(view.as_json(classified) | more) + "\n", sys.stdout)
        else:
            show([view.as_line(classified, _last_text(chat["messages"]), tokens)])


def _chat(line: str, number: int) -> Mapping[str, Any]:
    """Return what is classified of a line: a prompt as it is, or the fields of a JSON object."""
    if not line.lstrip().startswith("{"):
        return {"messages": line}
    try:
        body = read_body(line)
    except ValueError:
        # A plain prompt may begin with a brace, too.
        return {"messages": line}
    return chat_of(body, number)


def _last_text(messages: object) -> str:
    """Return the text of the last message, to recognize the prompt by."""
    last = messages[-1] if isinstance(messages, list) and messages else messages
    text = last.get("content") if isinstance(last, Mapping) else last
    return str(text or "")
