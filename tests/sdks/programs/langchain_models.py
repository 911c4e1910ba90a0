"""LangChain: `chat` and `responses` of OpenAI, and `messages` of Anthropic."""

from __future__ import annotations

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel
from reported import SECRET, report, status_of

url, model, dialect = sys.argv[1:]


class City(BaseModel):
    """A city."""

    name: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def made(name=model, headers=None):
    if dialect == "messages":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(
            model=name, base_url=url, api_key="none", max_retries=0, default_headers=headers
        )
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=name,
        base_url=f"{url}/v1",
        api_key="none",
        max_retries=0,
        default_headers=headers,
        use_responses_api=dialect == "responses",
        stream_usage=True,
    )


client = made()


def added(chunks):
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


def tools(*, streamed=False):
    bound = client.bind_tools([weather])
    asked = HumanMessage("Hello!")
    message = added(bound.stream([asked])) if streamed else bound.invoke([asked])
    (call,) = message.tool_calls
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    again = bound.invoke([asked, message, result])
    return [call["name"], json.dumps(call["args"]), again.text]


def used_by(message):
    return [message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"]]


report(
    chat=lambda: client.invoke("Hello!").text,
    stream=lambda: "".join(chunk.text for chunk in client.stream("Hello!")),
    tools=tools,
    streamed_tools=lambda: tools(streamed=True),
    structured=lambda: client.with_structured_output(City).invoke("Hello!").model_dump(),
    usage=lambda: used_by(client.invoke("Hello!")),
    streamed_usage=lambda: used_by(added(client.stream("Hello!"))),
    unknown=lambda: status_of(lambda: made("nothing").invoke("Hello!")),
    denied=lambda: status_of(lambda: made(headers=SECRET).invoke("Hello!")),
)
