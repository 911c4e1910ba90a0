"""A call that is cut off while its connection is opened leaves no socket open."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.models import Model, Via
from policy_router.providers.default_caller import DefaultCaller
from policy_router.providers.requests.body import Body

if TYPE_CHECKING:
    from policy_router.providers.caller import Caller

HELLO = Body(messages=[{"role": "user", "content": "hi"}])
PATIENCE = 60.0


async def cut_off(caller: Caller, model: Model, server: socket.socket) -> None:
    """Cancels a call during its TLS handshake, and waits for the end of its connection."""
    loop = asyncio.get_running_loop()
    call = asyncio.create_task(caller.call(model, HELLO, PATIENCE))
    connection, _ = await loop.sock_accept(server)
    with connection:
        connection.setblocking(False)
        assert await loop.sock_recv(connection, 1)  # the handshake began
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(PATIENCE):
            while await loop.sock_recv(connection, 65_536):
                pass


@pytest.mark.parametrize("via", ["direct", "litellm"])
@pytest.mark.parametrize(
    ("provider", "path"), [("openai", "/v1"), ("anthropic", ""), ("groq", "/v1")]
)
def test_a_handshake_that_is_cut_off_is_closed(
    via: str, provider: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_KEY", "sk-none")

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            base = f"https://127.0.0.1:{server.getsockname()[1]}{path}"
            model = Model(
                "m", f"{provider}/m", "t", 0, api_base=base, api_key_env="CUT_KEY", via=Via(via)
            )
            caller = DefaultCaller()
            try:
                await caller.prepare([model])
                await cut_off(caller, model, server)
            finally:
                await caller.aclose()

    asyncio.run(main())
