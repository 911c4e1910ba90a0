"""Decisions in a file: enough to decide again, rotated by size, never in the way of a request."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.base_errors import UsageError
from policy_router.decision.decide import decide
from policy_router.domain.identity import key_id
from policy_router.domain.request import Request
from policy_router.errors import RoutingError
from policy_router.events import Answered, Decided, Event, Exhausted
from policy_router.loading import load
from policy_router.observe.decision_log import DecisionLog
from policy_router.observe.records import read_record, record_of
from policy_router.observe.rotation import RotatedFile
from policy_router.router.router import Router
from tests.execution.make import FakeCaller, response
from tests.generate import requests, situations

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.domain.snapshot import Snapshot

PROMPT = "the eagle lands at noon"
POLICY = """
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: { input: $1/M, output: $2/M } }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M } }
budgets:
  all: { cap: $5/month }
limits:
  calls: { requests: [20/min], per: user }
rules:
  - { name: private, when: "'private' in tags", only: [small] }
"""


def logged(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def ended(decision: Decision) -> Answered:
    return Answered("event", "request", 1_000.0, "rev", decision, (), "small")


@settings(max_examples=300)
@given(situations(), st.data())
def test_a_record_decides_the_same_again(
    situation: tuple[Policy, Request, Snapshot], data: st.DataObject
) -> None:
    policy, _, snapshot = situation
    request = data.draw(requests(policy))
    request = replace(request, key=None if request.key is None else key_id(request.key))
    decision = replace(decide(policy, request, snapshot), snapshot=snapshot)
    line = json.dumps(record_of(decision, time=1.0), allow_nan=False)
    again = decide(policy, *read_record(json.loads(line)))
    assert again == decision


def test_a_request_of_every_kind_of_value_comes_back() -> None:
    from decimal import Decimal

    request = Request(
        complexity=float("nan"), max_cost=Decimal("0.10"), max_price=0.1, prefer=("cheapest",),
        tags={"a", "b\ud800"}, attributes={"ratio": float("inf"), "on": True, "name": "x"},
        max_latency=float("inf"), key="sk-secret-of-a-caller", tokens=7,
    )  # fmt: skip
    decision = decide(load(text=POLICY), request)
    line = json.dumps(record_of(decision, time=1.0), allow_nan=False)
    assert "sk-secret" not in line
    back, _ = read_record(json.loads(line))
    assert isinstance(back.complexity, float)
    assert isnan(back.complexity)
    assert replace(back, complexity=None) == replace(
        request, complexity=None, key=key_id("sk-secret-of-a-caller")
    )


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, "the record has version None, not 1"),
        ({"version": 2}, "the record has version 2, not 1"),
        ({"version": 1}, "not a record of a decision: KeyError: 'request'"),
        ({"version": 1, "request": [], "snapshot": {}}, "TypeError: expected an object"),
        ({"version": 1, "request": {"speed": 1}, "snapshot": {}}, "unexpected keyword argument"),
        ({"version": 1, "request": {}, "snapshot": {"session": None}}, "KeyError: 'now'"),
    ],
)
def test_what_is_no_record(record: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        read_record(record)


def test_every_request_of_a_router_has_one_line(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    policy, kept = load(text=POLICY), list[Event]()
    with DecisionLog(path) as log:

        def observe(event: Event) -> None:
            log(event)
            kept.append(event)

        caller = FakeCaller(small=[response("one"), response("two")], big=[response("x")])
        with Router(policy, caller, on_event=observe) as router:

            async def ask() -> None:
                await router.acompletion([{"role": "user", "content": PROMPT}], user="ada")
                with pytest.raises(RoutingError):
                    await router.acompletion(
                        [{"role": "user", "content": PROMPT}], tags=["private"], model="big"
                    )

            asyncio.run(ask())
    answered, refused = logged(path)
    assert PROMPT not in path.read_text("utf-8")
    assert path.stat().st_mode & 0o077 == 0
    assert (answered["served_by"], refused["served_by"]) == ("small", None)
    attempts = answered["attempts"]
    assert isinstance(attempts, list)
    assert attempts[0]["model"] == "small"
    made = [event.decision for event in kept if isinstance(event, Decided)]
    ids = [event.request_id for event in kept if isinstance(event, Answered | Exhausted)]
    assert [answered["id"], refused["id"]] == ids
    for record, decision in zip((answered, refused), made, strict=True):
        assert decide(policy, *read_record(record)) == decision


def test_files_are_rotated_between_lines(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "log", max_bytes=10, keep=2)
    file.write([b"1234\n", b"5678\n", b"abcd\n"])
    file.write([b"efgh\n", b"a line above the size\n"])
    file.write([b"end\n"])
    file.close()
    texts = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert texts == {
        "log": b"end\n",
        "log.1": b"a line above the size\n",
        "log.2": b"abcd\nefgh\n",
    }


def test_no_older_files_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "log", max_bytes=10, keep=0)
    file.write([b"12345678\n", b"abcdefgh\n"])
    file.close()
    assert {path.name for path in tmp_path.iterdir()} == {"log", "log.lock"}
    assert (tmp_path / "log").read_bytes() == b"abcdefgh\n"


def test_a_file_that_another_program_moved_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatedFile(path, max_bytes=100, keep=1)
    file.write([b"before\n"])
    path.rename(tmp_path / "moved")
    file.write([b"after\n"])
    file.close()
    assert path.read_bytes() == b"after\n"


def _write_many(path: Path, writer: int) -> None:
    file = RotatedFile(path, max_bytes=2_000, keep=1_000)
    for number in range(200):
        file.write([json.dumps([writer, number]).encode() + b"\n"])
    file.close()


def test_several_processes_lose_no_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path / "log", n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    texts = [path.read_text() for path in tmp_path.glob("log*")]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert sorted(lines) == [[writer, number] for writer in range(3) for number in range(200)]


def test_a_disk_that_is_full_costs_lines_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    decision = decide(load(text=POLICY), Request())
    path = tmp_path / "folder"
    path.mkdir()  # a folder cannot be opened for writing
    with DecisionLog(path) as log:
        log(ended(decision))
    assert log.dropped == 1
    (record,) = caplog.records
    assert "decisions are missing from the decision log: " in record.getMessage()


def test_a_line_that_was_cut_short_is_ended_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatedFile(path, max_bytes=100, keep=1)
    file.write([b"whole\n"])
    with path.open("ab") as other:
        other.write(b'{"cut')
    file._torn = True
    file.write([b"next\n"])
    file.close()
    assert path.read_bytes() == b'whole\n{"cut\nnext\n'


def test_what_cannot_be_kept_waiting_is_dropped_and_counted(tmp_path: Path) -> None:
    decision = decide(load(text=POLICY), Request())
    log = DecisionLog(tmp_path / "log", waiting=1)
    log._changed.acquire()  # the writer waits
    try:
        log._waiting.append(ended(decision))
    finally:
        log._changed.release()
    log(ended(decision))
    assert log.dropped == 1
    log._waiting.clear()
    log(ended(decision))
    log.close()
    log.close()
    assert len(logged(tmp_path / "log")) == 1
    log(ended(decision))
    assert log.dropped == 2


def test_values_that_json_cannot_hold_cost_their_line_only(tmp_path: Path) -> None:
    policy = load(text=POLICY)
    with DecisionLog(tmp_path / "log") as log:
        log(ended(decide(policy, Request(tokens=10**5000))))
        log(ended(decide(policy, Request())))
    assert (log.dropped, len(logged(tmp_path / "log"))) == (1, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_writes_its_own_lines(tmp_path: Path) -> None:
    decision = decide(load(text=POLICY), Request())
    log = DecisionLog(tmp_path / "log")
    log(ended(decision))
    child = os.fork()
    if child == 0:
        log(ended(decision))
        log.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    log.close()
    assert (status, len(logged(tmp_path / "log"))) == (0, 2)


@pytest.mark.parametrize("numbers", [{"max_bytes": 0}, {"keep": -1}, {"waiting": 0}])
def test_wrong_numbers(tmp_path: Path, numbers: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="positive numbers"):
        DecisionLog(tmp_path / "log", **numbers)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the folder of the decision log does not exist"):
        DecisionLog(tmp_path / "none" / "log")
