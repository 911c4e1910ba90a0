"""OpenAI's SDK: responses."""

from __future__ import annotations

import sys

import openai
from pydantic import BaseModel
from reported import SECRET, report, status_of

url, model = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
WEATHER = {
    "type": "function",
    "name": "weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class City(BaseModel):
    name: str
    people: int


def stream():
    with client.responses.stream(model=model, input="Hello!") as events:
        texts = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert events.get_final_response().output_text == "".join(texts)
    return "".join(texts)


def tools(*, streamed=False):
    said = [{"role": "user", "content": "Hello!"}]
    if streamed:
        with client.responses.stream(model=model, input=said, tools=[WEATHER]) as events:
            answer = events.get_final_response()
    else:
        answer = client.responses.create(model=model, input=said, tools=[WEATHER])
    (call,) = [item for item in answer.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    history = [*said, *(item.to_dict() for item in answer.output), result]
    again = client.responses.create(model=model, input=history, tools=[WEATHER])
    return [call.name, call.arguments, again.output_text]


def structured():
    answer = client.responses.parse(model=model, input="Hello!", text_format=City)
    return answer.output_parsed.model_dump()


def usage():
    used = client.responses.create(model=model, input="Hello!").usage
    return [used.input_tokens, used.output_tokens]


def streamed_usage():
    *_, last = client.responses.create(model=model, input="Hello!", stream=True)
    return [last.response.usage.input_tokens, last.response.usage.output_tokens]


def unknown():
    return client.responses.create(model="nothing", input="Hello!")


def denied():
    return client.responses.create(model=model, input="Hello!", extra_headers=SECRET)


report(
    chat=lambda: client.responses.create(model=model, input="Hello!").output_text,
    stream=stream,
    tools=tools,
    streamed_tools=lambda: tools(streamed=True),
    structured=structured,
    usage=usage,
    streamed_usage=streamed_usage,
    unknown=lambda: status_of(unknown),
    denied=lambda: status_of(denied),
)
