"""The command line, `policy-router`: from arguments to an exit code."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. argv: without the program's name; sys.argv's unless given.

    Returns 0 fine, 1 findings, 2 wrong usage or unreadable policy, 3 a provider or the network
    failed, 4 the policy said no, 130 interrupted. Never raises.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us
            mode = "r" if name == "stdin" else "w"
            nowhere = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123  for good
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name the terminal cannot spell must not end the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        from policy_router.cli.app import command  # noqa: PLC0415  an import may be interrupted too

        given = list(sys.argv[1:] if argv is None else argv)
        command(given).main(args=given, prog_name="policy-router")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except KeyboardInterrupt:
        return 130
    except OSError as problem:
        return _unwritten(problem)
    except Exception as problem:  # noqa: BLE001  the last net: nobody gets to see a traceback
        return _internal(problem)
    return 0


def _unwritten(problem: OSError) -> int:
    """Help that could not be written, or else a mistake of ours."""
    from policy_router.cli.output import failed_write  # noqa: PLC0415

    code = failed_write()
    return _internal(problem) if code is None else code


def _internal(problem: Exception) -> int:
    if os.environ.get("POLICY_ROUTER_DEBUG") == "1":
        import traceback  # noqa: PLC0415

        traceback.print_exception(problem, file=sys.stderr)
        return 2
    from policy_router.cli.output import inform  # noqa: PLC0415

    words = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
    inform(f"internal error: {words} (run with POLICY_ROUTER_DEBUG=1 for the traceback)")
    return 2


if __name__ == "__main__":
    sys.exit(main())
