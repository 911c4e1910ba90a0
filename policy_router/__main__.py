"""The entry point of the command line, `policy-router`."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from policy_router.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Never raises.

    Args:
        argv: The arguments without the name of the program; those of the process by default.

    Returns:
        The exit code, one of `ExitCode`.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # the parent process closed it
            mode = "r" if name == "stdin" else "w"
            nowhere = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123  for good
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding cannot represent must not crash the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        from policy_router.cli.app import command  # noqa: PLC0415  an import may be interrupted too

        arguments = list(sys.argv[1:] if argv is None else argv)
        command(arguments).main(args=arguments, prog_name="policy-router")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except OSError as problem:
        return _failed_write(problem)
    except Exception as problem:  # noqa: BLE001  users see one line instead of a traceback
        return _internal_error(problem)
    return ExitCode.OK


def _failed_write(problem: OSError) -> int:
    """Return the exit code for help that could not be written; any other error is a bug."""
    from policy_router.cli.output import failed_write  # noqa: PLC0415  help does not import it

    code = failed_write()
    return _internal_error(problem) if code is None else code


def _internal_error(problem: Exception) -> ExitCode:
    if os.environ.get("POLICY_ROUTER_DEBUG") == "1":
        import traceback  # noqa: PLC0415  rarely needed

        traceback.print_exception(problem, file=sys.stderr)
        return ExitCode.USAGE
    from policy_router.cli.output import inform  # noqa: PLC0415  as above

    message = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
    inform(f"internal error: {message} (run with POLICY_ROUTER_DEBUG=1 for the traceback)")
    return ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main())
