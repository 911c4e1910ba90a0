"""The journal of outcomes that a command uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.output import fail
from policy_router.journal.address import JournalAddress

if TYPE_CHECKING:
    from policy_router.cli.options.store import StoreLocation

VARIABLE: Final = "POLICY_ROUTER_JOURNAL"
OFF: Final = "off"
JournalOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="URL",
        help="Journal of outcomes: sqlite:///PATH, postgresql://HOST/NAME, or off. "
        "[next to the file of --state]",
    ),
]
"""The option of every command that reads or writes a journal."""
KeptIn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="URL",
        help="Keep the outcome in this journal: sqlite:///PATH or postgresql://HOST/NAME. [none]",
    ),
]
"""The option of a command that keeps outcomes only on request."""


def named_journal(given: str | None) -> JournalAddress | None:
    """Return the address that the option or the environment names; end the command if invalid."""
    url = given or os.environ.get(VARIABLE)
    if not url or url == OFF:
        return None
    try:
        return JournalAddress.parse(url)
    except UsageError as error:
        fail(str(error))


def journal_of(given: str | None, state: StoreLocation) -> JournalAddress | None:
    """Return the address that the option or the environment names, else the file next to the state
    store; None for no journal: `off`, or a state store that is no file.
    """
    named = named_journal(given)
    if named is not None or (given or os.environ.get(VARIABLE)) == OFF:
        return named
    return None if state.file is None else JournalAddress.next_to(state.file)
