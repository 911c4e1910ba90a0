"""`python -m policy_router.providers.simulated --port 0`: serves until interrupted.

Every model answers."""

from __future__ import annotations

import argparse
import sys

from policy_router.providers.simulated.server import Simulated


def main(arguments: list[str] | None = None) -> int:
    """Serves on 127.0.0.1 and prints the URL on its first line. Ends with 0 on Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m policy_router.providers.simulated", description=__doc__
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
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
