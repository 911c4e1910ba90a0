"""pydantic-ai: `chat` and `responses` of OpenAI, and `messages` of Anthropic."""

from __future__ import annotations

import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolCallPart
from reported import SECRET, report, status_of

url, model, dialect = sys.argv[1:]


class City(BaseModel):
    name: str
    people: int


def made(name=model):
    if dialect == "messages":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(name, provider=AnthropicProvider(api_key="none", base_url=url))
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    kind = OpenAIResponsesModel if dialect == "responses" else OpenAIChatModel
    return kind(name, provider=OpenAIProvider(api_key="none", base_url=f"{url}/v1"))


def streamed(agent):
    result = agent.run_stream_sync("Hello!")
    return "".join(result.stream_text(delta=True, debounce_by=None)), result


def tools(*, streams=False):
    agent = Agent(made())

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    if streams:
        text, result = streamed(agent)
    else:
        result = agent.run_sync("Hello!")
        text = result.output
    parts = [part for message in result.all_messages() for part in message.parts]
    (call,) = [part for part in parts if isinstance(part, ToolCallPart)]
    return [call.tool_name, json.dumps(call.args_as_dict()), text]


def structured(kind):
    return Agent(made(), output_type=kind).run_sync("Hello!").output.model_dump()


def used_by(result):
    used = result.usage() if callable(result.usage) else result.usage
    return [used.input_tokens, used.output_tokens]


report(
    chat=lambda: Agent(made()).run_sync("Hello!").output,
    stream=lambda: streamed(Agent(made()))[0],
    tools=tools,
    streamed_tools=lambda: tools(streams=True),
    structured=lambda: structured(NativeOutput(City)),
    structured_by_tool=lambda: structured(City),
    usage=lambda: used_by(Agent(made()).run_sync("Hello!")),
    streamed_usage=lambda: used_by(streamed(Agent(made()))[1]),
    unknown=lambda: status_of(lambda: Agent(made("nothing")).run_sync("Hello!")),
    denied=lambda: status_of(
        lambda: Agent(made()).run_sync("Hello!", model_settings={"extra_headers": SECRET})
    ),
)
