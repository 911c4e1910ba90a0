"""Which kinds of sensitive text a request contains: pure, local, in time linear in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from policy_router.classification.detect.addresses import EMAIL, IP
from policy_router.classification.detect.cards import CARD
from policy_router.classification.detect.ibans import IBAN
from policy_router.classification.detect.phones import PHONE
from policy_router.classification.detect.secrets import SECRET
from policy_router.domain.detection import Sensitive
from policy_router.patterns import which_match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from policy_router.classification.detect.form import SensitiveForm

FORMS: Final[Mapping[Sensitive, tuple[SensitiveForm, ...]]] = {
    Sensitive.EMAIL: EMAIL,
    Sensitive.PHONE: PHONE,
    Sensitive.CARD: CARD,
    Sensitive.IBAN: IBAN,
    Sensitive.IP: IP,
    Sensitive.SECRET: SECRET,
}
"""The forms that each kind has."""
_FORMS: Final = tuple((kind, form) for kind, forms in FORMS.items() for form in forms)
_APART: Final = "\n\x00\n"
"""Between texts, so that nothing continues from one into the next."""
_API_KEYS: Final = frozenset({"role", "type", "detail", "format"})
"""Keys of a body whose values are words of the API."""
_ENCODED: Final = re.compile(
    r"data:[\w.+-]{1,100}/[\w.+-]{1,100}(?:;[\w.+=-]{1,100}){0,4};base64,[\w+/=\r\n-]*", re.ASCII
)
"""A picture or a file that a body contains."""
_ARGUMENTS: Final = frozenset({"input", "arguments", "args"})
"""Keys of the arguments of tools, whose names belong to what they hold: `{"password": ...}`."""


def kinds_in(value: object, kinds: Iterable[Sensitive]) -> frozenset[str]:
    """Find out which kinds of sensitive text a value of JSON contains.

    Args:
        value: The value, such as the messages of a conversation with results of tools, or a text.
        kinds: The kinds to look for.

    Returns:
        Those that were found. Anything that only looks like one of them may be among them, and
        what is written in an unusual way may be missing.
    """
    text = _APART.join(_texts(value))
    data = text.encode("utf-8", "replace")
    hints = _hints()(data)
    wanted = frozenset(kinds)
    found = set[str]()
    for number in range(len(_FORMS)) if hints is None else hints:
        kind, form = _FORMS[number]
        if kind in wanted and kind.value not in found and form.finds(data):
            found.add(kind.value)
    return frozenset(found)


@cache
def _hints() -> Callable[[bytes], Sequence[int] | None]:
    """The function that finds, in one pass over a text, which forms may be in it."""
    return which_match([form.hint for _, form in _FORMS])


def _texts(value: object) -> Iterator[str]:
    """Every text of a value of JSON but words of the API and encoded files."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if not _ENCODED.fullmatch(node):
                yield node
        elif isinstance(node, Mapping):
            for key, inner in node.items():
                if key in _ARGUMENTS and not isinstance(inner, str):
                    stack.append(_written(inner))
                elif key not in _API_KEYS:
                    stack.append(inner)
        elif isinstance(node, list | tuple):
            stack.extend(node)


def _written(arguments: object) -> object:
    """Return arguments as JSON text, as other dialects have them; too deep ones as they are."""
    try:
        return json.dumps(arguments, ensure_ascii=False, skipkeys=True, default=str)
    except (ValueError, RecursionError):
        return [arguments]
