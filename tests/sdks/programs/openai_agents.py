"""OpenAI's agents SDK: over `chat` completions or `responses`."""

from __future__ import annotations

import asyncio
import sys

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel
from reported import SECRET, report, status_of

url, model, dialect = sys.argv[1:]
set_tracing_disabled(True)


class City(BaseModel):
    name: str
    people: int


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def agent(name=model, **options):
    # One client a run: each run has an event loop of its own.
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    kind = OpenAIResponsesModel if dialect == "responses" else OpenAIChatCompletionsModel
    return Agent(name="helper", model=kind(model=name, openai_client=client), **options)


def run(**options):
    return asyncio.run(Runner.run(agent(**options), "Hello!"))


async def streamed(**options):
    result = Runner.run_streamed(agent(**options), "Hello!")
    raw = [event.data async for event in result.stream_events() if hasattr(event, "data")]
    texts = [event.delta for event in raw if event.type == "response.output_text.delta"]
    return "".join(texts), result


def tools(*, streams=False):
    if streams:
        text, result = asyncio.run(streamed(tools=[weather]))
    else:
        result = run(tools=[weather])
        text = result.final_output
    (call,) = [item.raw_item for item in result.new_items if item.type == "tool_call_item"]
    return [call.name, call.arguments, text]


def used_by(result):
    used = result.context_wrapper.usage
    return [used.input_tokens, used.output_tokens]


report(
    chat=lambda: run().final_output,
    stream=lambda: asyncio.run(streamed())[0],
    tools=tools,
    streamed_tools=lambda: tools(streams=True),
    structured=lambda: dict(run(output_type=City).final_output),
    usage=lambda: used_by(run()),
    streamed_usage=lambda: used_by(
        asyncio.run(streamed(model_settings=ModelSettings(include_usage=True)))[1]
    ),
    unknown=lambda: status_of(lambda: run(name="nothing")),
    denied=lambda: status_of(lambda: run(model_settings=ModelSettings(extra_headers=SECRET))),
)
