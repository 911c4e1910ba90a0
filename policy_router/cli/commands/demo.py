"""The `demo` command: a small policy with simulated models, over real HTTP on loopback."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.cli.demo_policy import POLICY
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.invocation import invocation
from policy_router.cli.output import LOADING, fail, progress, show
from policy_router.views.story import as_lines

if TYPE_CHECKING:
    from typing import Unpack

    from policy_router import RequestOptions, Router
    from policy_router.providers.simulated import Behaviour, Simulated

NEW_RULE: Final = """\
  - name: code goes to our own GPU first
    when: { task: code }
    first: [own-gpu]
"""

_PATIENCE: Final = 20.0


def demo() -> None:
    """See a policy in action, without API keys or network.

    \b
    policy-router demo

    Sends six requests through a policy file to four simulated models, which answer over HTTP on
    this machine.
    """
    show(["loading LiteLLM, which calls the models; this takes some seconds ..."])
    from policy_router.providers.simulated import RateLimited, Say, Simulated  # noqa: PLC0415  not needed for --help
    from policy_router.router.router import Router  # noqa: PLC0415

    scripts: dict[str, Behaviour] = {
        "llama": Say("Fine, thank you. And you?"),
        "qwen-free": RateLimited(1, window=3600, then=Say("def add(a, b): return a + b")),
        "own-gpu": Say("def add(a: int, b: int) -> int: return a + b"),
        "sonnet": Say("By induction on n ..."),
    }
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="policy-router-")))
        provider = ends.enter_context(Simulated(scripts))
        path = folder / "policy.yaml"
        path.write_text(POLICY.format(url=provider.url), encoding="utf-8")
        with progress(LOADING):
            router = ends.enter_context(Router.open(path, interval=0.2, warm=True))
        _Demo(router, provider, path).play()


class _Demo:
    def __init__(self, router: "Router", provider: "Simulated", path: Path) -> None:
        self._router = router
        self._provider = provider
        self._path = path
        self._number = 0

    def play(self) -> None:
        policy = self._router.policy
        show(
            [
                "A small policy, four simulated models. Nothing leaves this computer.",
                f"policy {policy.name} @{policy.revision[:7]}   {self._path}",
                f"models answer on {self._provider.url}",
                "",
            ]
        )
        self._ask("Hi! How was your weekend?", "an easy one", complexity="easy")
        self._ask("Write a function that adds two numbers", "code", task="code")
        self._ask(
            "Prove that every tree with n nodes has n - 1 edges", "a hard one", complexity="hard"
        )
        self._ask("Rewrite our payroll script", "private code", task="code", tags=["private"])
        self._ask("Now one that multiplies", "its free quota is used up", task="code")
        self._edit()
        self._ask("And one that divides", "the next request", task="code")
        hits = len(self._provider.requests)
        show(["", f"{self._number} requests answered over HTTP, {hits} calls made."])
        show([f"Make your own:  {invocation()} init"])

    def _ask(self, prompt: str, note: str, **facts: "Unpack[RequestOptions]") -> None:
        self._number += 1
        shown = ", ".join(
            f"{name}={','.join(value) if isinstance(value, list) else value}"
            for name, value in facts.items()
        )
        show([[(f"{self._number}  {prompt}", "bold"), (f"   ({note}: {shown})", "dim")]])
        answer = self._router.completion([{"role": "user", "content": prompt}], **facts)
        show(as_lines(answer))

    def _edit(self) -> None:
        before = self._router.policy.revision
        show(["", [("-- a rule is added to the policy file; nothing is restarted", "bold")]])
        show([f"   {line}" for line in NEW_RULE.splitlines()])
        text = self._path.read_text(encoding="utf-8")
        began = time.monotonic()
        self._path.write_text(text.replace("budgets:\n", NEW_RULE + "budgets:\n"), encoding="utf-8")
        while self._router.policy.revision == before:
            if time.monotonic() - began > _PATIENCE:
                fail("the changed policy file was not noticed", code=ExitCode.FAILED)
            time.sleep(0.02)
        took = time.monotonic() - began
        after = self._router.policy.revision
        show([f"   policy reloaded {before[:7]} -> {after[:7]}, {took:.1f} s after the edit", ""])
