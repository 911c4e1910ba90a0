"""The patch that ends an experiment."""

from __future__ import annotations

import pytest

from policy_router.experience.adoption import adopt
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files

HEAD = """\
version: 1
models:
  a.b: { model: openai/gpt-4o, tier: t }
  c: { model: openai/gpt-4o-mini, tier: t, effort: low, can: [reasoning] }
budgets: { all: { cap: $5/day } }
"""
BLOCK = "experiments:\n  e:\n    share: 10%\n    first: [a.b]\n"
PROMPT = """\
prompts: { p: { models: [c], system: Hi. } }
experiments:
  e: { share: 10%, prompt: p }
"""


def patched(text: str, *, wins: bool = True) -> tuple[str, str, str]:
    """The advice, the patch, and the file after it; empty where there is no patch."""
    policy = compile_files([PolicyFile("p.yaml", text.encode())]).policy
    assert policy is not None
    experiment = policy.experiments[0]
    found = adopt(experiment, experiment.arms[0] if wins else None, {"p.yaml": text})
    kept = [line for line in found.patch.splitlines(keepends=True)[2:] if line[0] in " +"]
    return found.advice, found.patch, "".join(line[1:] for line in kept)


def test_the_last_experiment_takes_its_section_with_it() -> None:
    _, patch, _ = patched(HEAD + BLOCK)
    assert "-experiments:\n" in patch
    assert '+  first: ["a.b"]' not in patch
    assert '+    first: ["a.b"]\n' in patch
    assert "+rules:\n" in patch


def test_an_experiment_without_a_winner_is_removed() -> None:
    advice, patch, _ = patched(HEAD + BLOCK, wins=False)
    assert advice == "remove experiment `e`: no arm is shown to be better than the control"
    assert [line for line in patch.splitlines()[2:] if line.startswith("+")] == []


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("experiments: { e: { share: 10%, first: [c] } }", "put `c` first by a rule"),
        (BLOCK + "rules: [{ name: r, first: [c] }]\n", "put `a.b` first by a rule"),
        ("experiments:\n  e: { share: 10%, effort: high }\n", "set `effort: high` on the models"),
        (PROMPT, "put prompt `p` before the others"),
    ],
)  # fmt: skip
def test_where_there_is_no_patch_words_say_what_to_do(text: str, advice: str) -> None:
    found, patch, _ = patched(HEAD + text)
    assert patch == ""
    assert found.startswith(advice)
    assert found.endswith("and remove experiment `e`")


def test_comments_around_the_experiment_stay() -> None:
    text = BLOCK + "    # its own remark\n  # about the next\n  f: { share: 5%, first: [c] }\n"
    _, patch, _ = patched(HEAD + text + "# the end")
    assert "-  # about the next" not in patch
    assert "-  e:\n" in patch
    assert "-experiments:" not in patch


def test_of_an_unknown_file_there_is_no_patch() -> None:
    policy = compile_files([PolicyFile("p.yaml", (HEAD + BLOCK).encode())]).policy
    assert policy is not None
    assert adopt(policy.experiments[0], None, {}).patch == ""
