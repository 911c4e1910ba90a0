"""Searching text in linear time, with RE2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_MATCHED: Final = 65_536
"""`matches` looks at no more than so many characters of a fact."""


def search(pattern: str, most: int | None = MAX_MATCHED) -> Callable[[str], object]:
    """The search function of an RE2 pattern: time linear in the text, whatever the pattern.
    most: characters of the text that it looks at; None is all."""
    import re2  # noqa: PLC0415  few policies need it

    quiet = re2.Options()
    quiet.log_errors = False  # they would go to stderr, from C++
    compiled = re2.compile(pattern, options=quiet)

    def find(text: str) -> object:
        try:
            return compiled.search(text[:most])
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can carry: read as `?`
            return compiled.search(text[:most].encode("utf-8", "replace").decode())

    return find


def literals(words: Sequence[str]) -> Callable[[str], Sequence[int]]:
    """Which of the words occur anywhere in a text, by their places in the list: in one pass over
    the text, however many words there are. No word is empty."""
    if not words:
        return lambda _: ()
    import re2  # noqa: PLC0415  as above

    options = re2.Options()
    options.log_errors = False
    options.literal = True
    # Bytes are looked for, so that half of a surrogate pair is found as well; within UTF-8 no word
    # begins in the middle of a sign.
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _AUTOMATON
    found = re2.Set.SearchSet(options)
    spelt = [word.encode("utf-8", "surrogatepass") for word in words]
    for word in spelt:
        found.Add(word)
    try:
        found.Compile()
        whole = len(found.Match(b"\n".join(spelt)) or ()) == len(words)
    except re2.error:
        whole = False
    if not whole:  # more words than the automaton has memory for
        return lambda text: [number for number, word in enumerate(words) if word in text]

    def find(text: str) -> Sequence[int]:
        return found.Match(text.encode("utf-8", "surrogatepass")) or ()

    return find


_AUTOMATON: Final = 1 << 26
"""Bytes that the automaton for words may take."""


RE2: Final = "patterns are RE2: no look-around, no back-references"


def pattern_problem(pattern: str) -> str | None:
    """Why RE2 cannot read a pattern, or None."""
    import re2  # noqa: PLC0415  few policies need it

    try:
        search(pattern)
    except re2.error as error:
        return str(error.args[0].decode() if isinstance(error.args[0], bytes) else error)
    return None
