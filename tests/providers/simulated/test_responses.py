"""The simulated provider as the official SDK sees its Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from policy_router.providers.simulated import ByBody, Cut, Fail, Say, Simulated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openai.types.responses import ResponseStreamEvent

CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"where": "here"}'},
}


def client(provider: Simulated) -> openai.OpenAI:
    return openai.OpenAI(base_url=provider.url, api_key="none", max_retries=0, timeout=10)


def streamed(provider: Simulated) -> Iterator[ResponseStreamEvent]:
    with client(provider) as sdk, sdk.responses.create(model="m", input="a b", stream=True) as got:
        yield from got


def test_a_whole_answer() -> None:
    with Simulated({"m": Say("one two", reasoning="hm", tool_calls=[CALL])}) as provider:
        with client(provider) as sdk:
            answer = sdk.responses.create(model="m", input="a b c")
        assert answer.output_text == "one two"
        assert [item.type for item in answer.output] == ["reasoning", "message", "function_call"]
        assert answer.usage is not None
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)
        assert provider.requests[0].model == "m"


def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    say = Say("one two", reasoning="hm", tool_calls=[CALL])
    with Simulated({"m": say}) as provider:
        events = list(streamed(provider))
        with client(provider) as sdk:
            whole = sdk.responses.create(model="m", input="a b")
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response == whole
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert texts == ["one ", "two"]
    arguments = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert "".join(arguments) == CALL["function"]["arguments"]  # type: ignore[index]  # a dict
    assert [event.sequence_number for event in events] == list(range(len(events)))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert done == whole.output


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_was_cut_short_is_incomplete(finish: str, reason: str) -> None:
    with Simulated({"m": Say("one", finish=finish)}) as provider:
        last = list(streamed(provider))[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == reason


def test_a_stream_without_an_end() -> None:
    with Simulated({"m": [Say("one two", finish=None), Cut(1)]}) as provider:
        types = [event.type for event in streamed(provider)]
        assert types[-1] == "response.content_part.done"
        with pytest.raises(httpx.RemoteProtocolError):
            list(streamed(provider))


def test_failures() -> None:
    with Simulated({"m": [Fail(429, "slow_down"), Fail(stream_error=True)]}) as provider:
        with pytest.raises(openai.RateLimitError, match="simulated failure"):
            list(streamed(provider))
        with pytest.raises(openai.APIError, match="simulated failure"):
            list(streamed(provider))


def test_a_behaviour_that_depends_on_the_body() -> None:
    def choose(body: Mapping[str, Any]) -> Say | Fail:
        return Say(str(body["input"]).upper()) if body["input"] else Fail(400)

    with Simulated({"m": ByBody(choose)}) as provider, client(provider) as sdk:
        assert sdk.responses.create(model="m", input="echo").output_text == "ECHO"
        with pytest.raises(openai.BadRequestError):
            sdk.responses.create(model="m", input="")
