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
            help="A folder whose files form one policy, in addition to folders called `policies`.",
        ),
    ] = None,
) -> None:
    """Start the language server for editors.

    \b
    policy-router lsp
    policy-router lsp --policy routing/

    Editors start it and talk to it over standard input and output. It offers diagnostics while you
    type, completion of keys, models, tags and facts, hover texts, go to definition, renaming of
    models and tiers, and formatting.

    It needs the extra `lsp`: pip install "policy-router[lsp]". See docs/editors.md for editor
    settings.
    """
    try:
        from policy_router.lsp.server import PolicyServer  # noqa: PLC0415  an extra
    except ImportError:
        fail('the language server needs the extra `lsp`: pip install "policy-router[lsp]"')
    PolicyServer(version(), policy).server.start_io()
