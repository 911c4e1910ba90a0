"""The prompt of a policy as it arrives at a provider, whatever the model is called through."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from policy_router import Router
from policy_router.providers.simulated import Say, Simulated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POLICY = """
version: 1
models:
  small: {{ model: {model}, api_base: "{url}", tier: light, price: free, context: 8k{via} }}
prompts:
  terse:
    models: [small]
    system: Answer with JSON only.
    place: after
    params: {{ temperature: 0, max_tokens: 50 }}
"""
ASKED = [
    {"role": "system", "content": "You work for Acme."},
    {"role": "user", "content": "Extract the names."},
]
SYSTEM = "You work for Acme.\n\nAnswer with JSON only."


def system_of(body: Mapping[str, Any]) -> str:
    """The system text of a body in OpenAI's, Anthropic's or the Responses format."""
    said = body.get("system") or body.get("instructions")
    if said is None:
        turns = body.get("messages") or body["input"]
        said = [turn["content"] for turn in turns if turn["role"] in ("system", "developer")]
    parts = [said] if isinstance(said, str) else said
    texts: list[str] = []
    for part in parts:
        inner = part if isinstance(part, list) else [part]
        texts += [each if isinstance(each, str) else each["text"] for each in inner]
    return "\n\n".join(texts)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "via"),
    [
        ("openai/small", ""),
        ("openai/small", ", via: litellm"),
        ("hosted_vllm/small", ", via: direct"),
        ("anthropic/small", ", via: litellm"),
        ("anthropic/small", ", via: direct"),
        ("openai/responses/small", ", via: litellm"),
        ("openai/responses/small", ", via: direct"),
    ],
)
def test_the_system_text_and_the_parameters_arrive(
    model: str, via: str, *, stream: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-test")

    async def main(url: str) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(POLICY.format(model=model, url=url, via=via))
        async with Router.open(path, watch="off") as router:
            answer: Any = await router.acompletion(ASKED, stream=stream)  # type: ignore[call-overload]  # either
            if stream:
                async for _ in answer:
                    pass

    with Simulated({"small": Say("[]")}) as provider:
        base = provider.url.removesuffix("/v1") if model.startswith("anthropic/") else provider.url
        asyncio.run(main(base))
        (hit,) = provider.requests
    assert system_of(hit.body) == SYSTEM
    assert hit.body["temperature"] == 0
    assert hit.body.get("max_tokens", hit.body.get("max_output_tokens")) == 50
