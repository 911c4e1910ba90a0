"""Serves simulated models with OpenAI's API on 127.0.0.1 until interrupted; every model answers."""

from __future__ import annotations

import argparse
import sys

from policy_router.providers.simulated.server import Simulated


def main(arguments: list[str] | None = None) -> int:
    """Prints the URL and serves until interrupted.

    Returns:
        The exit code, 0.
    """
    parser = argparse.ArgumentParser(
        prog="python -m policy_router.providers.simulated", description=__doc__
    )
    parser.add_argument(
        "--port", type=int, default=0, help="the port; 0 takes a free one (default)"
    )
    options = parser.parse_args(arguments)
    with Simulated(port=options.port) as provider:
        sys.stdout.write(provider.url + "\n")
        sys.stdout.flush()
        try:
            provider.wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
