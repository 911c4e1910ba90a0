"""Whether a message only tells a model to go on, or refers to an earlier question.

The words are in `follow_ups.toml`, which is read when the first message is.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[^\s.,;:!?…。、\uff0c\uff01\uff1f()\"“”«»—–_*`-]+")  # noqa: RUF001  a dash is punctuation
_LONGEST: Final = 80
"""Characters of a message that only tells a model to go on, or that refers back, at most."""
_BRIEF: Final = 8
"""Words of a message that only tells a model to go on, at most."""
_REFERRING: Final = 6
"""Words of a message that refers back, at most."""
_ALONE: Final = 2
"""Words of one that does so by a word that is common in other messages, at most."""


class _Known(NamedTuple):
    go_on: frozenset[str]
    fillers: frozenset[str]
    whole: frozenset[str]
    referring: frozenset[str]
    alone: frozenset[str]


@cache
def _known() -> _Known:
    lists = tomllib.loads(files(__package__).joinpath("follow_ups.toml").read_text("utf-8"))
    return _Known(*(frozenset(lists[name]) for name in _Known._fields))


def goes_on(message: str) -> bool:
    """Whether a message says no more than "yes" or "continue", in one of some twenty languages."""
    spoken = _spoken(message)
    known = _known()
    if "".join(spoken) in known.whole:
        return True
    return not known.go_on.isdisjoint(spoken) and all(
        word in known.go_on or word in known.fillers for word in spoken
    )


def refers_back(message: str) -> bool:
    """Whether a brief message can only be understood together with an earlier one."""
    spoken = _spoken(message)
    known = _known()
    return (len(spoken) <= _REFERRING and not known.referring.isdisjoint(spoken)) or (
        len(spoken) <= _ALONE and not known.alone.isdisjoint(spoken)
    )


def _spoken(message: str) -> list[str]:
    """The words of a message, in lower case; none when it is too long to be a follow-up."""
    message = message[: 2 * _LONGEST].strip()
    if len(message) > _LONGEST:
        return []
    spoken = _WORD.findall(message.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return spoken if len(spoken) <= _BRIEF else []
