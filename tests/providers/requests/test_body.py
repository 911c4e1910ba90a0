from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.base_errors import UsageError
from policy_router.domain.content import PARTS
from policy_router.domain.effort import Effort
from policy_router.domain.models import Model
from policy_router.providers.requests.body import PARAMETERS, Body, last_user_text

MESSAGES = [{"role": "user", "content": "secret words"}]

CONTROL = [
    "acompletion",
    "allowed_model_region",
    "api_base",
    "api_key",
    "api_version",
    "base_url",
    "cache",
    "caching",
    "callbacks",
    "client",
    "context_window_fallback_dict",
    "cooldown_time",
    "custom_llm_provider",
    "custom_prompt_dict",
    "default_headers",
    "deployment_id",
    "extra_body",
    "extra_headers",
    "fallbacks",
    "functions_unsafe",
    "headers",
    "hf_model_name",
    "id",
    "input_cost_per_second",
    "input_cost_per_token",
    "litellm_call_id",
    "litellm_logging_obj",
    "max_retries",
    "metadata",
    "mock_delay",
    "mock_response",
    "mock_timeout",
    "model",
    "model_config",
    "model_info",
    "model_list",
    "no_log",
    "num_retries",
    "organization",
    "output_cost_per_token",
    "preset_cache_key",
    "provider_specific_header",
    "retry_policy",
    "router_model_id",
    "ssl_verify",
    "stream",
    "timeout",
]


def test_it_is_a_read_only_mapping_without_what_is_none() -> None:
    body = Body(messages=MESSAGES, temperature=0.5, top_p=None)
    assert dict(body) == {"messages": MESSAGES, "temperature": 0.5}
    assert len(body) == 2
    with pytest.raises(TypeError):
        body["top_p"] = 1  # type: ignore[index]  # the point of this line


def test_its_repr_shows_no_values() -> None:
    assert repr(Body(messages=MESSAGES, user="anna")) == "Body(messages, user)"


@pytest.mark.parametrize("name", CONTROL)
def test_control_parameters_are_refused(name: str) -> None:
    assert name not in PARAMETERS
    with pytest.raises(UsageError, match=f"`{name}`"):
        Body(messages=MESSAGES, **{name: "x"})


def test_a_typo_gets_a_hint() -> None:
    with pytest.raises(
        UsageError, match=r"unknown parameter `temprature`; did you mean `temperature`"
    ):
        Body(messages=MESSAGES, temprature=1)


def test_what_is_ours_gets_a_reason() -> None:
    with pytest.raises(UsageError, match="`model` cannot be set here: the policy chooses"):
        Body(messages=MESSAGES, model="gpt")


def test_far_from_everything_gets_no_hint() -> None:
    with pytest.raises(UsageError, match=r"^unknown parameter `zzzz`$"):
        Body(messages=MESSAGES, zzzz=1)


@pytest.mark.parametrize("messages", [None, [], "hi", {}])
def test_messages_are_needed(messages: object) -> None:
    with pytest.raises(UsageError, match="`messages`"):
        Body(messages=messages)


@pytest.mark.parametrize("message", ["hi", None, 3, ["role", "user"]])
def test_a_message_is_a_mapping(message: object) -> None:
    with pytest.raises(UsageError, match=r"`messages\[1\]` must be a mapping"):
        Body(messages=[*MESSAGES, message])


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ({"type": "image_ulr", "image_url": {"url": "u"}}, "did you mean `image_url`"),
        (
            {"type": "container_upload"},
            "unknown type of part `container_upload`: the known ones are",
        ),
        ({"type": ["text"]}, "unknown type of part `a value of type list`"),
        ({"text": "hi"}, "must be a mapping with a `type`"),
        ("hi", "must be a mapping with a `type`"),
        ({"type": "tool_result", "content": [{"type": "hologram"}]}, r"\.content\[0\]`: unknown"),
    ],
)
def test_a_part_of_an_unknown_type_is_refused(part: object, problem: str) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hi"}, part]}
    with pytest.raises(UsageError, match=r"`messages\[1\].content\[1\].*" + problem):
        Body(messages=[*MESSAGES, message])


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_parts_of_known_types_are_taken(kind: str) -> None:
    message = {"role": "user", "content": [{"type": kind}]}
    assert Body(messages=[message])["messages"] == [message]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"modalities": ["text", "dance"]},
            "unknown modality `dance`: the known ones are `audio`, `image`",
        ),
        ({"modalities": "text"}, "`modalities` must be a list of strings"),
        ({"modalities": [["text"]]}, "`modalities` must be a list of strings"),
        ({"tools": {"type": "mcp"}}, "`tools` must be a list"),
    ],
)
def test_what_asks_for_abilities_is_well_formed(given: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Body(messages=MESSAGES, **given)


@pytest.mark.parametrize("n", [0, -1, "50", 50.0, True])
def test_n_is_a_number_of_answers(n: object) -> None:
    with pytest.raises(UsageError, match="`n` must be an integer"):
        Body(messages=MESSAGES, n=n)


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        ({"max_tokens": "100"}, "`max_tokens` must be an integer"),
        ({"max_tokens": [5]}, "`max_tokens` must be an integer"),
        ({"max_completion_tokens": 10.0}, "`max_completion_tokens` must be an integer"),
        (
            {"max_completion_tokens": 10, "max_tokens": 1_000_000},
            "`max_completion_tokens` and `max_tokens` must be equal",
        ),
    ],
)
def test_the_cap_is_one_number(caps: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Body(messages=MESSAGES, **caps)


@pytest.mark.parametrize(
    ("given", "capped"),
    [
        ({}, {"max_tokens": 10}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 50}, {"max_tokens": 10}),
        ({"max_completion_tokens": 50}, {"max_completion_tokens": 10}),
        (
            {"max_completion_tokens": 50, "max_tokens": 50},
            {"max_completion_tokens": 10, "max_tokens": 10},
        ),
    ],
)
def test_capped_in_every_spelling(given: dict[str, int], capped: dict[str, int]) -> None:
    body = dict(Body(messages=MESSAGES, **given).capped(10))
    del body["messages"]
    assert body == capped


@pytest.mark.parametrize(
    ("options", "wants"),
    [(None, False), ({}, False), ({"include_usage": True}, True), ({"include_usage": 1}, False)],
)
def test_wants_usage(options: object, wants: bool) -> None:
    assert Body(messages=MESSAGES, stream_options=options).wants_usage is wants


def test_nothing_of_execution_loads_litellm_before_a_call() -> None:
    code = (
        "import sys, policy_router.execution.executor, policy_router.providers.litellm.caller as l;"
        "l.LiteLLMCaller(); assert not {'litellm', 'openai', 'httpx'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "one"}], "one"),
        ([{"role": "user", "content": "one"}, {"role": "assistant", "content": "b"}], "one"),
        ([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}], "two"),
        ([{"role": "user", "content": [{"type": "text", "text": "see"},
                                       {"type": "image_url", "image_url": {"url": "x"}}]}], "see"),
        ([{"role": "system", "content": "be brief"}], ""),
        ([{"role": "user"}], ""),
        ([SimpleNamespace(role="user", content="one"), SimpleNamespace(role="tool")], "one"),
        (["hello", None, 3], ""),
    ],
)  # fmt: skip
def test_the_text_of_the_users_last_message(messages: Any, text: str) -> None:
    assert last_user_text(messages) == text


MODEL = Model("m", "openai/m", "t", 0)


@pytest.mark.parametrize(
    ("model", "given", "sent"),
    [
        (MODEL, {"seed": 1}, {"seed": 1}),
        (replace(MODEL, params={"seed": 2}), {"seed": 1, "top_p": 0.5}, {"seed": 2, "top_p": 0.5}),
        (replace(MODEL, params={"seed": 2}), {}, {"seed": 2}),
        (replace(MODEL, defaults={"seed": 2}), {"seed": 1}, {"seed": 1}),
        (replace(MODEL, defaults={"seed": 2}), {}, {"seed": 2}),
        (replace(MODEL, params={"seed": 3}, defaults={"seed": 2}), {}, {"seed": 3}),
        (replace(MODEL, fixed_output=9), {}, {"max_tokens": 9}),
        (replace(MODEL, fixed_output=9), {"max_tokens": 5}, {"max_tokens": 9}),
        (replace(MODEL, fixed_output=9), {"max_completion_tokens": 50},
         {"max_completion_tokens": 9}),
        (replace(MODEL, fixed_output=9, default_output=3), {}, {"max_tokens": 9}),
        (replace(MODEL, default_output=3), {}, {"max_tokens": 3}),
        (replace(MODEL, default_output=3), {"max_completion_tokens": 5},
         {"max_completion_tokens": 5}),
        (replace(MODEL, effort=Effort.HIGH), {"reasoning_effort": "low"},
         {"reasoning_effort": "high"}),
        (replace(MODEL, defaults={"reasoning_effort": "low"}), {}, {"reasoning_effort": "low"}),
        (replace(MODEL, effort=Effort.NONE, defaults={"reasoning_effort": "low"}), {},
         {"reasoning_effort": "none"}),
    ],
)  # fmt: skip
def test_what_the_policy_sets_for_a_model_is_sent(
    model: Model, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    body = Body(messages=MESSAGES, **given)
    before = dict(body)
    assert dict(body.sent_to(model)) == {"messages": MESSAGES, **sent}
    assert dict(body) == before
