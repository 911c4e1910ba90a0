"""The sort keys of `prefer`."""

from __future__ import annotations

from enum import StrEnum


class SortKey(StrEnum):
    """A key of `prefer`; each sorts models by one property, best first."""

    FREE = "free"
    LOCAL = "local"
    SMALLEST = "smallest"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    QUALITY = "quality"
    RELIABLE = "reliable"
    HEADROOM = "headroom"
    SPREAD = "spread"
    SAME_MODEL = "same_model"
