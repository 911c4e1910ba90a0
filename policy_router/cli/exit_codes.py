"""The exit codes of all commands."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended.

    Attributes:
        meaning: What the code tells the shell, for help texts.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        """Create a code with its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "success"
    FINDINGS = 1, "problems were found in the policy or in the state"
    USAGE = 2, "wrong usage, or an input that cannot be read"
    FAILED = 3, "a provider or the network failed"
    DENIED = 4, "the policy allows no model for the request"
    INTERRUPTED = 130, "interrupted with Ctrl-C"


def table() -> str:
    """Return all exit codes with their meanings, one a line."""
    return "\n".join(f"{code.value:>3}  {code.meaning}" for code in ExitCode)
