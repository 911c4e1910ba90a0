"""What a server process serves, as it is handed to each of the processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What a server process serves.

    Attributes:
        policy: Path of the policy.
        state: Address of the state store.
        keys: Path of the file of keys; None without keys.
        functions: Functions that the policy may call, as `MODULE:NAME`.
        workers: How many processes serve together.
    """

    policy: str
    state: str
    keys: str | None = None
    functions: tuple[str, ...] = ()
    workers: int = 1

    def to_text(self) -> str:
        """Return the plan as text, from which `from_text` makes it again."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> ServePlan:
        """Return the plan that a text holds."""
        fields = json.loads(text)
        return cls(**{**fields, "functions": tuple(fields["functions"])})
