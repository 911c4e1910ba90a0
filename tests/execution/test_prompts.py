"""Prompts from a policy file to the call: what is sent, charged, reported and recorded."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from policy_router import Router, load
from policy_router.decision.decide import decide
from policy_router.events import Answered, Attempted
from policy_router.observe.records import read_record, record_of
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.execution.make import FakeCaller, response

if TYPE_CHECKING:
    from policy_router.events import Event

POLICY = """
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, context: 8k }
  big: { model: openai/big, tier: heavy, price: free, context: 8k }
tasks: { extract: { keywords: [extract] }, chat: {} }
prompts:
  terse-json:
    models: [small]
    when: { task: extract }
    system: Answer with JSON only.
    place: after
    params: { temperature: 0 }
  plain: { models: [small, big], system: Answer in plain words., params: { seed: 1 }, force: true }
limits: { words: { tokens: [100k/hour] } }
"""
EXTRACT = [
    {"role": "system", "content": "You work for Acme."},
    {"role": "user", "content": "extract the names"},
]


def run(
    messages: list[dict[str, str]], *answers: Any, **options: Any
) -> tuple[FakeCaller, list[Event]]:
    caller = FakeCaller(small=list(answers), big=[response()])
    events: list[Event] = []

    async def main() -> None:
        async with Router(load(text=POLICY), caller, on_event=events.append) as router:
            await router.acompletion(messages=messages, **options)

    asyncio.run(main())
    return caller, events


def test_a_candidate_gets_the_text_and_the_parameters_of_its_prompt() -> None:
    caller, _ = run(EXTRACT, response())
    (body,) = caller.bodies
    system = "You work for Acme.\n\nAnswer with JSON only."
    assert body["messages"] == [{"role": "system", "content": system}, EXTRACT[1]]
    assert body["temperature"] == 0
    caller, _ = run(EXTRACT, response(), temperature=0.7)
    assert caller.bodies[0]["temperature"] == 0.7


def test_each_model_of_a_request_gets_its_own_prompt_and_only_that() -> None:
    caller, events = run(EXTRACT, Failure(FailureKind.SERVER_ERROR, "500", 500), response(""))
    assert caller.calls[-1] == "big"
    system = "Answer in plain words.\n\nYou work for Acme."
    assert caller.bodies[-1]["messages"][0] == {"role": "system", "content": system}
    assert "temperature" not in caller.bodies[-1]
    assert caller.bodies[-1]["seed"] == 1
    attempts = [event.attempt for event in events if isinstance(event, Attempted)]
    assert [attempt.prompt for attempt in attempts][-1] == "plain"
    assert attempts[0].prompt == "terse-json"
    (answered,) = [event for event in events if isinstance(event, Answered)]
    assert answered.attempts[-1].prompt == "plain"


def test_a_record_names_the_prompts_and_decides_the_same_again() -> None:
    _, events = run(EXTRACT, response())
    (answered,) = [event for event in events if isinstance(event, Answered)]
    record = json.loads(
        json.dumps(record_of(answered.decision, time=1.0, attempts=answered.attempts))
    )
    assert record["prompts"] == {"small": "terse-json", "big": "plain"}
    assert record["attempts"][0]["prompt"] == "terse-json"
    assert "JSON only" not in json.dumps(record)
    assert (
        decide(load(text=POLICY), *read_record(record)).candidates == answered.decision.candidates
    )
