"""Translates a chat body to OpenAI's Responses API.

What the API cannot express is refused, so that another model is called: leaving it out would
change what was asked for. Parameters that only tune the sampling are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import CAPS
from policy_router.providers.requests.effort import EFFORT
from policy_router.providers.requests.files import with_file_name

ENCRYPTED: Final = "reasoning.encrypted_content"
_COPIED: Final = ("temperature", "top_p", "user", "parallel_tool_calls")
_INEXPRESSIBLE: Final = ("audio", "prediction", "web_search_options", "logprobs", "stop")
_LEAST: Final = 16
"""The lowest cap on an answer that the API takes."""


def to_responses_request(
    body: Mapping[str, Any], *, name: str, reasons: bool, stream: bool
) -> dict[str, Any]:
    """Translate a chat body.

    Args:
        body: The parameters of the request, in OpenAI's chat format.
        name: The name of the model at its provider.
        reasons: Whether the model reasons, so that its reasoning is to be sent back to it.
        stream: Whether the answer is to be streamed.

    Returns:
        The request as plain JSON.

    Raises:
        CallFailed: The API cannot express the request.
    """
    _refuse_inexpressible(body)
    items = [item for message in body["messages"] for item in _items(message)]
    request: dict[str, Any] = {"model": name, "input": items, "store": False}
    request |= {each: body[each] for each in _COPIED if each in body}
    cap = next((body[each] for each in CAPS if each in body), None)
    if cap is not None:
        request["max_output_tokens"] = max(cap, _LEAST)
    if body.get("tools"):
        request["tools"] = [_tool(tool) for tool in body["tools"]]
        if "tool_choice" in body:
            request["tool_choice"] = _tool_choice(body["tool_choice"])
    written = text_of(body)
    if written:
        request["text"] = written
    effort = body.get(EFFORT)
    if effort is not None:
        request["reasoning"] = {"effort": effort, "summary": "auto"}
    if reasons or effort not in (None, "none"):
        request["include"] = [ENCRYPTED]
    if stream:
        request["stream"] = True
    return request


def _refuse_inexpressible(body: Mapping[str, Any]) -> None:
    if (body.get("n") or 1) > 1:
        raise _unsupported("more than one answer (`n`)")
    for name in _INEXPRESSIBLE:
        if body.get(name):
            raise _unsupported(f"`{name}`")


def _unsupported(what: str) -> CallFailed:
    detail = f"the Responses API cannot express {what}"
    return CallFailed(Failure(FailureKind.UNSUPPORTED, detail, sent=False))


def _items(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    role, content = message.get("role"), message.get("content")
    if role == "tool":
        output = content if isinstance(content, str) else _parts(content, "input_text")
        call_id = message.get("tool_call_id")
        return [{"type": "function_call_output", "call_id": call_id, "output": output}]
    if role != "assistant":
        return [{"type": "message", "role": role, "content": _parts(content, "input_text")}]
    items = [
        {"type": "reasoning", "summary": [], "encrypted_content": block["data"]}
        for block in message.get("thinking_blocks") or ()
        if block.get("type") == "redacted_thinking"
    ]
    said = _parts(content, "output_text")
    if said:
        items.append({"type": "message", "role": "assistant", "content": said})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        items.append(
            {
                "type": "function_call",
                "call_id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments") or "{}",
            }
        )
    return items


def _parts(content: object, text_type: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": text_type, "text": content}] if content else []
    return [_part(part, text_type) for part in content or ()] if isinstance(content, list) else []


def _part(content_part: Mapping[str, Any], text_type: str) -> dict[str, Any]:
    part_type = content_part["type"]
    match part_type:
        case "text":
            return {"type": text_type, "text": content_part.get("text") or ""}
        case "refusal":
            return {"type": "refusal", "refusal": content_part.get("refusal") or ""}
        case "image_url":
            image = content_part.get("image_url")
            image = image if isinstance(image, Mapping) else {"url": image}
            detail = {"detail": image["detail"]} if "detail" in image else {}
            return {"type": "input_image", "image_url": image.get("url"), **detail}
        case "file":
            file = content_part.get("file") or {}
            data = file.get("file_data")
            if isinstance(data, str) and not data.startswith("data:"):
                return {"type": "input_file", "file_url": data}
            known = ("file_id", "file_data", "filename")
            named = with_file_name(file)
            return {"type": "input_file", **{k: named[k] for k in known if k in named}}
    raise _unsupported(f"a part of type `{part_type}`")


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise _unsupported(f"a tool of type `{tool.get('type')}`")
    function = tool["function"]
    # Without a value, this API holds calls to the schema, which chat completions do not.
    return {"type": "function", "strict": False, "parameters": None, **function}


def _tool_choice(choice: object) -> object:
    if not isinstance(choice, Mapping):
        return choice
    if choice.get("type") != "function":
        raise _unsupported(f"`tool_choice` of type `{choice.get('type')}`")
    return {"type": "function", "name": choice["function"]["name"]}


def text_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The format and the length of the answer."""
    written: dict[str, Any] = {}
    response_format = body.get("response_format")
    if response_format is not None:
        inner = response_format.get("json_schema") or {}
        written["format"] = {"type": response_format.get("type"), **inner}
    if "verbosity" in body:
        written["verbosity"] = body["verbosity"]
    return written
