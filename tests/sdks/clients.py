"""The clients: where `make clients` installs them, and how a program of one is run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.sdks.model import GREETING, INPUT_TOKENS, OUTPUT_TOKENS, REPORT

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(os.environ.get("CLIENTS", Path(__file__).parents[2] / ".clients"))
"""Where `make clients` installs the clients: an environment of Python, and npm's packages."""
PROGRAMS: Final = Path(__file__).parent / "programs"
LIMIT: Final = 240.0
"""Seconds that a program may take, on a machine with other work to do."""
SAW: Final[Mapping[str, object]] = {
    "chat": GREETING,
    "stream": GREETING,
    "tools": ["weather", {"city": "Oslo"}, REPORT],
    "streamed_tools": ["weather", {"city": "Oslo"}, REPORT],
    "structured": {"name": "Oslo", "people": 7},
    "structured_by_tool": {"name": "Oslo", "people": 7},
    "usage": [INPUT_TOKENS, OUTPUT_TOKENS],
    "streamed_usage": [INPUT_TOKENS, OUTPUT_TOKENS],
    "unknown": 404,
    "denied": 403,
    "models": True,
    "counted": True,
}
"""What a client sees in each check, whichever dialect it and the model speak."""
EVERY: Final = frozenset(SAW) - {"structured_by_tool", "models", "counted"}
"""The checks that every client has."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client.

    Attributes:
        name: Its name.
        dialect: The dialect that it speaks: `chat`, `messages` or `responses`.
        program: The file of its program in the folder `programs`.
        in_development: Whether the development environment has it.
    """

    name: str
    dialect: str
    program: str
    in_development: bool = False

    @property
    def model(self) -> str:
        """The model that it asks for, by a name that the client knows."""
        return "claude-sonnet-4-5" if self.dialect == "messages" else "gpt-5"

    @property
    def installed(self) -> bool:
        """Whether `make clients` has installed it."""
        if self.program.endswith(".mjs"):
            return shutil.which("node") is not None and (FOLDER / "node_modules").is_dir()
        return (FOLDER / "bin" / "python").exists()


CLIENTS: Final = (
    Client("openai", "chat", "openai_chat.py", in_development=True),
    Client("openai", "responses", "openai_responses.py", in_development=True),
    Client("anthropic", "messages", "anthropic_messages.py", in_development=True),
    Client("langchain", "chat", "langchain_models.py"),
    Client("langchain", "responses", "langchain_models.py"),
    Client("langchain", "messages", "langchain_models.py"),
    Client("pydantic-ai", "chat", "pydantic_ai_models.py"),
    Client("pydantic-ai", "responses", "pydantic_ai_models.py"),
    Client("pydantic-ai", "messages", "pydantic_ai_models.py"),
    Client("openai-agents", "chat", "openai_agents.py"),
    Client("openai-agents", "responses", "openai_agents.py"),
    Client("openai-node", "chat", "openai_node.mjs"),
    Client("openai-node", "responses", "openai_node.mjs"),
    Client("anthropic-node", "messages", "anthropic_node.mjs"),
)


def run(client: Client, folder: Path, url: str, *, development: bool = False) -> dict[str, object]:
    """Run the program of a client; return what it saw in each check.

    Args:
        client: The client; it is installed.
        folder: An empty folder.
        url: The address of the server, without `/v1`.
        development: Whether the release in the development environment is used.

    Raises:
        AssertionError: The program ended in an error.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    if client.program.endswith(".mjs"):
        # Node looks for packages beside the program only.
        copied = folder / "programs"
        shutil.copytree(PROGRAMS, copied)
        (copied / "node_modules").symlink_to(FOLDER / "node_modules")
        command = ["node", str(copied / client.program)]
    else:
        python = sys.executable if development else str(FOLDER / "bin" / "python")
        command = [python, "-B", str(PROGRAMS / client.program)]
    arguments = [url, client.model]
    if not client.in_development:
        arguments.append(client.dialect)
    done = subprocess.run(
        [*command, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["check"]: _read(line["check"], line["saw"]) for line in lines}


def _read(check: str, saw: Any) -> object:
    """What a client saw, with the arguments of a call as an object: their JSON text may differ."""
    if check in ("tools", "streamed_tools") and isinstance(saw, list):
        name, arguments, text = saw
        return [name, json.loads(arguments), text]
    return saw
