"""Windows: the times over which limits count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from policy_router.domain.periods import Period

MOST_SLOTS: Final = 60
"""The maximum number of slots of a rolling window."""
LONGEST: Final = 31 * 86_400
"""The length of the longest rolling window that a policy may name, in seconds."""
IDLE: Final = 30 * 86_400.0
"""The minimum number of idle seconds after which a session is over."""

_NAMED: Final = {"min": 60, "hour": 3600}
_UNITS: Final = {"d": 86_400, "h": 3600, "min": 60, "m": 60, "s": 1}
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,6})(d|h|min|m|s)")
_PERIODS: Final = frozenset(period.value for period in Period)


@dataclass(frozen=True, slots=True)
class Rolling:
    """A window that ends now and is a fixed number of seconds long.

    It is divided into slots of equal whole seconds. The count is the sum over every slot that
    overlaps the window, which is never less than the window itself contains: a limit holds in any
    alignment, and charges can be refunded. Windows of equal length are equal, however a policy
    writes them.

    Attributes:
        seconds: The length of the window.
        name: Its name in the keys of counters: `min`, `hour`, else its length, such as `30s`,
            `5h` or `3d`.
        width: The length of one slot in seconds.
        slots: The number of slots that cover the window.
    """

    seconds: int
    name: str = field(init=False, compare=False)
    width: int = field(init=False, compare=False, repr=False)
    slots: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        width = -(-self.seconds // MOST_SLOTS)
        object.__setattr__(self, "name", _name(self.seconds))
        object.__setattr__(self, "width", width)
        object.__setattr__(self, "slots", -(-self.seconds // width))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class SessionLife:
    """The life of a session: from its first charge until it has been idle for some time.

    Attributes:
        idle: Seconds after the last charge at which the session is over, and its count starts
            again.
    """

    idle: float = IDLE

    def __str__(self) -> str:
        return "session"


Window: TypeAlias = Rolling | Period | SessionLife


@lru_cache(maxsize=4096)
def rolling(text: str) -> Rolling:
    """The rolling window of a name or a length: `min`, `hour`, `30s`, `90min`, `5h`, `3d`.

    Raises:
        ValueError: The text is neither.
    """
    seconds = _NAMED.get(text)
    if seconds is None:
        written = _LENGTH.fullmatch(text)
        if written is None:
            raise ValueError(f"`{text}` is not a rolling window")
        seconds = int(written[1]) * _UNITS[written[2]]
    return Rolling(seconds)


def window(text: str) -> Rolling | Period:
    """The window that a policy writes behind the slash of a limit: `week` or `5h`.

    Raises:
        ValueError: The text is neither a calendar period nor a rolling window.
    """
    return Period(text) if text in _PERIODS else rolling(text)


def _name(seconds: int) -> str:
    for name, length in _NAMED.items():
        if seconds == length:
            return name
    unit, length = next((u, n) for u, n in _UNITS.items() if seconds % n == 0)
    return f"{seconds // length}{unit}"


MINUTE: Final = Rolling(60)
HOUR: Final = Rolling(3600)
