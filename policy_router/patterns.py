"""Searches text in linear time, with RE2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_MATCHED: Final = 65_536
"""Characters of a fact that `matches` searches."""


def search(pattern: str, most: int | None = MAX_MATCHED) -> Callable[[str], object]:
    """The search function of an RE2 pattern; its time is linear in the text for every pattern.

    Args:
        pattern: The pattern.
        most: Characters of the text that are searched; None is all.

    Returns:
        A function of a text: the match, or None.

    Raises:
        re2.error: RE2 cannot compile the pattern.
    """
    import re2  # noqa: PLC0415  few policies need it

    quiet = re2.Options()
    quiet.log_errors = False  # C++ would write them to stderr
    compiled = re2.compile(pattern, options=quiet)

    def find(text: str) -> object:
        try:
            return compiled.search(text[:most])
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can contain: read as `?`
            return compiled.search(text[:most].encode("utf-8", "replace").decode())

    return find


def literals(needles: Sequence[str]) -> Callable[[str], Sequence[int]]:
    """The function that finds which of some words occur in a text, in one pass over the text.

    Args:
        needles: The words; none is empty.

    Returns:
        A function of a text: the positions in `needles` of those that occur anywhere in it.
    """
    if not needles:
        return lambda _: ()
    import re2  # noqa: PLC0415  as above

    options = re2.Options()
    options.log_errors = False
    options.literal = True
    # Bytes are searched, so that half of a surrogate pair is found as well; in UTF-8 no word begins
    # in the middle of a character.
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _AUTOMATON
    automaton = re2.Set.SearchSet(options)
    encoded = [word.encode("utf-8", "surrogatepass") for word in needles]
    for word in encoded:
        automaton.Add(word)
    try:
        automaton.Compile()
        complete = len(automaton.Match(b"\n".join(encoded)) or ()) == len(needles)
    except re2.error:
        complete = False
    if not complete:  # more words than fit into the memory of the automaton
        return lambda text: [number for number, word in enumerate(needles) if word in text]

    def find(text: str) -> Sequence[int]:
        return automaton.Match(text.encode("utf-8", "surrogatepass")) or ()

    return find


_AUTOMATON: Final = 1 << 26
"""Bytes of memory that the automaton for words may use."""


RE2: Final = "patterns are RE2: no look-around, no back-references"


def pattern_problem(pattern: str) -> str | None:
    """Why RE2 cannot compile a pattern; None when it can."""
    import re2  # noqa: PLC0415  few policies need it

    try:
        search(pattern)
    except re2.error as error:
        return str(error.args[0].decode() if isinstance(error.args[0], bytes) else error)
    return None
