"""Real forks: what a child can do with what its parent opened. Each in a process of its own, which
is ended when it hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

LIMIT = 60

HEAD = """
import os, sys, threading, time, warnings
from pathlib import Path
from policy_router import Router
from policy_router.errors import UsageError
from policy_router.resilience import forks
from policy_router.router.sync import LoopThread, SyncStream

warnings.simplefilter("ignore", DeprecationWarning)  # newer versions warn of forks beside threads
folder = Path(sys.argv[1])
ASK = [{"role": "user", "content": "hello"}]

def put(name):
    fresh = folder / ".fresh"
    fresh.write_text(
        "version: 1\\nmodels:\\n  " + name + ": { model: openai/m, tier: t, price: free }\\n"
    )
    fresh.replace(folder / "p.yaml")

def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)

def follows(router, name):
    until(lambda: router.policy.models[0].name == name)
    assert router.route(ASK).candidates[0].name == name

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as problem:
            print("child:", repr(problem), flush=True)
            os._exit(1)
        os._exit(0)
    return pid

def ended(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

put("old")
"""


def forked(folder: Path, code: str, head: str = HEAD) -> None:
    """Runs code after a head; fails with what it printed when it fails or hangs."""
    done = subprocess.run(
        [sys.executable, "-c", head + code, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "watch", ["watch='poll', interval=0.1", "watch='auto', interval=3600.0"], ids=["poll", "events"]
)
def test_parent_and_children_all_follow_the_files(tmp_path: Path, watch: str) -> None:
    """With an hour between two looks only events can tell, to each process its own."""
    forked(
        tmp_path,
        f"""
router = Router.open(folder, {watch})
router.route(ASK)
ready = [folder / "ready0", folder / "ready1"]

def work(n):
    until(lambda: router._source._follower._hint is None or router.status().backend != "poll")
    ready[n].touch()
    follows(router, "new")
    assert router.status().state == "ok"
    router.close()

pids = [child(lambda n=n: work(n)) for n in range(2)]
until(lambda: all(each.exists() for each in ready))
put("new")
for pid in pids:
    ended(pid)
follows(router, "new")
put("newer")  # after the children closed theirs
follows(router, "newer")
router.close()
""",
    )


def test_fork_in_the_middle_of_a_reload(tmp_path: Path) -> None:
    """The thread that holds the lock does not exist in the child."""
    forked(
        tmp_path,
        """
entered, go = threading.Event(), threading.Event()

def busy(old, new):
    entered.set()
    go.wait(30)

router = Router.open(folder, interval=0.05, on_reload=busy)
router.route(ASK)
put("new")
assert entered.wait(30)

def work():
    assert router.status().backend != "stopped"
    assert router.reload().state == "ok"
    follows(router, "new")
    router.close()

pid = child(work)
ended(pid)
go.set()
router.close()
""",
    )


def test_a_closed_router_stays_closed_in_the_child(tmp_path: Path) -> None:
    forked(
        tmp_path,
        """
router = Router.open(folder)
router.close()

def work():
    router.close()
    assert router.status().backend == "off"
    assert threading.active_count() == 1

ended(child(work))
""",
    )


def test_router_that_does_not_watch(tmp_path: Path) -> None:
    forked(
        tmp_path,
        """
router = Router.open(folder, watch="off")

def work():
    put("new")
    assert router.reload().state == "ok"
    follows(router, "new")
    router.close()

ended(child(work))
router.close()
""",
    )


def test_calls_of_the_parents_loop_are_refused_and_its_ends_do_nothing(tmp_path: Path) -> None:
    forked(
        tmp_path,
        """
async def nothing():
    pass

class Stream:
    def __anext__(self):
        return nothing()

loop = LoopThread()
stream = SyncStream(loop, Stream())

def work():
    for use in (lambda: loop.run(nothing()), lambda: next(iter(stream))):
        try:
            use()
        except UsageError:
            continue
        raise AssertionError("not refused")
    stream.close()
    loop.close()

ended(child(work))
loop.run(nothing())
loop.close()
""",
    )


def test_requests_in_other_threads_at_the_moment_of_the_fork(tmp_path: Path) -> None:
    """Their locks are free in the child, whatever they were doing."""
    forked(
        tmp_path,
        """
(folder / "limits.yaml").write_text("version: 1\\nbudgets: { b: { cap: $5/day } }\\n")
router = Router.open(folder, interval=0.05)
stop = threading.Event()

def ask():
    while not stop.is_set():
        router.route(ASK)

threads = [threading.Thread(target=ask) for _ in range(3)]
for thread in threads:
    thread.start()

def work():
    for _ in range(3):
        router.route(ASK)
    router.close()

pids = []
for _ in range(10):
    pids.append(child(work))
    time.sleep(0.02)
for pid in pids:
    ended(pid)
stop.set()
for thread in threads:
    thread.join()
router.close()
""",
    )


def test_lock_that_another_thread_holds(tmp_path: Path) -> None:
    forked(
        tmp_path,
        """
lock = forks.lock()
held = threading.Event()

def hold():
    with lock:
        held.set()
        time.sleep(0.2)

thread = threading.Thread(target=hold)
thread.start()
assert held.wait(30)

def work():
    assert lock.acquire(timeout=10)
    lock.release()
    forks.lock()
    ended(child(lambda: None))  # and so on in the child's children

ended(child(work))
thread.join()
assert lock.acquire(timeout=10)
""",
    )


def test_what_others_do_after_a_fork_may_make_a_router(tmp_path: Path) -> None:
    """Also when they registered before this package did."""
    code = HEAD.replace(
        "from policy_router import",
        """os.register_at_fork(
    before=lambda: forks.lock(), after_in_child=lambda: made.append(Router.open(folder))
)
made = []
from policy_router import""",
        1,
    )
    forked(
        tmp_path,
        """
def work():
    follows(made[0], "old")
    made[0].close()

ended(child(work))
""",
        head=code,
    )
