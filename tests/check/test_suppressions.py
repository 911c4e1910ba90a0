"""`# policy-router: ignore[rule]`: where it counts, what it cannot do, and when it is too much."""

from __future__ import annotations

import pytest

from tests.check.policies import look, rules_found

PREFER = "prefer: [free, cheapest]"
PAID = "tiers: [heavy]\nmodels:\n  big: { model: openai/gpt-4o, tier: heavy }\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{PREFER} # policy-router: ignore[no-free-model] one comes in May",
        f"{PREFER} #policy-router: ignore[no-free-model]",
        f"# policy-router: ignore[no-free-model]\n{PREFER}",
        f"  # policy-router: ignore[no-free-model]\n{PREFER}",
        f"# policy-router: ignore[no-free-model]\n# it comes in May\n{PREFER}",
    ],
)
def test_a_comment_on_the_line_or_above_it_accepts_the_finding(text: str) -> None:
    assert rules_found(PAID + PREFER) == ["no-free-model"]
    assert rules_found(PAID + text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"# policy-router: ignore[no-free-model]\n\n{PREFER}",
         ["unused-suppression", "no-free-model"]),
        (f"{PREFER}\n# policy-router: ignore[no-free-model]",
         ["no-free-model", "unused-suppression"]),
        (f"{PREFER} # policy-router: ignore[no-free-models]",
         ["no-free-model", "unused-suppression"]),
        (f"{PREFER} # policy-router: ignore[]", ["no-free-model", "unused-suppression"]),
        (f"{PREFER} # policy-router: ignore[no-free-model, dead-rule]", ["unused-suppression"]),
        ("name: x # policy-router: ignore[dead-rule]", ["unused-suppression"]),
    ],
)  # fmt: skip
def test_a_comment_that_accepts_nothing_is_a_finding(text: str, found: list[str]) -> None:
    assert rules_found(PAID + text) == found


def test_comments_one_above_the_other_speak_of_the_same_line() -> None:
    wrong = "  m: { model: x/y, tier: heavy, price: free }"
    above = (
        "  # policy-router: ignore[unknown-provider]\n  # policy-router: ignore[missing-context]"
    )
    models = f"tiers: [heavy]\nmodels:\n{above}\n{wrong}"
    assert rules_found(models) == []
    assert rules_found(f"tiers: [heavy]\nmodels:\n{wrong}") == [
        "missing-context", "unknown-provider",
    ]  # fmt: skip


def test_one_comment_accepts_every_finding_of_its_rule_on_the_line() -> None:
    line = "rules: [{ name: r, when: hour > 30 or hour < -1 or stream, avoid: [big] }]"
    assert rules_found(line) == ["constant-test", "constant-test"]
    assert rules_found(f"{line} # policy-router: ignore[constant-test]") == []


def test_errors_cannot_be_accepted() -> None:
    text = "fallback: { max_attempts: 0 } # policy-router: ignore[bad-value]"
    assert rules_found(text) == ["bad-value", "unused-suppression"]


def test_notes_can_be_accepted() -> None:
    text = "reports: { gpu: { memory: 80GB, price: $2.50/hour } }"
    text += " # policy-router: ignore[report-without-effect]"
    assert look(text).diagnostics == ()


def test_an_error_elsewhere_does_not_make_comments_unused() -> None:
    text = f"{PREFER} # policy-router: ignore[no-free-model]\nfallback: {{ max_attempts: 0 }}"
    assert rules_found(PAID + text) == ["bad-value"]


def test_the_place_of_a_finding_is_the_comment() -> None:
    text = f"{PREFER} # policy-router: ignore[dead-rule] since May"
    (unused,) = look(text).findings
    assert unused.span is not None
    row = text[unused.span.col - 1 : unused.span.end_col - 1]
    assert row == "# policy-router: ignore[dead-rule]"


def test_a_text_that_only_mentions_the_comment_is_none() -> None:
    assert rules_found("description: how to write x#policy-router:ignore[dead-rule]") == []


@pytest.mark.parametrize(
    "text",
    [
        'description: "accept it with # policy-router: ignore[no-free-model] on its line"\n',
        "description: 'with # policy-router: ignore[no-free-model]'\n",
        "description: |\n  above it\n  # policy-router: ignore[no-free-model]\n",
        "description: >-\n\n  # policy-router: ignore[no-free-model]\n",
    ],
)
def test_a_comment_in_a_text_is_none(text: str) -> None:
    assert rules_found(PAID + text) == []
    assert rules_found(PAID + text + PREFER) == ["no-free-model"]


@pytest.mark.parametrize(
    "text",
    [
        f"name: 'x'\n{PREFER} # policy-router: ignore[no-free-model]",
        f"# it's 'x'\n{PREFER} # policy-router: ignore[no-free-model]",
        "prefer: ['free', \"cheapest\"] # policy-router: ignore[no-free-model]",
        "description: |\n  a text\n# policy-router: ignore[no-free-model]\n" + PREFER,
    ],
)
def test_a_comment_after_a_text_is_one(text: str) -> None:
    assert rules_found(PAID + text) == []


def test_a_comment_behind_a_text_that_mentions_one() -> None:
    line = (
        'rules: [{ name: "# policy-router: ignore[x]", when: hour > 30 or stream, avoid: [big] }]'
    )
    assert rules_found(line) == ["constant-test"]
    assert rules_found(f"{line} # policy-router: ignore[constant-test]") == []


def test_a_comment_on_the_first_line_of_a_block_text() -> None:
    rule = "rules:\n  - name: r\n    when: {}\n      hour > 30 or\n      stream\n    avoid: [big]"
    assert rules_found(rule.format(">-")) == ["constant-test"]
    commented = rule.format(">- # policy-router: ignore[constant-test]")
    assert rules_found(commented) == ["unused-suppression", "constant-test"]  # of its line alone
    at_the_end = "description: | # policy-router: ignore[bad-value]"
    assert rules_found(at_the_end) == ["bad-value", "unused-suppression"]


def test_comments_are_found_where_the_yaml_ends_early() -> None:
    text = f"{PREFER} # policy-router: ignore[no-free-model]\nname: 'x\n"
    assert rules_found(PAID + text) == ["yaml-syntax"]
    later = f"name: 'x\\n  y'\n{PREFER} # policy-router: ignore[no-free-model]\n\t- x"
    assert "unused-suppression" not in rules_found(PAID + later)
