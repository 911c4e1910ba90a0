"""Promises that hold, that a request breaks, and that nothing is known of."""

from __future__ import annotations

import pytest

from policy_router.assurance import cover, redundancy
from policy_router.assurance.promises import Proof, ProofVerdict, prove
from tests.check.policies import policy_of

HEAD = """version: 1
attributes: { plan: [free, pro], region: string }
tiers: [light, heavy]
models:
  small: { model: hosted_vllm/s, tier: light, price: free, context: 8k, tags: [local] }
  spare: { model: ollama_chat/t, tier: light, price: free, context: 8k, tags: [local] }
  big: { model: openrouter/b, tier: heavy, price: { input: $1/M, output: $2/M }, context: 128k,
         can: [tools], quality: 0.9 }
budgets: { all: { cap: unlimited } }
"""


def proof_of(invariant: str, rest: str = "") -> Proof:
    policy = policy_of(f"{HEAD}{rest}\ninvariants: [{{ name: i, {invariant} }}]\n")
    (proof,) = prove(policy)
    return proof


PRIVATE = "rules: [{ name: private, when: { tags: private }, only: [local] }]"
EXCEPT = "rules: [{ name: r, when: \"'private' in tags and 'vip' not in tags\", only: [local] }]"
JUDGE = "tasks: { chat: { accept: { llm: { model: big, rubric: fine } } } }\n"
RATED = (
    "complexity: { estimator: { llm: big }, bands: { easy: { from: 0.0 }, hard: { from: 0.6 } } }\n"
    "rules: [{ name: r, when: { complexity: hard }, "
)
BEFORE = "that `big` sees to estimate its complexity, before that is known"
PROOFS = [
    ("when: { tags: private }, never: [big]", PRIVATE, "proved", ["rule `private`"]),
    ("when: { tags: private }, only: [local]", PRIVATE, "proved", ["rule `private`"]),
    ("when: { tags: private }, never: [big]", EXCEPT, "broken", ["that `big` may answer"]),
    ("when: tokens > 8000, never: [small]", "", "proved", ["the context of the model"]),
    ("when: has_tools, only: [big]", "", "proved", ["the lack of ability `tools`"]),
    ("always_denied: true, when: has_tools", "rules: [{ name: r, deny: no }]", "proved",
     ["rule `r`"]),
    ("always_denied: true", "", "broken", ["that `small` and `spare` and `big` may answer"]),
    # judges and estimators
    ("when: { tags: private }, never: [big]", JUDGE + PRIVATE, "proved", ["rule `private`"]),
    ("never: [big]", JUDGE + "rules: [{ name: r, avoid: [big] }]", "proved", ["rule `r`"]),
    ("when: stream, never: [big]",
     JUDGE + "rules: [{ name: r, when: stream, max_price: $0/M }]", "broken",
     ["whose answer `big` judges"]),
    ("when: stream, never: [big]",
     "complexity: { estimator: { llm: big } }\nrules: [{ name: r, when: stream, max_price: $0/M }]",
     "broken", ["whose complexity `big` estimates"]),
    ("when: stream, never: [big]",
     "complexity: { estimator: { llm: big } }\nrules: [{ name: r, when: stream, avoid: [big] }]",
     "proved", ["rule `r`"]),
    # an estimator sees a request before its complexity is known
    ("when: { complexity: hard }, never: [big]", RATED + "avoid: [big] }]", "broken", [BEFORE]),
    ("when: { complexity: hard }, never: [big]", RATED + "deny: no }]", "broken", [BEFORE]),
    ("when: score > 0.8, only: [local]", RATED + "only: [local] }]", "broken", [BEFORE]),
    ("when: score > 0.8, never: [big]", RATED + "avoid: [big] }, { name: s, avoid: [big] }]",
     "proved", ["rule `r`", "rule `s`"]),
    ("when: { complexity: hard, task: a }, never: [big]",
     "tasks: { a: { avoid: [big] }, b: {} }\n" + RATED + "avoid: [big] }]", "proved",
     ["rule `r`", "task `a`"]),
    # money
    ("when: stream, max_cost: $0.01", "rules: [{ name: r, when: stream, max_cost: $0.01 }]",
     "proved", ["rule `r`"]),
    ("when: stream, max_cost: $0.01", "rules: [{ name: r, when: stream, max_cost: $0.02 }]",
     "broken", ["that `big` may answer for $0.010001"]),
    ("when: stream, max_cost: $0", "rules: [{ name: r, when: stream, only: [free] }]", "proved",
     []),
    # how many are left
    ("at_least: 3 candidates", "", "proved", []),
    ("at_least: 4 candidates", "", "broken",
     ["that only `small` and `spare` and `big` may answer"]),
    ("at_least: 2 candidates", PRIVATE, "proved", []),
    ("at_least: 3 candidates", PRIVATE, "broken", ["that only `small` and `spare` may answer"]),
    ("at_least: 2 candidates, even_if: one model is down", "", "proved", []),
    ("at_least: 2 candidates, even_if: one model is down", PRIVATE, "broken",
     ["that only `small` and `spare` may answer while one model is down"]),
    ("at_least: 2 providers, even_if: one provider is down", "", "proved", []),
    ("at_least: 3 providers, even_if: one provider is down", "", "broken",
     ["that only `small` and `spare` and `big` may answer while one provider is down"]),
    ("at_least: 1 candidate, even_if: one provider is down", PRIVATE, "proved", []),
    ("at_least: 3 providers, even_if: one model is down", "", "broken",
     ["that only `small` and `spare` and `big` may answer while model `small` is down"]),
    ("at_least: 1 candidate", "rules: [{ name: r, when: stream, deny: no }]", "broken",
     ["that a rule denies"]),
    ("when: has_tools, at_least: 2 candidates", "", "broken",
     ["that only `big` may answer"]),
    *((f"at_least: 1 {what}, even_if: one {down} is down",
       "rules: [{ name: r, max_cost: $0, avoid: [small, spare] }]", "broken",
       ["that no model may answer"])
      for what in ("candidate", "provider") for down in ("model", "provider")),
    # a limit or a budget that has less than the request needs
    ("max_cost: $0.1", "limits: { each: { models: [big], tokens: [1k/hour] } }", "unknown",
     ["no request was found that shows it"]),
    ("max_cost: $0.1", "limits: { each: { models: [big], tokens: [200k/hour] } }", "broken",
     ["that `big` may answer for $0.100001"]),
    ("max_cost: $0.1", "limits: { each: { models: [big], tokens: [1k/hour], shadow: true } }",
     "broken", ["that `big` may answer for $0.100001"]),
    # what cannot be seen into
    ("when: stream, never: [big]",
     "rules: [{ name: r, when: \"matches(region, '^e[0-9]{7}u')\", avoid: [big] }]",
     "broken", ["that `big` may answer"]),
    ("when: \"matches(region, '^e[0-9]{7}u')\", never: [big]", "", "unknown",
     ["it depends on matches(region, '^e[0-9]{7}u')"]),
    ("when: \"matches(region, '^eu')\", never: [big]",
     "rules: [{ name: r, when: \"matches(region, '^eu')\", avoid: [big] }]", "proved",
     ["rule `r`"]),
    # but whether it is found in a constant is known
    ("when: region == 'eu-1', never: [big]",
     "rules: [{ name: r, when: \"matches(region, '^e[a-z]-[0-9]$')\", avoid: [big] }]", "proved",
     ["rule `r`"]),
    ("when: region == 'us-1', never: [big]",
     "rules: [{ name: r, when: \"matches(region, '^e[a-z]-[0-9]$')\", avoid: [big] }]", "broken",
     ["that `big` may answer"]),
    ("when: region == 'us-1', never: [big]",
     "rules: [{ name: r, when: \"not matches(region, '^e[a-z]-[0-9]$')\", avoid: [big] }]",
     "proved", ["rule `r`"]),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "rest", "verdict", "says"), PROOFS)
def test_each_kind_of_promise(invariant: str, rest: str, verdict: str, says: list[str]) -> None:
    proof = proof_of(invariant, rest)
    assert proof.verdict == verdict, proof
    if proof.verdict is ProofVerdict.BROKEN:
        assert proof.counterexample is not None
        assert [proof.counterexample.how] == says
    elif proof.verdict is ProofVerdict.UNKNOWN:
        assert [proof.reason] == says
    else:
        assert list(proof.because) == says


def test_what_takes_too_long_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = {
        what: policy_of(f"{HEAD}{PRIVATE}\ninvariants: [{{ name: i, {what} }}]\n")
        for what in ("when: { tags: private }, never: [big]", "at_least: 2 candidates")
    }
    monkeypatch.setattr(cover, "MAX_STEPS", 0)
    monkeypatch.setattr(redundancy, "_MOST_STEPS", 0)
    for policy in policies.values():
        (proof,) = prove(policy)
        assert proof.verdict is ProofVerdict.UNKNOWN
        assert proof.reason == "there are too many combinations to decide it"


def test_a_question_of_a_count_that_takes_too_long_leaves_it_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = policy_of(f"{HEAD}\ninvariants: [{{ name: i, at_least: 4 candidates }}]\n")
    assert prove(policy)[0].verdict is ProofVerdict.BROKEN

    def give_up(*_: object) -> None:
        raise cover.GaveUp

    monkeypatch.setattr(cover.Cover, "uncovered", give_up)
    assert prove(policy)[0].verdict is ProofVerdict.UNKNOWN


def test_an_unknown_price_leaves_a_promise_unknown() -> None:
    policy = policy_of(
        "version: 1\nmodels: { m: { model: hosted_vllm/m, tier: any } }\n"
        "budgets: { all: { cap: unlimited } }\ninvariants: [{ name: i, max_cost: $1 }]\n"
    )
    assert [proof.reason for proof in prove(policy)] == ["the price of `m` is unknown"]


def test_an_invariant_may_promise_several_things() -> None:
    policy = policy_of(
        f"{HEAD}{PRIVATE}\ninvariants:\n"
        "  - { name: i, when: { tags: private }, never: [big], only: [local], max_cost: $0, "
        "at_least: 2 candidates }\n"
    )
    assert [(proof.promise.value, proof.verdict.value) for proof in prove(policy)] == [
        ("never", "proved"), ("only", "proved"), ("at_least", "proved"), ("max_cost", "proved"),
    ]  # fmt: skip


def test_without_invariants_nothing_is_proved() -> None:
    assert prove(policy_of(HEAD)) == ()


def test_of_many_patterns_a_text_has_the_one_that_is_wanted() -> None:
    rules = "".join(
        f"  - {{ name: r{i}, when: \"matches(region, '^r{i}$')\", avoid: [{avoided}] }}\n"
        for i in range(60)
        for avoided in ["small" if i == 7 else "big"]
    )
    proof = proof_of("when: \"matches(region, '^r7$')\", never: [big]", f"rules:\n{rules}")
    assert proof.counterexample is not None
    assert proof.counterexample.witness.request.attributes == {"region": "r7"}
    assert proof.counterexample.rules == ("r7",)
