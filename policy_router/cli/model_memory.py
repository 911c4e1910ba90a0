"""Loads a model into the memory of its server, or unloads it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import open_policy
from policy_router.cli.output import fail, progress, show, show_json
from policy_router.diagnostics import printable
from policy_router.quoting import unknown
from policy_router.views.document import document

if TYPE_CHECKING:
    from pathlib import Path


def set_loaded(path: Path, name: str, *, loaded: bool, json: bool) -> None:
    """Load or unload a model.

    Args:
        path: The policy.
        name: The name of the model.
        loaded: Whether to load it, rather than unload it.
        json: Whether to print JSON.
    """
    from policy_router.discovery import memory  # noqa: PLC0415  not needed for --help
    from policy_router.discovery.served import SourceError  # noqa: PLC0415  as above

    policy = open_policy(path)
    if name not in policy.models_by_name:
        fail(unknown("model", name, policy.models_by_name))
    doing = "loading" if loaded else "unloading"
    try:
        with progress(f"{doing} {printable(name)}"):
            place = asyncio.run(memory.set_loaded(policy.model(name), os.environ, loaded=loaded))
    except SourceError as error:
        fail(printable(f"`{name}` was not {doing[:-3]}ed: {error.reason}"), ExitCode.FAILED)
    if json:
        source = place.source.name
        show_json(document(model=name, loaded=loaded, source=source, address=place.base))
    else:
        where = f"{place.source.name} at {printable(place.base)}"
        state = "is in the memory of" if loaded else "was unloaded by"
        show([f"{printable(name)} {state} {where}"])
