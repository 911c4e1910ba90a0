"""Every caller makes the same of the same fault: class, scope, charge, and requests upstream.

LiteLLM is called provider by provider. Where it lies about an answer, `LIES` says so, exactly: a
provider that has stopped lying fails a test here, and so does one that begins to.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from policy_router.domain.models import Model
from policy_router.providers.answers.completeness import Endings, answer_failure
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.failures.failure import CallFailed, Failure
from policy_router.providers.http.wire import Wire, watching
from policy_router.providers.litellm.caller import LiteLLMCaller
from policy_router.providers.litellm.lies import LIES
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.simulated import Simulated
from tests.execution.make import HELLO
from tests.providers.contract.faults import FAULTS, IN_MESSAGES, Expected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policy_router.providers.caller import Caller
    from policy_router.providers.simulated import Behaviour

BY_LITELLM: Final = (
    "anthropic",
    "deepseek",
    "groq",
    "hosted_vllm",
    "lm_studio",
    "mistral",
    "openai",
    "openrouter",
    "together_ai",
    "xai",
)
WAYS: Final[dict[str, tuple[Callable[[], Caller], str]]] = {
    "openai_wire": (OpenAIWireCaller, "openai"),
    "anthropic_wire": (AnthropicWireCaller, "anthropic"),
    **{f"litellm-{provider}": (LiteLLMCaller, provider) for provider in BY_LITELLM},
}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[bool, Simulated]]:
    """A server for each format, whose models have the faults that their names say."""
    chat: dict[str, Behaviour] = {n: f.chat for n, f in FAULTS.items() if f.chat is not None}
    messages = {n: f.messages for n, f in FAULTS.items() if f.messages is not None}
    with Simulated(chat) as of_openai, Simulated(messages) as of_anthropic:
        yield {False: of_openai, True: of_anthropic}


async def judged(caller: Caller, model: Model, *, stream: bool) -> Failure | None:
    """The failure of a call as the executor sees it; None for a whole answer."""
    try:
        if not stream:
            return answer_failure(await caller.call(model, HELLO, 60))
        chunks = await caller.stream(model, HELLO, 60)
        endings = Endings()
        try:
            async for chunk in chunks:
                endings.add(chunk)
                failure = endings.failure(chunk)
                if failure is not None:
                    return failure
        finally:
            await chunks.aclose()
        return endings.at_the_end()
    except CallFailed as failed:
        return failed.failure


def observed(
    way: str, name: str, servers: dict[bool, Simulated], *, stream: bool
) -> tuple[Expected, str]:
    """What a call reports, with the detail of its failure."""
    make, provider = WAYS[way]
    server = servers[provider == "anthropic"]
    url = server.url.removesuffix("/v1") if provider == "anthropic" else server.url
    model = Model("m", f"{provider}/{name}", "t", 0, api_base=url, api_key_env="A_KEY")

    async def go() -> Failure | None:
        caller = make()
        try:
            with watching(Wire()):
                return await judged(caller, model, stream=stream)
        finally:
            await caller.aclose()
            await asyncio.sleep(0)  # the tasks that LiteLLM starts for its logging

    before = len(server.requests)
    failure = asyncio.run(go())
    hits = len(server.requests) - before
    if failure is None:
        return Expected(None, hits=hits), ""
    return Expected(failure.kind, failure.scope, failure.sent, hits), failure.detail


CASES: Final = [
    pytest.param(way, name, stream, id=f"{way}-{name}-{'stream' if stream else 'whole'}")
    for way, (_, provider) in WAYS.items()
    for name, fault in FAULTS.items()
    for stream, expected in ((False, fault.whole), (True, fault.stream))
    if expected is not None
    and (fault.messages if provider == "anthropic" else fault.chat) is not None
]


@pytest.mark.parametrize(("way", "name", "stream"), CASES)
def test_a_fault_is_classified(
    way: str,
    name: str,
    stream: bool,
    servers: dict[bool, Simulated],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_KEY", "sk-a")
    fault, provider = FAULTS[name], WAYS[way][1]
    expected = fault.stream if stream else fault.whole
    if provider == "anthropic":
        expected = IN_MESSAGES.get(name, expected)
    found, detail = observed(way, name, servers, stream=stream)
    assert expected is not None
    if (name, stream) in known_lies(way):
        assert found != expected, f"LiteLLM no longer lies about {provider}: take it off the list"
        assert found.kind is not None, "no broken answer is ever reported complete"
    else:
        assert found == expected, detail


def known_lies(way: str) -> set[tuple[str, bool]]:
    """The cases for which LiteLLM is known to report what is not so."""
    if not way.startswith("litellm"):
        return set()
    return {(lie.fault, lie.stream) for lie in LIES.get(WAYS[way][1], ())}


def test_every_known_lie_is_about_a_case() -> None:
    cases = {tuple(case.values) for case in CASES}
    for provider, lies in LIES.items():
        for lie in lies:
            assert (f"litellm-{provider}", lie.fault, lie.stream) in cases


def test_there_are_a_hundred_faults() -> None:
    ways = {(name, stream) for _, name, stream in (tuple(case.values) for case in CASES)}
    assert len(ways) >= 100
