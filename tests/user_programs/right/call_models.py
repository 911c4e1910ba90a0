"""A program that calls models, with and without an event loop."""

import asyncio
from collections.abc import Mapping

from policy_router import (
    Answer,
    AnswerStream,
    ChatChunk,
    ChatMessage,
    ChatParameters,
    Decision,
    Model,
    Router,
    SyncStream,
    Usage,
    UsageError,
    load,
)

POLICY = """\
version: 1
models:
  small: { model: openai/small, tier: light, price: free }
"""
MESSAGES = [{"role": "user", "content": "Hello!"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def ask(model: Model, body: Mapping[str, object], timeout: float) -> object:
    assert (model.name, timeout > 0) == ("small", True)
    message = {"role": "assistant", "content": f"at {body['temperature']}"}
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


with Router(load(text=POLICY), ask) as router:
    decision: Decision = router.route(MESSAGES, user="ada", tags=("a", "b"), stream=True)
    assert decision.request.stream
    answer = router.completion(MESSAGES, temperature=0.5, max_cost=1, model="auto", seed=None)
    assert answer.choices[0].message.content == "at 0.5"
    assert answer.served_by == "small"
    dumped: dict[str, object] = answer.model_dump(exclude_none=True)
    choices = dumped["choices"]
    assert isinstance(choices, list)
    assert choices[0]["message"] == answer.choices[0].message.model_dump()
    parameters: ChatParameters = {"temperature": 1, "stop": ["."], "tool_choice": "auto"}
    with router.completion(MESSAGES, stream=True, **parameters) as stream:
        opened: SyncStream = stream
        assert "".join(c.choices[0].delta.content or "" for c in opened if c.choices) == "at 1"
        assert stream.served_by == "small"
    from_json: dict[str, object] = {"temperature": 0, "top_p": 0.5}
    again: list[ChatMessage] = [*MESSAGES, {"role": "assistant", "content": "Hi"}, *MESSAGES]
    assert router.completion(again, extra_body=from_json).served_by == "small"
    try:
        router.route(MESSAGES, tools=[TOOL], attributes={"plan": "pro", "seats": 5, "beta": True})
    except UsageError as error:
        raise AssertionError from error


async def main() -> None:
    async with Router(load(text=POLICY), ask) as router:
        answer: Answer = await router.acompletion(MESSAGES, temperature=0, user="ada")
        usage: Usage | None = answer.usage
        content: str | None = answer.choices[0].message.content
        assert (usage is None, content) == (True, "at 0")
        assert answer.decision.request.user == "ada"
        async with await router.acompletion(MESSAGES, temperature=0, stream=True) as stream:
            opened: AnswerStream = stream
            chunks: list[ChatChunk] = [chunk async for chunk in opened]
        assert chunks
        assert (await router.aroute()).candidates


asyncio.run(main())
