"""`demo`: what it says it shows, it shows."""

from __future__ import annotations

from policy_router.check.report import inspect
from policy_router.cli.demo_policy import POLICY
from policy_router.cli.invocation import invocation
from policy_router.language.files import PolicyFile
from tests.cli.run import run


def test_it_shows_each_kind_of_request_and_a_reload() -> None:
    done = run("demo")
    assert done.code == 0, done.err
    stories = done.out.split("\n\n")
    requests, after = stories[1], stories[3]
    easy, code, hard, private, fallen = (
        part.split(f"\n{n + 1}  ", 1)[0]
        for n, part in enumerate([requests[requests.index(f"{i}  ") :] for i in range(1, 6)], 1)
    )
    assert "call   llama      answered" in easy
    assert "call   qwen-free  answered" in code
    assert "call   sonnet     answered" in hard
    assert "rule   private data stays on our machines" in private
    assert "call   own-gpu    answered" in private
    assert "call   qwen-free  rate_limited (429)\n   call   own-gpu    answered" in fallen
    assert "policy reloaded" in done.out
    assert "put first by rule `code goes to our own GPU first`" in after
    assert "loading LiteLLM" in stories[0]
    assert done.out.splitlines()[-1] == f"Make your own:  {invocation()} init"
    assert "6 requests answered over HTTP, 7 calls made." in done.out


def test_its_policy_is_sound() -> None:
    text = POLICY.format(url="http://127.0.0.1:1/v1")
    assert not inspect([PolicyFile("demo.yaml", text.encode())]).findings
