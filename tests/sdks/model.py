"""A model that does what each check of a client needs, and a policy that offers it.

A conversation with tools is answered by a call of the first tool, and then by a word about its
result; a request for structured output by an object that fits the schema; all else by a greeting.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router import Router
from policy_router.providers.simulated import ByBody, Say, Simulated
from policy_router.server.app import closes, create_app
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

GREETING: Final = "Hello from the model."
REPORT: Final = "It rains in Oslo."
THOUGHT: Final = "The answer is easy."
INPUT_TOKENS: Final = 11
OUTPUT_TOKENS: Final = 5
UPSTREAMS: Final = {"chat": "openai", "messages": "anthropic", "responses": "openai/responses"}
"""The provider of the policy's model, by the dialect in which it is called."""
POLICY: Final = """\
version: 1
models:
  first:
    model: {provider}/first
    api_base: "{url}"
    via: direct
    tier: light
    price: {{ input: $1/M, output: $2/M }}
    context: 200k
    can: [tools, json, vision, reasoning]
aliases:
  "gpt-*": [first]
  "claude-*": [first]
budgets: {{ all: {{ cap: unlimited }} }}
rules:
  - {{ name: nobody, when: {{ tags: secret }}, deny: not with us }}
"""
_USAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "chat": {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    },
    "messages": {
        "input_tokens": INPUT_TOKENS,
        "cache_creation": None,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": None,
    },
    "responses": {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    },
}


@contextmanager
def offered(folder: Path, dialect: str) -> Iterator[str]:
    """Serve the model; yields the address of the server.

    Args:
        folder: Where the policy is written.
        dialect: The dialect in which the model is called, a key of `UPSTREAMS`.
    """
    with Simulated({"first": ByBody(_playing(dialect))}) as provider:
        url = provider.url.removesuffix("/v1" if dialect == "messages" else "")
        file = folder / "policy.yaml"
        file.write_text(POLICY.format(provider=UPSTREAMS[dialect], url=url))
        with (
            Router.open(file, watch="off") as router,
            served(create_app(router, lifespan=closes(router))) as address,
        ):
            yield address


def _playing(dialect: str) -> Callable[[Mapping[str, Any]], Say]:
    def play(body: Mapping[str, Any]) -> Say:
        say = Say(usage=_USAGES[dialect], reasoning=THOUGHT if _thinks(body) else "")
        schema = _answer_schema(body)
        tools = list(_tools(body))
        if tools and not _has_result(body):
            name, parameters = tools[0]
            function = {"name": name, "arguments": json.dumps(_example(parameters))}
            call = {"id": "call_1", "type": "function", "function": function}
            return replace(say, text="", finish="tool_calls", tool_calls=[call])
        if schema is not None:
            return replace(say, text=json.dumps(_example(schema)))
        return replace(say, text=REPORT if tools else GREETING)

    return play


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking = body.get("thinking") or {"type": "disabled"}
    return "reasoning" in body or "reasoning_effort" in body or thinking["type"] != "disabled"


def _tools(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name and the schema of each tool, in the words of each dialect."""
    for tool in body.get("tools") or ():
        told = tool.get("function") or tool
        yield told["name"], told.get("parameters") or told.get("input_schema") or {}


def _answer_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that the answer must fit, in the words of each dialect."""
    chat = body.get("response_format") or {}
    responses = (body.get("text") or {}).get("format") or {}
    messages = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    for told in (chat.get("json_schema") or {}, responses, messages):
        schema: Mapping[str, Any] | None = told.get("schema")
        if schema is not None:
            return schema
    return None


def _has_result(body: Mapping[str, Any]) -> bool:
    for item in body.get("messages") or body.get("input") or ():
        if item.get("role") == "tool" or item.get("type") == "function_call_output":
            return True
        content = item.get("content")
        if isinstance(content, list) and any(part["type"] == "tool_result" for part in content):
            return True
    return False


def _example(schema: Mapping[str, Any]) -> Any:
    """A value that fits a schema, as far as the checks need."""
    match schema.get("type"):
        case "object":
            return {name: _example(each) for name, each in schema.get("properties", {}).items()}
        case "integer":
            return 7
        case _:
            return "Oslo"
