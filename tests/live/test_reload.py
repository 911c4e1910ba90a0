"""What becomes active and when: every scenario with a clock that is moved by hand."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.base_errors import UsageError
from policy_router.diagnostics import draw
from policy_router.errors import PolicyError
from policy_router.language.manifest import MANIFEST, manifest_of
from policy_router.live.compilation import Compiled
from policy_router.live.status import ReloadResult, ReloadState
from policy_router.live.writers import PATIENCE as PATIENCE_OF_WRITERS
from policy_router.resilience.cancellation import checkpoint
from tests.live.stage import (
    Stage,
    compile_letters,
    eventually,
    letter_of,
    letters_of,
    live_at,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.language.files import FileSet
    from policy_router.live.active import Active
    from policy_router.resilience.cancellation import Poll


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "p.yaml").write_text(text_of("a"))
    return made


@pytest.fixture(params=["poll", "auto"])
def stage(folder: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Loaded and in step; once without and once with real file events."""
    made = Stage(folder, watch=request.param)
    made.live.load()
    yield made
    made.live.close()


def swap_link(link: Path, target: str) -> None:
    """As the kubelet does it: a new link under another name, then a rename."""
    fresh = link.with_name(link.name + "_tmp")
    fresh.symlink_to(target)
    fresh.rename(link)


def config_map(folder: Path, letter: str, version: str) -> None:
    data = folder / version
    data.mkdir()
    (data / "p.yaml").write_text(text_of(letter))
    swap_link(folder / "..data", version)


def test_write_in_place(stage: Stage) -> None:
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert stage.count(ReloadResult.OK) == 2  # the first load counts
    assert stage.live.status().state is ReloadState.OK


def test_write_in_place_to_a_single_file(folder: Path) -> None:
    stage = Stage(folder / "p.yaml")
    stage.live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    (folder / "other.yaml").write_text("not read")
    stage.run(10)
    assert stage.seen == [("a", "b")]


def test_atomic_rename_over_the_file(stage: Stage) -> None:
    fresh = stage.path / ".p.yaml.tmp"
    fresh.write_text(text_of("b"))
    fresh.rename(stage.path / "p.yaml")
    stage.run(10)
    assert stage.seen == [("a", "b")]


def test_backup_rename_as_editors_do(stage: Stage) -> None:
    file = stage.path / "p.yaml"
    file.rename(stage.path / "p.yaml~")
    stage.live.step()
    file.write_text(text_of("b"))
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert stage.count(ReloadResult.INVALID) == 0


@pytest.mark.parametrize("watch", ["poll", "auto"])
@pytest.mark.parametrize("name", ["", "p.yaml"])
def test_config_map_swap(tmp_path: Path, watch: str, name: str) -> None:
    config_map(tmp_path, "a", "..ts1")
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    stage = Stage(tmp_path / name, watch=watch)
    stage.live.load()
    config_map(tmp_path, "b", "..ts2")
    stage.run(10)
    assert stage.seen == [("a", "b")]
    stage.live.close()


def test_folder_removed_and_made_again(stage: Stage) -> None:
    (stage.path / "p.yaml").unlink()
    stage.path.rmdir()
    stage.run(10)
    assert stage.letter == "a"
    assert [d.rule for d in stage.live.status().errors] == ["no-policy-files"]
    assert stage.live.status().attempted is None
    stage.path.mkdir()
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert stage.live.status().errors == ()


def test_folder_swapped_by_rename_then_edited(stage: Stage) -> None:
    fresh = stage.path.with_name("fresh")
    fresh.mkdir()
    (fresh / "p.yaml").write_text(text_of("b"))
    stage.path.rename(stage.path.with_name("old"))
    fresh.rename(stage.path)
    stage.run(10)
    (stage.path / "p.yaml").write_text(text_of("c"))
    stage.run(10)
    assert stage.seen == [("a", "b"), ("b", "c")]


def test_same_size_and_same_mtime(stage: Stage) -> None:
    file = stage.path / "p.yaml"
    before = file.stat()
    stage.run(3)
    file.write_text(text_of("b"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    stage.run(10)
    assert stage.seen == [("a", "b")]


def test_bytes_are_read_now_and_then_whatever_stat_says(folder: Path) -> None:
    stage = Stage(folder)
    stage.live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    # As if stat had said nothing: the listing already is the new one.
    from policy_router.language.files import list_files

    stage.live._files.known = list_files(folder)
    stage.run(9)
    assert stage.letter == "b"


def test_two_files_one_after_the_other(stage: Stage) -> None:
    (stage.path / "q.yaml").write_text(text_of("a"))
    stage.run(10)
    before = len(stage.compiled)
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.live.step()
    stage.time += 0.06
    (stage.path / "q.yaml").write_text(text_of("b"))
    stage.run(10)
    assert len(stage.compiled) == before + 1
    assert stage.letter == "b"
    assert stage.count(ReloadResult.INVALID) == 0


def test_slow_write(stage: Stage) -> None:
    parts = ["key0", ": b\nkey1", ": b\nkey2:", " b\n"]
    (stage.path / "p.yaml").write_text("")
    for part in parts:
        with (stage.path / "p.yaml").open("a") as file:
            file.write(part)
        stage.live.step()
        stage.time += 0.05
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert stage.count(ReloadResult.INVALID) == 0


def test_broken_file_keeps_the_old_policy(stage: Stage) -> None:
    good = stage.live.current
    (stage.path / "p.yaml").write_text("key0: b\nonyl\n")
    stage.run(30)
    status = stage.live.status()
    assert stage.live.current is good
    assert status.state is ReloadState.DEGRADED
    assert status.revision == good.revision
    assert status.attempted not in (None, good.digest)
    (error,) = status.errors
    assert str(error.span) == f"{stage.path}/p.yaml:2:1"
    assert "2 | onyl" in draw(error, status.sources)
    assert status.reloads[ReloadResult.INVALID] == 1
    assert len(stage.compiled) == 2  # the same broken bytes are not tried again


def test_broken_then_fixed(stage: Stage) -> None:
    (stage.path / "p.yaml").write_text("onyl")
    stage.run(10)
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert stage.live.status().errors == ()
    assert stage.live.status().state is ReloadState.OK


def test_all_files_deleted(stage: Stage) -> None:
    (stage.path / "p.yaml").unlink()
    stage.run(10)
    assert stage.letter == "a"
    (error,) = stage.live.status().errors
    assert error.rule == "no-policy-files"
    assert stage.count(ReloadResult.INVALID) == 1


def test_touches_reload_nothing(stage: Stage) -> None:
    for n in range(300):
        os.utime(stage.path / "p.yaml", (n, n))
        stage.run(1)
    assert stage.seen == []
    assert len(stage.compiled) == 1
    assert stage.count(ReloadResult.OK) == 1


def test_reverted_after_a_break(stage: Stage) -> None:
    good = stage.live.current
    (stage.path / "p.yaml").write_text("onyl")
    stage.run(10)
    assert stage.live.status().state is ReloadState.DEGRADED
    since = stage.live.status().since
    (stage.path / "p.yaml").write_text(text_of("a"))
    stage.run(10)
    assert stage.live.current is good
    assert len(stage.compiled) == 2
    status = stage.live.status()
    assert (status.state, status.errors, status.attempted) == (ReloadState.OK, (), good.digest)
    assert status.since > since


def test_no_mixture_under_many_reloads(folder: Path) -> None:
    """Readers run all the while; every policy they see is of one letter, and its digest belongs
    to that letter alone."""
    (folder / "q.yaml").write_text(text_of("a"))
    stage = Stage(folder)
    live = stage.live
    live.load()
    stop = threading.Event()
    faults: list[str] = []
    letters: dict[str, set[str]] = {}
    looks = [0, 0]

    def read(which: int) -> None:
        while not stop.wait(0.0002):
            active = live.current
            seen = set(letters_of(active.policy)) | {
                line[-1] for text in active.sources.values() for line in text.splitlines()
            }
            letters.setdefault(active.digest, set()).update(seen)
            if len(seen) != 1 or active.revision != active.policy.revision:
                faults.append(f"{seen}")
            looks[which] += 1

    readers = [threading.Thread(target=read, args=(n,)) for n in range(2)]
    for reader in readers:
        reader.start()
    bad = 0
    for n in range(300):
        letter = "ab"[n % 2]
        if n % 10 == 9:
            (folder / "p.yaml").write_text("half a li")
            bad += 1
        elif n % 3 == 0:
            fresh = folder / ".fresh"
            fresh.write_text(text_of(letter))
            fresh.rename(folder / "p.yaml")
            (folder / "q.yaml").write_text(text_of(letter))
        else:
            (folder / "p.yaml").write_text(text_of(letter)[:7])
            live.step()
            (folder / "p.yaml").write_text(text_of(letter))
            (folder / "q.yaml").write_text(text_of(letter))
        stage.run(9)
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert min(looks) > 0
    assert all(len(seen) == 1 for seen in letters.values())
    assert stage.count(ReloadResult.INVALID) == bad
    assert len(stage.seen) > 200


def first_line(active: Active) -> int:
    span = active.policy.tasks[0].span
    assert span is not None
    return span.line


def test_comment_only_edit_keeps_the_revision(stage: Stage) -> None:
    before = stage.live.current
    (stage.path / "p.yaml").write_text("# a word\n" + text_of("a"))
    stage.run(10)
    after = stage.live.current
    assert after.revision == before.revision
    assert after.loaded_at == before.loaded_at
    assert after.digest != before.digest
    assert first_line(after) == first_line(before) + 1
    assert next(iter(after.sources.values())).startswith("# a word")
    assert stage.seen == []
    assert stage.count(ReloadResult.OK) == 1
    assert stage.count(ReloadResult.UNCHANGED) == 1
    assert stage.live.status().digest == after.digest


def test_broken_at_the_start(folder: Path) -> None:
    (folder / "p.yaml").write_text("onyl\n")
    live = live_at(folder, compile_letters)
    with pytest.raises(PolicyError) as caught:
        live.start()
    assert "1 | onyl" in str(caught.value)
    assert not [t for t in threading.enumerate() if t.name == "policy-reload"]
    with pytest.raises(UsageError):
        _ = live.current
    with pytest.raises(UsageError):
        live.status()


def test_nothing_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        live_at(tmp_path, compile_letters).load()
    assert [d.rule for d in caught.value.diagnostics] == ["no-policy-files"]


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def large(file: Path) -> None:
    file.write_bytes(b"#" * (5 << 20))


def writable(file: Path) -> None:
    file.chmod(0o666)


def unreadable(file: Path) -> None:
    file.chmod(0)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (dangling, "unreadable-file"),
        (fifo, "unsafe-file"),
        (large, "file-too-large"),
        (writable, "unsafe-file"),
        pytest.param(
            unreadable,
            "unreadable-file",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file"),
        ),
    ],
)
def test_file_that_must_not_be_read(folder: Path, spoil: Any, rule: str) -> None:
    stage = Stage(folder, strict=True)
    stage.live.load()
    spoil(folder / "p.yaml")
    stage.run(10)
    assert stage.letter == "a"
    (error,) = stage.live.status().errors
    assert error.rule == rule
    assert stage.count(ReloadResult.INVALID) == 1
    (folder / "p.yaml").unlink()
    (folder / "p.yaml").write_text(text_of("a"))
    stage.run(10)
    assert stage.live.status().state is ReloadState.OK
    assert len(stage.compiled) == 1


def test_doubts_about_a_file_come_and_go_without_a_reload(folder: Path) -> None:
    stage = Stage(folder)

    def doubts() -> list[str]:
        return [each.rule for each in stage.live.current.diagnostics]

    stage.live.load()
    assert doubts() == []
    (folder / "p.yaml").chmod(0o666)
    stage.run(10)
    assert doubts() == ["unsafe-file"]
    (folder / "p.yaml").chmod(0o644)
    stage.run(10)
    assert doubts() == []
    assert len(stage.compiled) == 1


def test_two_triggers_at_once_run_one_after_the_other(folder: Path) -> None:
    inside: list[int] = []
    overlaps: list[int] = []
    first_is_in = threading.Event()
    second_was_asked = threading.Event()

    def slow(files: FileSet, _cancelled: Poll) -> Compiled:
        inside.append(1)
        overlaps.append(len(inside))
        if len(overlaps) == 2:  # the first reload; the load was before it
            first_is_in.set()
            second_was_asked.wait(10)
        made = compile_letters(files)
        inside.pop()
        return made

    live = live_at(folder, slow, watch="off", settle=0.01)
    live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    first = threading.Thread(target=live.reload_now)
    second = threading.Thread(target=live.reload_now)
    first.start()
    assert first_is_in.wait(10)
    (folder / "p.yaml").write_text(text_of("c"))
    second.start()
    second_was_asked.set()
    first.join()
    second.join()
    assert overlaps == [1, 1, 1]
    assert letter_of(live.current) == "c"
    assert live.status().reloads[ReloadResult.OK] == 3


def test_files_that_never_settle_are_reported_and_tried_again(stage: Stage) -> None:
    for n in range(50):
        (stage.path / "p.yaml").write_text(f"# {n}\n" + text_of("b"))
        stage.time += stage.live.step()
    status = stage.live.status()
    assert stage.letter == "a"
    assert status.state is ReloadState.DEGRADED
    assert [d.rule for d in status.errors] == ["unstable-files"]
    assert status.reloads[ReloadResult.UNSTABLE] > 0
    assert len(stage.compiled) == 1
    stage.run(10)
    assert stage.letter == "b"
    assert stage.live.status().state is ReloadState.OK


def test_files_that_cannot_be_read_in_peace_are_not_invalid(folder: Path) -> None:
    stage = Stage(folder)
    stage.live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    stop = threading.Event()

    def touch() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            os.utime(folder / "p.yaml", (n, n))

    writer = threading.Thread(target=touch)
    writer.start()
    stage.run(20)
    stop.set()
    writer.join()
    assert stage.count(ReloadResult.INVALID) == 0
    stage.run(10)
    assert stage.letter == "b"
    assert stage.live.status().state is ReloadState.OK


def test_unstable_then_back_to_the_active_bytes(stage: Stage) -> None:
    good = stage.live.current
    while stage.live.status().state is ReloadState.OK:
        (stage.path / "p.yaml").write_text(f"# {stage.time}\n")
        stage.time += stage.live.step()
    (stage.path / "p.yaml").write_text(text_of("a"))
    stage.run(10)
    assert stage.live.status().state is ReloadState.OK
    assert stage.live.current is good


def test_at_most_one_compilation_per_min_interval_and_the_latest_wins(folder: Path) -> None:
    stage = Stage(folder, min_interval=5.0)
    stage.live.load()
    for n in range(80):  # new bytes four times a second, which is settled each time
        (folder / "p.yaml").write_text(text_of("bcde"[n % 4]) if n % 3 else f"bad {n}")
        stage.run(0.25)
    assert 3 <= len(stage.compiled) - 1 <= 5
    assert stage.count(ReloadResult.UNSTABLE) == 0
    (folder / "p.yaml").write_text(text_of("z"))
    stage.run(10)
    assert stage.letter == "z"


def test_crash_of_the_compiler_is_reported(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    (stage.path / "p.yaml").write_text("crash: \x1b\n")
    stage.run(10)
    (error,) = stage.live.status().errors
    assert error.rule == "internal-error"
    assert "ZeroDivisionError" in error.message
    assert "\x1b" not in error.message
    assert stage.letter == "a"
    assert any(record.exc_info for record in caplog.records)
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.letter == "b"


def test_policy_error_of_the_compiler_is_shown_as_it_is(folder: Path) -> None:
    broken = compile_letters

    def raising(files: FileSet, _cancelled: Poll) -> Compiled:
        made = broken(files)
        if made.policy is None:
            raise PolicyError(made.diagnostics, made.sources)
        return made

    live = live_at(folder, raising, watch="off", settle=0.001)
    live.load()
    (folder / "p.yaml").write_text("onyl")
    status = live.reload_now()
    assert [d.rule for d in status.errors] == ["unknown-line"]
    assert list(status.sources.values()) == ["onyl"]


def test_policy_with_an_error_is_not_activated(folder: Path) -> None:
    from policy_router.diagnostics import Diagnostic, Severity

    verdict: list[Diagnostic] = []

    def doubtful(files: FileSet, _cancelled: Poll) -> Compiled:
        made = compile_letters(files)
        return Compiled(made.policy, tuple(verdict), made.sources)

    live = live_at(folder, doubtful, watch="off", settle=0.001)
    live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    verdict.append(Diagnostic("broken-promise", Severity.ERROR, "an invariant fails", None))
    assert live.reload_now().errors == tuple(verdict)
    assert letter_of(live.current) == "a"
    verdict[:] = [Diagnostic("dead-rule", Severity.WARNING, "never applies", None)]
    assert live.reload_now().state is ReloadState.OK
    assert letter_of(live.current) == "b"
    assert live.current.diagnostics == tuple(verdict)


def test_exception_in_on_reload_is_logged_and_undoes_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def complain(old: Active, new: Active) -> None:
        raise LookupError(f"{letter_of(old)}{letter_of(new)}")

    stage = Stage(folder, on_reload=complain)
    stage.live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.letter == "b"
    assert stage.live.status().state is ReloadState.OK
    assert "ab" in caplog.text


def test_on_reload_may_ask_for_a_reload(folder: Path) -> None:
    states: list[ReloadState] = []

    def again(_old: Active, _new: Active) -> None:
        states.append(made.live.reload_now(force=False).state)

    made = Stage(folder, on_reload=again)
    made.live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    made.run(10)
    assert states == [ReloadState.OK]
    assert made.letter == "b"


def test_reload_now_forces_a_compilation_of_the_same_bytes(folder: Path) -> None:
    stage = Stage(folder, watch="off")
    stage.live.load()
    stage.live.reload_now(force=False)
    assert len(stage.compiled) == 1
    status = stage.live.reload_now()
    assert len(stage.compiled) == 2
    assert status.reloads[ReloadResult.UNCHANGED] == 2
    assert status.backend == "off"
    assert stage.seen == []


def test_forced_failure_of_the_active_bytes_stays_visible(folder: Path) -> None:
    """What a policy needs can break around it: then its own bytes are no proof of health."""
    broken: list[bool] = []

    def depends(files: FileSet, _cancelled: Poll) -> Compiled:
        if broken:
            raise OSError("no price table")
        return compile_letters(files)

    stage = Stage(folder, depends)
    stage.live.load()
    broken.append(True)
    assert stage.live.reload_now().state is ReloadState.DEGRADED
    stage.run(20)
    assert stage.live.status().state is ReloadState.DEGRADED
    broken.clear()
    assert stage.live.reload_now().state is ReloadState.OK


# -- files of which only a part is there -----------------------------------------------------------


def unknown(_path: str) -> None:
    """As on file systems where the kernel does not tell who writes."""


class SlowWriter:
    """Writes a file in place and stalls for as long as it likes."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file.open("w")
        self.write(text)

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


HALF = "key0: b\nkey1: b\nkey2: b\n"  # as good as all that was there before


@linux
@pytest.mark.parametrize("stall", [0.3, 1.0, 20.0])
def test_half_a_file_is_not_activated(stage: Stage, stall: float) -> None:
    writer = SlowWriter(stage.path / "p.yaml", HALF)
    stage.run(stall)
    assert stage.letter == "a"
    writer.write("key3: b\n")
    stage.run(stall)
    assert stage.letter == "a"
    writer.close()
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert len(letters_of(stage.live.current.policy)) == 4
    assert stage.live.status().state is ReloadState.OK
    assert len(stage.compiled) == 2  # only the whole file


def test_half_a_file_where_only_events_tell(folder: Path) -> None:
    stage = Stage(folder, watch="auto", writing=unknown)
    stage.live.load()
    stage.live.step()
    hint = stage.live._follower._hint
    assert hint is not None
    file = folder / "p.yaml"
    writer = SlowWriter(file, HALF)
    assert eventually(lambda: hint.writers.open(str(file)))
    stage.run(PATIENCE_OF_WRITERS - 1)
    assert stage.letter == "a"
    writer.write("key3: b\n")
    writer.close()
    assert eventually(lambda: not hint.writers.open(str(file)))
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert len(letters_of(stage.live.current.policy)) == 4
    stage.live.close()


def test_a_write_without_a_close_event_is_activated_in_the_end(folder: Path) -> None:
    """The event can be lost: then the file is taken for whole when nothing more comes."""
    stage = Stage(folder, watch="auto", writing=unknown)
    stage.live.load()
    stage.live.step()
    hint = stage.live._follower._hint
    assert hint is not None
    (folder / "p.yaml").write_text(text_of("b"))
    assert stage.hinted()
    hint.writers.note("modified", str(folder / "p.yaml"))
    stage.run(2 * PATIENCE_OF_WRITERS)
    assert stage.seen == [("a", "b")]
    stage.live.close()


@linux
def test_a_writer_that_never_closes_is_reported_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    writer = SlowWriter(stage.path / "p.yaml", HALF)
    stage.run(60)
    status = stage.live.status()
    assert status.state is ReloadState.DEGRADED
    (error,) = status.errors
    assert error.rule == "unstable-files"
    assert "p.yaml` has been open for writing" in error.message
    assert status.reloads[ReloadResult.UNSTABLE] == 1
    assert len([r for r in caplog.records if "NOT reloaded" in r.message]) == 1
    assert stage.live.reload_now().state is ReloadState.DEGRADED  # and it returns
    writer.close()
    stage.run(10)
    assert stage.letter == "b"
    assert stage.live.status().state is ReloadState.OK


@linux
def test_a_file_that_is_held_back_is_looked_at_often_whatever_the_interval(folder: Path) -> None:
    stage = Stage(folder, interval=600.0)
    stage.live.load()
    writer = SlowWriter(folder / "p.yaml", HALF)
    stage.run(700)
    assert stage.live.status().state is ReloadState.DEGRADED
    writer.close()
    stage.run(10)
    assert stage.letter == "b"


@linux
def test_start_waits_for_a_file_that_is_being_written(folder: Path) -> None:
    writer = SlowWriter(folder / "p.yaml", HALF)
    stage = Stage(folder)
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        stage.time += seconds
        sleeps.append(seconds)
        if len(sleeps) == 20:
            writer.write("key3: b\n")
        elif len(sleeps) == 30:
            writer.close()

    stage.sleep = sleep
    stage.live.load()
    assert len(letters_of(stage.live.current.policy)) == 4
    assert len(sleeps) >= 30


@linux
def test_start_does_not_wait_for_a_writer_without_end(folder: Path) -> None:
    writer = SlowWriter(folder / "p.yaml", HALF)
    stage = Stage(folder)
    with pytest.raises(PolicyError) as caught:
        stage.live.load()
    assert [d.rule for d in caught.value.diagnostics] == ["unstable-files"]
    assert stage.time < 1020
    writer.close()


def test_start_reads_again_what_was_written_a_moment_ago(folder: Path) -> None:
    """Half of it may still be to come, also where nobody knows who writes."""
    now = [0.0]
    stage = Stage(folder, writing=unknown, wall=lambda: now[0])
    now[0] = (folder / "p.yaml").stat().st_mtime + 0.3

    def sleep(seconds: float) -> None:
        stage.time += seconds
        now[0] += seconds
        if "a" in (folder / "p.yaml").read_text():
            (folder / "p.yaml").write_text(text_of("b"))

    stage.sleep = sleep
    stage.live.load()
    assert stage.letter == "b"


def test_start_does_not_wait_for_files_that_were_not_touched_lately(folder: Path) -> None:
    stage = Stage(folder, writing=unknown)
    later = (folder / "p.yaml").stat().st_mtime + 5
    stage.wall = lambda: later
    stage.live.load()
    assert stage.time == 1000.0


def test_a_shorter_file_and_a_missing_file_settle_longer(stage: Stage) -> None:
    (stage.path / "q.yaml").write_text(text_of("a"))
    stage.run(10)
    for change in (
        lambda: (stage.path / "p.yaml").write_text(text_of("a", lines=2)),
        (stage.path / "p.yaml").unlink,
    ):
        before = len(stage.compiled)
        change()
        stage.run(0.9)
        assert len(stage.compiled) == before
        stage.run(1.0)
        assert len(stage.compiled) == before + 1
        stage.run(10)


def test_a_file_that_vanishes_for_a_moment_changes_nothing(stage: Stage) -> None:
    """As when a checkout replaces files one after another."""
    (stage.path / "q.yaml").write_text(text_of("a"))
    stage.run(10)
    good = stage.live.current
    compiled = len(stage.compiled)
    for _ in range(5):
        (stage.path / "q.yaml").unlink()
        stage.run(0.8)
        (stage.path / "q.yaml").write_text(text_of("a"))
        stage.run(0.8)
    assert stage.live.current is good
    assert len(stage.compiled) == compiled
    assert stage.live.status().state is ReloadState.OK


def test_a_policy_that_lost_something_is_looked_at_once_more(folder: Path) -> None:
    """It is known only when it is compiled, and compiled once."""
    asked: list[tuple[int, int]] = []

    def loses(old: Policy, new: Policy) -> bool:
        asked.append((len(letters_of(old)), len(letters_of(new))))
        return len(letters_of(new)) < len(letters_of(old))

    stage = Stage(folder, loses=loses)
    stage.live.load()
    half = "# " + "long " * 20 + "\n" + text_of("b", lines=2)
    (folder / "p.yaml").write_text(half)
    stage.run(0.5)
    assert asked == [(3, 2)]
    assert stage.letter == "a"
    (folder / "p.yaml").write_text(half + "key2: b\n")
    stage.run(10)
    assert [len(letters_of(stage.live.current.policy)), len(stage.compiled)] == [3, 3]
    (folder / "p.yaml").write_text("# " + "long " * 40 + "\n" + text_of("c", lines=2))
    stage.run(10)
    assert stage.letter == "c"
    assert len(stage.compiled) == 4
    # Asked for, it waits as well: what is asked for may be half a file too.
    (folder / "p.yaml").write_text("# " + "long " * 60 + "\n" + text_of("d", lines=1))
    began = stage.time
    stage.live.reload_now()
    assert stage.letter == "d"
    assert stage.time - began >= 1.0


def test_settle_loss_can_be_set(folder: Path) -> None:
    stage = Stage(folder, settle_loss=5.0)
    stage.live.load()
    (folder / "p.yaml").write_text(text_of("b", lines=1))
    stage.run(4.9)
    assert stage.letter == "a"
    stage.run(5)
    assert stage.letter == "b"


def test_with_a_manifest_nothing_is_activated_before_every_file_matches(stage: Stage) -> None:
    listed(stage.path)
    stage.run(10)
    assert stage.live.status().state is ReloadState.OK
    (stage.path / "p.yaml").write_text(text_of("b"))
    (stage.path / "q.yaml").write_text(text_of("b"))
    stage.run(60)
    assert stage.letter == "a"
    assert {d.rule for d in stage.live.status().errors} == {"manifest-mismatch"}
    listed(stage.path)
    stage.run(10)
    assert stage.seen == [("a", "b")]
    assert stage.live.status().state is ReloadState.OK


def test_a_manifest_that_vanishes_for_a_moment_frees_nothing(stage: Stage) -> None:
    listed(stage.path)
    stage.run(10)
    (stage.path / MANIFEST).unlink()
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.run(0.9)
    assert stage.letter == "a"
    listed(stage.path)
    (stage.path / "p.yaml").write_text(text_of("c"))
    stage.run(10)
    assert stage.letter == "a"
    (stage.path / MANIFEST).unlink()  # for good
    stage.run(10)
    assert stage.letter == "c"


def listed(folder: Path) -> None:
    files = ((file.name, file.read_bytes()) for file in folder.glob("*.yaml"))
    (folder / MANIFEST).write_text(manifest_of(files))


# -- compilations that take long -------------------------------------------------------------------


def test_a_compilation_is_abandoned_when_newer_bytes_are_there(folder: Path) -> None:
    """The clock moves while it compiles; the operator mends the file after a second."""
    steps: list[float] = []

    def slow(files: FileSet, cancelled: Poll) -> Compiled:
        if b"slow" in files.files[0].data:
            for _ in range(1000):
                steps.append(made.time)
                made.time += 0.05
                if len(steps) == 20:
                    (folder / "p.yaml").write_text(text_of("c"))
                checkpoint(cancelled)
        return compile_letters(files)

    made = Stage(folder, slow)
    made.live.load()
    (folder / "p.yaml").write_text("# slow\n" + text_of("b"))
    made.run(10)
    assert len(steps) < 30
    assert made.seen == [("a", "c")]
    assert made.count(ReloadResult.INVALID) == 0


def test_a_touch_does_not_abandon_a_compilation(folder: Path) -> None:
    def touching(files: FileSet, cancelled: Poll) -> Compiled:
        for n in range(10):
            os.utime(folder / "p.yaml", (n, n))
            made.time += 0.2
            checkpoint(cancelled)
        return compile_letters(files)

    made = Stage(folder, touching)
    made.live.load()
    (folder / "p.yaml").write_text(text_of("b"))
    made.run(30)
    assert made.seen == [("a", "b")]
    assert len(made.compiled) == 2


def test_close_does_not_wait_for_a_compilation(folder: Path) -> None:
    """It ends with it, and is not begun anew."""
    entered = threading.Event()

    def endless(files: FileSet, cancelled: Poll) -> Compiled:
        while b"slow" in files.files[0].data:
            entered.set()
            checkpoint(cancelled)
        return compile_letters(files)

    live = live_at(folder, endless, watch="poll", interval=0.02, settle=0.01)
    with live:
        (folder / "p.yaml").write_text("# slow\n" + text_of("b"))
        assert entered.wait(30)
    assert letter_of(live.current) == "a"


def test_status_says_how_long_it_compiles_and_when_the_files_were_looked_at(folder: Path) -> None:
    seen: list[tuple[float | None, float]] = []

    def slow(files: FileSet, _cancelled: Poll) -> Compiled:
        if len(made.compiled) > 1:
            made.time += 7
            status = made.live.status()
            seen.append((status.compiling_since, status.lag))
        return compile_letters(files)

    made = Stage(folder, slow)
    made.live.load()
    assert made.live.status().compiling_since is None
    (folder / "p.yaml").write_text(text_of("b"))
    changed = made.time
    made.run(20)
    ((since, lag),) = seen
    assert since is not None
    assert changed <= since <= changed + 3
    assert lag >= 7
    status = made.live.status()
    assert status.compiling_since is None
    made.run(20)
    assert made.live.status().checked_at > status.checked_at
    made.time += 100
    assert made.live.status().lag >= 100


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_status_says_that_the_thread_has_ended(folder: Path) -> None:
    def leave(_old: Active, _new: Active) -> None:
        raise SystemExit

    with live_at(
        folder, compile_letters, watch="poll", interval=0.02, settle=0.01, on_reload=leave
    ) as live:
        assert live.status().backend == "poll"
        (folder / "p.yaml").write_text(text_of("b"))
        assert eventually(lambda: live.status().backend == "stopped")
        status = live.status()
        assert status.state is ReloadState.DEGRADED
        assert "does not run in this process" in status.errors[-1].message
    assert live.status().backend == "off"


# -- options and order -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"watch": "always"},
        {"interval": 0},
        {"settle": 0},
        {"min_interval": -1},
        {"settle_loss": -1},
    ],
)
def test_options_without_sense(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        live_at(folder, compile_letters, **options)


def test_loading_or_starting_twice(folder: Path) -> None:
    live = live_at(folder, compile_letters, watch="off")
    with live, pytest.raises(UsageError):
        live.load()
    with pytest.raises(UsageError):
        live.start()
    assert letter_of(live.current) == "a"  # closed, yet usable
