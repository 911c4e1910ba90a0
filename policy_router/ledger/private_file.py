"""Opening and creating files in a folder that may belong to another user.

The owner of a folder controls what its names refer to: a name may be a link to a file of root, a
second name of such a file, or a pipe that blocks the process that opens it. So nothing here follows
a link, only regular files with a single name are opened, and the owner is changed only of a file
that was created in the same step.
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
"""The most symbolic links in one path; the kernel has the same limit."""


class UnsafeFileError(OSError):
    """A file that is not opened.

    Attributes:
        cause: What is wrong with it.
        help: What to do about it.
    """

    def __init__(self, cause: str, help_: str) -> None:
        super().__init__(f"{cause}; {help_}")
        self.cause = cause
        self.help = help_


def user() -> int:
    """The user id that this process opens files with; 0 is root. -1 where there are none."""
    return os.geteuid() if hasattr(os, "geteuid") else -1


def inspect(path: Path, owners: Collection[int] | None = None) -> os.stat_result | None:
    """The status of the file at a path; None when there is none.

    Args:
        path: The path of the file.
        owners: The ids of users to whom it may belong; None for any user.

    Raises:
        UnsafeFileError: It is not a regular file with one name and such an owner.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    _require(path, status, owners)
    return status


def open_existing(path: Path, flags: int, owners: Collection[int] | None = None) -> int:
    """Open the regular file at a path, which is neither created nor reached through a link.

    Args:
        path: The path of the file.
        flags: For `os.open`.
        owners: The ids of users to whom it may belong; None for any user.

    Returns:
        The descriptor.

    Raises:
        OSError: It cannot be opened. UnsafeFileError, as from `inspect`, also when another file was
            put in its place in the meantime.
    """
    inspect(path, owners)  # for the message; what is opened is checked once more below
    descriptor = os.open(path, flags | SAFE)
    try:
        _require(path, os.fstat(descriptor), owners)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def create(path: Path, owner: os.stat_result | None = None) -> int:
    """Create an empty file that only its owner may read and write.

    Args:
        path: The path of the file.
        owner: The status of a related file; root gives the new file to the owner of that one.

    Returns:
        The descriptor.

    Raises:
        OSError: It cannot be created. FileExistsError when anything has that name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, PRIVATE)
    if owner is not None and user() == 0 and owner.st_uid != 0:
        with suppress(OSError):  # in a container root may not do that
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def write_text(path: Path, text: str, *, replace: bool) -> None:
    """Write a text file.

    Args:
        path: The path of the file.
        text: Its new content.
        replace: Whether a file that exists is overwritten in place.

    Raises:
        OSError: It cannot be written. UnsafeFileError when it is not a regular file with one name.
    """
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

    Args:
        path: Any path.
        trusted: The ids of users whose links are followed. By default root follows only links of
            root, because the link of another user could lead to any file, and others follow all.

    Raises:
        UnsafeFileError: A link is not followed.
    """
    if trusted is None and user() == 0:
        trusted = (0,)
    if trusted is None:
        return path.resolve()
    todo = list(reversed(path.absolute().parts))
    resolved = Path(todo.pop())
    links = 0
    while todo:
        component = todo.pop()
        if component == "..":
            resolved = resolved.parent
            continue
        step = resolved / component
        try:
            status = step.lstat()
        except OSError:  # it does not exist; opening the path reports that
            resolved = step
            continue
        if not stat.S_ISLNK(status.st_mode):
            resolved = step
            continue
        links += 1
        if links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        if status.st_uid not in trusted:
            cause = f"{step} is a symbolic link of another user (id {status.st_uid})"
            raise UnsafeFileError(cause, "name the file that it leads to")
        target = step.readlink()
        todo += [name for name in reversed(target.parts) if name != target.anchor]
        resolved = Path(target.anchor) if target.is_absolute() else resolved
    return resolved


def _require(path: Path, status: os.stat_result, owners: Collection[int] | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    remove = f"remove {path}, or choose another path"
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(f"{path} is a symbolic link", remove)
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(f"{path} is not a regular file", remove)
    if status.st_nlink > 1:
        cause = f"{path} has {status.st_nlink} names (hard links)"
        raise UnsafeFileError(cause, f"remove {path}, or put a copy in its place")
    if owners is not None and status.st_uid not in owners:
        cause = f"{path} belongs to another user (id {status.st_uid})"
        raise UnsafeFileError(cause, f"remove {path}, or change its owner")
