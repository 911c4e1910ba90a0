"""No remedy changes what a policy means."""

from __future__ import annotations

import pytest

from policy_router.language.habits import FIELDS_OF_OTHER_TOOLS, NO_PARAMETERS
from policy_router.language.schema_errors import check
from policy_router.language.yaml_reader import parse
from policy_router.meaning import may_mean
from policy_router.suggest import did_you_mean
from tests.check.policies import look


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("min_teir", "min_tier"), ("mintier", "min_tier"), ("minTier", "min_tier"),
        ("Min-Tier", "min_tier"), ("onyl", "only"), ("frist", "first"), ("max_char", "max_chars"),
        ("gpt-4o-mni", "gpt-4o-mini"), ("us-wets", "us-west"), ("api_key_evn", "api_key_env"),
        ("cheap", "cheapest"), ("nxt", "next"), ("PAID", "paid"), ("größe", "grösse"),
        ("retry_than_next", "retry_then_next"), ("formless", "formles"),
    ],
)  # fmt: skip
def test_a_slip_of_the_fingers(word: str, known: str) -> None:
    assert may_mean(word, known)
    assert may_mean(known, word)


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("max_tier", "min_tier"), ("max_teir", "min_tier"), ("maxtier", "mintier"),
        ("maxTier", "min_tier"), ("unpaid", "paid"), ("non-free", "free"), ("nonfree", "free"),
        ("empty", "not_empty"), ("external", "internal"), ("us-east", "us-west"),
        ("gpt-4o", "gpt-5o"), ("level_11", "level_1"), ("except", "accept"), ("then", "when"),
        ("free_only", "paid_only"), ("retry_then_stop", "retry_then_next"), ("illegal", "legal"),
        ("api_base_env", "api_key_env"), ("disallow", "allow"), ("private", "public"),
        ("first_seen", "last_seen"), ("inactive", "active"), ("without_tools", "with_tools"),
    ],
)  # fmt: skip
def test_another_word(word: str, known: str) -> None:
    assert not may_mean(word, known)
    assert not may_mean(known, word)
    assert did_you_mean(word, [known]) is None


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("rules:\n  - { name: r, max_tier: t }", "list the higher tiers in `avoid`"),
        ("rules:\n  - { name: r, then: x }", "a rule's effects have their own fields"),
        ("rules:\n  - { name: r, except: [x] }", "use `avoid` for models that must not answer"),
        ("rules:\n  - { name: r, allow: [x] }", "no rule can add models"),
        ("tasks:\n  a: { max_tier: t }", "there is no maximum tier"),
        ("budgets:\n  b: { cap: $5/day, period: day }", "the period is part of `cap`"),
        ("fallback: { retries: 3 }", "counts every call, including the first one"),
        ("models: { b: { model: x/y, tier: t, context_window: 8k } }", "use `context`"),
        ("limits: { l: { rpm: 5 } }", "write  requests: [60/min]"),
        ("routes: []", "is decided by `rules`"),
        ("fallback: { on_error: { retries: next } }", "the known ones are `rate_limit`"),
        ("fallback: { cooldown: { max: 3, within: 1m, for: 1m } }", "`failures`"),
        ("rules:\n  - { name: r, accept: { empty: true } }", "the known ones are `not_empty`"),
        ("rules:\n  - { name: r, only: [a], onyl: [b] }", "`only` is already set"),
        ("rules:\n  - { name: r, cap: $5/day }", "`cap` belongs under `budgets`"),
        ("limits: { l: { model: [a], requests: [5/min] } }", "did you mean `models`?"),
        (
            "models: { b: { model: x/y, tier: t, api_key_env: 0aB } }",
            "write the name of a variable, never the key itself; write it like `ANTHROPIC_API_KEY`",
        ),
        (
            "models: { b: { model: x/y, tier: t, api_key_env: $MY_KEY } }",
            "write the name of the variable without `$`: `MY_KEY`",
        ),
        (
            'models: { b: { model: x/y, tier: t, api_key_env: "${OPENAI_API_KEY}" } }',
            "write the name of the variable without `$`: `OPENAI_API_KEY`",
        ),
        ("budgets: { b: { cap: $5/day, need: x } }", "the known ones are"),
        ("fallback: { tests: 5 }", "`tests` belongs under `the top level`"),
        ("limits: { l: { concurrent: 1, failed: x } }", "the known ones are"),
        ("complexity: { prompts: x }", "`prompts` belongs under `the top level`"),
        ("version: 2", "this release of policy-router reads version 1"),
        ("fallback: { step_down: yes }", "write true"),
        ("fallback: { step_down: 'off' }", "write false"),
    ],
)
def test_what_to_write_instead_says_the_same(text: str, help_: str) -> None:
    head = "" if text.startswith("version") else "version: 1\n"
    source, problems = parse("p.yaml", (head + text).encode())
    assert source is not None
    assert not problems
    assert help_ in check(source)[0].diagnostic.help


def test_words_of_other_tools_are_no_fields_of_ours() -> None:
    for section, words in FIELDS_OF_OTHER_TOOLS.items():
        for word in words:
            head = {"": "", "rules": "rules: [", "fallback": ""}.get(section, f"{section}: ")
            inner = f"{{ {word}: x }}" if section in ("", "fallback", "rules") else ""
            text = f"{head}{inner or f'{{ a: {{ {word}: x }} }}'}" + (
                "]" if section == "rules" else ""
            )
            text = f"fallback: {text}" if section == "fallback" else text
            source, _ = parse("p.yaml", text.encode())
            assert source is not None
            found = [f.diagnostic for f in check(source)]
            assert "unknown-field" in [d.rule for d in found], (section, word)


@pytest.mark.parametrize("word", sorted(NO_PARAMETERS))
def test_what_is_no_parameter_of_a_model_is_refused_with_the_reason(word: str) -> None:
    text = f"version: 1\nmodels: {{ a: {{ model: x/y, tier: t, params: {{ {word}: x }} }} }}"
    source, _ = parse("p.yaml", text.encode())
    assert source is not None
    (problem,) = check(source)
    assert problem.diagnostic.rule == "unknown-field"
    assert problem.diagnostic.help == NO_PARAMETERS[word]


@pytest.mark.parametrize(
    ("zone", "help_"),
    [
        ("CEST", "such as Europe/Berlin"), ("pst", "such as America/Los_Angeles"),
        ("GMT+1", "such as Europe/Berlin"), ("UTC+2", "such as Europe/Berlin"),
        ("Berlin", "did you mean `Europe/Berlin`?"), ("New York", "`America/New_York`?"),
        ("Europe/Berln", "did you mean `Europe/Berlin`?"), ("Mars/Base", "such as Europe/Berlin"),
    ],
)  # fmt: skip
def test_a_time_zone_is_a_place(zone: str, help_: str) -> None:
    (found,) = look(f"timezone: {zone}").findings
    assert found.rule == "unknown-timezone"
    assert help_ in found.help


@pytest.mark.parametrize(
    ("when", "help_"),
    [
        ("!pii", 'write "not pii"'),
        ("! pii", "write it with `not`, in quotes"),
        ("!!str pii", "every field has one type"),
        ("*pii", "put it in quotes: '*pii'"),
        ("{ pii: yes }", "write true, without quotes"),
        ("{ pii: 'off' }", "write false, without quotes"),
        ("{ pii: maybe }", "compare it with True or False"),
        ("\"pii != 'yes'\"", "write True, without quotes"),
        ("{ weekday: Monday }", "write mon"),
        ("{ weekday: someday }", "the known ones are `mon`"),
    ],
)
def test_conditions_keep_their_meaning(when: str, help_: str) -> None:
    report = look(
        f"attributes: {{ pii: bool }}\nrules: [{{ name: r, when: {when}, avoid: [big] }}]"
    )
    assert help_ in report.findings[0].help
