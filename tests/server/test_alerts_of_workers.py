"""A server with two workers, and who hears of what: one alert for each fact."""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from policy_router.providers.simulated import Say, Simulated
from tests.cli.test_serve import children, serving, url_of
from tests.observe.test_alerts import webhook
from tests.views.html.seen import seen

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

POLICY = """\
version: 1
models:
  big: {{ model: openai/big, api_base: "{url}", via: direct, tier: light, context: 32k,
          max_output: 1k, price: {{ input: $1/M, output: $1/M }} }}
budgets: {{ team: {{ cap: $0.01/month, warn_at: [10%], then: block }} }}
alerts: {{ webhook_env: HOOK }}
"""
PROMPT = "the-secret-of-the-prompt"
BIG = {"prompt_tokens": 400, "completion_tokens": 400}


def until(see: Callable[[], bool]) -> None:
    """Wait until something is to be seen."""
    while not see():
        threading.Event().wait(0.05)


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The server processes that there are, while some of them end."""
    while True:
        with suppress(FileNotFoundError, ProcessLookupError):
            return children(process)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it looks in /proc")
def test_two_workers_send_one_alert_for_each_fact(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    state = f"sqlite:///{tmp_path / 'state.db'}"
    options = ("--policy", policy, "--port", 0, "--state", state, "--workers", 2)

    def show(path: str) -> str:
        # A connection of its own, which any of the workers may take.
        return httpx.get(f"{url}{path}", timeout=60).text

    def counts(text: str) -> bool:
        return f"\npolicy_router_{text}\n" in show("/metrics")

    def ask() -> str:
        body = {"model": "auto", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 9}
        answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)
        return answer.headers["x-policy-router-policy"]

    with (
        webhook(200, 500, 200, 200) as (hook, got),
        Simulated({"big": Say("an answer", usage=BIG)}) as provider,
    ):
        good = POLICY.format(url=provider.url)
        policy.write_text(good)
        with serving(*options, HOOK=hook) as (process, told):
            url = url_of(told)
            before = {ask() for _ in range(3)}
            until(lambda: counts('alerts_total{kind="budget",result="delivered"} 1.0'))
            policy.write_text(good.replace("budgets:", "bugdets:"))
            until(lambda: counts('policy_reloads_total{result="refused"} 2.0'))
            until(lambda: counts('alerts_total{kind="reload_refused",result="delivered"} 1.0'))
            assert {ask() for _ in range(3)} == before
            refused = seen(show("/ui/reloads"))
            assert sum("reload refused" in line for line in refused) == 1
            assert " of 2 workers" not in "".join(refused), "both refuse it"
            assert "did you mean `budgets`?" in "".join(refused)
            # Mended and broken again, it is told again.
            policy.write_text(good.replace("1k", "2k"))
            until(lambda: counts('policy_reloads_total{result="accepted"} 2.0'))
            policy.write_text(good.replace("budgets:", "bugdets:").replace("1k", "2k"))
            until(lambda: counts('policy_reloads_total{result="refused"} 4.0'))
            until(lambda: counts('alerts_total{kind="reload_refused",result="delivered"} 2.0'))
            changes = [
                line.split(" | ")[1] for line in seen(show("/ui/reloads")) if "UTC |" in line
            ]
            assert changes[:3] == ["reload refused", "reloaded", "reload refused"]
            # A worker that is lost in the meantime ends neither the others nor the server.
            revision = ask()
            lost, stays = workers(process)
            os.kill(lost, signal.SIGKILL)
            started = {lost, stays}
            while len(started) < 4:
                started.update(workers(process))
                threading.Event().wait(0.05)
            assert stays in workers(process)
            assert ask() == revision
            policy.write_text(good)
            until(lambda: " of 2 workers" not in show("/ui/reloads") and len(workers(process)) == 2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    bodies = [body for _, body in got]
    assert [body["kind"] for body in bodies] == ["budget", *["reload_refused"] * 3]
    assert bodies[1] == bodies[2], "the answer 500 is tried again"
    assert "unknown field `bugdets`" in bodies[1]["text"]
    assert PROMPT not in json.dumps(bodies)
