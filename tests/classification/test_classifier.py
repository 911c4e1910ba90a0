from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.check.report import inspect
from policy_router.classification.classifier import Classifier
from policy_router.classification.complexity import Estimate
from policy_router.classification.learned import MIDDLE, shipped
from policy_router.classification.tasks import MatchedBy
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router.classification.features import Features
    from policy_router.classification.kinds import WorkKind
    from policy_router.decision.policy import Policy

MODELS = "models:\n  m: { model: openai/m, tier: standard, price: free, context: 8k }\n"
TEAM = """
tasks:
  extract: { keywords: [fill in the form], when_needs: [json], criticality: 1.0 }
  math: { min_tier: standard }
  chat: {}
complexity:
  keywords: [compliance]
"""


def policy(text: str = TEAM) -> Policy:
    report = inspect([PolicyFile("p.yaml", f"version: 1\n{MODELS}{text}".encode())])
    assert report.policy is not None, report.diagnostics
    return report.policy


CLASSIFIER = Classifier(policy())


class Says:
    """An estimator that says one thing, and keeps what it was asked."""

    def __init__(self, score: float | None) -> None:
        self.score = score
        self.asked: list[tuple[Features, WorkKind, str]] = []

    def estimate(self, features: Features, kind: WorkKind, text: str) -> Estimate | None:
        self.asked.append((features, kind, text))
        return None if self.score is None else Estimate(self.score)


def test_small_talk_is_trivial_and_of_the_default_task() -> None:
    seen = CLASSIFIER.classify("Hi! How was your weekend?")
    assert (seen.task, seen.by, seen.band) == ("chat", MatchedBy.DEFAULT, "trivial")
    assert seen.identified_task is None
    assert seen.kind.name == "chat"
    assert seen.estimator == "heuristic"
    assert [factor.name for factor in seen.factors] == [
        "message", "context", "capability", "depth", "keywords",
    ]  # fmt: skip


def test_a_task_is_recognized_by_the_words_of_the_policy() -> None:
    seen = CLASSIFIER.classify("Fill in the form, please")
    assert (seen.task, seen.identified_task, seen.confidence) == ("extract", "extract", 1.0)
    assert (seen.by, seen.evidence) == (MatchedBy.KEYWORDS, ("fill in the form",))
    assert seen.factors[-1].name == "criticality"


def test_a_task_is_recognized_by_a_built_in_definition() -> None:
    seen = CLASSIFIER.classify("Solve the equation x + 1 = 3")
    assert (seen.task, seen.identified_task, seen.by) == ("math", "math", MatchedBy.BUILT_IN)
    assert "equation" in seen.evidence
    assert seen.confidence == seen.kind.probability


def test_what_the_caller_says_of_needs_and_task_is_taken() -> None:
    assert CLASSIFIER.classify("Hi", needs={"json"}).task == "extract"
    assert CLASSIFIER.classify("Hi", needs={"json"}).needs == {"json"}
    asked = CLASSIFIER.classify("Solve the equation x + 1 = 3", task="extract")
    assert (asked.task, asked.by, asked.evidence) == ("extract", MatchedBy.CALLER, ())
    assert asked.factors[-1].name == "criticality"
    assert CLASSIFIER.classify("Hi", task="unheard-of").task == "unheard-of"


def test_the_body_is_read_whole() -> None:
    messages = [{"role": "system", "content": "x" * 4000}, {"role": "user", "content": "Hi"}]
    seen = CLASSIFIER.classify(
        messages,
        tools=[{"type": "function"}],
        response_format={"type": "json_object"},
        max_output=5000,
    )
    assert seen.needs == {"json", "tools"}
    assert seen.tokens == seen.features.tokens > 1000
    assert seen.features.context > 1000
    assert CLASSIFIER.classify(messages, max_output=5000).features.long_output


def test_what_an_agent_offers_and_allows_for_any_task_says_nothing_about_one() -> None:
    prompt = {"role": "system", "content": "You edit files, run commands and report. " * 100}
    tools = [{"type": "function", "function": {"name": f"t{n}"}} for n in range(5)]
    for ask in ("Hi", "Solve the equation x^2 + 1 = 3 for 12 values", "Prove it"):
        asked = {"role": "user", "content": ask}
        bare = CLASSIFIER.classify([asked])
        sent = CLASSIFIER.classify([prompt, asked], tools=tools, max_output=64_000)
        assert (sent.score, sent.task, sent.kind) == (bare.score, bare.task, bare.kind)
        assert sent.features.agentic


def test_the_bands_of_the_policy_are_taken() -> None:
    tiers = Classifier(policy("complexity: { bands: three_tiers }"))
    assert tiers.classify("Hi").band == "light"
    assert tiers.classify(r"Prove that $p^2 - 1$ is divisible by $24$").band == "heavy"
    assert tiers.classify("Hi").task is None
    assert tiers.classify("Hi").by is MatchedBy.NOTHING


@pytest.mark.parametrize(
    ("says", "name", "score"), [(0.7, "learned", 0.7), (None, "heuristic", None)]
)
def test_another_estimator_may_answer_or_leave_it_to_the_heuristic(
    says: float | None, name: str, score: float | None
) -> None:
    learned = policy("complexity: { estimator: learned }")
    estimator = Says(says)
    seen = Classifier(learned, {"learned": estimator}).classify("Hi")
    assert estimator.asked == [(seen.features, seen.kind, "Hi")]
    assert seen.estimator == name
    assert score is None or (seen.score, seen.band, seen.factors) == (score, "complex", ())
    alone = CLASSIFIER.classify("Hi")
    assert alone.estimator == "heuristic"
    assert score is not None or alone.score == seen.score


@pytest.mark.parametrize(("task", "more"), [("extract", True), ("chat", False), ("none", False)])
def test_a_score_from_elsewhere_takes_the_place_of_ours(task: str, more: bool) -> None:
    seen = CLASSIFIER.classify("Hi", task=task).rated("llm", 1.7, CLASSIFIER.policy)
    assert (seen.score, seen.band, seen.estimator) == (1.0, "expert", "llm")
    assert bool(seen.factors) is more
    assert CLASSIFIER.classify("Hi", task=task).rated("llm", 0.4, CLASSIFIER.policy).score == (
        0.7 if more else 0.4
    )


def test_one_text_has_one_classification() -> None:
    text = "Write a Python function"
    assert CLASSIFIER.classify(text) == Classifier(policy()).classify(text)
    assert CLASSIFIER.classify([{"role": "user", "content": text}]) == CLASSIFIER.classify(text)


def test_nothing_of_the_prompt_is_kept() -> None:
    seen = CLASSIFIER.classify("Solve the equation for hunter2, who lives in Xanadu")
    assert not any(word in repr(seen).lower() for word in ("hunter2", "xanadu", "lives"))


HOSTILE = (
    "",
    "\x00\xff\ufffe\ud800",
    "a" * 1_000_000,
    " " * 1_000_000,
    "\n" * 1_000_000,
    "(" * 100_000,
    "$\\" * 100_000,
    "a. b. c. " * 100_000,
    "\n1. \n2. " * 50_000,
    "step by " * 100_000,
    "你好" * 200_000,
    "مرحبا " * 100_000,
    "9" * 100_000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:8]) for text in HOSTILE])
def test_a_hostile_text_is_classified(text: str) -> None:
    seen = CLASSIFIER.classify(text)
    assert 0 <= seen.score <= 1
    assert seen.task is not None


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_any_text_is_classified(text: str) -> None:
    seen = CLASSIFIER.classify(text)
    assert 0 <= seen.score <= 1
    assert 0 <= seen.confidence <= 1
    assert seen.band in {band.name for band in CLASSIFIER.policy.bands}
    assert sum(factor.share for factor in seen.factors) == pytest.approx(seen.score)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_any_body_is_classified(messages: Any) -> None:
    assert 0 <= CLASSIFIER.classify(messages, tools=messages).score <= 1


def test_the_learned_estimator_abstains_on_its_own_scale() -> None:
    classifier = Classifier(policy(f"{TEAM}  estimator: learned\n"))
    known = classifier.classify(
        "Find the sum of all positive integers $n$ such that $n^2 + 12n$ is a perfect square."
    )
    assert (known.estimator, known.abstained) == ("learned", False)
    unknown = classifier.classify("Write a poem about spring.")
    assert (unknown.estimator, unknown.abstained) == ("learned", True)
    cuts = shipped().cuts
    assert unknown.score == MIDDLE == cuts.index(median(cuts)) / (len(cuts) - 1)
    assert not unknown.rated("llm", 0.4, classifier.policy).abstained
    critical = classifier.classify("Write a poem about spring.", task="extract")
    assert critical.abstained
    assert critical.score > MIDDLE
