"""Real Redis servers on sockets of their own, each ended through its process handle."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from types import TracebackType

QUIET = ("--save", "", "--appendonly", "no", "--loglevel", "notice")


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

    @property
    def path(self) -> str:
        """Its socket."""
        return str(self._folder / "s")

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if "ready to accept connections" in line.lower():
                return
        raise AssertionError("".join(said))

    def freeze(self) -> None:
        """Let it answer nothing, as a host in trouble does; connections stay."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

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
    return Server()


def stop_shared() -> None:
    if shared.cache_info().currsize:
        with shared():
            shared.cache_clear()
