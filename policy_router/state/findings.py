"""What is worth knowing of a store before money depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    subject: what was looked at. level: ERROR when counters would not hold, WARNING when they may be
    lost, NOTE for what is merely so. text: lower case, no full stop. help: what to do about it.
    """

    subject: str
    level: Severity
    text: str
    help: str = ""
