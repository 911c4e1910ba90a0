"""prompt-helps: when it is suggested, and when it is not."""

from __future__ import annotations

from typing import Any

import pytest

from policy_router.experience.nodes import OutcomeKey
from policy_router.language.write.text_edit import apply
from policy_router.suggestions.prompt_helps import suggestions
from tests.suggestions.make import HEAD, TASKS, calls, observed

PROMPTS = """\
prompts:
  short: { models: [one, two], system: Be short. }  # since spring
  strict: { models: [one], system: Answer with JSON only. }
"""
TEXT = HEAD + TASKS + PROMPTS


def with_prompt(prompt: str, number: int, rejected: int, model: str = "one") -> dict[Any, Any]:
    return {
        OutcomeKey(key.node, key.model, key.role, prompt): counts
        for key, counts in calls(model, number, rejected).items()
    }


def test_a_model_is_taken_out_of_the_other_prompt() -> None:
    counted = {**with_prompt("short", 900, 300), **with_prompt("strict", 200, 10)}
    seen = observed(TEXT, counted)
    (proposed,) = suggestions(seen)
    assert proposed.sentence == (
        "for task `extract`, give `one` the prompt `strict` in place of `short`"
    )
    assert proposed.evidence.text == (
        "it gave a good answer in 95.0% of 200 calls with `strict`, in 66.7% of 900 calls with "
        "`short` (+28.3 points, 95 % interval +23.4 to +32.2)"
    )
    changed = apply(proposed.edits, seen.sources)["p.yaml"]
    assert changed == TEXT.replace("[one, two]", "[two]")


@pytest.mark.parametrize(
    ("counted", "sentences"),
    [
        ({**with_prompt("short", 900, 300), **with_prompt("strict", 20, 1)}, []),
        ({**with_prompt("short", 900, 100), **with_prompt("strict", 200, 22)}, []),
        ({**with_prompt("short", 900, 300), **with_prompt("gone", 200, 10)}, []),
        (
            {**with_prompt("short", 900, 300, "two"), **with_prompt("strict", 200, 10, "two")},
            [],  # a prompt for another model
        ),
        (
            {**with_prompt("", 900, 300), **with_prompt("strict", 200, 10)},
            ["for task `extract`, give `one` the prompt `strict`"],
        ),
        ({}, []),
    ],
)
def test_what_else_may_be(counted: dict[Any, Any], sentences: list[str]) -> None:
    found = list(suggestions(observed(TEXT, counted)))
    assert [each.sentence for each in found] == sentences
    assert [each.edits for each in found] == [() for _ in sentences]


@pytest.mark.parametrize("model", ["one", "two"])
@pytest.mark.parametrize("end", ["", "\n    system: Be short."])
def test_a_line_is_taken_out_of_a_list(model: str, end: str) -> None:
    counted = {
        **with_prompt("short", 900, 300, model),
        **with_prompt("strict", 200, 10, model),
    }
    first = "" if end else "\n    system: Be short."
    listed = f"{first}\n    models:\n      - one\n      - two{end}"
    text = TEXT.replace(" { models: [one, two], system: Be short. }", listed)
    text = text.replace("models: [one], system", "models: [one, two], system")
    text = text.replace("  # since spring", "")
    seen = observed(text, counted)
    (proposed,) = suggestions(seen)
    changed = apply(proposed.edits, seen.sources)["p.yaml"]
    assert changed == text.replace(f"      - {model}\n", "")


@pytest.mark.parametrize(
    "models",
    [
        "[one]",
        "[light]",
        "[one,  # the first\n      two]",
        "\n      - one  # the first\n      - two",
        "\n      # the first\n      - one\n      - two",
    ],
)
def test_where_it_cannot_be_written(models: str) -> None:
    counted = {**with_prompt("short", 900, 300), **with_prompt("strict", 200, 10)}
    short = f"\n    models: {models}\n    system: Be short."
    text = TEXT.replace(" { models: [one, two], system: Be short. }", short)
    (proposed,) = suggestions(observed(text, counted))
    assert proposed.edits == ()


def test_a_policy_without_prompts() -> None:
    assert list(suggestions(observed(HEAD + TASKS, with_prompt("strict", 200, 10)))) == []
