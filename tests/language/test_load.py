from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.catalog.table import Catalog
from policy_router.decision.decide import decide
from policy_router.diagnostics import Severity, Span
from policy_router.domain.complexity import CONFIDENT, Complexity, Weights
from policy_router.domain.condition import STREAM
from policy_router.domain.criteria import Criteria
from policy_router.domain.fallback import ON_ERROR, Fallback
from policy_router.domain.ordering import SortKey
from policy_router.domain.request import Request
from policy_router.language.compile.complexity import DEFAULT_BANDS
from policy_router.language.compile.models import DEFAULT_TIERS
from policy_router.language.compile.policy import DEFAULT_PREFER
from policy_router.language.files import PolicyFile
from policy_router.language.load import MAX_ENTRIES, Loaded, compile_files

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

TABLE = Catalog(
    {
        "acme/known": {
            "litellm_provider": "acme",
            "mode": "chat",
            "max_input_tokens": 1000,
            "max_output_tokens": 100,
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 2e-6,
            "supports_vision": True,
        }
    },
    frozenset({"acme"}),
    "made up",
)


ONLY = "{ name: r, only: [q, t, x/y] }"


def load(*texts: str, **named: str) -> Loaded:
    """Files named 1.yaml, 2.yaml ..., or by keyword."""
    files = {f"{i}.yaml": text for i, text in enumerate(texts, start=1)}
    files |= {f"{name}.yaml": text for name, text in named.items()}
    return compile_files([PolicyFile(n, files[n].encode()) for n in sorted(files)], TABLE)


def good(*texts: str, **named: str) -> Policy:
    loaded = load(*texts, **named)
    assert not loaded.diagnostics
    assert loaded.policy is not None
    return loaded.policy


def places(loaded: Loaded) -> list[tuple[str, str, int]]:
    """Rule, file and line of everything that was found."""
    return [(d.rule, d.span.file, d.span.line) for d in loaded.diagnostics if d.span]


HEAD = """\
version: 1
models:
  a: { model: acme/known, tier: t, tags: [near] }
  b: { model: acme/other, tier: t, price: free }
"""


# -- several files ---------------------------------------------------------------------------------


def test_rules_come_in_the_order_of_files_and_lines() -> None:
    policy = good(
        z="version: 1\nrules:\n- {name: z1, avoid: [a]}\n- {name: z2, avoid: [b]}",
        b="version: 1\nrules:\n- {name: b1, avoid: [a]}",
        a=HEAD + "rules: [{name: a2, avoid: [a]}, {name: a1, avoid: [b]}]",
    )
    assert [rule.name for rule in policy.rules] == ["a2", "a1", "b1", "z1", "z2"]
    at = policy.rules[-1].span
    assert at is not None
    assert (at.file, at.line) == ("z.yaml", 4)


def test_sections_merge() -> None:
    policy = good(
        HEAD + "tasks: { code: { keywords: [x] } }",
        "version: 1\nmodels: { c: { model: acme/c, tier: t } }\ntasks: { talk: {} }",
        "version: 1\nprefer: [cheapest]\nattributes: { plan: [pro] }\nname: merged",
    )
    assert [m.name for m in policy.models] == ["a", "b", "c"]
    assert [(t.name, t.default) for t in policy.tasks] == [("code", False), ("talk", True)]
    assert policy.name == "merged"
    assert [fact.name for fact in policy.vocabulary.declared] == ["plan"]


@pytest.mark.parametrize(
    ("one", "two", "line"),
    [
        ("name: x", "name: x", 2),
        ("prefer: [free]", "prefer: [cheapest]", 2),
        ("fallback: {}", "\nfallback: {}", 3),
        ("tasks: { x: {} }", "tasks:\n  x: {}", 3),
        ("attributes: { x: bool }", "attributes: { x: bool }", 2),
        ("budgets: { x: { cap: unlimited } }", "budgets: { x: { cap: unlimited } }", 2),
        ("", "models: { a: { model: acme/x, tier: t } }", 2),
    ],
)
def test_what_is_defined_in_two_files_is_shown_in_both(one: str, two: str, line: int) -> None:
    (found,) = load(HEAD + one, "version: 1\n" + two).diagnostics
    assert found.rule == "duplicate-name"
    assert found.span is not None
    assert (found.span.file, found.span.line) == ("2.yaml", line)
    ((words, first),) = found.related
    assert words == "first defined here"
    assert (first.file, first.line) == ("1.yaml", 5 if one else 3)


def test_two_rules_of_one_name_in_two_files() -> None:
    rule = "rules:\n- { name: r, avoid: [a] }"
    (found,) = load(HEAD + rule, "version: 1\n" + rule).diagnostics
    assert found.rule == "duplicate-name"
    assert [(s.file, s.line) for s in (found.span, found.related[0][1]) if s] == [
        ("2.yaml", 3),
        ("1.yaml", 6),
    ]


def test_every_file_is_read_though_one_is_no_yaml() -> None:
    loaded = load("version: 1\nmodels: [", "version: 1\nteirs: [t]", "version: 1\nrules: 5")
    assert loaded.policy is None
    assert places(loaded) == [
        ("yaml-syntax", "1.yaml", 2),
        ("unknown-field", "2.yaml", 2),
        ("wrong-type", "3.yaml", 2),
    ]


BROKEN = """\
version: 1
tiers: [t, u]
models: { c: { model: acme/known, tier: u, tags: [far] } }
tasks: { code: {} }
attributes: { plan: [free, pro] }
complexity: { bands: { easy: { from: 0 } } }
limits: { l: { requests: 5/day } }
budgets: { b: { cap: $1/day } }
experiments: { e: { share: 5%, first: [c] } }
rules: [{ name: quiet, avoid: [c] }
"""


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{ name: r, only: [c] }]",
        "rules: [{ name: r, only: [far, u, acme/known] }]",
        "rules: [{ name: r, min_tier: u, avoid: [a] }]",
        "rules: [{ name: r, when: plan == 'pro', avoid: [a] }]",
        "rules: [{ name: r, when: { plan: pro, task: code }, avoid: [a] }]",
        "rules: [{ name: r, when: task == 'code' and complexity == 'easy', avoid: [a] }]",
        "prompts: { p: { models: [c] } }",
        "tests: [{ name: s, request: x, expect: { first: c, task: code, rule: quiet } }]",
        "tests: [{ name: s, request: x, given: { used: { l: 5/day }, arm: e }, expect: {} }]",
        "tests: [{ name: s, request: x, given: { spent: { b: $1 } }, expect: {} }]",
        "tests: [{ name: s, request: x, expect: { complexity: easy } }]",
    ],
)
def test_a_name_that_the_broken_file_may_define_is_not_unknown(text: str) -> None:
    loaded = load(BROKEN, HEAD + text)
    assert loaded.policy is None
    assert [(rule, file) for rule, file, _ in places(loaded)] == [("yaml-syntax", "1.yaml")]


def test_models_that_the_broken_file_may_define_are_not_missing() -> None:
    loaded = load(BROKEN, "version: 1\nrules: [{ name: r, only: [c] }]")
    assert [rule for rule, *_ in places(loaded)] == ["yaml-syntax"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rules: [{ name: r, only: [nera] }]", "unknown-name"),
        ("rules: [{ name: r, when: tokns > 5, avoid: [a] }]", "unknown-fact"),
        ("rules: [{ name: r, when: tokens > '5', avoid: [a] }]", "condition-type"),
        ("rules: [{ name: r, when: tokens >, avoid: [a] }]", "condition-syntax"),
        ("rules: [{ name: r, when: { task: cooking }, avoid: [a] }]", "unknown-value"),
        ("rules: [{ name: r, min_tier: huge, avoid: [a] }]", "unknown-name"),
        ("rules: [{ name: r, avoid: [a] }, { name: r, avoid: [b] }]", "duplicate-name"),
        ("timezone: Europe/Berln", "unknown-timezone"),
        ("tasks: { talk: { pattern: '(a' } }", "bad-pattern"),
        ("limits: { m: { per: user } }", "missing-field"),
        ("complexity: { estimator: { llm: nobody } }", "unknown-name"),
        ("tests: [{ name: s, request: x, expect: { rule: nobody } }]", "unknown-name"),
        ("tiers: [s]", "unknown-name"),
    ],
)
def test_a_broken_file_does_not_hide_what_is_wrong_with_the_others(text: str, rule: str) -> None:
    loaded = load(BROKEN, HEAD + text)
    assert loaded.policy is None
    assert ("yaml-syntax", "1.yaml") in [(r, f) for r, f, _ in places(loaded)]
    assert rule in [r for r, file, _ in places(loaded) if file == "2.yaml"]


def test_a_written_list_of_tiers_is_whole_whatever_another_file_holds() -> None:
    loaded = load(
        "version: 1\n# u is no tier\nmodels: [",
        HEAD.replace("tier: t", "tier: u", 1) + "tiers: [t]",
    )
    assert [rule for rule, *_ in places(loaded)] == ["yaml-syntax", "unknown-name"]


def test_the_order_of_tiers_may_be_in_the_broken_file() -> None:
    several = HEAD.replace("tier: t", "tier: u", 1)
    loaded = load("version: 1\ntiers: [t, u", several)
    assert [rule for rule, *_ in places(loaded)] == ["yaml-syntax"]
    loaded = load("version: 1\nrules: [", several)
    assert [rule for rule, *_ in places(loaded)] == ["yaml-syntax", "missing-field"]


def test_a_file_that_is_no_text_may_define_anything() -> None:
    other = HEAD + "timezone: Europe/Berln\nrules: [{ name: r, only: [c] }]"
    files = [PolicyFile("1.yaml", BROKEN.encode("utf-16")), PolicyFile("2.yaml", other.encode())]
    loaded = compile_files(files, TABLE)
    assert [rule for rule, *_ in places(loaded)] == ["not-utf8", "unknown-timezone"]


def test_without_the_other_files_only_what_they_cannot_change_is_wrong() -> None:
    text = HEAD + "timezone: Europe/Berln\nrules: [{ name: r, only: [c] }]"
    loaded = compile_files([PolicyFile("2.yaml", text.encode())], TABLE, complete=False)
    assert loaded.policy is None
    assert [rule for rule, *_ in places(loaded)] == ["unknown-timezone"]
    loaded = compile_files([PolicyFile("2.yaml", HEAD.encode())], TABLE, complete=False)
    assert (loaded.policy, loaded.diagnostics) == (None, ())


def test_several_broken_files_are_all_reported() -> None:
    loaded = load("version: 1\nmodels: [", "version: 1\nrules: {", HEAD + "teirs: [t]")
    assert places(loaded) == [
        ("yaml-syntax", "1.yaml", 2),
        ("yaml-syntax", "2.yaml", 2),
        ("unknown-field", "3.yaml", 5),
    ]


# -- everything wrong, each once -------------------------------------------------------------------

EIGHT = """\
version: 1
name: Big Name
tiers: [light, heavy]
attributes: { plan: [free, pro] }
models:
  a: { model: acme/known, teir: light }
  b: { model: acme/other, tier: haevy, price: free, tags: [local] }
  c: { model: acme/third, tier: heavy, price: 0.1 }
tasks: { code: { when_needs: [tool] } }
prefer: [cheap]
rules:
  - { name: one, when: { plan: por }, onyl: [a] }
  - { name: two, when: "tokens > 5 and taks == 'code'", only: [c, local] }
budgets: { x: { cap: 5 } }
"""


def test_everything_is_found_in_one_run_and_nothing_twice() -> None:
    assert places(load(EIGHT)) == [
        ("bad-value", "1.yaml", 2),
        ("unknown-field", "1.yaml", 6),
        ("unknown-name", "1.yaml", 7),
        ("wrong-type", "1.yaml", 8),
        ("unknown-name", "1.yaml", 9),
        ("unknown-word", "1.yaml", 10),
        ("unknown-value", "1.yaml", 12),
        ("unknown-field", "1.yaml", 12),
        ("unknown-fact", "1.yaml", 13),
        ("bad-unit", "1.yaml", 14),
    ]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        # A definition that does not hold up is one mistake, not one per use of its name.
        ("models: { a: 5 }\nrules: [{ name: r, only: [a] }]", ["wrong-type"]),
        ("models: { a: { model: x/y } }\nrules: [{ name: r, only: [a] }]", ["missing-field"]),
        ("models: { a: { model: x/y, tier: t, tgas: [q] } }\nrules: [{ name: r, only: [q] }]",
         ["unknown-field"]),
        ("modles: { a: { model: x/y, tier: t } }\nrules: [{ name: r, only: [a, t] }]",
         ["unknown-field"]),
        ("models: { a: { model: x/y, tier: t, tags: [q], context: 5kb } }\nrules: [" + ONLY + "]",
         ["bad-unit"]),
        (HEAD[11:] + "tasks: { code: 5 }\nrules: [{ name: r, when: { task: code }, avoid: [a] }]",
         ["wrong-type"]),
        (HEAD[11:] + "taks: { code: {} }\nrules: [{ name: r, when: task == 'code', avoid: [a] }]",
         ["unknown-field"]),
        (HEAD[11:] + "attributes: { p: text }\nrules: [{ name: r, when: { p: x }, avoid: [a] }]",
         ["unknown-word"]),
        (HEAD[11:] + "attributes: { p: [] }\nrules: [{ name: r, when: p == 'x', avoid: [a] }]",
         ["bad-value"]),
        (HEAD[11:] + "complexity: { bands: { x: { from: 2 } } }\n"
         "rules: [{ name: r, when: { complexity: x }, avoid: [a] }]", ["bad-value"]),
        (HEAD[11:] + "budgets: { b: { cap: 5 } }\n"
         "tests: [{ name: t, given: { spent: { b: $1 } }, request: x, expect: { first: a } }]",
         ["bad-unit"]),
        (HEAD[11:] + "tiers: 5\nrules: [{ name: r, min_tier: t }]", ["wrong-type"]),
        ("tiers: [s, 5]\nmodels: { a: { model: x, tier: s }, b: { model: y, tier: u } }",
         ["wrong-type"]),
        ("models: { a: { model: x, tier: s }, b: { model: y } }\nrules: [{ name: r, only: [c] }]",
         ["missing-field", "unknown-name"]),
        (HEAD[11:] + "complexity: { bands: { x: { from: a }, y: { from: 1 } } }", ["wrong-type"]),
        (HEAD[11:] + "limits: { l: { requests: 5 } }\nexperiments: { e: { share: 5 } }\n"
         "tests: [{ name: t, given: { used: { l: 5/day }, arm: e }, request: x, expect: {} }]",
         ["wrong-type", "missing-field", "bad-unit"]),
        (HEAD[11:] + "rules: [{ name: r, avoid: [z] }, { name: 5 }, { name: s, avoid: [y] }]",
         ["unknown-name", "wrong-type", "unknown-name"]),
        (HEAD[11:] + "rules: [{ name: r, only: [] }]\n"
         "tests: [{ name: t, request: x, expect: { rule: r } }]", ["bad-value"]),
        (HEAD[11:] + "limits: { l: { requests: [20] } }", ["bad-unit"]),
        ("", ["no-models"]),
        ("models: {}", ["no-models"]),
        ("models:", ["wrong-type"]),
    ],
)  # fmt: skip
def test_no_mistake_draws_another(text: str, rules: list[str]) -> None:
    loaded = load("version: 1\n" + text)
    assert [d.rule for d in loaded.diagnostics] == rules
    assert loaded.policy is None


@pytest.mark.parametrize(
    ("text", "rule", "line", "col", "help_"),
    [
        ("rules: [{ name: r, only: [c] }]", "unknown-name", 5, 27, "the known ones are `a`, `b`"),
        ("rules: [{ name: r, only: [nera] }]", "unknown-name", 5, 27, "did you mean `near`?"),
        ("rules: [{ name: r, only: [acme] }]", "unknown-name", 5, 27, "`acme/*` selects"),
        ("rules: [{ name: r, min_tier: x }]", "unknown-name", 5, 30, "the tiers are `t`"),
        ("tiers: [t, t]", "duplicate-name", 5, 12, "keep one of them"),
        ("timezone: Europe/Berln", "unknown-timezone", 5, 11, "did you mean `Europe/Berlin`?"),
        ("attributes: { tokens: bool }", "reserved-name", 5, 15, "another name"),
        ("attributes: { matches: bool }", "reserved-name", 5, 15, "another name"),
        ("attributes: { not: bool }", "reserved-name", 5, 15, "another name"),
        ("attributes: { class: bool }", "reserved-name", 5, 15, "another name"),
        ("attributes: { plan: [x, x] }", "duplicate-name", 5, 25, "keep one of them"),
        ("tasks: { code: { pattern: '(a' } }", "bad-pattern", 5, 27, "patterns are RE2"),
        ("complexity: { bands: { a: { from: 0.5 } } }", "band-order", 5, 24, "begin at 0.0"),
        ("complexity: { bands: { a: { from: 0 }, b: { from: 0 } } }", "band-order", 5, 40, "easi"),
        ("complexity: { bands: { a: { from: 0.5 }, b: { from: 0.2 } } }", "band-order", 5, 42, ""),
        ("complexity: { estimator: { llm: c } }", "unknown-name", 5, 33, "the models are `a`, `b`"),
        ("experiments: { e: { share: 1%, first: [a], until: 2026-02-30 } }",
         "bad-value", 5, 51, ""),
        ("limits: { l: { per: user } }", "missing-field", 5, 11, "add requests, tokens"),
        ("invariants: [{ name: i, never: [c] }]", "unknown-name", 5, 33, ""),
        ("prompts: { p: { models: [c] } }", "unknown-name", 5, 26, ""),
        ("budgets: { b: { cap: $1/day, when: x } }", "unknown-fact", 5, 36, ""),
        ("tests: [{ name: t, request: { taks: x }, expect: {} }]", "unknown-fact", 5, 31, "`task`"),
        ("tests: [{ name: t, request: { tokens: x }, expect: {} }]", "condition-type", 5, 39, ""),
        ("tests: [{ name: t, request: x, expect: { first: c } }]", "unknown-name", 5, 49, ""),
        ("tests: [{ name: t, request: x, expect: { then: [a, c] } }]", "unknown-name", 5, 52, ""),
        ("tests: [{ name: t, request: x, expect: { task: c } }]", "unknown-name", 5, 48, "none"),
        ("tests: [{ name: t, request: x, expect: { rule: c } }]", "unknown-name", 5, 48, "none"),
        ("tests: [{ name: t, request: x, expect: { complexity: c } }]", "unknown-name", 5, 54, ""),
        ("tests: [{ name: t, request: x, given: { arm: c }, expect: {} }]",
         "unknown-name", 5, 46, ""),
        ("tests: [{ name: t, request: x, expect: { first: near } }]", "unknown-name", 5, 49, ""),
        ("tests: [{ name: t, request: x, given: { used: { c: 5/day } }, expect: {} }]",
         "unknown-name", 5, 49, ""),
    ],
)  # fmt: skip
def test_problems_that_only_the_whole_document_shows(
    text: str, rule: str, line: int, col: int, help_: str
) -> None:
    found = load(HEAD + text).diagnostics
    assert found[0].span is not None
    assert (found[0].rule, found[0].span.line, found[0].span.col) == (rule, line, col)
    assert len(found) == 1
    assert help_ in found[0].help


def test_a_tier_that_is_not_listed() -> None:
    found = load(HEAD + "tiers: [s]").diagnostics
    assert [(d.rule, d.help, d.span.line) for d in found if d.span] == [
        ("unknown-name", "the tiers are `s`", 3),
        ("unknown-name", "the tiers are `s`", 4),
    ]


def test_models_of_several_tiers_need_their_order() -> None:
    (found,) = load(HEAD.replace("tier: t", "tier: u", 1)).diagnostics
    assert (found.rule, found.help) == ("missing-field", "add  tiers: [u, t]  weakest first")
    assert load("teirs: [u, t]\n" + HEAD.replace("tier: t", "tier: u", 1)).diagnostics[0].rule == (
        "unknown-field"
    )


def test_no_file_at_all() -> None:
    assert load().policy is None


# -- defaults --------------------------------------------------------------------------------------


def test_defaults() -> None:
    policy = good("version: 1\nmodels: { a: { model: acme/nothing, tier: any } }")
    assert policy.tiers == ("any",)
    assert [(b.name, b.start, b.min_tier) for b in policy.bands] == [
        (name, start, None) for name, start in DEFAULT_BANDS
    ]
    assert policy.prefer == DEFAULT_PREFER
    assert policy.fallback == Fallback()
    assert policy.fallback.on_error == ON_ERROR
    assert (policy.name, policy.description, str(policy.timezone)) == ("policy", "", "UTC")
    (model,) = policy.models
    assert (model.price, model.context, model.free, model.quality) == (None, None, False, 0.5)
    assert DEFAULT_TIERS == ("standard",)


def test_the_table_fills_in_what_a_model_does_not_say() -> None:
    models = """
  a: { model: acme/known, tier: t }
  b: { model: acme/known, tier: t, price: free, context: 5k, max_output: 7, can: [] }"""
    a, b = good("version: 1\nmodels:" + models).models
    assert a.price is not None
    assert (a.price.input, a.context, a.max_output) == (10**9, 1000, 100)
    assert a.abilities == {"vision"}
    assert not a.free
    assert (b.context, b.max_output, b.abilities, b.free) == (5000, 7, frozenset(), True)


def test_quality_follows_the_tier() -> None:
    text = "version: 1\ntiers: [x, y, z]\nmodels:\n" + "".join(
        f"  {t}: {{ model: acme/{t}, tier: {t} }}\n" for t in "xyz"
    )
    assert [m.quality for m in good(text).models] == [0.25, 0.5, 0.75]


def test_an_empty_list_of_preferences_is_kept() -> None:
    assert good(HEAD + "prefer: []").prefer == ()


# -- the revision ----------------------------------------------------------------------------------

WORDS = st.sampled_from(["x", "y", "long-name", "zz"])
RULES = st.lists(
    st.fixed_dictionaries(
        {"name": st.text("abc d", min_size=1, max_size=8).filter(str.strip)},
        optional={
            "when": st.sampled_from(
                [{"task": "code"}, {"tags": ["q", "r"]}, "tokens > 5", "not stream or score < 0.5"]
            ),
            "avoid": st.lists(WORDS, min_size=1, max_size=2),
            "first": st.lists(WORDS, min_size=1, max_size=2),
            "deny": st.sampled_from(["no", "not now"]),
        },
    ),
    max_size=4,
    unique_by=lambda rule: rule["name"],
)
POLICIES = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "tiers": st.just(["s", "l"]),
        "models": st.fixed_dictionaries(
            {
                name: st.fixed_dictionaries(
                    {"model": st.just(f"acme/{name}"), "tier": st.sampled_from(["s", "l"])},
                    optional={"price": st.just("free"), "context": st.sampled_from(["8k", 9000])},
                )
                for name in ("x", "y", "long-name", "zz")
            }
        ),
        "tasks": st.just({"code": {"keywords": ["k"]}, "talk": {}}),
        "rules": RULES,
    },
    optional={
        "prefer": st.permutations(["free", "cheapest", "smallest"]),
        "description": st.text("ab 'é", min_size=1, max_size=10),
        "fallback": st.fixed_dictionaries({"max_attempts": st.integers(1, 5)}),
    },
)


@settings(max_examples=60)
@given(
    POLICIES,
    st.sampled_from((True, False, None)),
    st.sampled_from((40, 200)),
    st.sampled_from((2, 6)),
)
def test_another_layout_is_the_same_revision(
    data: dict[str, Any], flow: bool | None, width: int, indent: int
) -> None:
    plain = dump(data, allow_unicode=True)
    other = dump(data, default_flow_style=flow, width=width, indent=indent)
    other = f"# a word before\n{other}\n# and after\n"
    assert good(other).revision == good(plain).revision


@settings(max_examples=60)
@given(POLICIES, st.data())
def test_another_meaning_is_another_revision(data: dict[str, Any], draw: st.DataObject) -> None:
    other = draw.draw(POLICIES)
    one, two = good(dump(data)), good(dump(other))
    same = canonical(data) == canonical(other)
    assert (one.revision == two.revision) is same


def canonical(data: dict[str, Any]) -> str:
    """The data with their fields in one order; the order of models and of lists says something."""
    models = [[name, sorted(shape.items(), key=str)] for name, shape in data["models"].items()]
    rules = [sorted(rule.items(), key=str) for rule in data["rules"]]
    rest = sorted((k, v) for k, v in data.items() if k not in ("models", "rules"))
    return repr((models, rules, rest)).replace("'8k'", "8000")


class Dumper(yaml.SafeDumper):
    """Writes no anchors."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def dump(data: dict[str, Any], **how: Any) -> str:
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, **how)
    return text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tier: t, tags: [near]", "tier: t, tags: [far]"),
        ("acme/known", "acme/unknown"),
        ("price: free", "price: { input: $1/M, output: $1/M }"),
        ("name: one", "name: two"),
        ("tokens > 5", "tokens >= 5"),
        ("tokens > 5", "tokens > 6"),
        ("avoid: [a, b]", "avoid: [b, a]"),
        ("max_attempts: 3", "max_attempts: 4"),
    ],
)
def test_single_changes(old: str, new: str) -> None:
    text = (
        HEAD + "rules: [{ name: one, when: 'tokens > 5', avoid: [a, b] }]\n"
        "fallback: { max_attempts: 3 }\n"
    )
    assert old in text
    assert good(text.replace(old, new)).revision != good(text).revision


@pytest.mark.parametrize(
    "when",
    [
        "when: tokens > 5 and 'x' in tags",
        "when: \"tokens > 5 and 'x' in tags\"  # why",
        "when: >-\n      tokens > 5\n      and 'x' in tags",
        "when: |\n      tokens > 5\n        and 'x' in tags\n",
        "when:  tokens   > 5  and   'x' in tags",
    ],
)
def test_a_condition_in_other_lines_is_the_same_revision(when: str) -> None:
    rule = HEAD + "rules:\n  - name: r\n    avoid: [a]\n    "
    assert good(rule + when).revision == good(rule + "when: tokens > 5 and 'x' in tags").revision
    assert good(rule + when).revision != good(rule + "when: tokens > 5 and 'x ' in tags").revision


def test_a_row_of_the_table_that_changes_is_another_revision() -> None:
    file = PolicyFile("p.yaml", HEAD.encode())
    emptied = compile_files([file], Catalog({}, frozenset(), "empty")).policy
    assert emptied is not None
    assert emptied.revision != good(HEAD).revision


def test_severities_and_order() -> None:
    found = load(EIGHT, "version: 1\nx: 1").diagnostics
    assert {d.severity for d in found} == {Severity.ERROR}
    spans = [d.span for d in found if d.span]
    assert spans == sorted(spans)
    assert Span("2.yaml", 2, 1, 2, 2) in spans


MODEL = (
    "version: 1\ntiers: [light, heavy]\nmodels:\n  m: { model: x/y, tier: light, price: free }\n"
)


def test_the_conditions_of_a_task_reach_the_policy() -> None:
    policy = good(
        MODEL + "tasks:\n"
        "  a: { keywords: [x, y], pattern: 'z+', when_needs: [json], criticality: 0.5 }\n"
        "  math: { confidence: 0.9 }\n"
        "  rest: {}\n"
    )
    a, math, rest = policy.tasks
    assert (a.keywords, a.pattern, a.when_needs) == (("x", "y"), "z+", frozenset({"json"}))
    assert (a.criticality, a.conditions, a.confidence) == (0.5, True, CONFIDENT)
    assert (math.confidence, math.conditions, math.default) == (0.9, False, False)
    assert (rest.criticality, rest.conditions, rest.default) == (0.0, False, True)


CRITERIA = "min_quality: 0.5, max_latency: 2s, max_price: $3/M, max_cost: $0.01, prefer: [quality]"


def test_what_rules_and_tasks_say_of_models_reaches_the_policy() -> None:
    policy = good(
        MODEL.replace("m:", "n: { model: x/z, tier: heavy, price: free }\n  m:")
        + f"tasks:\n  a: {{ {CRITERIA}, needs: [json], when_needs: [tools], only: ['*'], "
        "avoid: [n], use: [n, light, heavy, 'x/*'], deadline: 5s, max_attempts: 2 }\n  rest: {}\n"
        f"rules: [{{ name: r, {CRITERIA}, shadow: true }}, {{ name: s, shadow: false }}]\n"
    )
    criteria = Criteria(0.5, 2.0, 3 * 10**9, 10**7)
    task, rest = policy.tasks
    assert (task.criteria, task.prefer) == (criteria, (SortKey.QUALITY,))
    assert task.needs == {"json"}
    assert task.when_needs == {"tools"}
    assert (task.only, task.avoid, task.use) == (("n", "m"), ("n",), (("n",), ("m",)))
    assert (task.deadline, task.max_attempts) == (5.0, 2)
    assert [str(at).split(":", 1)[1] for at in (task.only_at, task.avoid_at, task.use_at)]
    assert (rest.criteria, rest.prefer, rest.use) == (Criteria(), None, None)
    live = policy.rules[1]
    assert (policy.rules[0].criteria, policy.rules[0].shadow) == (criteria, True)
    assert (policy.rules[0].prefer, live.prefer) == ((SortKey.QUALITY,), None)
    assert (live.criteria, live.shadow, live.deny) == (Criteria(), False, None)


def test_needs_alone_identify_no_task() -> None:
    policy = good(MODEL + "tasks: { a: { needs: [json] } }\n")
    assert (policy.tasks[0].conditions, policy.tasks[0].default) == (False, True)


def test_selectors_of_use_that_select_nothing_leave_nothing() -> None:
    assert good(MODEL + "tasks: { a: { use: ['none/*'] } }\n").tasks[0].use == ()


@pytest.mark.parametrize(
    "change", ["max_cost: $0.02", "max_price: $4/M", "min_quality: 0.6", "shadow: true"]
)
def test_another_criterion_is_another_revision(change: str) -> None:
    rule = "rules: [{ name: r, max_cost: $0.01 }]\n"
    name = change.split(":", maxsplit=1)[0]
    kept = "" if name == "max_cost" else ", max_cost: $0.01"
    changed = rule.replace("max_cost: $0.01", f"{change}{kept}")
    assert good(MODEL + rule).revision != good(MODEL + changed).revision


@pytest.mark.parametrize("condition", ["keywords: [x]", "pattern: x", "when_needs: [json]"])
def test_any_condition_makes_a_task_one_with_conditions(condition: str) -> None:
    assert good(f"{MODEL}tasks: {{ a: {{ {condition} }}, rest: {{}} }}").tasks[0].conditions


def test_what_complexity_is_made_of_reaches_the_policy() -> None:
    assert good(MODEL).complexity == Complexity("heuristic", weights=Weights(), keywords=())
    policy = good(
        MODEL + "complexity: { estimator: learned, keywords: [x], "
        "weights: { message: 66.6%, depth: 33.4% } }"
    )
    assert policy.complexity.estimator == "learned"
    assert policy.complexity.keywords == ("x",)
    assert policy.complexity.weights == Weights(0.666, 0.0, 0.0, 0.334, 0.0)


def test_weights_make_a_whole() -> None:
    loaded = load(MODEL + "complexity: { weights: { message: 30%, depth: 60.5% } }")
    assert loaded.policy is None
    (found,) = loaded.diagnostics
    assert (found.rule, found.message) == ("bad-value", "the weights add up to 90.5%, not to 100%")
    assert good(MODEL + "complexity: { weights: { message: 33.3%, depth: 33.3%, context: 33.3% } }")
    broken = load(MODEL + "complexity: { weights: { message: 30%, depth: much } }")
    assert [d.rule for d in broken.diagnostics] == ["bad-unit"]


def test_bands_may_go_by_one_name() -> None:
    tiers = good(MODEL + "complexity: { bands: three_tiers }")
    assert [(b.name, b.start, b.min_tier) for b in tiers.bands] == [
        ("light", 0.0, 0),
        ("standard", 0.3, None),
        ("heavy", 0.7, 1),
    ]
    levels = good(MODEL + "complexity: { bands: one_to_ten }")
    assert [b.name for b in levels.bands] == [f"level_{n}" for n in range(1, 11)]
    assert [b.start for b in levels.bands] == [n and n / 10 + 1e-9 for n in range(10)]
    rule = "rules: [{ name: r, when: { complexity: level_9 }, avoid: [m] }]"
    assert good(f"{MODEL}complexity: {{ bands: one_to_ten }}\n{rule}").rules
    unknown = load(MODEL + "complexity: { bands: four_tiers }")
    assert unknown.policy is None
    assert [line for _, _, line in places(unknown)] == [5]


@pytest.mark.parametrize("level", range(1, 11))
def test_every_way_to_name_a_level_means_the_same(level: int) -> None:
    rule = f"rules: [{{ name: r, when: {{ complexity: level_{level} }}, avoid: [m] }}]"
    policy = good(f"{MODEL}complexity: {{ bands: one_to_ten }}\n{rule}")
    for named in (level, level / 10, level * 0.1, f"level_{level}"):
        found = decide(policy, Request(complexity=named))
        assert (found.complexity, found.rules) == (f"level_{level}", ("r",))
        assert found.score == pytest.approx(level / 10)


LEVELS: list[tuple[float, int | None]] = [
    (0, 1), (0.0, 1), (0.05, 1), (0.1, 1), (0.11, 2), (0.69, 7), (0.7, 7), (0.71, 8), (0.99, 10),
    (1, 1), (1.0, 10), (2, 2), (10, 10), (11, None), (-1, None), (1.5, None), (7.0, None),
]  # fmt: skip


@pytest.mark.parametrize(("stated", "level"), LEVELS)
def test_a_whole_number_is_a_level_and_a_fraction_is_a_score(
    stated: float, level: int | None
) -> None:
    policy = good(MODEL + "complexity: { bands: one_to_ten }")
    found = decide(policy, Request(complexity=stated))
    assert found.complexity == (None if level is None else f"level_{level}")
    assert found.invalid is (level is None)


def test_levels_that_begin_elsewhere_have_the_scores_that_the_policy_says() -> None:
    bands = ", ".join(f"level_{n}: {{ from: {(n - 1) / 10} }}" for n in range(1, 11))
    rule = "rules: [{ name: r, when: { complexity: level_7 }, avoid: [m] }]"
    policy = good(f"{MODEL}complexity: {{ bands: {{ {bands} }} }}\n{rule}")
    cases: list[tuple[str | float, int, float, tuple[str, ...]]] = [
        (7, 7, 0.6, ("r",)),
        ("level_7", 7, 0.6, ("r",)),
        (0.7, 8, 0.7, ()),
        (10, 10, 1.0, ()),
    ]
    for stated, level, score, applied in cases:
        found = decide(policy, Request(complexity=stated))
        assert (found.complexity, found.score, found.rules) == (f"level_{level}", score, applied)


# -- bounds ----------------------------------------------------------------------------------------


def rules_of(loaded: Loaded) -> list[str]:
    return [d.rule for d in loaded.diagnostics]


def test_the_files_together_have_a_bound() -> None:
    row = "- " + "x, " * 98
    many = "version: 1\ntiers:\n" + (f"- [{row[2:]}]\n" * 900)
    loaded = load(HEAD, many, many, many)
    assert rules_of(loaded)[-1] == "too-many-nodes"
    assert "200,000 values together" in loaded.diagnostics[-1].message
    assert loaded.policy is None


@pytest.mark.parametrize(
    ("section", "entry"),
    [
        ("rules", "- {{ name: r{0}, avoid: [a] }}\n"),
        ("tasks", "  t{0}: {{}}\n"),
        ("models", "  m{0}: {{ model: x, tier: t }}\n"),
    ],
)
def test_a_section_has_a_bound(section: str, entry: str) -> None:
    head = HEAD if section != "models" else "version: 1\n"
    half = MAX_ENTRIES // 2
    one, two = (
        f"{section}:\n" + "".join(entry.format(i) for i in range(start, start + count))
        for start, count in ((0, half), (half, half + 1))
    )
    loaded = load(head + one, f"version: 1\n{two}")
    assert rules_of(loaded) == ["too-many-entries"]
    assert loaded.diagnostics[0].message == f"`{section}` has 10,001 entries, more than 10,000"


def test_rules_that_distinguish_too_many_cases_are_refused() -> None:
    tags = (", ".join(f"t{i}x{j}" for j in range(60)) for i in range(250))
    rules = "".join(
        f"- {{name: r{i}, when: {{tags: [{t}]}}, avoid: [a]}}\n" for i, t in enumerate(tags)
    )
    loaded = load(f"{HEAD}rules:\n{rules}")
    assert rules_of(loaded) == ["policy-too-large"]
    assert loaded.policy is None


def deep(text: str) -> str:
    return f"{HEAD}rules: [{{ name: r, when: '{text}', avoid: [a] }}]"


@pytest.mark.parametrize(
    "text",
    [
        deep("(" * 2000 + "stream" + ")" * 2000),
        deep("not " * 1000 + "stream"),
        deep("tokens > " + "-" * 3000 + "1"),
        deep("tags" + ".a" * 2000),
        deep("tags" + "()" * 2000),
        deep("tokens in " + "[" * 1500 + "]" * 1500),
        deep("tokens " + "< 5 " * 1000),
        HEAD + "rules: " + "[" * 5000,
        HEAD + "rules: " + "{ a: " * 5000,
        HEAD + "".join(f"{' ' * i}a:\n" for i in range(500)),
        HEAD + "tasks: { t: { accept: { json_schema: " + "{ items: " * 40 + "}" * 43,
        HEAD + "tasks: { t: { accept: { json_schema: " + "{ items: " * 20 + "{ type: 5 " + "}" * 24,
        HEAD
        + "tasks: { t: { accept: { json_schema: "
        + "{ not: " * 20
        + "{ $ref: '#/x' "
        + "}" * 24,
    ],
)
def test_what_is_nested_too_deeply_is_a_diagnostic(text: str) -> None:
    loaded = load(text)
    assert loaded.policy is None
    assert all(d.severity is Severity.ERROR for d in loaded.diagnostics)


@pytest.mark.parametrize("levels", [10, 24, 49])
def test_conditions_nested_as_deeply_as_allowed_compile(levels: int) -> None:
    condition = "stream"
    for _ in range(levels):
        condition = f"not ({condition})"
    rule = good(deep(condition)).rules[0]
    assert rule.when is not None
    facts: list[Any] = [None] * 17
    facts[STREAM] = True
    assert rule.when.holds(facts) is (levels % 2 == 0)


def test_many_faults_of_one_kind_are_read_once() -> None:
    """What the models of the document refuse is taken out at once, not one at a time."""
    rows = "".join(f"  m{i}: {{ model: 5, tier: t }}\n" for i in range(3000))
    loaded = load(HEAD + rows)
    assert rules_of(loaded) == ["wrong-type"] * 3000
