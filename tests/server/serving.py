"""A real server on a free port of this machine, for tests."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from policy_router.server.serving import uvicorn_options
from policy_router.server.settings import SETTINGS, ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp


@contextmanager
def served(app: ASGIApp, *, settings: ServerSettings = SETTINGS) -> Iterator[str]:
    """Serve an application; yields its address, such as http://127.0.0.1:40000."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, **uvicorn_options(settings, 5))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="served", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
