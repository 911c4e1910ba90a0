"""Translates a chat body to Anthropic's wire format.

What the format cannot express is refused, so that another model is called: leaving it out would
change what was asked for. Parameters that only tune the sampling are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from policy_router.providers.anthropic_wire.strict_tools import with_strict
from policy_router.providers.anthropic_wire.tool_names import sent_name
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import CAPS
from policy_router.providers.requests.wire_body import IS_ERROR

DEFAULT_CAP: Final = 4096
"""The cap on an answer, which the format requires, where neither the request nor the policy has
one and the longest answer of the model is unknown."""
_COPIED: Final = ("temperature", "top_p", "thinking", "output_config")
_WARMEST: Final = 1.0
"""The highest temperature of the format; OpenAI's goes up to 2."""
_SYSTEM: Final = frozenset({"system", "developer"})


def to_messages_request(
    body: Mapping[str, Any],
    *,
    name: str,
    max_output: int | None,
    stream: bool,
) -> dict[str, Any]:
    """Translate a chat body.

    Args:
        body: The parameters of the request, in OpenAI's chat format.
        name: The name of the model at its provider.
        max_output: The longest answer of the model in tokens; None when it is unknown.
        stream: Whether the answer is to be streamed.

    Returns:
        The request as plain JSON.

    Raises:
        CallFailed: The format cannot express the request.
    """
    _refuse_inexpressible(body)
    system, messages = _conversation(body["messages"])
    cap = next((body[each] for each in CAPS if each in body), max_output or DEFAULT_CAP)
    request: dict[str, Any] = {"model": name, "max_tokens": cap, "messages": messages}
    if system:
        request["system"] = system
    request |= {each: body[each] for each in _COPIED if each in body}
    if request.get("temperature", 0) > _WARMEST:
        request["temperature"] = _WARMEST
    stops = body.get("stop")
    stops = [stops] if isinstance(stops, str) else stops or []
    if any(stop.strip() for stop in stops):
        # The format refuses white space alone.
        request["stop_sequences"] = [stop for stop in stops if stop.strip()]
    if body.get("tools"):
        request["tools"] = with_strict([_tool(tool) for tool in body["tools"]], body["tools"], name)
        choice = _tool_choice(body)
        if choice is not None:
            request["tool_choice"] = choice
    response_format = body.get("response_format")
    if response_format is not None and response_format.get("type") == "json_schema":
        schema = response_format["json_schema"].get("schema", {})
        config = request.get("output_config", {})
        request["output_config"] = {**config, "format": {"type": "json_schema", "schema": schema}}
    effort = body.get("reasoning_effort")
    if effort is not None and "thinking" not in request:
        # Models that take a budget got one from `effort`; the others decide it themselves.
        request["thinking"] = {"type": "adaptive", "display": "summarized"}
        request["output_config"] = {**request.get("output_config", {}), "effort": effort}
    if stream:
        request["stream"] = True
    return request


def _refuse_inexpressible(body: Mapping[str, Any]) -> None:
    if (body.get("n") or 1) > 1:
        raise _unsupported("more than one answer (`n`)")
    response_format = body.get("response_format")
    if response_format is not None and response_format.get("type") == "json_object":
        raise _unsupported("`response_format` of type `json_object`")
    for name in ("audio", "prediction", "web_search_options", "logprobs"):
        if body.get(name) not in (None, False):
            raise _unsupported(f"`{name}`")


def _unsupported(what: str) -> CallFailed:
    detail = f"the wire format of Anthropic cannot express {what}"
    return CallFailed(Failure(FailureKind.UNSUPPORTED, detail, sent=False))


def _conversation(messages: list[dict[str, Any]]) -> tuple[list[Any], list[dict[str, Any]]]:
    """The system blocks, and the turns of user and assistant, which alternate."""
    system: list[Any] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = message.get("role")
        if role in _SYSTEM:
            system += _blocks(message.get("content"))
            continue
        sender = "assistant" if role == "assistant" else "user"
        blocks = _of_assistant(message) if sender == "assistant" else _of_user(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == sender:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": sender, "content": blocks})
    for turn in turns:
        if turn["role"] == "user":
            # The results of tools must come before everything else of their turn.
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    _trim_end(turns)
    return system, turns


def _trim_end(turns: list[dict[str, Any]]) -> None:
    """Remove the white space at the end of an answer to be continued, which is refused."""
    if turns and turns[-1]["role"] == "assistant":
        last = turns[-1]["content"][-1]
        if last["type"] == "text":
            last["text"] = last["text"].rstrip()
            if not last["text"]:
                turns[-1]["content"].pop()
        if not turns[-1]["content"]:
            turns.pop()


def _of_user(message: Mapping[str, Any]) -> list[Any]:
    if message.get("role") != "tool":
        return _blocks(message.get("content"))
    result: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": message.get("tool_call_id"),
    }
    content = _blocks(message.get("content"))
    if content:
        result["content"] = content
    if message.get(IS_ERROR) is True:
        result["is_error"] = True
    return [_with_mark(result, message)]


def _of_assistant(message: Mapping[str, Any]) -> list[Any]:
    thinking = message.get("thinking_blocks") or []
    blocks = [*thinking, *_blocks(message.get("content"))]
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        used = {
            "type": "tool_use",
            "id": call.get("id"),
            "name": sent_name(function.get("name") or ""),
            "input": _input(function.get("arguments")),
        }
        blocks.append(_with_mark(used, call))
    return blocks


def _with_mark(block: dict[str, Any], holder: Mapping[str, Any]) -> dict[str, Any]:
    """The block with the mark for the prompt cache that its message or its call has."""
    if "cache_control" in holder:
        block["cache_control"] = holder["cache_control"]
    return block


def _input(arguments: object) -> dict[str, Any]:
    """The arguments of an earlier call. A model may have written what is not a JSON object."""
    try:
        value = json.loads(arguments) if isinstance(arguments, str) and arguments else {}
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"arguments": arguments}


def _blocks(content: object) -> list[Any]:
    """The content of a message as blocks, without empty texts, which the format refuses."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = []
    for each in content if isinstance(content, list) else ():
        block = _block(each)
        if block["type"] != "text" or block["text"]:
            blocks.append(block)
    return blocks


def _block(content_part: Mapping[str, Any]) -> dict[str, Any]:
    part_type = content_part["type"]
    match part_type:
        case "text":
            block = {"type": "text", "text": content_part.get("text") or ""}
        case "refusal":
            block = {"type": "text", "text": content_part.get("refusal") or ""}
        case "thinking" | "redacted_thinking":
            return dict(content_part)
        case "image_url":
            image = content_part.get("image_url")
            url = image.get("url") if isinstance(image, Mapping) else image
            block = {"type": "image", "source": _source(str(url))}
        case "file":
            file = content_part.get("file") or {}
            block = {"type": "document", "source": _file(file)}
            if file.get("filename"):
                block["title"] = file["filename"]
        case _:
            raise _unsupported(f"a part of type `{part_type}`")
    return _with_mark(block, content_part)


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    data = file.get("file_data")
    if not isinstance(data, str):
        raise _unsupported("a file that is stored at another provider")
    return _source(data)


def _source(url: str) -> dict[str, Any]:
    """A picture or a document by its address, or in it."""
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    head, _, data = url.removeprefix("data:").partition(",")
    media_type, _, encoding = head.partition(";")
    if encoding != "base64":
        raise _unsupported("data that is not in base64")
    return {"type": "base64", "media_type": media_type, "data": data}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise _unsupported(f"a tool of type `{tool.get('type')}`")
    function = tool["function"]
    sent: dict[str, Any] = {
        "name": sent_name(function.get("name") or ""),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if function.get("description"):
        sent["description"] = function["description"]
    return _with_mark(sent, tool)


_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "none": "none", "required": "any"}


def _tool_choice(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which tools must be called, and whether several may be called at once; None by default."""
    choice = body.get("tool_choice")
    serial = body.get("parallel_tool_calls") is False
    sent: dict[str, Any] = {"type": "auto"}
    if isinstance(choice, str):
        sent = {"type": _CHOICES.get(choice, "auto")}
    elif isinstance(choice, Mapping):
        if choice.get("type") != "function":
            raise _unsupported(f"`tool_choice` of type `{choice.get('type')}`")
        sent = {"type": "tool", "name": sent_name(choice["function"]["name"])}
    if serial and sent["type"] != "none":
        sent["disable_parallel_tool_use"] = True
    return sent if choice is not None or serial else None
