"""The policy files of a git revision, such as `HEAD~1:policies`, without a checkout."""

import subprocess
from typing import TYPE_CHECKING, Final

from policy_router.cli.output import fail
from policy_router.diagnostics import printable
from policy_router.language.files import MAX_FILE, MAX_FILES, is_policy

if TYPE_CHECKING:
    from policy_router.language.files import PolicyFile

_SECONDS: Final = 60
_REGULAR: Final = ("100644", "100755")
_SIZE: Final = 4


def is_revision(text: str) -> bool:
    """Whether a text names a revision and a path in it, as git writes them: `REVISION:PATH`."""
    revision, colon, path = text.partition(":")
    # One letter is a drive of Windows, and no revision begins with a dash.
    return bool(colon) and len(revision) > 1 and bool(path) and not text.startswith("-")


def files_of(revision: str) -> "list[PolicyFile]":
    """Read the policy files of a revision; end the command where there are none.

    Args:
        revision: `REVISION:PATH`, with the path of a file or a folder from the root of the
            repository, or from the current folder if it begins with `./`.
    """
    from policy_router.language.files import PolicyFile  # noqa: PLC0415  not needed for --help

    kind = _git("cat-file", "-t", revision).strip()
    if kind == b"blob":
        return [PolicyFile(revision, _blob(revision, revision))]
    entries = []
    for row in _git("ls-tree", "-z", "--long", revision).split(b"\0"):
        described, _, raw = row.partition(b"\t")
        fields, name = described.decode().split(), raw.decode("utf-8", "surrogateescape")
        if len(fields) == _SIZE and fields[0] in _REGULAR and is_policy(name):
            entries.append((name, fields[2]))
    if not entries:
        fail(f"`{printable(revision)}` has no policy files (*.yaml or *.yml)")
    if len(entries) > MAX_FILES:
        fail(f"`{printable(revision)}` has {len(entries)} policy files, more than {MAX_FILES}")
    return [PolicyFile(f"{revision}/{name}", _blob(id_, name)) for name, id_ in sorted(entries)]


def _blob(name: str, shown: str) -> bytes:
    size = int(_git("cat-file", "-s", name))
    if size > MAX_FILE:
        fail(f"`{printable(shown)}` has {size:,} bytes, more than {MAX_FILE:,}")
    return _git("cat-file", "blob", name)


def _git(*arguments: str) -> bytes:
    """The output of git; ends the command, with what git says, where it fails."""
    command = ("git", "-c", "core.quotepath=off", *arguments)
    try:
        done = subprocess.run(  # noqa: S603  no shell, and no argument is an option
            command, capture_output=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        fail("a revision needs git, which is not installed")
    except subprocess.TimeoutExpired:
        fail(f"git did not answer within {_SECONDS} s")
    if done.returncode:
        says = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        fail(f"`{printable(arguments[-1])}` cannot be read: {printable(says)}")
    return done.stdout
