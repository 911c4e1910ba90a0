"""Processes that serve together: the page of each shows what all of them saw."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from policy_router.providers.simulated import Simulated
from policy_router.server.plan import ServePlan
from policy_router.server.readiness import Readiness
from policy_router.server.ui.peers import Peers
from policy_router.server.worker import application_of
from tests.server.serving import served
from tests.views.html.seen import seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POLICY = """\
version: 1
models:
  small: {{ model: openai/small, api_base: "{url}", via: direct, tier: light, price: free }}
tasks: {{ chat: {{}}, code: {{}} }}
"""
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}


@contextmanager
def pair(folder: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Clients of two servers that serve together."""
    file = folder / "policy.yaml"
    # The path of a socket has at most some hundred characters.
    with Simulated() as provider, TemporaryDirectory(prefix="peers-") as meeting:
        file.write_text(POLICY.format(url=provider.url))
        plan = ServePlan(str(file), f"sqlite:///{folder}/state.db", workers=2, peers=meeting)
        with (
            served(application_of(plan, Readiness())) as one,
            served(application_of(plan, Readiness())) as other,
            httpx.Client(base_url=one, timeout=30) as first,
            httpx.Client(base_url=other, timeout=30) as second,
        ):
            for each in (first, second):
                each.get("/readyz")
            yield first, second


def ask(client: httpx.Client, task: str) -> str:
    """Ask for an answer; returns the id of its decision."""
    answer = client.post("/v1/chat/completions", json={**HELLO, "metadata": {"task": task}})
    return answer.headers["x-policy-router-decision"]


def test_each_page_shows_the_requests_of_all_processes(tmp_path: Path) -> None:
    with pair(tmp_path) as (first, second):
        asked = [ask(client, "chat") for client in (first, second, first)]
        code = ask(second, "code")
        for client in (first, second):
            page = client.get("/ui/live").text
            places = [page.index(f"/ui/decisions/{each}") for each in (code, *reversed(asked))]
            assert places == sorted(places), "the newest first, whoever answered it"
            assert "4 in the last hour" in page
            only = client.get("/ui/live", params={"task": "code"}).text
            assert (code in only, asked[0] in only) == (True, False)
            for decision in (*asked, code):
                detail = client.get(f"/ui/decisions/{decision}")
                assert "served by | small" in seen(detail.text)
            assert client.get("/ui/decisions/unknown").status_code == 404


def test_the_stream_tells_what_another_process_answers(tmp_path: Path) -> None:
    with pair(tmp_path) as (first, second):
        before = ask(second, "chat")
        with first.stream("GET", "/ui/events", params={"task": "code"}) as answer:
            lines = answer.iter_lines()
            assert any(line == "event: begin" for line in lines)
            hidden, shown, own = ask(second, "chat"), ask(second, "code"), ask(first, "code")
            told = ""
            for line in lines:
                told += line
                if shown in told and own in told:
                    break
        assert before not in told
        assert hidden not in told


# -- how they ask ----------------------------------------------------------------------------------


def only(folder: Path) -> Path:
    """The one file of a folder."""
    (path,) = folder.iterdir()
    return path


async def echo(question: Mapping[str, Any]) -> object:
    """Answer with what was asked."""
    return {"told": question["ask"]}


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="peers-") as held:
        yield Path(held)


def test_every_other_process_is_asked(folder: Path) -> None:
    async def run() -> None:
        peers = [Peers(folder) for _ in range(3)]
        for each in peers:
            await each.begin(echo)
        answers = await peers[0].ask(lambda name: {"ask": name})
        assert len(answers) == 2
        assert all(answer == {"told": name} for name, answer in answers.items())
        peers[1].close()
        assert len(await peers[0].ask(lambda _: {"ask": 1})) == 1
        peers[2].close()
        assert await peers[0].ask(lambda _: {"ask": 1}) == {}
        peers[0].close()

    asyncio.run(run())
    assert list(folder.iterdir()) == []


def test_a_process_that_ended_or_makes_no_sense_is_left_out(folder: Path) -> None:
    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense\n")
        writer.close()

    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as ended:
            ended.bind(str(folder / "ended.sock"))
        server = await asyncio.start_unix_server(nonsense, folder / "nonsense.sock")
        peers = Peers(folder)
        assert await peers.ask(lambda _: {"ask": 1}) == {}
        assert not (folder / "ended.sock").exists()
        server.close()

    asyncio.run(run())


def test_a_question_that_makes_no_sense_harms_nothing(folder: Path) -> None:
    async def run() -> None:
        peers = Peers(folder)
        await peers.begin(echo)
        reader, writer = await asyncio.open_unix_connection(only(folder))
        writer.write(b"{\n")
        assert await reader.read() == b""
        writer.close()
        assert len(await Peers(folder).ask(lambda _: {"ask": 1})) == 1
        peers.close()

    asyncio.run(run())


def test_a_folder_that_cannot_be_used_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    peers = Peers(folder / "nothing")
    asyncio.run(peers.begin(echo))
    peers.close()
    assert "the page shows only what its own process saw" in caplog.text
