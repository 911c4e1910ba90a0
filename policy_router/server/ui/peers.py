"""Lets the processes of a server ask each other what they saw, for the page.

Each listens at a socket of the file system, in a folder that only their user can enter. A question
is a line of JSON, and so is its answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

_log: Final = logging.getLogger(__name__)

WITHIN: Final = 1.0
"""Seconds that another process has to answer."""
_LONGEST: Final = 1 << 22
"""Bytes of a question or an answer."""


class Peers:
    """The other processes of a server.

    Args:
        folder: Where the processes listen.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"{secrets.token_hex(6)}.sock"
        self._server: asyncio.Server | None = None

    async def begin(self, answer: Callable[[Mapping[str, Any]], Awaitable[object]]) -> None:
        """Answer the others from now on.

        Args:
            answer: Gets a question, and returns what JSON can hold.
        """

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, ValueError, TimeoutError):
                async with asyncio.timeout(WITHIN):
                    question = json.loads(await reader.readline())
                    writer.write(json.dumps(await answer(question)).encode() + b"\n")
                    await writer.drain()
            writer.close()

        try:
            self._server = await asyncio.start_unix_server(
                serve, self._folder / self._name, limit=_LONGEST
            )
        except OSError as problem:
            _log.warning("the page shows only what its own process saw: %s", problem.strerror)

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()
        _forget(self._folder / self._name)

    async def ask(self, question: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
        """Ask every other process, all at once.

        Args:
            question: Returns the question to a process, by its name.

        Returns:
            The answers by the names of the processes; those that gave none are left out.
        """
        others = [path for path in self._folder.glob("*.sock") if path.name != self._name]
        answers = await asyncio.gather(*(_ask(path, question(path.name)) for path in others))
        named = zip(others, answers, strict=True)
        return {path.name: answer for path, answer in named if answer is not None}


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


async def _ask(path: Path, question: Mapping[str, Any]) -> Any:
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST)
            try:
                writer.write(json.dumps(question).encode() + b"\n")
                return json.loads(await reader.readline())
            finally:
                writer.close()
    except ConnectionRefusedError:  # it has ended, and could not say so
        _forget(path)
        return None
    except (OSError, ValueError, TimeoutError):
        return None
