"""OpenAI's SDK: chat completions."""

from __future__ import annotations

import sys

import openai
from pydantic import BaseModel
from reported import SECRET, report, status_of

url, model = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class City(BaseModel):
    name: str
    people: int


def chat():
    return client.chat.completions.create(model=model, messages=HELLO).choices[0].message.content


def stream():
    with client.chat.completions.stream(model=model, messages=HELLO) as events:
        return "".join(event.delta for event in events if event.type == "content.delta")


def tools(*, streamed=False):
    asked = {"model": model, "messages": HELLO, "tools": [WEATHER]}
    if streamed:
        with client.chat.completions.stream(**asked) as events:
            message = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(**asked).choices[0].message
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    again = client.chat.completions.create(**{**asked, "messages": [*HELLO, message, result]})
    return [call.function.name, call.function.arguments, again.choices[0].message.content]


def structured():
    answer = client.chat.completions.parse(model=model, messages=HELLO, response_format=City)
    return answer.choices[0].message.parsed.model_dump()


def usage():
    used = client.chat.completions.create(model=model, messages=HELLO).usage
    return [used.prompt_tokens, used.completion_tokens]


def streamed_usage():
    wanted = {"stream": True, "stream_options": {"include_usage": True}}
    *_, last = client.chat.completions.create(model=model, messages=HELLO, **wanted)
    return [last.usage.prompt_tokens, last.usage.completion_tokens]


def unknown():
    return client.chat.completions.create(model="nothing", messages=HELLO)


def denied():
    return client.chat.completions.create(model=model, messages=HELLO, extra_headers=SECRET)


report(
    chat=chat,
    stream=stream,
    tools=tools,
    streamed_tools=lambda: tools(streamed=True),
    structured=structured,
    usage=usage,
    streamed_usage=streamed_usage,
    unknown=lambda: status_of(unknown),
    denied=lambda: status_of(denied),
    models=lambda: "first" in [each.id for each in client.models.list()],
)
