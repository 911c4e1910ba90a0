"""The state machine for as long as you like.

    python -m tests.ledger.long [--store memory] [--examples 20000] [--steps 100] [--fixed]

Every store when none is named. `--fixed` tries the same examples every time; `--first` stops at the
first failure without making it smaller. Exit 1 when a law is broken.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.machine import machine
from tests.ledger.servers import stop_shared
from tests.ledger.stores import STORES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.long")
    parser.add_argument("--store", choices=STORES, action="append")
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--first", action="store_true")
    asked = parser.parse_args()
    logging.disable()  # the machine moves clocks about, and stores warn of that
    phases = (Phase.generate,) if asked.first else (Phase.generate, Phase.shrink)
    how = settings(
        max_examples=asked.examples,
        stateful_step_count=asked.steps,
        derandomize=asked.fixed,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    atexit.register(stop_shared)
    for store in asked.store or STORES:
        began = time.monotonic()
        try:
            run_state_machine_as_test(machine(store), settings=how)
        except Exception:  # noqa: BLE001  whatever a broken store raises is what was looked for
            traceback.print_exc()
            print(f"{store}: broken")  # noqa: T201  a command's answer
            return 1
        took = time.monotonic() - began
        print(f"{store}: {asked.examples} x {asked.steps} held, {took:.1f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
