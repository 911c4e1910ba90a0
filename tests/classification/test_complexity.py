from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification import complexity
from policy_router.classification.complexity import (
    CURVE,
    DIFFICULTY,
    Estimate,
    Heuristic,
    OfText,
    capability,
    context,
    curve,
    depth,
    keywords,
    message,
    raise_by,
)
from policy_router.classification.features import Features, read_features
from policy_router.classification.kinds import KINDS, WorkKind, kind_of
from policy_router.classification.text import Text
from policy_router.classification.vocabulary import vocabulary
from policy_router.domain.complexity import Weights

SHARES = st.floats(0, 1)
WORDS = st.lists(st.sampled_from(sorted(vocabulary().words)), max_size=30).map(" ".join)
COUNTS = st.integers(0, 60)
FEATURES = st.builds(
    Features,
    text=st.builds(
        Text,
        words=st.integers(0, 5000),
        numbers=COUNTS,
        maths=COUNTS,
        formulae=COUNTS,
        code=COUNTS,
        fences=COUNTS,
        questions=COUNTS,
        options=COUNTS,
        steps=COUNTS,
        bullets=COUNTS,
        constraints=COUNTS,
        terms=COUNTS,
    ),
    context=st.integers(0, 10**7),
    context_tokens=st.integers(0, 10**7),
    history=COUNTS,
    agentic=st.booleans(),
    turns=COUNTS,
    calls=COUNTS,
    tools=st.integers(0, 3),
    needs=st.frozensets(st.sampled_from(("tools", "json", "vision", "audio", "pdf", "reasoning"))),
    long_output=st.booleans(),
)
SURE = st.builds(
    lambda name, probability: WorkKind(name, probability, ((name, probability),)),
    st.sampled_from(KINDS),
    SHARES,
)


def read(prompt: Any, **options: Any) -> tuple[Features, WorkKind, str]:
    features, text = read_features(prompt, **options)
    return features, kind_of(features), text


def score(prompt: Any, **options: Any) -> float:
    return Heuristic().estimate(*read(prompt, **options)).score


LADDER = (
    "Hi! How was your weekend?",
    "Translate 'good morning' into French.",
    "Compare and contrast the causes of the two world wars, and explain which mattered most.",
    "Refactor this function so that it must not allocate, and explain every trade-off.",
    r"Prove that for every prime $p > 3$ the number $p^2 - 1$ is divisible by $24$.",
)


def test_plain_requests_stand_in_the_order_of_their_difficulty() -> None:
    scores = [score(prompt) for prompt in LADDER]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (Text(), 0.0),
        (Text(words=16), 0.0),
        (Text(words=512), complexity.LENGTH),
        (Text(words=1 << 20), complexity.LENGTH),
        (Text(constraints=6), complexity.CONSTRAINTS),
        (Text(constraints=3), complexity.CONSTRAINTS / 2),
        (Text(options=4), 0.0),
        (Text(options=10), complexity.CHOICES),
        (Text(numbers=12), complexity.QUANTITIES),
        (Text(questions=1), 0.0),
        (Text(questions=3), complexity.QUESTIONS),
        (Text(steps=4, bullets=4), complexity.STEPS),
        (
            Text(words=512, constraints=6),
            1 - (1 - complexity.LENGTH) * (1 - complexity.CONSTRAINTS),
        ),
    ],
)
def test_the_parts_of_a_message(text: Text, value: float) -> None:
    assert message(Features(text), WorkKind()) == pytest.approx(value)


def test_a_long_answer_weighs() -> None:
    assert message(Features(long_output=True), WorkKind()) == pytest.approx(complexity.LONG_OUTPUT)


@pytest.mark.parametrize(
    ("kind", "text", "formal"),
    [
        ("math", Text(formulae=1), True),
        ("math", Text(terms=1), True),
        ("math", Text(maths=3), True),
        ("math", Text(maths=2), False),
        ("math", Text(formulae=1, options=4), False),
        ("reasoning", Text(fences=1), True),
        ("reasoning", Text(), False),
        ("analysis", Text(formulae=1), False),
    ],
)
def test_formal_mathematics_and_code_in_the_head_weigh(kind: str, text: Text, formal: bool) -> None:
    sure = WorkKind(kind, 1.0)
    assert message(Features(text), sure) == pytest.approx(complexity.FORMAL if formal else 0.0)
    assert message(Features(text, tools=1), sure) == 0.0
    of_agent = Features(text, tools=25, agentic=True)
    assert message(of_agent, sure) == message(Features(text), sure)


@pytest.mark.parametrize(
    ("features", "kind", "value"),
    [
        (Features(), WorkKind(), complexity.UNKNOWN),
        (Features(), WorkKind("chat", 1.0), DIFFICULTY["chat"]),
        (
            Features(),
            WorkKind("chat", complexity.SURE / 2),
            (DIFFICULTY["chat"] + complexity.UNKNOWN) / 2,
        ),
        (Features(), WorkKind("math", 1.0), complexity.EVERYDAY_SUM),
        (Features(Text(options=4)), WorkKind("math", 1.0), complexity.CHOSEN_SUM),
        (Features(Text(formulae=2)), WorkKind("math", 1.0), DIFFICULTY["math"]),
        (Features(), WorkKind("reasoning", 1.0), DIFFICULTY["reasoning"]),
        (Features(Text(fences=2)), WorkKind("reasoning", 1.0), complexity.READING_CODE),
        (Features(needs=frozenset({"tools", "json"})), WorkKind(), complexity.ABILITY["json"]),
        (Features(needs=frozenset({"tools", "hosted_tools"})), WorkKind(), complexity.UNKNOWN),
        (Features(needs=frozenset({"vision"})), WorkKind(), complexity.UNKNOWN),
        (
            Features(asked_needs=frozenset({"vision"})),
            WorkKind(),
            complexity.ABILITY["vision"],
        ),
        (Features(needs=frozenset({"json"})), WorkKind("analysis", 1.0), DIFFICULTY["analysis"]),
        (Features(needs=frozenset({"unheard-of"})), WorkKind(), complexity.UNKNOWN),
    ],
)
def test_what_the_work_asks_of_a_model(features: Features, kind: WorkKind, value: float) -> None:
    assert capability(features, kind) == pytest.approx(value)


def test_every_kind_of_work_has_a_difficulty() -> None:
    assert set(DIFFICULTY) == set(KINDS)


@pytest.mark.parametrize(
    ("tokens", "value"), [(0, 0.0), (500, 0.125), (1500, 0.25), (127_500, 1.0), (10**9, 1.0)]
)
def test_the_size_of_the_context_that_the_caller_states(tokens: int, value: float) -> None:
    assert context(Features(context_tokens=tokens)) == pytest.approx(value)
    assert context(Features(context=tokens)) == 0.0


@pytest.mark.parametrize(("turns", "value"), [(0, 0.0), (2, 0.2), (4, 0.4), (99, 1.0)])
def test_the_turns_that_matter_as_the_caller_states(turns: int, value: float) -> None:
    assert depth(Features(history=turns)) == pytest.approx(value)
    assert depth(Features(turns=turns, calls=turns)) == 0.0


def test_words_that_weigh() -> None:
    plain, _, _ = read("xyz")
    assert keywords(plain, 0) == 0.0
    assert keywords(plain, 1) == pytest.approx(complexity.OWN_WORD)
    assert keywords(plain, 2) == pytest.approx(1 - (1 - complexity.OWN_WORD) ** 2)
    hard, _, _ = read("prove it, then prove it again")
    assert keywords(hard, 0) == pytest.approx(complexity.BUILT_IN_WORD)
    assert keywords(replace(hard, tools=1), 0) == 0.0
    assert keywords(replace(hard, tools=1, agentic=True), 0) == keywords(hard, 0)


def test_the_words_of_the_policy_weigh_in_addition_to_the_built_in_ones() -> None:
    asked = read("A question of compliance")
    without, with_ = (Heuristic(keywords=words).estimate(*asked) for words in ((), ("compliance",)))
    assert with_.score > without.score
    assert [f.value for f in with_.factors if f.name == "keywords"] == [complexity.OWN_WORD]


def test_weights_of_the_policy_decide_what_counts() -> None:
    alone = Heuristic(Weights(0, 0, 0, 1, 0))
    features, work, text = read("x")
    estimate = alone.estimate(replace(features, history=2), work, text)
    assert [f.weight for f in estimate.factors] == [0, 0, 0, 1, 0]
    assert estimate.score == pytest.approx(curve(0.2))
    assert alone.estimate(*read("Prove it")).score == 0.0


def test_the_curve_keeps_the_order_and_goes_through_its_points() -> None:
    for x, y in CURVE:
        assert curve(x) == pytest.approx(y)
    xs, ys = zip(*CURVE, strict=True)
    assert list(xs) == sorted(set(xs))
    assert list(ys) == sorted(set(ys))
    assert (ys[0], ys[-1]) == (0.0, 1.0)
    assert curve(2.0) == 1.0


@given(SHARES, SHARES)
def test_the_curve_is_monotone(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0 <= curve(less) <= curve(more) <= 1


WEIGHTS = st.lists(SHARES, min_size=5, max_size=5).map(
    lambda parts: Weights(*(part / (sum(parts) or 1) for part in parts))
)


@given(FEATURES, SURE, WEIGHTS, SHARES)
def test_shares_come_to_the_score(
    features: Features, kind: WorkKind, weights: Weights, criticality: float
) -> None:
    estimate = raise_by(Heuristic(weights).estimate(features, kind, ""), criticality)
    assert 0 <= estimate.score <= 1
    assert all(0 <= factor.value <= 1 and factor.share >= 0 for factor in estimate.factors)
    assert sum(factor.share for factor in estimate.factors) == pytest.approx(estimate.score)


@given(st.text() | WORDS, st.integers(0, 2))
def test_any_text_has_a_score(text: str, tools: int) -> None:
    assert 0 <= score(text, tools=[{}] * tools) <= 1


GROWING = (
    "numbers", "questions", "options", "steps", "bullets", "constraints",
)  # fmt: skip


@given(FEATURES, SURE, st.sampled_from(GROWING), st.integers(1, 9))
def test_more_of_what_makes_a_message_hard_never_makes_it_easier(
    features: Features, kind: WorkKind, field: str, more: int
) -> None:
    # Choices also tell a quiz from formal mathematics, which is harder.
    if field == "options" and kind.name == "math":
        return
    grown = replace(features.text, **{field: getattr(features.text, field) + more})
    after = replace(features, text=grown)
    assert message(after, kind) >= message(features, kind) - 1e-12


@given(FEATURES, SURE, st.integers(0, 10**6), COUNTS)
def test_more_that_the_caller_says_matters_is_never_easier(
    features: Features, kind: WorkKind, tokens: int, turns: int
) -> None:
    estimate = Heuristic().estimate
    after = replace(
        features,
        context_tokens=features.context_tokens + tokens,
        history=features.history + turns,
    )
    assert estimate(after, kind, "").score >= estimate(features, kind, "").score - 1e-12


@given(FEATURES, SURE, st.integers(0, 10**6), COUNTS)
def test_the_size_of_a_conversation_is_no_difficulty(
    features: Features, kind: WorkKind, tokens: int, turns: int
) -> None:
    estimate = Heuristic().estimate
    after = replace(features, context=tokens, turns=turns, calls=turns, tokens=tokens)
    assert estimate(after, kind, "") == estimate(features, kind, "")


@given(SHARES, SHARES, SHARES)
def test_criticality_only_raises(score: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    low, high = (raise_by(Estimate(score), c).score for c in (less, more))
    assert score <= low <= high <= 1


def test_a_task_that_is_not_critical_changes_nothing() -> None:
    estimate = Estimate(0.5)
    assert raise_by(estimate, 0.0) is estimate
    assert raise_by(estimate, 1.0).score == 0.5 + 0.5 * complexity.CRITICAL


@pytest.mark.parametrize(
    ("says", "estimate"),
    [(0.3, Estimate(0.3)), (-1.0, Estimate(0.0)), (7.0, Estimate(1.0)), (None, None)],
)
def test_a_function_of_the_text_may_be_an_estimator(
    says: float | None, estimate: Estimate | None
) -> None:
    heard: list[tuple[str, int]] = []

    def function(text: str, tools: int) -> float | None:
        heard.append((text, tools))
        return says

    assert OfText(function).estimate(*read("Hi", tools=[{}, {}])) == estimate
    assert heard == [("Hi", 2)]
    on_its_scale = OfText(function, middle=0.6).estimate(*read("Hi"))
    assert on_its_scale == (estimate or Estimate(0.6, abstained=True))


EVERYDAY = (
    "What do you mean?",
    'What does "schadenfreude" mean?',
    "How much does a domain cost?",
    "How many sides does a stop sign have?",
    "How much is the largest pizza?",
    "What is the probability of rain tomorrow?",
    "What are prime rib prices?",
    "This product is as described, such a nice length and color",
    "Wie viel kostet eine Domain und wie lang ist die Laufzeit?",
    "Is it possible to change the length of my subscription without paying more?",
    "Es gab einen Fehler in meiner Bestellung, was nun?",
    "Can you fix my resume?",
)
HARD = (
    "Prove that there are infinitely many primes.",
    "Beweise, dass es unendlich viele Primzahlen gibt.",
    "Find all positive integers $n$ such that $n^2 + 12n$ is a perfect square.",
)


@pytest.mark.parametrize("text", EVERYDAY)
def test_a_word_of_mathematics_makes_no_everyday_question_hard(text: str) -> None:
    assert scored(text) < 0.6


@pytest.mark.parametrize("text", HARD)
def test_mathematics_proper_is_hard(text: str) -> None:
    assert scored(text) > 0.85


def scored(text: str) -> float:
    features, asked = read_features(text)
    return Heuristic().estimate(features, kind_of(features), asked).score
