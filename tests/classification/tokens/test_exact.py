"""Counting tokens exactly, on demand."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.tokens.bound import most_tokens
from policy_router.classification.tokens.exact import _encoding, _folder, count_tokens

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ("Hello", "Grüße aus 北京", "مرحبا", "def f(x):\n    return x + 1\n", "<|endoftext|>", "")
WEATHER = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4", "gpt-5"])
@pytest.mark.parametrize("text", TEXTS)
def test_it_counts_text_as_litellm_does(model: str, text: str) -> None:
    from litellm import token_counter

    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "ada", "content": text},
        {"role": "user", "content": [{"type": "text", "text": text}]},
    ]
    assert count_tokens(messages, model=model) == token_counter(model=model, messages=messages)


def test_a_text_has_no_messages_around_it() -> None:
    assert count_tokens("Hello") == 1


def test_the_provider_before_the_name_changes_nothing() -> None:
    text = "Grüße aus 北京"
    assert count_tokens(text, model="openai/gpt-4") == count_tokens(text, model="gpt-4")
    assert count_tokens(text, model="gpt-4") != count_tokens(text, model="gpt-4o")


@pytest.mark.parametrize("model", ["groq/llama-3.1-8b-instant", "text-davinci-003", ""])
def test_a_model_of_another_maker_is_counted_by_the_newest_tokenizer(model: str) -> None:
    assert count_tokens("Grüße aus 北京", model=model) == count_tokens("Grüße aus 北京")


def test_tools_and_formats_are_counted_by_their_json() -> None:
    messages = [{"role": "user", "content": "Hi"}]
    plain = count_tokens(messages)
    with_tools = count_tokens(messages, tools=WEATHER)
    assert plain < with_tools
    assert with_tools < count_tokens(
        messages, tools=WEATHER, response_format={"type": "json_object"}
    )


def test_a_call_in_the_conversation_is_counted() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert count_tokens([message]) > count_tokens([{"role": "assistant", "content": None}])


def test_a_picture_is_counted_by_its_bound_and_not_as_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 50_000}}
    said = {"type": "text", "text": "Hi"}
    found = count_tokens([{"role": "user", "content": [said, picture]}])
    assert found - count_tokens([{"role": "user", "content": [said]}]) == 1_500


@pytest.mark.parametrize("text", [" " * 300_000, "\ud800 lone", "\x00" * 1000])
def test_no_text_is_too_strange(text: str) -> None:
    assert 0 < count_tokens(text) <= most_tokens(text)


@given(
    st.lists(st.dictionaries(st.sampled_from(["role", "content", "name"]), st.text()), max_size=3)
)
def test_the_count_is_never_above_the_bound(messages: list[dict[str, str]]) -> None:
    # The bound allows 16 tokens around a message that has a role.
    for message in messages:
        message["role"] = "user"
    assert count_tokens(messages) <= most_tokens(messages) + 3


@pytest.mark.parametrize("messages", [None, 7, [None, 3], [{"content": 7}], [{"content": [None]}]])
def test_what_makes_no_sense_is_counted_all_the_same(messages: object) -> None:
    assert count_tokens(messages) >= 3


def test_a_litellm_without_tokenizers_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="litellm does not include the tokenizer o200k_base"):
        _encoding("o200k_base", tmp_path)


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
@given(st.text())
def test_a_tokenizer_is_the_one_of_its_name(name: str, text: str) -> None:
    from litellm.litellm_core_utils import default_encoding  # which names the folder to tiktoken
    from tiktoken import get_encoding

    assert default_encoding
    ours = _encoding(name, _folder())
    assert ours.encode(text, disallowed_special=()) == get_encoding(name).encode_ordinary(text)


def test_neither_litellm_nor_the_network_nor_the_environment_is_needed() -> None:
    code = (
        "import socket, sys\n"
        "def no(*_): raise SystemExit('reached for the network')\n"
        "socket.socket.connect = no\n"
        "import os\n"
        "from policy_router.classification.tokens.exact import count_tokens\n"
        "before = dict(os.environ)\n"
        "assert 'tiktoken' not in sys.modules\n"
        "assert count_tokens('Hello', model='gpt-4') == 1\n"
        "assert 'litellm' not in sys.modules\n"
        "assert os.environ == before\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
