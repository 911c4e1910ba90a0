"""The program: all commands under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from policy_router.cli.commands import (
    audit,
    bakeoff,
    calibrate,
    check,
    classify,
    demo,
    diff,
    discover,
    doctor,
    evaluate,
    experiments,
    explain,
    feedback,
    fmt,
    graph,
    health,
    init,
    keys,
    lsp,
    models,
    prompts,
    prove,
    replay,
    report,
    route,
    rules,
    run,
    schema,
    serve,
    simulate,
    suggest,
    test,
    usage,
)
from policy_router.cli.exit_codes import table as exit_codes
from policy_router.cli.output import show
from policy_router.cli.version import version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GROUPS: Final[Mapping[str, Mapping[str, Callable[..., None]]]] = {
    "Get started": {
        "demo": demo.demo,
        "init": init.init,
    },
    "Write a policy": {
        "check": check.check,
        "fmt": fmt.fmt,
        "schema": schema.schema,
        "rules": rules.rules,
        "lsp": lsp.lsp,
    },
    "See what it decides": {
        "route": route.route,
        "explain": explain.explain,
        "classify": classify.classify,
        "graph": graph.graph,
        "prompts": prompts.prompts,
    },
    "Verify it": {
        "test": test.policy_tests,
        "prove": prove.prove,
        "diff": diff.diff,
        "replay": replay.replay,
        "simulate": simulate.simulate,
    },
    "Use it": {
        "run": run.run,
        "serve": serve.serve,
        "keys": keys.keys,
    },
    "Operate it": {
        "usage": usage.usage,
        "report": report.report,
        "health": health.health,
        "doctor": doctor.doctor,
        "audit": audit.audit,
    },
    "Manage models": {
        "models": models.models,
        "discover": discover.discover,
    },
    "Learn from outcomes": {
        "suggest": suggest.suggest,
        "experiments": experiments.experiments,
        "evaluate": evaluate.evaluate,
        "feedback": feedback.feedback,
        "bakeoff": bakeoff.bakeoff,
        "calibrate": calibrate.calibrate,
    },
}
"""All commands, under the headings that help shows."""

COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    name: function for group in GROUPS.values() for name, function in group.items()
}


class _Program(typer.core.TyperGroup):
    """The program, whose help lists the commands by group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  of click
        """Write the groups; the objects are those of click, which typer may bring itself."""
        longest = max(map(len, COMMANDS))
        room = formatter.width - longest - 6
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (name.ljust(longest), self.commands[name].get_short_help_str(room))
                        for name in commands
                    ]
                )


def _show_version(wanted: bool) -> None:
    if wanted:
        show([f"policy-router {version()}"])
        raise typer.Exit


def _program(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Decide which language model answers a request, in what order and at what cost.

    \b
    policy-router demo                            see a policy in action
    policy-router init                            write a starter policy
    policy-router check policies/                 find mistakes in a policy
    policy-router route "Refactor this" --task code
    policy-router explain "Refactor this" --tag private
    policy-router serve --demo                    serve simulated models
    policy-router usage                           show what was spent
    """


def command(argv: Sequence[str]) -> Any:
    """Return the program for some arguments.

    Args:
        argv: The arguments without the name of the program.

    Returns:
        An object whose `main(args, prog_name)` runs it and ends with SystemExit.
    """
    # Typer imports pydantic to read even an unused option. So the options before the command are
    # left out when a command comes first.
    bare = not argv or argv[0] not in COMMANDS
    app = typer.Typer(
        cls=_Program,
        no_args_is_help=True,
        add_completion=bare,
        # Without markup, help starts sooner and shows `[20/min]` as written.
        rich_markup_mode=None,
        epilog=f"\b\nExit codes:\n{exit_codes()}",
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(add_help_option=bare)(_program)
    for name, function in COMMANDS.items():
        app.command(name)(function)
    return typer.main.get_command(app)
