"""The program: all commands under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from policy_router.cli import (
    audit,
    bakeoff,
    calibrate,
    check,
    classify,
    demo,
    doctor,
    evaluate,
    experiments,
    explain,
    feedback,
    health,
    init,
    keys,
    models,
    prompts,
    route,
    rules,
    run,
    schema,
    serve,
    suggest,
    usage,
)
from policy_router.cli.exit_codes import table as exit_codes
from policy_router.cli.output import show
from policy_router.cli.version import version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "demo": demo.demo,
    "init": init.init,
    "check": check.check,
    "route": route.route,
    "explain": explain.explain,
    "classify": classify.classify,
    "calibrate": calibrate.calibrate,
    "bakeoff": bakeoff.bakeoff,
    "run": run.run,
    "serve": serve.serve,
    "keys": keys.keys,
    "usage": usage.usage,
    "experiments": experiments.experiments,
    "evaluate": evaluate.evaluate,
    "suggest": suggest.suggest,
    "feedback": feedback.feedback,
    "health": health.health,
    "models": models.models,
    "audit": audit.audit,
    "doctor": doctor.doctor,
    "prompts": prompts.prompts,
    "rules": rules.rules,
    "schema": schema.schema,
}


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
    policy-router demo                            see a policy at work
    policy-router init                            write a starter policy
    policy-router check policies/                 find mistakes in a policy
    policy-router route "Refactor this" --task code
    policy-router explain "Refactor this" --tag private
    policy-router serve --demo                    serve simulated models to any client
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
