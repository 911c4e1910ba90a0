"""Searches text in linear time, with RE2."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_MATCHED: Final = 65_536
"""Maximum number of characters of a fact that `matches` searches."""


def encoded(text: str) -> bytes:
    """Encode a text once, to search it for several patterns."""
    return text[:MAX_MATCHED].encode("utf-8", "replace")


def search(pattern: str, most: int | None = MAX_MATCHED) -> Callable[[str | bytes], object]:
    """Compile an RE2 pattern to a search function, which takes linear time for every pattern.

    Args:
        pattern: The pattern.
        most: Maximum number of characters that are searched; None for all.

    Returns:
        A function of a text, or of the result of `encoded`, that returns the match or None.

    Raises:
        re2.error: RE2 cannot compile the pattern.
    """
    import re2  # noqa: PLC0415  few policies need it

    quiet = re2.Options()
    quiet.log_errors = False  # C++ would write them to stderr
    compiled = re2.compile(pattern, options=quiet)

    def find(text: str | bytes) -> object:
        if isinstance(text, bytes):
            return compiled.search(text)
        try:
            return compiled.search(text[:most])
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can contain: read as `?`
            return compiled.search(text[:most].encode("utf-8", "replace").decode())

    return find


@cache
def over_bytes(pattern: bytes) -> Any:
    """Compile an RE2 pattern over bytes; searching takes linear time."""
    import re2  # noqa: PLC0415  few policies need it

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options=options)


def which_match(
    patterns: Sequence[bytes], example: bytes = b"", memory: int = 1 << 26
) -> Callable[[bytes], Sequence[int] | None]:
    """Compile a function that finds which of several RE2 patterns match anywhere, in one pass over
    the text.

    It searches bytes, so that half of a surrogate pair can be found as well; in UTF-8 no character
    starts in the middle of another.

    Args:
        patterns: The patterns.
        example: A text that is searched immediately, to see whether the memory is sufficient.
        memory: Bytes that the automaton may use.

    Returns:
        A function of a text: the positions in `patterns` of those that match, in any order; None
        when the automaton ran out of memory, so that any of them may match.

    Raises:
        TooManyPatterns: They do not fit into the memory of the automaton.
    """
    import re2  # noqa: PLC0415  as above

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = memory
    automaton = re2.Set.SearchSet(options)
    always = len(patterns)

    def find(text: bytes) -> Sequence[int] | None:
        matching = set(automaton.Match(text) or ())
        if always not in matching:
            return None
        matching.remove(always)
        return tuple(matching)

    try:
        for pattern in patterns:
            automaton.Add(pattern)
        # RE2 reports a failed search like one without matches, so an extra pattern matches the end
        # of every text.
        automaton.Add(rb"\z")
        automaton.Compile()
    except re2.error:
        raise TooManyPatterns from None
    if find(example) is None:
        raise TooManyPatterns
    return find


class TooManyPatterns(Exception):  # noqa: N818  a limit, which the caller works around
    """The patterns do not fit into the memory of one automaton."""


RE2: Final = "patterns are RE2: no look-around, no back-references"


def pattern_problem(pattern: str) -> str | None:
    """Why RE2 cannot compile a pattern; None when it can."""
    import re2  # noqa: PLC0415  few policies need it

    try:
        search(pattern)
    except re2.error as error:
        return str(error.args[0].decode() if isinstance(error.args[0], bytes) else error)
    return None
