"""Whether a model may be called now, and whether that call is a probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a model may be called now.

    Attributes:
        blocked_until: Unix time until which it may not be; None when it may be.
        probes: The keys of what this call probes; pass them on to `failed` or `answered`.
    """

    blocked_until: float | None = None
    probes: tuple[str, ...] = ()


ADMITTED: Final = Admission()
