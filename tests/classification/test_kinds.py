from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.features import read_features
from policy_router.classification.kinds import KINDS, WorkKind, is_code, kind_of
from policy_router.classification.text import read_text
from policy_router.classification.vocabulary import vocabulary
from policy_router.domain.complexity import CONFIDENT

WORDS = st.lists(st.sampled_from(sorted(vocabulary().words)), max_size=30).map(" ".join)


def kind(prompt: str, **options: Any) -> WorkKind:
    return kind_of(read_features(prompt, **options)[0])


TELLING = {
    "code_generation": (
        "Write a Python function that reverses a linked list.",
        "Implement binary search in Rust.",
        "Schreibe eine Funktion, die eine Liste sortiert.",
        "写一个排序的代码",
    ),
    "code_refactor": (
        "Refactor this class: it has too many methods.",
        "I get a traceback, please fix my code:\n```\nprint(x\n```",
        "Refactor this:\n```python\ndef f(x):\n    return x == 1\n```",
    ),
    "reasoning": (
        "Here is a riddle: what walks on four legs in the morning?",
        "What is the output of this?\n```python\nprint([i * 2 for i in range(3)])\n```",
        "Given the premises, deduce who sits left of Anna. Think step by step.",
    ),
    "math": (
        "Solve for x: 3x + 4 = 19",
        "What is the probability that two dice show the same number?",
        r"Evaluate $\int_0^1 x^2 dx$.",
        "x^2 = 2x + 3",
        "Tom has 3 bags of 12 apples and gives away 5. How many are left?",
        "Berechne die Wahrscheinlichkeit.",
    ),
    "analysis": (
        "Compare and contrast the causes of the two world wars.",
        "What are the advantages and disadvantages of remote work?",
    ),
    "security_analysis": (
        "Review this login form for SQL injection and XSS.",
        "Write a threat model for our payment service.",
    ),
    "classification": (
        "Classify this review as positive or negative: the food was cold.",
        "What is the sentiment of this tweet?",
    ),
    "extraction": (
        "Extract all named entities from the text as JSON.",
        "List all the dates mentioned in the passage below.",
    ),
    "summarization": (
        "Summarize this article in one sentence.",
        "Fasse den Text zusammen.",
        "请总结这篇文章",
    ),
    "translation": (
        "Translate 'good morning' into French.",
        "Übersetze das ins Deutsche.",
        "ترجم هذه الجملة",
        "请翻译成英文",
    ),
    "completion": ("Fill in the blank: the sky is ___.", "Complete the sentence: Once"),
    "creative": (
        "Write a poem about the sea.",
        "Act as a pirate and greet me.",
        "Écris un poème sur la mer.",
    ),
    "rewriting": ("Proofread this: He go to school.", "Formuliere das um: Komm her!"),
    "functional_writing": ("Write an email to my boss.", "帮我写一封求职信"),
    "advice": ("How do I clean an oven?", "Comment faire pour dormir ?"),
    "open_question": ("Why do cats purr?", "Was ist der Unterschied zwischen Bienen und Wespen?"),
    "chat": ("Hi! How are you?", "Thanks, bye", "Hallo", "你好"),
    "speaker_diarization": (
        "Label the speakers in this transcript: Speaker 1: hello. Speaker 2: hi.",
    ),
}


@pytest.mark.parametrize(
    ("name", "prompt"), [(name, prompt) for name, all_ in TELLING.items() for prompt in all_]
)
def test_a_plain_request_is_recognized(name: str, prompt: str) -> None:
    told = kind(prompt)
    assert told.name == name
    assert told.probability >= CONFIDENT
    assert told.cues


def test_tools_make_it_a_call_of_tools() -> None:
    assert kind("What is the weather in Paris?", tools=[{}]).name == "tool_use"
    assert kind("What is the weather in Paris?").name != "tool_use"
    assert {*TELLING, "tool_use"} == set(KINDS)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "What is the capital of France?",
        "The bridge over the river was closed after the storm on Monday night.",
        "Which of these is a mammal?\nA. trout\nB. bat\nC. newt\nD. wasp",
    ],
)
def test_a_text_without_cues_is_of_no_kind(prompt: str) -> None:
    assert kind(prompt).probability < CONFIDENT


def test_no_cue_at_all_is_no_kind() -> None:
    assert kind("xyz xyz xyz xyz xyz xyz") == WorkKind()


def test_the_loudest_cue_comes_first_and_only_those_of_the_kind() -> None:
    assert kind("Summarize the following article, translate nothing").cues == (
        "summarize",
        "article",
    )


def test_choices_make_words_less_telling() -> None:
    question = "What is the sum of the series?"
    choices = "\nA. 1\nB. 2\nC. 3\nD. 4"
    assert kind(question + choices).probability < kind(question).probability


def test_a_cue_counts_less_in_the_middle_and_more_when_it_stands_there_again() -> None:
    filler = "xyz " * 40
    middle = kind(f"{filler} integral {filler}")
    assert kind(f"integral {filler}{filler}").probability > middle.probability
    assert kind(f"{filler} integral integral {filler}").probability > middle.probability


def test_a_greeting_says_nothing_of_a_long_text() -> None:
    assert kind("hello " + "xyz " * 60).name is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Please sort this list", False),
        ("```\nx\n```", True),
        ("for (i = 0; i < n; i++) { sum += a[i]; }", True),
        (r"Let $f(x) = \frac{x}{2}$ and $g(x) = [x]$.", False),
        ("def f(x): return x", False),
        ("def f(x):\n    assert x == 1\n    return x", True),
    ],
)
def test_code_is_distinguished_from_prose_and_formulae(text: str, code: bool) -> None:
    assert is_code(read_text(text)) is code


@given(st.text() | WORDS, st.integers(0, 3))
def test_probabilities_are_those_of_one_posterior(text: str, tools: int) -> None:
    told = kind(text, tools=[{}] * tools)
    shares = [share for _, share in told.shares]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1 + 1e-9
    assert shares == sorted(shares, reverse=True)
    assert (told.name, told.probability) == (told.shares[0] if told.shares else (None, 0.0))
    assert len({name for name, _ in told.shares}) == len(told.shares)


@given(WORDS)
def test_tools_on_offer_never_make_their_use_less_likely(text: str) -> None:
    with_, without = (dict(kind(text, tools=[{}] * n).shares).get("tool_use", 0.0) for n in (1, 0))
    assert with_ > without
