"""The addresses of stores.

    memory://                                      in this process, lost when it ends
    sqlite:///router.db                            a file, relative to the working directory
    sqlite:////var/lib/router.db                   a file, by its absolute path
    sqlite:///router.db?durability=strict          a loss of power loses no commit
    ...?patience=1                                 seconds until a store counts as unreachable
    sqlite:///router.db?clock=wall                 trust the wall clock, whatever the uptime shows
    redis://host:6379/0, rediss://..., unix://...  a server, for several hosts

In the path of a file `%20` is a space and `%3F` a question mark.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Severity
from policy_router.ledger.diagnosis import Diagnosis
from policy_router.ledger.patience import read_patience
from policy_router.ledger.uptime import source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from policy_router.ledger.clock import Source
    from policy_router.ledger.sqlite.timing import Timing

    Clock: TypeAlias = Callable[[], float] | None

SCHEMES: Final = ("memory", "sqlite", "redis", "rediss", "unix")
FORMS: Final = "`memory://`, `sqlite:////path/to/file.db` and `redis://host:6379`"
CHOICES: Final = {"durability": ("normal", "strict"), "clock": ("uptime", "wall")}
OPTIONS: Final = (*CHOICES, "patience")
"""What the query of a file's address may contain."""
_log: Final = logging.getLogger(__name__)


def scheme_of(url: str) -> str:
    """The scheme of an address.

    Raises:
        UsageError: No store has such an address.
    """
    scheme, separator, _ = url.partition("://")
    if scheme not in SCHEMES or not separator:
        # Nothing after the scheme is repeated: it may contain a password.
        hint = _suggestion(scheme, SCHEMES, f"addresses are {FORMS}")
        raise UsageError(f"no store has an address like `{scheme}`: {hint}")
    return scheme


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """The address of a file.

    Attributes:
        path: The path of the database, absolute or relative to the working directory.
        durability: `normal` or `strict`.
        clock: `uptime`, or `wall` to trust the wall clock.
        patience: Seconds until the store counts as unreachable; None for the default.
    """

    path: str
    durability: str = "normal"
    clock: str = "uptime"
    patience: float | None = None

    @classmethod
    def parse(cls, url: str) -> SqliteAddress:
        """Read an address.

        Raises:
            UsageError: It is not the address of a file.
        """
        parts = urlsplit(url)
        path = unquote(parts.path).removeprefix("/")
        if parts.scheme != "sqlite" or parts.netloc or not path:
            rest = f"{parts.netloc}{parts.path}" if parts.netloc else "router.db"
            raise UsageError(f"the address of a file begins with three slashes: `sqlite:///{rest}`")
        patience: float | None = None
        chosen = {"durability": "normal", "clock": "uptime"}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name == "patience":
                patience = read_patience(value)
            elif name not in CHOICES:
                hint = "the options are `durability`, `clock` and `patience`"
                hint = _suggestion(name, OPTIONS, hint)
                raise UsageError(f"the address of a file has no option `{name}`: {hint}")
            elif value not in CHOICES[name]:
                values = " or ".join(f"`{choice}`" for choice in CHOICES[name])
                hint = _suggestion(value, CHOICES[name], f"it is {values}")
                raise UsageError(f"`{value}` is not a value of `{name}`: {hint}")
            else:
                chosen[name] = value
        return cls(path, **chosen, patience=patience)

    def timing(self, default: Timing) -> Timing:
        """The timing of the ledger."""
        return default if self.patience is None else replace(default, patience=self.patience)

    def source(self, clock: Clock) -> Source:
        """Where the ledger takes the time from. See `uptime.source`."""
        trusted = self.clock == "wall" and (clock is None or clock is time.time)
        return source((lambda: time.time()) if trusted else clock)  # noqa: PLW0108  not time.time

    def log_place(self, *, creates: bool) -> None:
        """Log where the file is, when the address may mean another place, or means one where there
        was no file before.

        Args:
            creates: Whether a file that does not exist is created.
        """
        diagnosis = relative(self.path)
        if diagnosis is None:
            return
        new = creates and not Path(self.path).exists()
        ledger = "the address of this new ledger" if new else "the ledger's address"
        level = logging.WARNING if new or diagnosis.level is Severity.WARNING else logging.INFO
        _log.log(level, "%s %s; %s", ledger, diagnosis.text, diagnosis.help)


def relative(path: str) -> Diagnosis | None:
    """What an operator should know about a path that is relative to the working directory."""
    if Path(path).is_absolute():
        return None
    where = Path(path).absolute()
    text = f"is relative to the working directory: this is {where}"
    first = Path(path).parts[0]
    address = f"`sqlite:///{quote(str(where))}`"
    if Path("/", first).is_dir():
        help_ = f"write `sqlite:////{quote(path)}` for /{path}, or {address} for this file"
        return Diagnosis("address", Severity.WARNING, text, help_)
    help_ = f"{address} is this file from everywhere"
    return Diagnosis("address", Severity.NOTE, text, help_)


def _suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(word.casefold(), known, 1)
    return f"did you mean `{close[0]}`?" if close else otherwise
