"""OpenAI's chat completions: what is read of a request, and what an answer becomes."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion

from policy_router.providers.answers.chat import Usage
from policy_router.providers.answers.embeddings import Embedding, EmbeddingAnswer
from policy_router.providers.requests.body import PARAMETERS
from policy_router.server.dialects.chat.answer import write_answer
from policy_router.server.dialects.chat.request import read_request
from policy_router.server.dialects.embeddings import read_embeddings, write_embeddings
from policy_router.server.dialects.errors import anthropic_error, openai_error
from policy_router.server.dialects.fields import InvalidBodyError
from policy_router.server.dialects.listings import (
    ListedModel,
    anthropic_model,
    anthropic_models,
    openai_model,
    openai_models,
)
from policy_router.server.dialects.neutral import ErrorNotice, NeutralRequest
from tests.server.dialects.make import ENVELOPE, answer, chunk

USER = {"role": "user", "content": "hi"}
LONG = "a_very_long_name_of_a_server." * 3 + "tool"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def read(**fields: Any) -> NeutralRequest:
    return read_request({"model": "auto", "messages": [USER], **fields})


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_FREE = sorted(PARAMETERS - {"messages", "tools", "tool_choice", "stream_options"})
_MESSAGES = st.lists(
    st.sampled_from(
        [
            USER,
            {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": {}}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "x": 1},
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
        ]
    ),
    min_size=1,
    max_size=4,
)


@given(
    st.fixed_dictionaries(
        {"messages": _MESSAGES},
        optional={
            **dict.fromkeys(_FREE, _VALUES),
            "tools": st.lists(st.just(TOOL), max_size=2),
            "tool_choice": st.sampled_from(["auto", "none", {"type": "function"}]),
        },
    )
)
def test_a_chat_body_is_the_neutral_form(fields: dict[str, Any]) -> None:
    assert read(**fields).body == {k: v for k, v in fields.items() if v is not None}


def test_other_fields_are_left_out_by_name() -> None:
    request = read(
        api_base="https://elsewhere",
        api_key="k",
        num_retries=9,
        metadata={"task": "code"},
        input_cost_per_token=0,
        store=None,
    )
    assert request.body == {"messages": [USER]}
    assert request.dropped == ("api_base", "api_key", "num_retries", "input_cost_per_token")


def test_what_belongs_to_a_stream_is_left_out_of_other_requests() -> None:
    options = {"stream_options": {"include_usage": True}}
    assert read(**options).body == {"messages": [USER]}
    streamed = read(stream=True, **options)
    assert (streamed.stream, streamed.wants_usage) == (True, True)
    assert streamed.body == {"messages": [USER], **options}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"messages": None}, "`messages` must be a list"),
        ({"messages": []}, "`messages` must contain at least one message"),
        ({"messages": ["hi"]}, "`messages[0]` must be an object"),
        ({"messages": [{"role": "robot"}]}, "`messages[0].role` must be one of `system`,"),
        ({"messages": [{"role": "user", "content": 3}]}, "`messages[0].content` must be a list"),
        (
            {"messages": [{"role": "user", "content": ["hi"]}]},
            "`messages[0].content[0]` must be an object",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": ["x"]}]},
            "`messages[0].tool_calls[0]` must be an object",
        ),
        ({"tools": [{}]}, "`tools[0].type` must be a string"),
        ({"tool_choice": "some"}, "`tool_choice` must be one of `none`, `auto`, `required`, not"),
        ({"stream": 1}, "`stream` must be `true` or `false`"),
        ({"stream_options": 1}, "`stream_options` must be an object"),
        ({"functions": [{}]}, "`functions` is the older form of `tools`, and is not taken: send"),
    ],
)
def test_a_mistake_is_named_with_its_path(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        read(**fields)
    assert str(caught.value).startswith(message)


def test_names_that_not_every_provider_accepts_are_changed_and_given_back() -> None:
    tool = {"type": "function", "function": {"name": LONG}}
    call = {**CALL, "function": {"name": LONG, "arguments": "{}"}}
    request = read(
        tools=[tool],
        tool_choice={"type": "function", "function": {"name": LONG}},
        messages=[USER, {"role": "assistant", "tool_calls": [call, {"type": "custom"}]}],
    )
    (short,) = request.tools
    assert len(short) <= 64
    body = request.body
    assert body["tools"] == [{"type": "function", "function": {"name": short}}]
    assert body["tool_choice"]["function"]["name"] == short
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    said = answer({"tool_calls": [{**CALL, "function": {"name": short, "arguments": "{}"}}]})
    written = write_answer(said, request, ENVELOPE)
    assert written["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == LONG
    from policy_router.server.dialects.chat.stream import open_stream

    piece = {"index": 0, "id": None, "function": {"name": short, "arguments": ""}}
    (event,) = open_stream(request, ENVELOPE).read(chunk({"tool_calls": [piece]}))
    data: Any = event.data
    delta = data["choices"][0]["delta"]
    assert delta["tool_calls"][0]["function"]["name"] == LONG
    assert delta["tool_calls"][0]["id"] == "call_abc123_0"
    assert delta["role"] == "assistant"


def test_an_answer_is_one_that_openais_library_knows() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    said = answer(
        {"content": None, "tool_calls": [{**CALL, "id": None}], "thinking_blocks": [thought]}
    )
    written = write_answer(said, read(), ENVELOPE)
    completion = ChatCompletion.model_validate(written)
    assert completion.id == "chatcmpl-abc123"
    assert completion.model == "haiku"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 120
    assert completion.usage.prompt_tokens == 100
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 60
    message = written["choices"][0]["message"]
    assert message["tool_calls"][0]["id"] == "call_abc123_0"
    assert message["thinking_blocks"] == [{**thought, "origin": "claude"}]


def test_cached_tokens_that_a_provider_counts_apart_are_counted_once() -> None:
    used = {"input_tokens": 30, "output_tokens": 5, "cache_read_input_tokens": 70}
    written = write_answer(answer({"content": "x"}, used=used), read(), ENVELOPE)
    assert written["usage"]["prompt_tokens"] == 100
    assert written["usage"]["total_tokens"] == 105


@pytest.mark.parametrize(
    ("status", "openai_type", "anthropic_type"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (402, "insufficient_quota", "billing_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "invalid_request_error", "timeout_error"),
        (413, "invalid_request_error", "request_too_large"),
        (422, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ],
)
def test_an_error_has_the_type_of_its_status(
    status: int, openai_type: str, anthropic_type: str
) -> None:
    notice = ErrorNotice(status, "some_code", "some words", "some.path")
    assert openai_error(notice) == {
        "error": {
            "message": "some words",
            "type": openai_type,
            "param": "some.path",
            "code": "some_code",
        }
    }
    assert anthropic_error(notice) == {
        "type": "error",
        "error": {"type": anthropic_type, "message": "some words", "code": "some_code"},
    }


def test_models_are_listed_in_two_shapes() -> None:
    from anthropic.types import ModelInfo

    auto, haiku = ListedModel("auto"), ListedModel("haiku", "Haiku", 1_700_000_000, context=200_000)
    listed = openai_models([auto, haiku])
    assert [each["id"] for each in listed["data"]] == ["auto", "haiku"]
    assert Model.model_validate(openai_model(auto)).owned_by == "policy-router"
    assert openai_model(haiku)["context_length"] == 200_000
    page = anthropic_models([auto, haiku])
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("auto", "haiku", False)
    info = ModelInfo.model_validate(anthropic_model(haiku))
    assert info.display_name == "Haiku"
    assert info.created_at.year == 2023
    assert anthropic_models([])["first_id"] is None


@pytest.mark.parametrize(
    ("given_input", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
    ],
)
def test_the_input_of_embeddings_has_four_forms(given_input: Any, inputs: Any) -> None:
    request = read_embeddings({"model": "e", "input": given_input, "api_base": "x"})
    assert request.inputs == inputs
    assert request.dropped == ("api_base",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input": ""}, "`input` must not be empty"),
        ({"input": []}, "`input` must not be empty"),
        ({"input": None}, "`input` must be a list"),
        ({"input": ["a", 1.5]}, "`input\\[1\\]` must be a text or a list"),
        ({"input": "a", "dimensions": 0}, "`dimensions` must be an integer, at least 1"),
        ({"input": "a", "encoding_format": "hex"}, "`encoding_format` must be one of"),
    ],
)
def test_a_mistake_in_embeddings_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBodyError, match=message):
        read_embeddings({"model": "e", **fields})


def test_embeddings_are_written_as_numbers_or_in_base64() -> None:
    made = EmbeddingAnswer((Embedding(0, (0.5, 1.0)),), Usage(3, 0), "wire-name")
    written = CreateEmbeddingResponse.model_validate(write_embeddings(made, "e"))
    assert written.data[0].embedding == [0.5, 1.0]
    assert (written.model, written.usage.prompt_tokens, written.usage.total_tokens) == ("e", 3, 3)
    text = base64.b64encode(struct.pack("<2f", 0.5, 1.0)).decode()
    packed = write_embeddings(EmbeddingAnswer((Embedding(0, text),)), "e")
    assert packed["data"] == [{"object": "embedding", "index": 0, "embedding": text}]


def test_embeddings_are_not_streamed() -> None:
    assert read_embeddings({"model": "e", "input": "a", "stream": False}).dropped == ()
    with pytest.raises(InvalidBodyError, match="`stream` must not be true"):
        read_embeddings({"model": "e", "input": "a", "stream": True})
