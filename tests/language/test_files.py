"""Which files belong to a policy, and which are refused before a byte of them is believed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from policy_router.diagnostics import Severity, Span
from policy_router.language import files as module
from policy_router.language.files import (
    MAX_FILE,
    MAX_FILES,
    MAX_TOTAL,
    FileSet,
    digest_of,
    list_files,
    read_files,
    readable_files,
)

if TYPE_CHECKING:
    from policy_router.diagnostics import Diagnostic

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


def good(path: Path, *, strict: bool = False) -> FileSet:
    files, found = read_files(path, strict=strict)
    assert found == ()
    assert files is not None
    return files


def refused(path: Path, *, strict: bool = False) -> Diagnostic:
    files, found = read_files(path, strict=strict)
    assert files is None
    (error,) = found
    assert error.severity is Severity.ERROR
    assert error.help
    assert error.message[-1] != "."
    return error


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"two")
    (tmp_path / "a.yml").write_bytes(b"one")
    (tmp_path / ".hidden.yaml").write_bytes(b"no")
    (tmp_path / "note.txt").write_bytes(b"no")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.yaml").write_bytes(b"no")
    files = good(tmp_path)
    assert [(f.name, f.data) for f in files.files] == [
        (f"{tmp_path}/a.yml", b"one"),
        (f"{tmp_path}/b.yaml", b"two"),
    ]


def test_a_file_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "policy").write_bytes(b"one")
    (tmp_path / "other.yaml").write_bytes(b"two")
    (file,) = good(tmp_path / "policy").files
    assert (file.name, file.data) == (f"{tmp_path}/policy", b"one")


def test_names_are_shown_as_the_user_gave_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.yaml").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert [f.name for f in good(Path("p")).files] == ["p/a.yaml"]
    assert [f.name for f in good(Path("p/a.yaml")).files] == ["p/a.yaml"]
    monkeypatch.chdir(tmp_path / "p")
    assert [f.name for f in good(Path("a.yaml")).files] == ["a.yaml"]
    assert [f.name for f in good(Path()).files] == ["./a.yaml"]


def test_digest_depends_on_names_and_bytes_alone(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_bytes(b"x")
    one, two = tmp_path / "one", tmp_path / "two"
    digest = good(one).digest
    assert len(digest) == 64
    assert good(two).digest == digest
    assert good(one / "a.yaml").digest == digest
    (two / "a.yaml").rename(two / "b.yaml")
    assert good(two).digest != digest
    (one / "a.yaml").write_bytes(b"y")
    assert good(one).digest != digest


def test_digest_frames_its_parts() -> None:
    cases = [
        [("a", b"b")],
        [("ab", b"")],
        [("", b"ab")],
        [("a", b""), ("b", b"")],
        [("a", b"\0b")],
        [],
    ]
    assert len({digest_of(case) for case in cases}) == len(cases)


def test_a_config_map(tmp_path: Path) -> None:
    (tmp_path / "..ts1").mkdir()
    (tmp_path / "..ts1" / "a.yaml").write_bytes(b"one")
    (tmp_path / "..data").symlink_to("..ts1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert [f.data for f in good(tmp_path, strict=True).files] == [b"one"]
    assert [f.data for f in good(tmp_path / "a.yaml", strict=True).files] == [b"one"]
    assert list_files(tmp_path).directories == {str(tmp_path), str(tmp_path / "..ts1")}


def test_a_folder_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.yaml").write_bytes(b"one")
    (tmp_path / "current").symlink_to("real")
    assert [f.name for f in good(tmp_path / "current").files] == [f"{tmp_path}/current/a.yaml"]


@pytest.mark.parametrize("name", ["", "a.yaml"])
def test_link_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "p-secret").write_bytes(b"x")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.yaml").symlink_to(tmp_path / "p-secret")
    error = refused(tmp_path / "p" / name)
    assert error.rule == "unsafe-file"
    assert error.span == Span(f"{tmp_path}/p/a.yaml", 1, 1, 1, 1)
    assert "p-secret" in error.message


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("nowhere")
    error = refused(tmp_path)
    assert error.rule == "unreadable-file"
    assert error.message == f"`{tmp_path}/a.yaml` cannot be read: no such file or directory"
    assert refused(tmp_path / "a.yaml") == error


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    files, found = read_files(tmp_path)
    assert files is None
    assert [d.rule for d in found] == ["unreadable-file", "unreadable-file"]


@pytest.mark.parametrize("name", ["", "a.yaml"])
def test_a_fifo_is_refused_and_does_not_block(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    answers: list[Diagnostic] = []
    reader = threading.Thread(target=lambda: answers.append(refused(tmp_path / name)), daemon=True)
    reader.start()
    reader.join(10)
    assert [d.rule for d in answers] == ["unsafe-file"]


def test_what_is_opened_is_judged_again(tmp_path: Path) -> None:
    """Between listing and opening a file can become something else; opening must not block, nor
    follow a link that was put in its place."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"x")
    (entry,) = list_files(tmp_path).entries
    file.unlink()
    os.mkfifo(file)
    data, found = module._read(entry, strict=False)
    assert (data, [d.rule for d in found]) == (None, ["unsafe-file"])
    file.unlink()
    (tmp_path / "secret").write_bytes(b"x")
    file.symlink_to("secret")
    data, found = module._read(entry, strict=False)
    assert (data, [d.rule for d in found]) == (None, ["unreadable-file"])
    file.unlink()
    file.mkdir()
    data, found = module._read(entry, strict=False)
    assert (data, [d.rule for d in found]) == (None, ["unsafe-file"])


def test_a_device_is_not_opened() -> None:
    assert refused(Path("/dev/zero")).rule == "unsafe-file"


def test_a_folder_named_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    error = refused(tmp_path)
    assert error.rule == "unreadable-file"
    assert "is a folder" in error.message


def test_empty_folder(tmp_path: Path) -> None:
    error = refused(tmp_path)
    assert (error.rule, error.span) == ("no-policy-files", None)
    assert error.message == f"no policy files in `{tmp_path}`"


@pytest.mark.parametrize("name", ["nowhere", "nowhere/a.yaml", "file/a.yaml"])
def test_missing_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    error = refused(tmp_path / name)
    assert error.rule == "no-policy-files"
    assert error.message == f"`{tmp_path}/{name}` does not exist"


@pytest.mark.parametrize("name", ["a\0b.yaml", "a" * 300 + ".yaml"])
def test_impossible_path(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path / name)
    assert error.rule == "unreadable-file"
    assert "\0" not in error.message


@pytest.mark.parametrize("name", [b"\x1b[31m.yaml", b"\xff.yaml", b"a\nb.yaml"])
def test_name_that_cannot_be_shown(tmp_path: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb"):  # noqa: PTH118, PTH123  bytes
        pass
    error = refused(tmp_path)
    assert error.rule == "unsafe-file"
    assert error.message.isprintable()
    assert error.span is not None
    assert error.span.file.isprintable()


def test_sizes(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.yaml").write_bytes(b"#" * MAX_FILE)
    assert len(good(tmp_path).files) == 4
    (tmp_path / "e.yaml").write_bytes(b"#")
    error = refused(tmp_path)
    assert (error.rule, "have more than 4 MiB" in error.message) == ("file-too-large", True)
    (tmp_path / "e.yaml").write_bytes(b"#" * (MAX_FILE + 1))
    error = refused(tmp_path / "e.yaml")
    assert (error.rule, "larger than 1 MiB" in error.message) == ("file-too-large", True)


def test_number_of_files(tmp_path: Path) -> None:
    for n in range(MAX_FILES):
        (tmp_path / f"{n}.yaml").write_bytes(b"")
    assert len(good(tmp_path).files) == MAX_FILES
    (tmp_path / "more.yaml").write_bytes(b"")
    assert refused(tmp_path).rule == "too-many-files"


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("nowhere")
    (tmp_path / "b.yaml").write_bytes(b"fine")
    (tmp_path / "c.yaml").mkdir()
    files, found = read_files(tmp_path)
    assert files is None
    assert [d.span.file for d in found if d.span] == [f"{tmp_path}/a.yaml", f"{tmp_path}/c.yaml"]


@pytest.mark.parametrize(
    ("mode", "lenient", "strict"), [(0o666, 1, 1), (0o664, 0, 1), (0o644, 0, 0), (0o600, 0, 0)]
)
def test_who_may_write(tmp_path: Path, mode: int, lenient: int, strict: int) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x")
    (tmp_path / "a.yaml").chmod(mode)
    files, found = read_files(tmp_path)
    assert files is not None
    assert [(d.rule, d.severity) for d in found] == [("unsafe-file", Severity.WARNING)] * lenient
    files, found = read_files(tmp_path, strict=True)
    assert (files is None) == bool(strict)
    assert [(d.rule, d.severity) for d in found] == [("unsafe-file", Severity.ERROR)] * strict


@needs_root
def test_a_strangers_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x")
    os.chown(tmp_path / "a.yaml", 12345, -1)
    files, (doubt,) = read_files(tmp_path)
    assert files is not None
    assert (doubt.rule, doubt.severity) == ("unsafe-file", Severity.WARNING)
    assert "belongs to user 12345" in doubt.message
    assert refused(tmp_path, strict=True).rule == "unsafe-file"


@needs_permissions
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x")
    (tmp_path / "a.yaml").chmod(0)
    assert "permission denied" in refused(tmp_path).message
    (tmp_path / "p").mkdir(mode=0)
    assert refused(tmp_path / "p").rule == "unreadable-file"


def test_listing_sees_each_kind_of_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"x")
    seen = [list_files(tmp_path)]
    assert list_files(tmp_path) == seen[0]
    file.chmod(0o600)
    seen.append(list_files(tmp_path))
    os.utime(file, (1, 1))
    seen.append(list_files(tmp_path))
    file.write_bytes(b"xy")
    seen.append(list_files(tmp_path))
    (tmp_path / "b.yaml").write_bytes(b"")
    seen.append(list_files(tmp_path))
    (tmp_path / "b.yaml").unlink()
    (tmp_path / "fresh").write_bytes(b"xy")
    (tmp_path / "fresh").rename(file)
    seen.append(list_files(tmp_path))
    file.unlink()
    seen.append(list_files(tmp_path))
    tmp_path.rmdir()
    seen.append(list_files(tmp_path))
    assert len(set(seen)) == len(seen)


def test_files_that_change_while_they_are_read(tmp_path: Path) -> None:
    """A writer without rest: either whole old bytes, whole new ones, or the admission that it
    cannot be told; never a torn file set."""
    (tmp_path / "a.yaml").write_bytes(b"0")
    (tmp_path / "b.yaml").write_bytes(b"0")
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.wait(0.0001):
            n += 1
            for name in ("a.yaml", "b.yaml"):
                fresh = tmp_path / "fresh"
                fresh.write_bytes(str(n).encode())
                fresh.rename(tmp_path / name)

    writer = threading.Thread(target=write)
    writer.start()
    rules: set[str] = set()
    try:
        for _ in range(200):
            files, found = read_files(tmp_path)
            rules.update(d.rule for d in found)
            if files is not None:
                first, second = (int(f.data) for f in files.files)
                assert second in (first, first - 1)
    finally:
        stop.set()
        writer.join()
    assert rules <= {"unstable-files"}


def test_files_that_never_rest(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"x")
    for n in range(40):  # reading takes a while, so that the writer gets its turn
        (tmp_path / f"b{n}.yaml").write_bytes(b"")
    stop = threading.Event()

    def touch() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            os.utime(file, (n, n))

    writer = threading.Thread(target=touch)
    writer.start()
    said: tuple[Diagnostic, ...] = ()
    end = time.monotonic() + 60
    try:
        while not said and time.monotonic() < end:
            files, said = read_files(tmp_path)
    finally:
        stop.set()
        writer.join()
    assert files is None
    assert [d.rule for d in said] == ["unstable-files"]
    assert good(tmp_path).files[0].data == b"x"


def test_the_files_that_can_be_read_though_others_cannot(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"one")
    (tmp_path / "b.yaml").symlink_to("nowhere")
    (tmp_path / "c.yaml").write_bytes(b"#" * (MAX_FILE + 1))
    files, complete = readable_files(tmp_path)
    assert [file.data for file in files] == [b"one"]
    assert not complete
    for name in ("b.yaml", "c.yaml"):
        (tmp_path / name).unlink()
    assert readable_files(tmp_path)[1]
    for n in range(5):
        (tmp_path / f"{n}.yaml").write_bytes(b"#" * MAX_FILE)
    files, complete = readable_files(tmp_path)
    assert sum(len(file.data) for file in files) <= MAX_TOTAL
    assert not complete
    assert readable_files(tmp_path / "missing")[0] == ()


def test_the_files_with_tests_next_to_a_policy(tmp_path: Path) -> None:
    for name in ("p.yaml", "p.test.yaml", "p.test.yml", "q.test.yaml", ".r.test.yaml"):
        (tmp_path / name).write_text("version: 1\n")
    beside = module.tests_beside(tmp_path / "p.yaml")
    assert [path.name for path in beside] == ["p.test.yaml", "p.test.yml"]
    names = [path.name for path in module.tests_beside(tmp_path)]
    assert names == ["p.test.yaml", "p.test.yml", "q.test.yaml"]
    found, _ = read_files(tmp_path)
    assert found is not None
    assert [Path(file.name).name for file in found.files] == ["p.yaml"]


def test_no_tests_stand_next_to_what_cannot_be_a_path() -> None:
    assert module.tests_beside(Path("x" * 5000)) == ()


def test_a_file_with_tests_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    good = tmp_path / "a.test.yaml"
    good.write_text("version: 1\n")
    read, problems = module.read_tests([tmp_path / "none.test.yaml", good])
    assert [(file.name, file.only_tests) for file in read] == [(str(good), True)]
    assert [problem.rule for problem in problems] == ["no-policy-files"]
