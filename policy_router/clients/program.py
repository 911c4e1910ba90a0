"""Which program sends a request, in which session, and on whose behalf.

The functions are pure, accept any headers and any body, and raise nothing. What they return may be
false, since anybody can send any header: it is good for ordering models and for excluding some.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from policy_router.clients.headers import read_headers, usable
from policy_router.clients.table import (
    CLIENTS,
    ENOUGH_TOOLS,
    HOUSEKEEPING_CLASSES,
    NAMES,
    OTHERS,
    PRODUCTS,
    SUBAGENT_CLASSES,
    TITLES,
)

if TYPE_CHECKING:
    from policy_router.clients.table import Client

_MOST_TOOLS: Final = 256
_LONGEST_USER_ID: Final = 4_096
"""Characters of a `metadata.user_id` that is read."""
_BEFORE_SESSION: Final = "_session_"
"""What precedes the session in a `metadata.user_id` that is not JSON."""
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Program:
    """The sender of a request.

    Attributes:
        client: Its row in the table.
        name: The name of the program; None when nothing tells it.
        session: The conversation, or the run of an agent; None when nothing tells it.
        subagent: Whether an agent makes the request on behalf of another agent.
        housekeeping: Whether the program says that it makes the request for itself; None when it
            says nothing about that.
        tools: How many tools the body offers.
    """

    client: Client
    name: str | None = None
    session: str | None = None
    subagent: bool = False
    housekeeping: bool | None = None
    tools: int = 0

    @property
    def is_unlisted(self) -> bool:
        """Whether nothing but its name, its session and its parent is known about the sender."""
        return self.client is OTHERS and self.housekeeping is None and not self.tools


def read_program(headers: object, body: object) -> Program:
    """Return the sender of a request.

    Args:
        headers: The HTTP headers, values by name in any case; anything else counts as none.
        body: The body, in any dialect.
    """
    known = read_headers(headers, NAMES)
    fields = body if isinstance(body, Mapping) else {}
    tools = fields.get("tools")
    offered = tools if isinstance(tools, list | tuple) else ()
    if not offered and _TELLING.isdisjoint(fields):
        return _of_headers(tuple(known.items())) if known else UNKNOWN
    return _program(known, offered, fields)


@lru_cache(maxsize=1024)
def _of_headers(known: tuple[tuple[str, str], ...]) -> Program:
    """The sender of a request of which only the headers tell anything; it repeats them."""
    return _program(dict(known), (), {})


def _program(
    known: Mapping[str, str],
    offered: list[object] | tuple[object, ...],
    fields: Mapping[object, object],
) -> Program:
    client = _client(known, offered, fields)
    named = [known[name].lower() for name in client.classes if name in known]
    return Program(
        client=client,
        name=client.name or _name(known),
        session=_session(client, known, fields, agentic=bool(offered)),
        subagent=_is_subagent(client, known, named),
        housekeeping=not HOUSEKEEPING_CLASSES.isdisjoint(named) if named else None,
        tools=len(offered),
    )


def may_tell_session(body: Mapping[str, object]) -> bool:
    """Whether a body, in any dialect, may have the session of its request."""
    return not _TELLING.isdisjoint(body)


UNKNOWN: Final = Program(OTHERS)
"""The sender of a request that tells nothing about it."""
_TELLING: Final = frozenset(
    path[0] for client in (*CLIENTS, OTHERS) for path in client.session_fields
)
"""Fields of a body that may tell the session."""


def _client(
    known: Mapping[str, str],
    tools: list[object] | tuple[object, ...],
    body: Mapping[object, object],
) -> Client:
    """Return the row of a program: by its headers, or else by its tools or its session."""
    products = [known[name].lower() for name in PRODUCTS if name in known]
    listed = _by_headers(frozenset(known), tuple(products)) if known else None
    if listed is not None:
        return listed
    if tools and not products:
        names = frozenset(_tool_name(tool) for tool in islice(tools, _MOST_TOOLS))
        for client in CLIENTS:
            if len(client.tools & names) >= ENOUGH_TOOLS:
                return client
    if (
        not products
        and "metadata" in body
        and _of_user_id(_at(body, ("metadata", "user_id"))) is not None
    ):
        return CLIENTS[0]
    return OTHERS


@lru_cache(maxsize=1024)
def _by_headers(names: frozenset[str], products: tuple[str, ...]) -> Client | None:
    """The row of a program that these headers tell; the same programs ask again and again."""
    for client in CLIENTS:
        if not client.marks.isdisjoint(names) or any(
            product.startswith(client.agents) for product in products
        ):
            return client
    return None


def _tool_name(tool: object) -> str:
    if not isinstance(tool, Mapping):
        return ""
    inner = tool.get("function")
    name = (inner if isinstance(inner, Mapping) else tool).get("name")
    return name if isinstance(name, str) else ""


def _name(known: Mapping[str, str]) -> str | None:
    """Return how a program that is not listed calls itself, in lower case: `open-webui`."""
    for header in (*TITLES, *PRODUCTS):
        value = known.get(header, "").lower()
        name = value if header in TITLES else value.partition("/")[0].partition(" ")[0]
        if 0 < len(name) <= _LONGEST_NAME:
            return "-".join(name.split())
    return None


def _session(
    client: Client, known: Mapping[str, str], body: Mapping[object, object], *, agentic: bool
) -> str | None:
    """Return the session of a request, from the headers or else from the body."""
    for name in client.session_headers:
        if name in known:
            return known[name]
    for path in () if _TELLING.isdisjoint(body) else client.session_fields:
        # Without tools it is rather the name of a template that many conversations share.
        if path == ("prompt_cache_key",) and client is OTHERS and not agentic:
            continue
        value = _at(body, path)
        found = _of_user_id(value) if path[-1] == "user_id" else usable(value)
        if found is not None:
            return found
    return None


def _at(body: Mapping[object, object], path: tuple[str, ...]) -> object:
    value: object = body
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _of_user_id(value: object) -> str | None:
    """Return the session in a `metadata.user_id`: JSON text, or words joined by underscores."""
    if not isinstance(value, str) or len(value) > _LONGEST_USER_ID:
        return None
    if value[:1] != "{":
        return usable(value.rpartition(_BEFORE_SESSION)[2]) if _BEFORE_SESSION in value else None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return usable(parsed.get("session_id"))


def _is_subagent(client: Client, known: Mapping[str, str], classes: list[str]) -> bool:
    if classes:
        return not SUBAGENT_CLASSES.isdisjoint(classes)
    return any(name in known for name in client.parents)
