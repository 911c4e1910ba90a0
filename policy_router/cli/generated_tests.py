"""Writes tests that are generated from a policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from policy_router.cli.options.policy import open_policy
from policy_router.cli.output import cause, fail, inform, write
from policy_router.diagnostics import printable

_HEAD: Final = """\
# Written by `policy-router test --generate`: the current decisions of the policy, at the edges of
# its rules. Review them, then keep this file next to the policy, so that changes are noticed.
"""


def write_generated(policy: Path, target: str) -> None:
    """Write tests at the edges of the rules of a policy.

    Args:
        policy: The policy file or folder.
        target: The file, which must not exist; `-` is standard output.
    """
    from policy_router.cases.generate import generate  # noqa: PLC0415  not needed for --help
    from policy_router.cases.write_yaml import whole_file  # noqa: PLC0415  as above
    from policy_router.ledger.private_file import write_text  # noqa: PLC0415  as above

    tests = list(generate(open_policy(policy)))
    text = f"{_HEAD}{whole_file(tests)}"
    if target == "-":
        write(text, sys.stdout)
        return
    try:
        write_text(Path(target), text, replace=False)
    except OSError as problem:
        fail(f"cannot write {target}: {cause(problem)}")
    inform(printable(f"wrote {len(tests)} tests to {target}"))
