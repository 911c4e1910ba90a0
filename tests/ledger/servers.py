"""Real Redis servers on sockets of their own. None outlives the process that started it."""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import pytest

if TYPE_CHECKING:
    from types import TracebackType

KEPT = "kept: "
KEEPER = f'"$@" & echo "{KEPT}$!"; read -r _; kill -9 $!; wait'
"""A shell that ends what it started when its input ends: with whoever holds the other end."""
QUIET = ("--save", "", "--appendonly", "no", "--loglevel", "notice")


def collect_leftovers() -> None:
    """Collects the connections of clients whose server froze or died, which no one could close.
    Left to chance, they are collected while another test parses something, and CPython 3.11 then
    fails with `AST constructor recursion depth mismatch`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Server:
    """A redis-server in an empty folder. options: as on its command line, later ones win."""

    def __init__(self, *options: str) -> None:
        pytest.importorskip("redis", reason="the redis package is not installed")
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed")
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._command = [program, "--port", "0", "--unixsocket", self.path, *QUIET, *options]
        self.start()

    @classmethod
    def of_a_cluster(cls) -> Self:
        """A lone node of a cluster. It listens on a TCP port, and on the one 10,000 above it."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1] - 10_000
        return cls("--cluster-enabled", "yes", "--port", str(port))

    @property
    def path(self) -> str:
        """Its socket."""
        return str(self._folder / "s")

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", *self._command],
            cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._keeper.stdout is not None
        said = []
        for line in self._keeper.stdout:
            said.append(line)
            if line.startswith(KEPT):
                self._number = int(line.removeprefix(KEPT))
            if "ready to accept connections" in line.lower():
                return
        self.kill()
        raise AssertionError("".join(said))

    def freeze(self) -> None:
        """Let it answer nothing, as a host in trouble does; connections stay."""
        os.kill(self._number, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._number, signal.SIGCONT)

    def kill(self) -> None:
        """End it, as a power cut does."""
        self._keeper.communicate()  # it waits for the end of its input

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)


@cache
def shared() -> Server:
    """The one that tests share which only need an empty prefix."""
    atexit.register(stop_shared)
    return Server()


def stop_shared() -> None:
    if shared.cache_info().currsize:
        with shared():
            shared.cache_clear()


class Wire:
    """A TCP wire to a server that can lose answers. lose: how many of the answers to come that hold
    `word` in their request are cut off, connection and all."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()
        self.word = b""
        self.lose = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        up, down = await asyncio.open_unix_connection(self._server.path)
        try:
            while request := await reader.read(2**20):
                down.write(request)
                answer = await up.read(2**20)
                if self.lose and self.word in request:
                    self.lose -= 1
                    return
                writer.write(answer)
        finally:
            writer.close()
            down.close()
