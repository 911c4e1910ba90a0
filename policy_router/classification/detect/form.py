"""A form of sensitive text: a rough pattern that finds where it may be, and a full search."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class SensitiveForm(NamedTuple):
    """A form that sensitive text has, and the search for it.

    Attributes:
        hint: An RE2 pattern that matches in every text in which `finds` finds something. All hints
            are searched for together, so it has few long repetitions.
        finds: Whether a text, in UTF-8, contains this form.
    """

    hint: bytes
    finds: Callable[[bytes], bool]
