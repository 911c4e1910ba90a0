"""The addresses of journals.

    sqlite:///journal.db                        a file, relative to the working directory
    sqlite:////var/lib/journal.db               a file, by its absolute path
    postgresql://user:password@host:5432/name   a database, for several hosts

In the path of a file `%20` is a space and `%3F` a question mark.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from policy_router.base_errors import UsageError

POSTGRESQL: Final = ("postgresql", "postgres")
FORMS: Final = "`sqlite:////path/to/journal.db` and `postgresql://user@host:5432/name`"
_SHOWN: Final = frozenset({"host", "port", "dbname", "sslmode", "connect_timeout"})
"""Options of a PostgreSQL address whose values are shown."""


@dataclass(frozen=True, slots=True)
class JournalAddress:
    """Where a journal is kept.

    Attributes:
        url: The address, which may hold a password.
        file: The file of an SQLite journal; None for PostgreSQL.
    """

    url: str = field(repr=False)
    file: Path | None

    @classmethod
    def parse(cls, url: str) -> JournalAddress:
        """Read an address.

        Raises:
            UsageError: No journal has such an address. The message repeats no part of it that may
                hold a password.
        """
        scheme, separator, _ = url.partition("://")
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise UsageError(f"the address of the journal cannot be read: use {FORMS}") from None
        if separator and scheme in POSTGRESQL:
            return cls(url.replace(scheme, POSTGRESQL[0], 1), None)
        if not separator or scheme != "sqlite":
            shown = scheme if scheme.isalnum() else "this"
            raise UsageError(f"no journal has an address like `{shown}`: use {FORMS}")
        path = unquote(parts.path).removeprefix("/")
        if parts.netloc or not path or parts.query:
            raise UsageError(
                "the address of a file begins with three slashes and has no options: "
                "`sqlite:///journal.db`"
            )
        return cls(url, Path(path))

    @classmethod
    def next_to(cls, ledger: Path) -> JournalAddress:
        """The journal next to the file of a ledger: `router.journal.db` next to `router.db`."""
        file = ledger.with_name(f"{ledger.stem}.journal.db")
        return cls(f"sqlite:///{quote(str(file))}", file)

    def __str__(self) -> str:
        """Return the address without its password and without unknown options."""
        if self.file is not None:
            return str(self.file)
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        user = (parts.username or "") + "@" if parts.username else ""
        known = [(name, value) for name, value in parse_qsl(parts.query) if name in _SHOWN]
        options = f"?{urlencode(known, safe='/')}" if known else ""
        return f"{POSTGRESQL[0]}://{user}{host}{parts.path}{options}"
