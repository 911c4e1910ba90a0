"""While a policy is compiled, garbage is only looked for among new objects."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from policy_router.language.files import read_files
from policy_router.live.compilation import compile_safely
from policy_router.live.policy_compiler import compile_policy
from policy_router.resilience.cancellation import never
from policy_router.resilience.garbage import YOUNG, CollectorPause

if TYPE_CHECKING:
    from collections.abc import Iterator


class Knot:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The collector is on, before and after."""
    gc.enable()
    yield
    gc.enable()


@contextmanager
def collections() -> Iterator[list[int]]:
    """The generations that are collected meanwhile."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


def test_the_collector_is_off_until_the_last_pause_has_ended() -> None:
    first, second = CollectorPause(never), CollectorPause(never)
    with first:
        with second:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_program_that_turned_the_collector_off_keeps_it_off() -> None:
    gc.disable()
    with CollectorPause(never):
        pass
    assert not gc.isenabled()


def test_the_collector_is_on_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), CollectorPause(never):
        raise ZeroDivisionError
    assert gc.isenabled()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_pause_polls_what_it_was_given(wanted: bool) -> None:
    with CollectorPause(lambda: not wanted) as cancelled:
        assert cancelled() is not wanted


def test_new_garbage_does_not_pile_up_in_a_pause() -> None:
    with CollectorPause(never) as cancelled, collections() as seen:
        lost = weakref.ref(Knot())
        assert not cancelled()
        assert lost() is not None
        kept = [[] for _ in range(YOUNG)]  # type: ignore[var-annotated]
        cancelled()
        assert lost() is None
        del kept
    assert set(seen) == {0}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_that_is_forked_in_a_pause_has_a_collector() -> None:
    code = (
        "import gc, os\n"
        "from policy_router.resilience.cancellation import never\n"
        "from policy_router.resilience.garbage import CollectorPause\n"
        "with CollectorPause(never):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(0 if gc.isenabled() else 1)\n"
        "    assert not gc.isenabled()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=True)


def test_compiling_a_thousand_rules_visits_no_older_object(tmp_path: Path) -> None:
    """A full collection takes 0.1 s with LiteLLM imported, and the event loop waits for it."""
    rules = "".join(
        f"  - {{ name: r{i}, when: {{ tags: t{i} }}, first: [m] }}\n" for i in range(1000)
    )
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\ntiers: [light]\nmodels:\n"
        f"  m: {{ model: openai/m, tier: light, price: free, context: 8k }}\nrules:\n{rules}"
    )
    files, _ = read_files(path)
    assert files is not None
    with collections() as seen:
        compiled = compile_safely(compile_policy, files, never)
    assert compiled.usable is not None
    assert set(seen) == {0}


def test_a_server_process_never_visits_again_what_it_began_with(tmp_path: Path) -> None:
    """Nor does a collection during a request, then."""
    (tmp_path / "policy.yaml").write_text(
        "version: 1\nmodels:\n  m: { model: openai/m, tier: light, price: free, context: 8k }\n"
    )
    code = (
        "import asyncio, gc, sys\n"
        "from functools import partial\n"
        "import uvicorn\n"
        "from policy_router.server.plan import ServePlan\n"
        "from policy_router.server.readiness import Readiness\n"
        "from policy_router.server.serving import _Server, listen\n"
        "from policy_router.server.worker import application_of\n"
        "async def main():\n"
        "    readiness = Readiness()\n"
        "    make = partial(application_of, ServePlan(sys.argv[1], 'memory://'), readiness)\n"
        "    config = uvicorn.Config(make, factory=True, log_config=None)\n"
        "    server = _Server(config, frozenset(), readiness)\n"
        "    config.load()\n"
        "    server.lifespan = config.lifespan_class(config)\n"
        "    with listen('127.0.0.1', 0) as listener:\n"
        "        await server.startup([listener])\n"
        "        gc.collect()\n"
        "        left = len(gc.get_objects())\n"
        "        assert gc.get_freeze_count() > 20_000 > left, (gc.get_freeze_count(), left)\n"
        "        await server.shutdown([listener])\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", code, str(tmp_path / "policy.yaml")]
    subprocess.run(arguments, cwd=root, timeout=120, check=True)
