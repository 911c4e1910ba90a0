"""The `serve` command, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from policy_router.providers.simulated import Say, Simulated, Stall
from tests.cli.run import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """\
version: 1
models:
  small: {{ model: openai/small, api_base: "{url}", via: direct, tier: light, price: free }}
limits:
  one-at-a-time: {{ concurrent: 1 }}
"""
HELLO = [{"role": "user", "content": "Hello!"}]


@contextlib.contextmanager
def serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Serve; yields the process and what it said at the start, by the first word of each line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "policy_router", "serve", *map(str, arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
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
        assert told["to"] == "this machine only, without keys"
        curl, url, *options = shlex.split(told["try"])
        assert curl == "curl"
        flags = dict(zip(options[::2], options[1::2], strict=True))
        name, _, value = flags["-H"].partition(": ")
        answer = httpx.post(url, content=flags["-d"], headers={name: value}, timeout=60)
        assert answer.json()["choices"][0]["message"]["content"] == "This is llama."
        assert "policy_router_decisions_total" in httpx.get(f"{url_of(told)}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)


@pytest.fixture
def provider() -> Iterator[Simulated]:
    with Simulated({"small": [Say("in time", latency=1.0), Stall(), Say("again")]}) as provider:
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

    def ask(url: str) -> None:
        try:
            body = {"model": "auto", "messages": HELLO}
            answers.append(httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120))
        except httpx.HTTPError as error:
            answers.append(error)

    for grace, number in ((30, 1), (0, 2), (30, 3)):
        options = ("--policy", policy, "--port", 0, "--state", state, "--grace", grace)
        with serving(*options) as (process, told):
            asking = threading.Thread(target=ask, args=(url_of(told),))
            asking.start()
            arrived(provider, number)
            process.send_signal(signal.SIGTERM)
            asking.join()
            process.wait(60)
    first, second, third = answers
    assert isinstance(first, httpx.Response)
    assert first.json()["choices"][0]["message"]["content"] == "in time"
    assert not isinstance(second, httpx.Response) or second.status_code >= 500
    assert provider.requests[1].disconnected.is_set()
    # The one that was cut short gave its place back, so there is room for one.
    assert isinstance(third, httpx.Response)
    assert third.json()["choices"][0]["message"]["content"] == "again"


def test_several_processes_serve_together(policy: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    state = f"sqlite:///{tmp_path / 'state.db'}"
    options = ("--policy", policy, "--port", port, "--state", state, "--workers", 2)
    with serving(*options) as (process, told):
        transport = httpx.HTTPTransport(retries=20)  # until the first of them listens
        with httpx.Client(transport=transport, timeout=60) as client:
            assert client.get(f"{url_of(told)}/v1/models").status_code == 200
            assert client.get(f"{url_of(told)}/metrics").status_code == 404
        process.send_signal(signal.SIGTERM)
        process.wait(60)


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
            (("--policy", policy, "--workers", 2, "--port", 0), 2, "--port"),
        ):
            result = run("serve", *arguments)
            assert result.code == code, result.err
            assert message in result.err, result.err


def test_keys_open_a_server_and_close_it_again(policy: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    key = run("keys", "add", "ada", "--keys", file).out.strip()
    with serving("--policy", policy, "--port", 0, "--keys", file) as (_, told):
        assert told["to"] == f"whoever has one of the keys in {file} (1)"
        url, headers = f"{url_of(told)}/v1/models", {"authorization": f"Bearer {key}"}
        assert httpx.get(url, timeout=60).status_code == 401
        assert httpx.get(url, headers=headers).status_code == 200
        assert httpx.get(f"{url_of(told)}/metrics", headers=headers).status_code == 403
        assert run("keys", "revoke", "ada", "--keys", file).code == 0
        while httpx.get(url, headers=headers).status_code == 200:  # it looks once a second
            threading.Event().wait(0.1)
        assert httpx.get(url, headers=headers).status_code == 401
