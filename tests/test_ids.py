"""Identifiers sort by the time at which they were made."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.ids import LENGTH, Ids


@given(st.lists(st.floats(0, 4e9), min_size=2))
def test_ids_of_one_maker_sort_as_they_were_made(times: list[float]) -> None:
    """Also within one microsecond, and when the clock is set back."""
    clock = iter(times)
    ids = Ids(lambda: next(clock), lambda size: b"\xff" * size)
    made = [ids() for _ in times]
    assert made == sorted(set(made))
    assert {len(each) for each in made} == {LENGTH}


@given(st.floats(0, 4e9), st.floats(1e-5, 4e9))
def test_ids_of_several_makers_sort_by_time(time: float, later: float) -> None:
    low, high = (lambda size: b"\x00" * size), (lambda size: b"\xff" * size)
    assert Ids(lambda: time, high)() < Ids(lambda: time + later, low)()


def test_an_id_is_its_time_and_its_randomness() -> None:
    ids = Ids(lambda: 1_784_800_920.5, lambda size: bytes(range(size)))
    assert ids() == f"{1_784_800_920_500_000:014x}000102030405060708"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
def test_a_forked_child_has_randomness_of_its_own() -> None:
    ids = Ids(lambda: 1_000.0)
    ids()
    made, sent = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sent, ids().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(made, LENGTH).decode()[14:] != ids()[14:]
    os.close(made)
    os.close(sent)


def test_threads_never_get_one_id_twice() -> None:
    ids = Ids(lambda: 1_000.0, lambda size: b"\x00" * size)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids(), range(2_000)))
    assert len(set(made)) == len(made)
