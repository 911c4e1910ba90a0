"""The policy that a running server has live, asked for over HTTP."""

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.check.addresses import read
from policy_router.cli.output import fail
from policy_router.diagnostics import printable
from policy_router.language.files import MAX_FILES, MAX_TOTAL, PolicyFile

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL: Final = "http://127.0.0.1:4141"
"""The default address of `policy-router serve`."""
_SECONDS: Final = 30
_LARGEST: Final = 2 * MAX_TOTAL
"""Bytes of an answer: in JSON, line breaks and quotes take two."""


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """What a server answers.

    Attributes:
        revision: The revision of the policy, as the server compiled it.
        files: Its files, in the order in which they were compiled.
    """

    revision: str
    files: tuple[PolicyFile, ...]


def is_address(text: str) -> bool:
    """Whether a text is the address of a server, and no path or revision."""
    return text.startswith(("http://", "https://"))


def live_policy(address: str, key_env: str | None) -> LivePolicy:
    """Ask a server for the policy that it has live; end the command where it gives none.

    Args:
        address: The address of the server, such as `http://127.0.0.1:4141`.
        key_env: The environment variable with the key of an administrator; None for a server
            without keys.
    """
    from policy_router.discovery.fetch import in_time  # noqa: PLC0415  not needed for --help
    from policy_router.discovery.served import SourceError  # noqa: PLC0415

    headers = _headers(address, key_env)
    try:
        answer = asyncio.run(in_time(_SECONDS, _fetch(address, headers)))
    except SourceError as error:
        # An address may hold a password, which is the reason then.
        parts = read(address)
        shown = "the server" if parts is None or parts.login or parts.secrets else f"`{address}`"
        fail(f"{printable(shown)} did not return its policy: {error.reason}")
    policy = _read(answer, address)
    if policy is None:
        fail(f"`{printable(address)}` is not a policy-router server: its answer is not a policy")
    return policy


def _headers(address: str, key_env: str | None) -> dict[str, str]:
    if key_env is None:
        return {}
    key = os.environ.get(key_env, "").strip()
    if not key:
        fail(f"the environment variable `{printable(key_env)}` is not set")
    to = read(address)
    if to is not None and to.scheme == "http" and not to.is_near:
        fail(f"a key is not sent to `{printable(to.host)}` over plain http: use https://")
    return {"authorization": f"Bearer {key}"}


async def _fetch(address: str, headers: "Mapping[str, str]") -> Any:
    from policy_router.discovery.fetch import fetching  # noqa: PLC0415  as above

    async with fetching(address, headers, largest=_LARGEST) as server:
        return await server.get("/-/policy")


def _read(answer: object, address: str) -> LivePolicy | None:
    """The policy in an answer; None where it is another."""
    match answer:
        case {"revision": str(revision), "files": [*files]} if 0 < len(files) <= MAX_FILES:
            read_files = []
            for file in files:
                match file:
                    case {"name": str(name), "text": str(text)}:
                        shown = f"{address}:{printable(name)}"
                        data = text.encode("utf-8", "surrogatepass")
                        read_files.append(PolicyFile(shown, data))
                    case _:
                        return None
            return LivePolicy(revision, tuple(read_files))
    return None
