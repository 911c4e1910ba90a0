"""The `serve` command, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from policy_router.providers.simulated import Say, Simulated, Stall
from tests.cli.run import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """\
version: 1
models:
  small: {{ model: openai/small, api_base: "{url}", via: direct, tier: light, price: free }}
limits:
  one-at-a-time: {{ concurrent: 1 }}
"""
HELLO = [{"role": "user", "content": "Hello!"}]


@contextlib.contextmanager
def serving(
    *arguments: object, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Serve; yields the process and what it said at the start, by the first word of each line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "policy_router", "serve", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,  # no terminal, whoever runs the tests
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    told: dict[str, str] = {}
    try:
        assert process.stderr is not None
        for line in process.stderr:
            name, _, text = line.strip().partition(" ")
            told[name] = text.strip()
            if name == "try":
                break
        yield process, told
    finally:
        process.kill()
        process.communicate()


def url_of(told: dict[str, str]) -> str:
    return told["OpenAI"].partition("=")[2].removesuffix("/v1")


def test_the_readme_says_what_the_demo_says() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    block = readme.partition("serve --demo\n")[2].partition("```")[0]
    words = shlex.split(block.replace("\\\n", ""))
    with serving("--demo", "--port", 0) as (_, told):
        port = url_of(told).rpartition(":")[2]
        assert shlex.split(told["try"].replace(f":{port}/", ":4141/")) == words


def test_the_demo_answers_what_it_says_to_try() -> None:
    with serving("--demo", "--port", 0) as (process, told):
        assert re.match(r"demo @[0-9a-f]{7} \(.*policy.yaml\), 4 models", told["policy"])
        assert told["callers"] == "this machine only, without keys"
        curl, url, *options = shlex.split(told["try"])
        assert curl == "curl"
        flags = dict(zip(options[::2], options[1::2], strict=True))
        name, _, value = flags["-H"].partition(": ")
        answer = httpx.post(url, content=flags["-d"], headers={name: value}, timeout=60)
        assert answer.json()["choices"][0]["message"]["content"] == "This is llama."
        assert "policy_router_decisions_total" in httpx.get(f"{url_of(told)}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.fixture
def provider() -> Iterator[Simulated]:
    script = (Say("in time", latency=1.0), Stall(), Stall(after=2), Say("again"))
    with Simulated({"small": script}) as provider:
        yield provider


@pytest.fixture
def policy(tmp_path: Path, provider: Simulated) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(url=provider.url))
    return path


def arrived(provider: Simulated, number: int) -> None:
    """Wait until so many requests are at the provider."""
    while len(provider.requests) < number:
        threading.Event().wait(0.02)


def test_the_end_lets_requests_finish_and_settles_the_rest(
    policy: Path, provider: Simulated, tmp_path: Path
) -> None:
    state = f"sqlite:///{tmp_path / 'state.db'}"
    answers: list[httpx.Response | Exception] = []

    begun = threading.Event()

    def ask(url: str, number: int) -> None:
        body = {"model": "auto", "messages": HELLO, "max_tokens": 9, "stream": number == 3}
        try:
            with httpx.stream("POST", f"{url}/v1/messages", json=body, timeout=120) as answer:
                if number == 3:
                    begun.set()
                answer.read()
            answers.append(answer)
        except httpx.HTTPError as error:
            answers.append(error)

    for grace, number in ((30, 1), (0, 2), (0, 3), (30, 4)):
        options = ("--policy", policy, "--port", 0, "--state", state, "--grace", grace)
        with serving(*options) as (process, told):
            asking = threading.Thread(target=ask, args=(url_of(told), number))
            asking.start()
            arrived(provider, number)
            if number == 3:
                assert begun.wait(60)
            process.send_signal(signal.SIGTERM)
            asking.join()
            assert process.wait(60) == 0
            assert "Traceback" not in process.communicate()[1]
    whole, cut, stream, again = answers
    assert isinstance(whole, httpx.Response)
    assert whole.json()["content"][0]["text"] == "in time"
    told_later = "the server stops, and the answer was not complete in time: send the request again"
    assert isinstance(cut, httpx.Response)
    assert (cut.status_code, cut.headers["retry-after"]) == (503, "1")
    assert "x-should-retry" not in cut.headers
    error = {"type": "overloaded_error", "message": told_later}
    assert cut.json()["error"] == error
    assert isinstance(stream, httpx.Response)
    *_, last = stream.text.strip().split("\n\n")
    assert last.startswith("event: error\ndata: ")
    assert json.loads(last.partition("data: ")[2])["error"] == {**error, "code": "server_stopping"}
    assert provider.requests[1].disconnected.wait(60)
    assert provider.requests[2].disconnected.wait(60)
    # Those that were cut short gave their place back, so there is room for one.
    assert isinstance(again, httpx.Response)
    assert again.json()["content"][0]["text"] == "again"


def children(process: subprocess.Popen[str]) -> list[int]:
    """The server processes of a server, without what helps to start them."""
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    every = [int(pid) for pid in tasks.split()]
    return [pid for pid in every if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def ask(url: str) -> httpx.Response:
    # A connection of its own, which any of the processes may take.
    body = {"model": "auto", "messages": HELLO}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)


def counted(url: str) -> dict[str, float]:
    """How many requests have ended, by their outcome, as any of the processes shows it."""
    page = httpx.get(f"{url}/metrics", timeout=60).text
    assert "\npolicy_router_requests_in_flight 0.0\n" in page
    assert "\npolicy_router_store_up 1.0\n" in page
    assert page.count("\npolicy_router_policy_info{") == 1
    found: dict[str, float] = {}
    for outcome, number in re.findall(r'requests_total{.*outcome="(\w+)".*} (\S+)', page):
        found[outcome] = found.get(outcome, 0) + float(number)
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it looks for processes in /proc")
def test_several_processes_serve_together(policy: Path, tmp_path: Path) -> None:
    state = f"sqlite:///{tmp_path / 'state.db'}"
    log = tmp_path / "decisions.jsonl"
    options = ("--policy", policy, "--port", 0, "--state", state, "--workers", 2)
    with Simulated({"small": Say("hi")}) as provider:
        policy.write_text(
            POLICY.format(url=provider.url).replace("concurrent: 1", "requests: [3/hour]")
        )
        with serving(*options, "--decision-log", log) as (process, told):
            url = url_of(told)
            # They share one limit.
            assert [ask(url).status_code for _ in range(4)] == [200, 200, 200, 429]
            assert counted(url) == {"answered": 3, "denied": 1}
            first, second = children(process)
            while not log.exists() or log.read_text().count("\n") < 4:
                threading.Event().wait(0.05)  # a process that is killed writes nothing more
            os.kill(first, signal.SIGKILL)
            while len(now := set(children(process)) - {first}) < 2:
                threading.Event().wait(0.05)
            assert second in now
            assert ask(url).status_code == 429
            assert counted(url) == {"answered": 3, "denied": 2}  # of the killed one, too
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            said = process.communicate()[1]
            assert f"worker {first} exited (-9); starting another" in said
            assert "answered by" not in said  # it is in the decision log
    assert len(log.read_text().splitlines()) == 5


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_end_within_the_grace_time_and_a_second_signal_ends_at_once(
    policy: Path, tmp_path: Path, workers: int
) -> None:
    state = f"sqlite:///{tmp_path / 'state.db'}"
    options = ("--policy", policy, "--port", 0, "--state", state, "--workers", workers)
    answers: list[httpx.Response | Exception] = []

    def keep(url: str) -> None:
        try:
            answers.append(ask(url))
        except httpx.HTTPError as error:
            answers.append(error)

    with Simulated({"small": [Say("in time", latency=1.0), Stall()]}) as provider:
        policy.write_text(POLICY.format(url=provider.url))
        for number, signals in ((1, [signal.SIGTERM]), (2, [signal.SIGTERM, signal.SIGTERM])):
            with serving(*options, "--grace", 3600) as (process, told):
                asking = threading.Thread(target=keep, args=(url_of(told),))
                asking.start()
                arrived(provider, number)
                for each in signals:
                    process.send_signal(each)
                    while accepts(url_of(told)):
                        threading.Event().wait(0.02)
                asking.join()
                process.wait(60)
        assert provider.requests[1].disconnected.wait(60)
    first, second = answers
    assert isinstance(first, httpx.Response)
    assert first.json()["choices"][0]["message"]["content"] == "in time"
    assert isinstance(second, Exception)


def accepts(url: str) -> bool:
    """Whether a server still takes connections."""
    host, port = url.removeprefix("http://").split(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_hangup_has_every_process_look_at_the_policy(
    policy: Path, tmp_path: Path, workers: int
) -> None:
    options = ("--policy", policy, "--port", 0, "--state", f"sqlite:///{tmp_path / 'state.db'}")
    with serving(*options, "--workers", workers) as (process, told):
        assert ask(url_of(told)).status_code == 200
        process.send_signal(signal.SIGHUP)
        heard: list[str] = []
        while len(heard) < workers:
            line = process.stderr.readline() if process.stderr is not None else ""
            heard += [line] if "SIGHUP" in line else []
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_ctrl_c_is_130(policy: Path, tmp_path: Path) -> None:
    state = f"sqlite:///{tmp_path / 'state.db'}"
    for workers in (1, 2):
        options = ("--policy", policy, "--port", 0, "--state", state, "--workers", workers)
        with serving(*options) as (process, told):
            assert httpx.get(f"{url_of(told)}/healthz", timeout=60).status_code == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130


def test_a_process_that_cannot_start_ends_the_server(policy: Path, tmp_path: Path) -> None:
    options = ("--policy", policy, "--port", 0, "--state", f"sqlite:///{tmp_path / 'state.db'}")
    with serving(*options, "--workers", 2, "--otel", OTEL_TRACES_EXPORTER="carrier-pigeon") as (
        process,
        _,
    ):
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "there is no exporter `carrier-pigeon` for traces" in said
        assert "error: the server cannot start" in said


def test_a_refused_reload_is_counted_and_logged_and_spans_are_sent(
    policy: Path, tmp_path: Path
) -> None:
    options = ("--policy", policy, "--port", 0, "--state", "memory://", "--otel")
    with (
        Simulated({"small": Say("hi")}) as provider,
        serving(*options, OTEL_TRACES_EXPORTER="console") as (process, told),
    ):
        policy.write_text(POLICY.format(url=provider.url))
        url = url_of(told)
        assert httpx.post(f"{url}/-/reload", timeout=60).status_code == 200
        policy.write_text(POLICY.format(url=provider.url).replace("limits:", "limtis:"))
        assert httpx.post(f"{url}/-/reload", timeout=60).status_code == 422
        assert ask(url).status_code == 200  # by the policy of before
        page = httpx.get(f"{url}/metrics", timeout=60).text
        assert 'policy_router_policy_reloads_total{result="refused"} 1.0' in page
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=60)
    assert said.count("policy NOT reloaded") == 1
    assert '"name": "policy_router.request"' in out
    assert '"service.name": "policy-router"' in out


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.com"])  # noqa: S104  refused
def test_a_public_address_needs_keys(policy: Path, host: str) -> None:
    result = run("serve", "--policy", policy, "--host", host)
    assert result.code == 2
    assert "without keys" in result.err
    assert "policy-router keys add" in result.err


def test_wrong_uses(policy: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 1\nmodles: {}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, code, message in (
            (("--policy", broken), 1, "did you mean `models`?"),
            (("--policy", policy, "--keys", tmp_path / "none.json"), 2, "no such file"),
            (("--policy", policy, "--port", port), 2, "address already in use"),
            (("--policy", policy, "--demo"), 2, "--demo"),
            (("--policy", policy, "--workers", 2, "--state", "memory://"), 2, "count on its own"),
            (("--policy", policy, "--decision-log", tmp_path / "no" / "log"), 2, "the folder of"),
        ):
            result = run("serve", *arguments)
            assert result.code == code, result.err
            assert message in result.err, result.err


def test_keys_open_a_server_and_close_it_again(policy: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = run("keys", "add", "ada", "--keys", file).out.strip()
    with serving("--policy", policy, "--port", 0, "--keys", file) as (_, told):
        assert told["callers"] == f"1 key in {file}"
        url, headers = f"{url_of(told)}/v1/models", {"authorization": f"Bearer {key}"}
        assert httpx.get(url, timeout=60).status_code == 401
        assert httpx.get(url, headers=headers).status_code == 200
        assert httpx.get(f"{url_of(told)}/metrics", headers=headers).status_code == 403
        assert run("keys", "revoke", "ada", "--keys", file).code == 0
        while httpx.get(url, headers=headers).status_code == 200:  # it looks once a second
            threading.Event().wait(0.1)
        assert httpx.get(url, headers=headers).status_code == 401
