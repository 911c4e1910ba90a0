"""The `lsp` command: the language server for editors."""

from pathlib import Path
from typing import Annotated

import typer

from policy_router.cli.output import fail
from policy_router.cli.version import version


def lsp(
    *,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            "-p",
            metavar="FOLDER",
            help="A folder whose files are one policy, besides folders called `policies`.",
        ),
    ] = None,
) -> None:
    """Start the language server for editors.

    \b
    policy-router lsp
    policy-router lsp --policy routing/

    Editors start it and talk to it over standard input and output. It reports mistakes while you
    type, completes keys, models, tags and facts, shows what a word means and how many regions of
    requests reach a rule, goes to definitions, renames models and tiers, and formats.

    It needs the extra `lsp`: pip install "policy-router[lsp]". docs/editors.md has settings.
    """
    try:
        from policy_router.lsp.server import PolicyServer  # noqa: PLC0415  an extra
    except ImportError:
        fail('the language server needs its extra: pip install "policy-router[lsp]"')
    PolicyServer(version(), policy).server.start_io()
