"""A real PostgreSQL server on a socket of its own. It does not outlive the process of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

SUPERUSER = "tester"
FAST = ("fsync=off", "full_page_writes=off", "max_connections=30")
_STOP = "kept=$!; trap '' INT; read -r _; kill -QUIT $kept; wait $kept"
KEEPER = f'"$@" > log 2>&1 & {_STOP}'
"""A shell that ends the server when its input ends: with whoever holds the other end."""


def program(name: str) -> str:
    """The path of a program of PostgreSQL; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is not None:
        return found
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not installed:
        pytest.skip("PostgreSQL is not installed")
    return str(installed[-1])


class PostgresServer:
    """A server in an empty folder. It refuses to run as root, so root starts it as another user."""

    def __init__(self) -> None:
        pytest.importorskip("psycopg", reason="psycopg is not installed")
        initdb, postgres = program("initdb"), program("postgres")
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._as: dict[str, str | int] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid}
        data = str(self.folder / "data")
        subprocess.run(
            [initdb, "--no-sync", "--auth=trust", "-U", SUPERUSER, "-D", data, "--encoding=UTF8"],
            check=True, capture_output=True, cwd=self.folder, **self._as,
        )  # type: ignore[call-overload]  # fmt: skip
        options = [each for setting in FAST for each in ("-c", setting)]
        self._command = [postgres, "-D", data, "-k", str(self.folder), "-h", "", *options]
        self._databases = 0
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", *self._command],
            cwd=self.folder, stdin=subprocess.PIPE, **self._as,
        )  # type: ignore[call-overload]  # fmt: skip
        ready = [program("pg_isready"), "-q", "-h", str(self.folder), "-U", SUPERUSER]
        ready += ["-d", "postgres", "-t", "60"]
        while subprocess.run(ready, check=False).returncode:
            assert self._keeper.poll() is None, (self.folder / "log").read_text()

    def stop(self) -> None:
        """End it at once, as a loss of power would."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait()

    def new_database(self) -> str:
        """The address of an empty database."""
        import psycopg

        self._databases += 1
        name = f"journal{self._databases}"
        with psycopg.connect(
            host=str(self.folder), user=SUPERUSER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql:///{name}?host={self.folder}&user={SUPERUSER}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)
