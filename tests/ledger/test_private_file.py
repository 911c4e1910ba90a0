"""Files in a folder that somebody else may own."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from policy_router.ledger.private_file import (
    UnsafeFileError,
    create,
    inspect,
    open_existing,
    resolve,
    user,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENT = "only for root\n"
STRANGER = 65534


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that must stay as it is."""
    path = tmp_path / "victim"
    path.write_text(CONTENT)
    path.chmod(0o600)
    return path


def symlink(path: Path, victim: Path) -> None:
    """A symbolic link."""
    path.symlink_to(victim)


def dangling(path: Path, victim: Path) -> None:
    """A symbolic link to where nothing is yet."""
    path.symlink_to(victim.with_name("not there"))


def hard_link(path: Path, victim: Path) -> None:
    """A second name."""
    path.hardlink_to(victim)


def fifo(path: Path, victim: Path) -> None:
    """A pipe that blocks who opens it."""
    os.mkfifo(path)


TRAPS = {
    symlink: "is a symbolic link; remove",
    dangling: "is a symbolic link; remove",
    hard_link: r"has 2 names \(hard links\); remove",
    fifo: "is not a regular file; remove",
}


@pytest.mark.parametrize(("trap", "words"), TRAPS.items(), ids=lambda t: getattr(t, "__name__", ""))
def test_what_is_no_file_of_its_own_is_not_opened(
    tmp_path: Path, victim: Path, trap: Callable[[Path, Path], None], words: str
) -> None:
    path = tmp_path / "file"
    trap(path, victim)
    before = victim.stat()
    for attempt in (
        lambda: inspect(path),
        lambda: open_existing(path, os.O_RDWR),
        lambda: write_text(path, "x", replace=True),
    ):
        with pytest.raises(UnsafeFileError, match=words):
            attempt()
    with pytest.raises(FileExistsError):
        create(path)
    assert victim.read_text() == CONTENT
    after = victim.stat()
    assert (after.st_uid, after.st_mode, after.st_mtime_ns) == (
        before.st_uid,
        before.st_mode,
        before.st_mtime_ns,
    )
    assert not victim.with_name("not there").exists()


def test_a_file_that_takes_the_place_of_another_is_not_opened(
    tmp_path: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("fine")
    look = os.open

    def late(name: Path, flags: int) -> int:
        path.unlink()
        path.hardlink_to(victim)
        return look(name, flags)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(UnsafeFileError, match="2 names"):
        open_existing(path, os.O_RDWR)


def test_a_folder_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        inspect(tmp_path)


def test_what_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert inspect(path) is None
    with pytest.raises(FileNotFoundError):
        open_existing(path, os.O_RDWR)
    descriptor = create(path)
    os.write(descriptor, b"one")
    os.close(descriptor)
    status = inspect(path, {user()})
    assert status is not None
    assert stat.S_IMODE(status.st_mode) == 0o600
    descriptor = open_existing(path, os.O_RDONLY, {user()})
    assert os.read(descriptor, 9) == b"one"
    os.close(descriptor)


def test_an_owner_that_is_not_expected(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(UnsafeFileError, match=rf"belongs to another user \(id {user()}\)"):
        inspect(path, {user() + 1})
    with pytest.raises(UnsafeFileError, match="belongs to another user"):
        open_existing(path, os.O_RDONLY, {user() + 1})


def test_only_a_new_file_gets_the_owner_of_another(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.touch()
    expected = user()
    if user() == 0:
        os.chown(theirs, STRANGER, STRANGER)
        expected = STRANGER
    os.close(create(tmp_path / "new", theirs.stat()))
    assert (tmp_path / "new").stat().st_uid == expected
    (tmp_path / "old").touch()
    with pytest.raises(FileExistsError):
        create(tmp_path / "old", theirs.stat())
    assert (tmp_path / "old").stat().st_uid == user()


def test_texts_are_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "a long text", replace=False)
    path.chmod(0o640)
    with pytest.raises(FileExistsError):
        write_text(path, "new", replace=False)
    write_text(path, "short", replace=True)
    assert path.read_text() == "short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("anyone", [True, False])
def test_links_in_a_path(tmp_path: Path, anyone: bool) -> None:
    trusted = None if anyone and user() != 0 else {user()}
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "absolute").symlink_to(tmp_path / "link/deep")
    (tmp_path / "real/up").symlink_to("../link/./deep")
    for name, real in (
        ("link/deep/x.db", "real/deep/x.db"),
        ("absolute/x.db", "real/deep/x.db"),
        ("link/up/../up/x.db", "real/deep/x.db"),
        ("none/at/all.db", "none/at/all.db"),
    ):
        assert resolve(tmp_path / name, trusted) == tmp_path.resolve() / real


def test_links_of_others_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to("real")
    with pytest.raises(UnsafeFileError, match="first is a symbolic link of another user"):
        resolve(tmp_path / "first/x.db", trusted={user() + 1})
    if user() == 0:  # then it is the default
        os.chown(tmp_path / "second", STRANGER, STRANGER, follow_symlinks=False)
        with pytest.raises(UnsafeFileError, match=rf"second is .* of another user \(id {STRANGER}"):
            resolve(tmp_path / "first/x.db")
        os.chown(tmp_path / "second", 0, 0, follow_symlinks=False)
    assert resolve(tmp_path / "first/x.db") == tmp_path.resolve() / "real/x.db"


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        resolve(tmp_path / "a", trusted={user()})
