"""Anthropic's SDK: messages."""

from __future__ import annotations

import json
import sys

import anthropic
from pydantic import BaseModel
from reported import SECRET, report, status_of

url, model = sys.argv[1:]
client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
HELLO = [{"role": "user", "content": "Hello!"}]
ASKED = {"model": model, "max_tokens": 4096, "messages": HELLO}
WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class City(BaseModel):
    name: str
    people: int


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def stream():
    with client.messages.stream(**ASKED) as events:
        text = "".join(events.text_stream)
        assert text_of(events.get_final_message()) == text
    return text


def tools(*, streamed=False):
    asked = {**ASKED, "tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 2048}}
    if streamed:
        with client.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**asked)
    (use,) = [block for block in message.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "rain"}
    said = {"role": "assistant", "content": message.content}
    turns = [*HELLO, said, {"role": "user", "content": [result]}]
    again = client.messages.create(**{**asked, "messages": turns})
    return [use.name, json.dumps(use.input), text_of(again)]


def structured():
    return client.messages.parse(**ASKED, output_format=City).parsed_output.model_dump()


def usage():
    used = client.messages.create(**ASKED).usage
    return [used.input_tokens, used.output_tokens]


def streamed_usage():
    with client.messages.stream(**ASKED) as events:
        used = events.get_final_message().usage
    return [used.input_tokens, used.output_tokens]


report(
    chat=lambda: text_of(client.messages.create(**ASKED)),
    stream=stream,
    tools=tools,
    streamed_tools=lambda: tools(streamed=True),
    structured=structured,
    usage=usage,
    streamed_usage=streamed_usage,
    unknown=lambda: status_of(lambda: client.messages.create(**{**ASKED, "model": "nothing"})),
    denied=lambda: status_of(lambda: client.messages.create(**ASKED, extra_headers=SECRET)),
    models=lambda: "first" in [each.id for each in client.models.list()],
    counted=lambda: client.messages.count_tokens(model=model, messages=HELLO).input_tokens > 0,
)
