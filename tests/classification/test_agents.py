"""What a human asks is judged alike, bare and as an agent sends it."""

from __future__ import annotations

from functools import cache

import pytest

from policy_router.classification.classifier import Classification, Classifier
from policy_router.classification.reading import read_request
from policy_router.loading import load
from tests.agent_bodies import AGENTS, CLAUDE_HEADERS, Call, Human, Model, Sent, prose
from tests.agent_transcripts import transcript
from tests.everyday_asks import EVERYDAY_ASKS

POLICY = load(
    text="""\
version: 1
models:
  m: { model: openai/m, tier: standard, price: free, context: 1M, can: [tools, json] }
tasks:
  code_generation: {}
  code_refactor: {}
  math: {}
  reasoning: {}
  analysis: {}
  security_analysis: {}
  summarization: {}
  translation: {}
  extraction: {}
  creative: {}
  other: {}
"""
)
CLASSIFIER = Classifier(POLICY)
RUNS, REQUESTS = 6, 40


def judged(sent: Sent, *, headers: bool = True) -> Classification:
    reading = read_request(
        sent.body, headers=sent.headers if headers else None, dialect=sent.dialect
    )
    return CLASSIFIER.classify_reading(reading)


@cache
def bare(ask: str) -> Classification:
    return CLASSIFIER.classify(ask)


def test_the_asks_are_of_every_difficulty() -> None:
    assert len(EVERYDAY_ASKS) == len(set(EVERYDAY_ASKS)) >= 80
    assert len({bare(ask).band for ask in EVERYDAY_ASKS}) >= 4


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("headers", [True, False])
def test_an_ask_is_judged_alike_bare_and_in_an_agent(agent: str, headers: bool) -> None:
    seen = [(bare(ask), judged(AGENTS[agent]([Human(ask)]), headers=headers))
            for ask in EVERYDAY_ASKS]  # fmt: skip
    same_band = sum(alone.band == sent.band for alone, sent in seen)
    same_task = sum(alone.task == sent.task for alone, sent in seen)
    assert same_band >= 0.97 * len(seen)
    assert same_task >= 0.97 * len(seen)


def test_an_ask_is_judged_alike_after_many_results_of_tools() -> None:
    before: list[Human | Model | Call] = [Human("Prove it for all primes"), Model("Done.")]
    calls = [Call("read", {"path": "a"}, prose(2_000, n), failed=n % 3 == 0) for n in range(12)]
    for ask in ("thanks", "say done", "Write a Python function that merges two sorted lists."):
        sent = AGENTS["opencode"]([*before, Human(ask), *calls])
        assert (judged(sent).score, judged(sent).task) == (bare(ask).score, bare(ask).task)


def test_reminders_do_not_change_what_is_asked() -> None:
    reminder = f"<system-reminder>{prose(900)}</system-reminder>"
    for ask in EVERYDAY_ASKS:
        seen = CLASSIFIER.classify(f"{reminder}\n{ask}\n{reminder}")
        assert (seen.band, seen.task) == (bare(ask).band, bare(ask).task)


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_session_keeps_its_band_until_a_human_asks_for_something_else(seed: int) -> None:
    bands: dict[int, set[str | None]] = {}
    for step in transcript(seed, requests=REQUESTS):
        seen = judged(step.sent)
        assert (seen.band, seen.task) == (bare(step.ask).band, bare(step.ask).task), step.ask
        assert seen.reading.subagent is step.subagent
        assert seen.reading.tool_errors == step.errors
        assert seen.reading.session is not None
        if not step.subagent:
            bands.setdefault(step.task, set()).add(seen.band)
    assert all(len(each) == 1 for each in bands.values())


def test_a_transcript_is_long_and_has_everything() -> None:
    steps = list(transcript(1))
    assert len(steps) >= 100
    assert max(len(str(step.sent.body)) for step in steps) > 150_000
    assert any(step.subagent for step in steps)
    assert any(step.errors > 1 for step in steps)
    assert len({step.task for step in steps}) > 3


def test_the_session_of_a_subagent_is_that_of_its_parent() -> None:
    sent = AGENTS["claude-code"]([Human("Summarize it")])
    headers = {**CLAUDE_HEADERS, "x-claude-code-parent-agent-id": "a"}
    reading = read_request(sent.body, headers=headers, dialect="messages")
    assert reading.subagent
    assert reading.session == CLAUDE_HEADERS["X-Claude-Code-Session-Id"]
