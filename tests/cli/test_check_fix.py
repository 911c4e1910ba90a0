"""`check --fix`: rules that change no decision are removed, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router import decide
from policy_router.base_errors import UsageError
from policy_router.diagnostics import Span
from policy_router.domain.request import Request
from policy_router.language.files import PolicyFile
from policy_router.language.load import compile_files
from policy_router.language.write.editable import EditablePolicy
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

HEAD: Final = """\
version: 1
tiers: [light]
tags: [private, batch]
models:
  big: { model: openai/gpt-4o, tier: light }
  mid: { model: openai/gpt-4o-mini, tier: light }
  small: { model: ollama_chat/a, tier: light, price: free, context: 128k, tags: [local] }
budgets: { all: { cap: $10/month, then: free_only } }
"""
RULES: Final = """\
rules:
  # about a
  - { name: a, when: { tags: private }, avoid: [big] }
  # about b
  - name: b
    when: "'private' not in tags and tokens > 500"
    avoid: [big]
  # about c
  - name: c
    when: tokens > 1000
    avoid: [big]  # why
  - { name: d, when: { tags: private }, avoid: [big] }  # a again
  - { name: e, when: { tags: batch }, avoid: [mid] }
"""


def test_idle_rules_are_removed_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + RULES)
    done = run("check", "--fix", path)
    assert (done.code, done.out) == (0, "No findings in 1 file\n"), done.out
    assert done.err == (
        "removed: rule `c` excludes only models that rule `a` and rule `b` exclude already\n"
        "removed: rule `d` excludes only models that rule `a` excludes already\n"
        f"wrote {path}\n"
    )
    kept = RULES.split("  - name: c")[0] + "  - { name: e, when: { tags: batch }, avoid: [mid] }\n"
    assert path.read_text() == HEAD + kept
    again = run("check", "--fix", path)
    assert (again.code, again.err) == (0, "")


def test_a_rule_that_a_test_names_stays(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    rules = "rules: [{ name: a, avoid: [big] }, { name: b, when: stream, avoid: [big] }]\n"
    test = "{ name: t, request: { stream: true }, expect: { rule: b } }"
    text = f"{HEAD}{rules}tests: [{test}]\n"
    path.write_text(text)
    done = run("check", "--fix", path)
    assert done.code == 1
    assert "was not fixed: without the rule, " in done.err
    assert "`b` is not a rule" in done.err
    assert path.read_text() == text


def test_a_rule_that_a_test_next_to_the_policy_names_stays(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    text = (
        f"{HEAD}rules: [{{ name: a, avoid: [big] }}, {{ name: b, when: stream, avoid: [big] }}]\n"
    )
    path.write_text(text)
    test = "{ name: t, request: { stream: true }, expect: { rule: b } }"
    path.with_suffix(".test.yaml").write_text(f"version: 1\ntests: [{test}]\n")
    done = run("check", "--fix", path)
    assert done.code == 1
    assert "was not fixed: without the rule, " in done.err
    assert path.read_text() == text


def test_a_rule_that_keeps_text_from_an_estimator_stays(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    text = HEAD.replace("tiers: [light]", "tiers: [light, heavy]").replace(
        "a, tier: light", "a, tier: heavy"
    ) + (
        "complexity: { estimator: { llm: big } }\nfallback: { step_down: false }\nrules:\n"
        "  - { name: stays, when: { tags: private }, only: [local] }\n"
        "  - { name: hard, when: { tags: private }, min_tier: heavy }\n"
    )
    path.write_text(text)
    assert run("check", "--fix", path).err == ""
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("rules", "after"),
    [
        ("rules: [{ name: a, first: [big, mid, small] }]\n", None),
        ("rules:\n  - { name: a, avoid: [] }\n", None),
        ("rules:\n  # all of them\n  - { name: a, only: [light] }\n", ""),
        ("rules: [{ name: a, only: [light] }]\n", ""),
        (
            "rules: [{ name: a, avoid: [big] }, { name: b, avoid: [big] }]\n",
            "rules: [{ name: a, avoid: [big] }]\n",
        ),
        (
            (
                "rules: [{ name: a, when: { tags: batch }, avoid: [big] }, "
                "{ name: b, avoid: [big] }]\n"
            ),
            "rules: [{ name: b, avoid: [big] }]\n",
        ),
    ],
)
def test_forms_of_lists(tmp_path: Path, rules: str, after: str | None) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + rules)
    run("check", "--fix", path)
    assert path.read_text() == HEAD + (rules if after is None else after)


def test_a_rule_that_no_request_can_meet_is_left_to_people(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    rules = "rules:\n  - { name: a, when: tokens > 9 and tokens < 5, avoid: [big] }\n"
    path.write_text(HEAD + rules)
    done = run("check", "--fix", path)
    assert done.code == 1
    assert path.read_text() == HEAD + rules


def test_files_that_cannot_be_edited_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("name: &x y\n")
    done = run("check", "--fix", path)
    assert done.code == 1
    assert "nothing was fixed: " in done.err
    with pytest.raises(UsageError, match="no rule is written at f:1:1"):
        EditablePolicy({"f": HEAD}).remove_rule(Span("f", 1, 1, 1, 1))


_CONDITIONS: Final = (
    "{ tags: private }",
    "{ tags: batch }",
    "tokens > 500",
    "tokens > 1000",
    "\"'private' not in tags\"",
    "\"'batch' in tags or tokens > 500\"",
)
_ACTIONS: Final = ("avoid: [big]", "avoid: [big, mid]", "only: [small]", "only: [local]")
_WRITTEN: Final = st.tuples(st.sampled_from(_CONDITIONS), st.sampled_from(_ACTIONS))


@settings(max_examples=15)
@given(rules=st.lists(_WRITTEN, min_size=2, max_size=6))
def test_no_decision_changes(
    tmp_path_factory: pytest.TempPathFactory, rules: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("fix") / "policy.yaml"
    lines = (
        f"  - {{ name: r{number}, when: {when}, {action} }}\n"
        for number, (when, action) in enumerate(rules)
    )
    before = HEAD + "rules:\n" + "".join(lines)
    path.write_text(before)
    run("check", "--fix", path)
    old, new = (
        compile_files([PolicyFile("f", text.encode())]).policy
        for text in (before, path.read_text())
    )
    assert old is not None
    assert new is not None
    for tokens in (100, 501, 1001):
        for tags in (set(), {"private"}, {"batch"}, {"private", "batch"}):
            request = Request(tokens=tokens, tags=frozenset(tags))
            one, other = (decide(policy, request) for policy in (old, new))
            assert [c.name for c in one.candidates] == [c.name for c in other.candidates]
