"""Any server with OpenAI's API, and vLLM: `/v1/models`, to which vLLM adds `max_model_len`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from policy_router.discovery.served import ServedModel, is_chat_name, rows_of, tokens

if TYPE_CHECKING:
    from policy_router.discovery.fetch import SourceFetcher


def read_models(answer: Any, *, free: bool = False) -> list[ServedModel]:
    """Read the answer of `/v1/models`.

    Args:
        answer: The answer, decoded.
        free: Whether the server's models cost nothing.

    Raises:
        SourceError: It is something else.
    """
    return [
        ServedModel(row["id"], context=tokens(row.get("max_model_len")), free=free)
        for row in rows_of(answer, "data")
        if is_chat_name(row.get("id"))
    ]


async def list_models(server: SourceFetcher) -> list[ServedModel]:
    """Ask a server whose address ends as its API does, such as in `/v1`."""
    return read_models(await server.get("/models"))


async def list_vllm(server: SourceFetcher) -> list[ServedModel]:
    """Ask vLLM."""
    return read_models(await server.get("/v1/models"), free=True)


async def wake_vllm(server: SourceFetcher, _: str) -> None:
    """Wake vLLM from sleep: its weights return to the card. Raises SourceError."""
    await server.order("/wake_up", {})


async def vllm_is_awake(server: SourceFetcher, _: str) -> bool:
    """Whether vLLM has its weights on the card. Raises SourceError."""
    answer = await server.get("/is_sleeping")
    return not (isinstance(answer, dict) and answer.get("is_sleeping") is True)


async def vllm_is_busy(server: SourceFetcher) -> bool:
    """Whether vLLM is answering requests, whoever sent them. Raises SourceError."""
    return any(float(number) > 0 for number in _UNDER_WAY.findall(await server.text("/metrics")))


_UNDER_WAY: Final = re.compile(
    r"^vllm:num_requests_(?:running|waiting)(?:\{[^}\n]*\})? ([0-9.]{1,20})$", re.MULTILINE
)


async def put_vllm_to_sleep(server: SourceFetcher, _: str) -> None:
    """Put vLLM to sleep: its weights leave the card for main memory. Raises SourceError.

    vLLM obeys only where it was started with `--enable-sleep-mode` and `VLLM_SERVER_DEV_MODE=1`.
    """
    await server.order("/sleep?level=1", {})
