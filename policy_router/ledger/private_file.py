"""Opening and creating files in a folder that somebody else may own.

Whoever owns a folder decides what its names stand for: a name may be a link to a file of root's, a
second name of such a file, or a pipe that blocks whoever opens it. So nothing here follows a link,
only regular files with a single name are opened, and an owner is set on nothing but a file that was
created in the same step.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

PRIVATE: Final = 0o600
SAFE: Final = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags with which to open what may be a link or a pipe."""
_LINKS: Final = 40
"""Symbolic links in one path, at most; the kernel has the same limit."""


class UnsafeFileError(OSError):
    """A file that is not opened. why: what is wrong with it. help: what to do about it."""

    def __init__(self, why: str, help_: str) -> None:
        super().__init__(f"{why}; {help_}")
        self.why = why
        self.help = help_


def user() -> int:
    """The user id that this process opens files with; 0 is root. -1 where there are none."""
    return os.geteuid() if hasattr(os, "geteuid") else -1


def inspect(path: Path, owners: Collection[int] | None = None) -> os.stat_result | None:
    """What is at a path; None when nothing is there.

    owners: user ids that the file may belong to; None is anyone. Raises UnsafeFileError for
    anything but a regular file with one name and such an owner.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    _require(path, status, owners)
    return status


def open_existing(path: Path, flags: int, owners: Collection[int] | None = None) -> int:
    """A descriptor of the regular file at a path, which is neither created nor reached through a
    link. Raises OSError; UnsafeFileError as `inspect` does, also for a file that took its place."""
    inspect(path, owners)  # tells what is wrong in words; what counts is looked at once it is open
    descriptor = os.open(path, flags | SAFE)
    try:
        _require(path, os.fstat(descriptor), owners)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def create(path: Path, owner: os.stat_result | None = None) -> int:
    """A descriptor of a new, empty file that only its owner may read and write.

    owner: of a file that belongs together with the new one; root gives the new file to the same
    user. Raises OSError, FileExistsError when anything at all has that name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, PRIVATE)
    if owner is not None and user() == 0 and owner.st_uid != 0:
        with suppress(OSError):  # in a container root may not do that
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def write_text(path: Path, text: str, *, replace: bool) -> None:
    """Writes a text file that the caller was asked for: created, or with `replace` overwritten in
    place. Raises OSError; UnsafeFileError for what is no regular file of its own."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:
        if not replace:
            raise
        descriptor = open_existing(path, os.O_WRONLY)
        os.truncate(descriptor, 0)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def resolve(path: Path, trusted: Collection[int] | None = None) -> Path:
    """A path free of links.

    trusted: user ids whose links are followed; None is anyone's. By default root follows only
    links of root's: another user's link could lead it to any file. Raises UnsafeFileError.
    """
    if trusted is None and user() == 0:
        trusted = (0,)
    if trusted is None:
        return path.resolve()
    todo = list(reversed(path.absolute().parts))
    found = Path(todo.pop())
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            found = found.parent
            continue
        step = found / part
        try:
            status = step.lstat()
        except OSError:  # not there yet; whoever opens the path says so
            found = step
            continue
        if not stat.S_ISLNK(status.st_mode):
            found = step
            continue
        links += 1
        if links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        if status.st_uid not in trusted:
            why = f"{step} is a symbolic link of another user (id {status.st_uid})"
            raise UnsafeFileError(why, "name the file that it leads to")
        target = step.readlink()
        todo += [each for each in reversed(target.parts) if each != target.anchor]
        found = Path(target.anchor) if target.is_absolute() else found
    return found


def _require(path: Path, status: os.stat_result, owners: Collection[int] | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    remove = f"remove {path}, or choose another path"
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(f"{path} is a symbolic link", remove)
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(f"{path} is not a regular file", remove)
    if status.st_nlink > 1:
        why = f"{path} has {status.st_nlink} names (hard links)"
        raise UnsafeFileError(why, f"remove {path}, or put a copy in its place")
    if owners is not None and status.st_uid not in owners:
        why = f"{path} belongs to another user (id {status.st_uid})"
        raise UnsafeFileError(why, f"remove {path}, or change its owner")
