"""File events as a hint: armed, lost, armed anew, refused by the system, poked without end."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.language.manifest import MANIFEST, manifest_of
from policy_router.live.status import ReloadResult, ReloadState
from policy_router.live.watch import Hint, mount_points, watchdog_observer
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

    from policy_router.live.reload import Live


class Thread:
    def __init__(self) -> None:
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive


class Watcher:
    """An observer without threads. refusal: what `schedule` raises. late: what `start` raises."""

    def __init__(self, refusal: Exception | None = None, late: Exception | None = None) -> None:
        self.refusal = refusal
        self.late = late
        self.paths: list[str] = []
        self.emitters: list[Thread] = []
        self.thread = Thread()
        self.thread.alive = False
        self.stopped = False

    def schedule(self, event_handler: Any, path: str, *, recursive: bool = False) -> None:  # noqa: ARG002  watchdog's name for it
        if self.refusal is not None:
            raise self.refusal
        assert not recursive
        self.paths.append(path)
        self.emitters.append(Thread())

    def start(self) -> None:
        if self.late is not None:
            raise self.late
        self.thread.alive = True

    def stop(self) -> None:
        self.stopped = True

    def is_alive(self) -> bool:
        return self.thread.alive

    def join(self, timeout: float | None = None) -> None:  # noqa: ARG002  watchdog's name
        self.thread.alive = False


class Watchers:
    """Makes them and keeps them."""

    def __init__(self, *prepared: Watcher) -> None:
        self.prepared = list(prepared)
        self.made: list[Watcher] = []

    def __call__(self) -> Watcher:
        self.made.append(self.prepared.pop(0) if self.prepared else Watcher())
        return self.made[-1]


class Event:
    def __init__(self, event_type: str, src_path: str = "", dest_path: str = "") -> None:
        self.event_type = event_type
        self.src_path = src_path
        self.dest_path = dest_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "p.yaml").write_text(text_of("a"))
    return made


@pytest.fixture
def stage(folder: Path) -> Iterator[Stage]:
    """Loaded, and armed with real file events."""
    made = Stage(folder, watch="auto")
    made.live.load()
    made.live.step()
    yield made
    made.live.close()


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_a_hint_is_armed_once(folder: Path) -> None:
    watchers = Watchers()
    hint = Hint(threading.Event(), watchers)
    assert hint.tend([str(folder)])
    assert not hint.tend([str(folder)])
    assert [w.paths for w in watchers.made] == [[str(folder)]]
    hint.close()
    assert watchers.made[0].stopped
    assert not watchers.made[0].is_alive()
    assert hint.backend == "poll"


def test_dead_emitter_is_replaced(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    watchers = Watchers()
    hint = Hint(threading.Event(), watchers)
    hint.tend([str(folder)])
    watchers.made[0].emitters[0].alive = False
    assert watchers.made[0].is_alive()  # the observer itself does not notice
    assert hint.tend([str(folder)])
    assert len(watchers.made) == 2
    assert watchers.made[0].stopped
    assert "watching again" in caplog.text


def test_folder_replaced_under_its_name_is_armed_again(folder: Path) -> None:
    watchers = Watchers()
    hint = Hint(threading.Event(), watchers)
    hint.tend([str(folder)])
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    assert hint.tend([str(folder)])
    assert len(watchers.made) == 2


def test_missing_folder_is_not_armed(folder: Path) -> None:
    watchers = Watchers()
    hint = Hint(threading.Event(), watchers)
    assert not hint.tend([str(folder / "nowhere")])
    assert watchers.made == []


def test_kinds_of_events() -> None:
    wake = threading.Event()
    hint = Hint(wake, Watchers())
    for kind in ("opened", "closed_no_write"):
        hint.dispatch(Event(kind))
    assert not wake.is_set()
    for kind in ("created", "modified", "moved", "deleted", "closed", "attrib", "new in some year"):
        wake.clear()
        hint.dispatch(Event(kind))
        assert wake.is_set(), kind


@pytest.mark.parametrize(
    ("kind", "source", "target", "wakes"),
    [
        ("modified", "p.yaml", "", True),
        ("closed", "new.yml", "", True),
        ("created", "MANIFEST.sha256", "", True),
        ("moved", ".p.yaml.tmp", "p.yaml", True),
        ("moved", "p.yaml", "p.yaml~", True),
        ("moved", "..data_tmp", "..data", True),
        ("closed", "data", "", True),  # a link of the folder leads to it
        ("modified", "app.log", "", False),
        ("created", "app.log", "", False),
        ("moved", "app.log", "app.log.1", False),
        ("closed", ".p.yaml.swp", "", False),
        ("modified", "..log", "", False),
        ("modified", "", "", False),  # the folder, with whatever happens in it
        ("deleted", "", "", True),
    ],
)
def test_only_what_can_change_the_policy_wakes(
    folder: Path, kind: str, source: str, target: str, wakes: bool
) -> None:
    wake = threading.Event()
    hint = Hint(wake, Watchers())
    hint.tend([str(folder)], ["data"])
    paths = [str(folder / name) if name else "" for name in (source, target)]
    hint.dispatch(Event(kind, paths[0] or str(folder), paths[1]))
    assert wake.is_set() is wakes


def test_events_say_which_files_are_open(folder: Path) -> None:
    hint = Hint(threading.Event(), Watchers())
    hint.tend([str(folder)])
    file = str(folder / "p.yaml")
    hint.dispatch(Event("modified", file))
    assert hint.writers.open(file)
    hint.dispatch(Event("closed", file))
    assert not hint.writers.open(file)
    hint.dispatch(Event("modified", file))
    hint.close()  # nothing would tell that it was closed
    assert not hint.writers.open(file)


class OpeningHandler(logging.FileHandler):
    """Opens and closes its file for each record, so that each is a file event of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self.close()
        self._closed = False  # else it would not open the file again


@pytest.mark.parametrize("handler", [logging.FileHandler, OpeningHandler])
def test_a_debug_log_in_the_watched_folder_does_not_feed_itself(
    folder: Path, handler: type[logging.FileHandler]
) -> None:
    path = folder / "app.log"
    root = logging.getLogger()
    level = root.level
    made = handler(path)
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    try:
        live = live_at(folder, compile_letters, interval=0.05, settle=0.02, min_interval=0.02)
        with live:
            for letter in "bcd":
                logging.getLogger("application").debug("line")
                (folder / "p.yaml").write_text(text_of(letter))
                assert becomes(live, letter)
            ticks = live._ticks
            time.sleep(0.5)
            assert live._ticks - ticks < 30  # by the clock alone
    finally:
        root.setLevel(level)
        root.removeHandler(made)
        made.close()
    lines = path.read_text().splitlines()
    assert len([line for line in lines if line == "line"]) == 3
    assert len([line for line in lines if "policy reloaded" in line]) == 3
    assert len(lines) < 30, lines


def test_other_users_of_watchdog_keep_their_logs(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live_at(folder, compile_letters), caplog.at_level(logging.DEBUG, "watchdog"):
        logging.getLogger("watchdog.observers.inotify").error("of somebody else")
    assert "of somebody else" in caplog.text


# -- the ways in which files are replaced, with the real watcher -----------------------------------


@pytest.fixture
def following(folder: Path) -> Iterator[Live]:
    """With an hour between two looks: only events tell."""
    for name in ("q.yaml", "r.yaml"):
        (folder / name).write_text(text_of("a"))
    with live_at(folder, compile_letters, interval=3600.0, min_interval=0.05) as live:
        yield live


def becomes(live: Live, letter: str) -> bool:
    return eventually(lambda: set(letters_of(live.current.policy)) == {letter})


def test_written_in_place_with_a_pause(folder: Path, following: Live) -> None:
    seen: set[int] = set()
    with (folder / "p.yaml").open("w") as file:
        file.write(text_of("a", lines=4))
        file.flush()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            seen.add(len(letters_of(following.current.policy)))
            time.sleep(0.01)
        file.write("key4: a\n")
    assert seen == {9}
    assert eventually(lambda: len(letters_of(following.current.policy)) == 11)


def test_replaced_by_cp(folder: Path, tmp_path: Path, following: Live) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("p.yaml", "q.yaml", "r.yaml"):
        (source / name).write_text(text_of("b"))
    assert _run("cp", "-p", *map(str, source.iterdir()), str(folder)) == 0
    assert becomes(following, "b")


def rsync(source: Path, target: Path, *, in_place: bool) -> None:
    """As rsync does it: a hidden file, its times set, then a rename; or over the old bytes."""
    for file in sorted(source.iterdir()):
        data = file.read_bytes()
        if in_place:
            with (target / file.name).open("r+b") as written:
                written.write(data)
                written.truncate()
                os.utime(written.fileno(), (1, 1))
        else:
            fresh = target / f".{file.name}.Xa81Fq"
            with fresh.open("xb") as written:
                written.write(data)
            os.utime(fresh, (1, 1))
            fresh.chmod(0o644)
            fresh.rename(target / file.name)


@pytest.mark.parametrize("in_place", [False, True])
def test_replaced_by_rsync(folder: Path, tmp_path: Path, following: Live, in_place: bool) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("p.yaml", "q.yaml", "r.yaml"):
        (source / name).write_text(text_of("b", lines=4))
    rsync(source, folder, in_place=in_place)
    assert becomes(following, "b")


def test_replaced_by_git(tmp_path: Path) -> None:
    """Many files, one after another, each taken away and made again. The manifest keeps what is
    between the two from being used."""
    folder = tmp_path / "policies"

    def git(*command: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *name, *command], cwd=folder, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    folder.mkdir()
    git("init", "-q")
    for letter in "ab":
        for n in range(40):
            (folder / f"p{n}.yaml").write_text(text_of(letter))
        files = ((file.name, file.read_bytes()) for file in folder.glob("*.yaml"))
        (folder / MANIFEST).write_text(manifest_of(files))
        git("checkout", "-q", "-b", letter)
        git("add", ".")
        git("commit", "-q", "-m", letter)
    seen: list[tuple[str, str]] = []
    with live_at(
        folder,
        compile_letters,
        interval=3600.0,
        min_interval=0.05,
        on_reload=lambda old, new: seen.append((letter_of(old), letter_of(new))),
    ) as live:
        git("checkout", "-q", "a")
        assert becomes(live, "a")
        git("checkout", "-q", "b")
        assert becomes(live, "b")
    assert seen == [("b", "a"), ("a", "b")]


def test_replaced_by_a_rename(folder: Path, following: Live) -> None:
    for name in ("p.yaml", "q.yaml", "r.yaml"):
        (folder / f".{name}.tmp").write_text(text_of("b"))
    for name in ("p.yaml", "q.yaml", "r.yaml"):
        (folder / f".{name}.tmp").rename(folder / name)
    assert becomes(following, "b")


def test_replaced_by_kubernetes(tmp_path: Path) -> None:
    """Only `..data` changes; the names of the policy files stay what they are."""

    def published(version: str, letter: str) -> None:
        (tmp_path / version).mkdir()
        (tmp_path / version / "p.yaml").write_text(text_of(letter))
        (tmp_path / "..data_tmp").symlink_to(version)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    published("..ts1", "a")
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    with live_at(tmp_path, compile_letters, interval=3600.0, min_interval=0.05) as live:
        for version, letter in (("..ts2", "b"), ("..ts3", "c")):
            published(version, letter)
            assert becomes(live, letter)


@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "inotify watch limit reached"),
        OSError(errno.EMFILE, "inotify instance limit reached"),
        RuntimeError("can't start new thread"),
        ImportError("no native library"),
    ],
)
@pytest.mark.parametrize("where", ["schedule", "start"])
def test_events_that_cannot_be_had_leave_polling(
    folder: Path, caplog: pytest.LogCaptureFixture, problem: Exception, where: str
) -> None:
    sick = Watcher(refusal=problem) if where == "schedule" else Watcher(late=problem)
    watchers = Watchers(sick)
    stage = Stage(folder, watch="auto", observer=watchers)
    stage.live.load()
    stage.live.step()
    assert stage.live.status().backend == "poll"
    assert stage.live.status().state is ReloadState.OK
    assert sick.stopped
    assert str(problem) in caplog.text
    (folder / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.letter == "b"
    assert len(watchers.made) == 1  # not tried again at each tick
    stage.run(100)
    assert len(watchers.made) == 2
    assert stage.live.status().backend != "poll"
    stage.live.close()


def test_factory_that_fails(folder: Path) -> None:
    def none_left() -> Watcher:
        raise OSError(errno.EMFILE, "too many open files")

    hint = Hint(threading.Event(), none_left)
    assert hint.tend([str(folder)])
    assert hint.backend == "poll"


def test_a_write_is_noticed(stage: Stage) -> None:
    assert stage.live.status().backend not in ("poll", "off")
    (stage.path / "p.yaml").write_text(text_of("b"))
    assert stage.hinted()


def test_reading_is_not_noticed(stage: Stage) -> None:
    """Else each look would cause the next. The write at the end shows that events did flow, and
    events arrive in order."""
    seen: list[str] = []
    hint = stage.live._follower._hint
    assert hint is not None
    observer = hint._observer
    assert observer is not None
    wake = stage.live._follower._wake

    class Recorder:
        def dispatch(self, event: Any) -> None:
            seen.append(event.event_type)

    observer.schedule(Recorder(), str(stage.path), recursive=False)
    wake.clear()
    for _ in range(50):
        stage.live.reload_now(force=False)
    (stage.path / "mark").mkdir()
    assert eventually(lambda: "created" in seen)
    assert set(seen[: seen.index("created")]) <= {"opened", "closed_no_write"}
    assert "opened" in seen


def test_hint_is_armed_again_after_the_folder_was_made_again(stage: Stage) -> None:
    shutil.rmtree(stage.path)
    stage.run(10)
    stage.path.mkdir()
    (stage.path / "p.yaml").write_text(text_of("b"))
    stage.run(10)
    assert stage.letter == "b"
    stage.live._follower._wake.clear()
    (stage.path / "p.yaml").write_text(text_of("c"))
    assert stage.hinted()


def test_hint_is_armed_again_after_the_folder_was_swapped(stage: Stage) -> None:
    fresh = stage.path.with_name("fresh")
    fresh.mkdir()
    (fresh / "p.yaml").write_text(text_of("b"))
    stage.path.rename(stage.path.with_name("old"))
    fresh.rename(stage.path)
    stage.run(10)
    stage.live._follower._wake.clear()
    (stage.path / "p.yaml").write_text(text_of("c"))
    assert stage.hinted()
    stage.run(10)
    assert stage.letter == "c"


def test_links_are_watched_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "..ts1").mkdir()
    (tmp_path / "..ts1" / "p.yaml").write_text(text_of("a"))
    (tmp_path / "..data").symlink_to("..ts1")
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    watchers = Watchers()
    live = live_at(tmp_path, compile_letters, observer=watchers)
    live.load()
    live.step()
    assert watchers.made[0].paths == [str(tmp_path), str(tmp_path / "..ts1")]
    live.close()


@pytest.mark.parametrize("watch", ["auto", "poll"])
def test_the_thread_by_itself(folder: Path, watch: Any) -> None:
    before = threads()
    with live_at(
        folder, compile_letters, watch=watch, interval=0.05, settle=0.02, min_interval=0.05
    ) as live:
        (folder / "p.yaml").write_text(text_of("b"))
        assert eventually(lambda: letter_of(live.current) == "b")
        (folder / "p.yaml").write_text("onyl")
        assert eventually(lambda: live.status().state is ReloadState.DEGRADED)
        fresh = folder / ".fresh"
        fresh.write_text(text_of("c"))
        fresh.rename(folder / "p.yaml")
        assert eventually(lambda: letter_of(live.current) == "c")
        assert live.status().state is ReloadState.OK
    live.close()
    assert eventually(lambda: not {t for t in threads() - before if t.name == "policy-reload"})


def test_events_are_faster_than_the_clock(folder: Path) -> None:
    """With an hour between two looks only an event can have told."""
    with live_at(folder, compile_letters, interval=3600.0, settle=0.02) as live:
        (folder / "p.yaml").write_text(text_of("b"))
        assert eventually(lambda: letter_of(live.current) == "b")


def test_an_accident_while_looking_does_not_end_the_thread(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accidents = [MemoryError("once"), MemoryError("twice")]

    def observer() -> Watcher:
        if watched:
            raise accidents.pop()
        watched.append(1)
        return watcher

    watched: list[int] = []
    watcher = Watcher()
    with live_at(
        folder, compile_letters, observer=observer, interval=0.02, settle=0.01, min_interval=0.01
    ) as live:
        watcher.thread.alive = False  # the watch is found dead, and cannot be renewed
        assert eventually(lambda: "scanning the policy files failed" in caplog.text)
        assert eventually(lambda: not accidents)
        watched.clear()
        watcher.thread.alive = True
        (folder / "p.yaml").write_text(text_of("b"))
        assert eventually(lambda: letter_of(live.current) == "b")


def test_a_storm_of_events_costs_few_looks(folder: Path) -> None:
    settle = 0.05
    watchers = Watchers()
    began = time.monotonic()
    with live_at(folder, compile_letters, observer=watchers, settle=settle, interval=0.2) as live:
        hint = live._follower._hint
        assert hint is not None
        (folder / "p.yaml").write_text(text_of("b"))
        for _ in range(100_000):
            hint.dispatch(Event("modified"))
        assert eventually(lambda: letter_of(live.current) == "b")
        looks = live._ticks
        elapsed = time.monotonic() - began
        assert live.status().reloads[ReloadResult.OK] == 2
    assert looks <= elapsed / settle + 3


def test_off_starts_nothing(folder: Path) -> None:
    before = threads()
    with live_at(folder, compile_letters, watch="off", settle=0.01) as live:
        assert threads() == before
        assert live.status().backend == "off"
        (folder / "p.yaml").write_text(text_of("b"))
        assert letter_of(live.current) == "a"
        live.reload_now()
        assert letter_of(live.current) == "b"


def test_close_is_final_for_the_watch(folder: Path) -> None:
    watchers = Watchers()
    stage = Stage(folder, watch="auto", observer=watchers)
    stage.live.load()
    stage.live.step()
    stage.live.close()
    stage.live.close()
    stage.live.step()
    assert len(watchers.made) == 1
    assert stage.live.status().backend == "off"


def test_watchdogs_own_observer_fits() -> None:
    observer = watchdog_observer()
    assert not observer.is_alive()
    assert list(observer.emitters) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="only Linux tells")  # noqa: PTH110  read at import
def test_mount_points_are_known() -> None:
    assert "/" in mount_points()
    assert "/proc" in mount_points()


def test_file_mounted_by_itself_is_warned_of(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = folder.with_name("a b")
    other.write_text(text_of("m"))
    file = folder / "p.yaml"
    if shutil.which("mount") is None or _run("mount", "--bind", str(other), str(file)) != 0:
        pytest.skip("this user may not mount")
    try:
        with live_at(folder, compile_letters, watch="poll"):
            assert "is mounted as a single file" in caplog.text
            assert str(file) in caplog.text
    finally:
        assert _run("umount", str(file)) == 0


def _run(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode
