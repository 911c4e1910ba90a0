"""The `serve` command: the policy behind the APIs of OpenAI and Anthropic."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.cli.demo_policy import POLICY
from policy_router.cli.options.journal import JournalOption, journal_of
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.store import State, location_of
from policy_router.cli.output import fail, inform
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.journal.address import JournalAddress

_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  shown, not listened at
"""What this machine calls a server by that listens at every address."""


def serve(
    *,
    policy: Where = None,
    state: State = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            help="The port to listen on; 0 picks a free one.",
        ),
    ] = 4141,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="The keys of callers, as `policy-router keys` writes them. [only this machine]",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", metavar="N", min=1, max=64, help="The number of worker processes."
        ),
    ] = 1,
    grace: Annotated[
        int,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            min=0,
            max=3600,
            help="Seconds that in-flight requests have to finish when the server stops.",
        ),
    ] = 30,
    decision_log: Annotated[
        Path | None,
        typer.Option(
            "--decision-log",
            metavar="FILE",
            help="Write one line of JSON per decision to this file, without prompts or answers.",
        ),
    ] = None,
    journal: JournalOption = None,
    otel: Annotated[
        bool,
        typer.Option(
            "--otel",
            help="Export OpenTelemetry spans, configured by the usual variables. [extra otel]",
        ),
    ] = False,
    allow_function: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:NAME", help="A function that the policy may call; repeatable."
        ),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Serve a small policy with simulated models, without API keys."
        ),
    ] = False,
) -> None:
    """Serve the policy to clients of OpenAI's or Anthropic's API.

    \b
    policy-router serve --demo
    policy-router serve --policy policies/
    policy-router serve --keys keys.json --host 0.0.0.0 --workers 4

    Without --keys, only this machine can call the server, and all its users may do anything. The
    policy files are watched: a valid change applies to the next request.

    SIGTERM or Ctrl-C stops the server: requests in flight may finish within --grace; a second
    signal stops it immediately. Several --workers share the state store, which then cannot be in
    memory.

    Exit code 1: the policy has errors, 2: the server cannot start.
    """
    from policy_router.server.serving import check_address  # noqa: PLC0415  not needed for --help

    if demo and (policy is not None or workers > 1):
        wrong = "--policy" if policy is not None else "--workers"
        raise typer.BadParameter("cannot be combined with --demo", param_hint=wrong)
    try:
        check_address(host, keys=keys is not None)
        with ExitStack() as ends:
            path = _demo(ends) if demo else choose(policy)
            service = Service(
                path,
                "memory://" if demo else state,
                (host, port),
                keys,
                tuple(allow_function or ()),
                workers,
                grace,
                decision_log,
                otel,
                f"sqlite:///{path.parent}/journal.db" if demo else journal,
            )
            service.run()
    except PolicyRouterError as problem:
        fail(printable(str(problem)))


@dataclass(frozen=True)
class Service:
    """What to serve, from the options."""

    path: Path
    state: str | None
    address: tuple[str, int]
    keys: Path | None
    functions: tuple[str, ...]
    workers: int
    grace: int
    decision_log: Path | None
    otel: bool
    journal: str | None

    def run(self) -> None:
        """Check everything, say what is served, and serve until the end."""
        from policy_router.acceptance.user_code import Functions  # noqa: PLC0415  not needed for --help
        from policy_router.journal.journal import Journal  # noqa: PLC0415  as above
        from policy_router.observe.decision_log import DecisionLog  # noqa: PLC0415  as above
        from policy_router.server import serving  # noqa: PLC0415  as above
        from policy_router.server.identity.key_ring import KeyRing  # noqa: PLC0415  as above
        from policy_router.server.plan import ServePlan  # noqa: PLC0415  as above
        from policy_router.server.supervisor import Supervisor  # noqa: PLC0415  as above

        policy = open_policy(self.path, Functions(self.functions))
        location = location_of(self.state, policy.name, self.path)
        state, journal = location.url, journal_of(self.journal, location)
        if self.workers > 1 and state.startswith("memory:"):
            raise UsageError(
                f"each of {self.workers} processes would count on its own in `memory://`, and so "
                "allow what the limits allow several times: give a file or Redis as --state, or "
                "serve with --workers 1"
            )
        keys = None if self.keys is None else str(self.keys)
        whom = "this machine only, without keys"
        if self.keys is not None:
            number = len(KeyRing(self.keys))
            whom = f"{number} key{'s' * (number != 1)} in {self.keys}"
        log = None if self.decision_log is None else str(self.decision_log)
        if log is not None:
            DecisionLog(log).close()  # says what is wrong with it before anything begins
        kept = None if journal is None else journal.url
        if journal is not None:
            Journal(journal).close()  # as above
        plan = ServePlan(
            str(self.path), state, keys, self.functions, self.workers, log, kept, self.otel
        )
        host, port = self.address
        with serving.listen(host, port) as listener:
            self._announce(policy, listener.getsockname()[1], whom, journal)
            if self.workers > 1:
                Supervisor(plan, listener, grace=self.grace).run()
            else:
                serving.serve(plan, listener, grace=self.grace)

    def _announce(
        self, policy: "Policy", port: int, whom: str, journal: "JournalAddress | None"
    ) -> None:
        """Print to standard error what is served, from which policy, and to whom."""
        host = _LOCAL.get(self.address[0], self.address[0])
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        number = len(policy.models)
        key = "" if self.keys is None else " -H 'authorization: Bearer KEY'"
        models = f"{number} model{'' if number == 1 else 's'}"
        body = '{"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}'
        call = f"{url}/v1/chat/completions{key} -H 'content-type: application/json' -d '{body}'"
        lines = {
            "policy": f"{policy.name} @{policy.revision[:7]} ({self.path}), {models}",
            "callers": whom,
            "journal": "none" if journal is None else str(journal),
            "OpenAI": f"export OPENAI_BASE_URL={url}/v1",
            "Anthropic": f"export ANTHROPIC_BASE_URL={url}",
            "page": f"{url}/ui",
            "try": f"curl {call}",
        }
        inform(*(printable(f"{name:<10} {text}") for name, text in lines.items()))


def _demo(ends: ExitStack) -> Path:
    """Start the simulated models; return the path of a policy for them."""
    from policy_router.providers.simulated import Simulated  # noqa: PLC0415  not needed for --help

    folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="policy-router-")))
    provider = ends.enter_context(Simulated())
    path = folder / "policy.yaml"
    path.write_text(POLICY.format(url=provider.url), encoding="utf-8")
    return path
