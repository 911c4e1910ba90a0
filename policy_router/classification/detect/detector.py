"""Which kinds of sensitive text a request contains: pure, local, in time linear in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from policy_router.classification.detect.addresses import has_email, has_ip
from policy_router.classification.detect.cards import has_card
from policy_router.classification.detect.ibans import has_iban
from policy_router.classification.detect.phones import has_phone
from policy_router.classification.detect.secrets import has_secret
from policy_router.domain.detection import Sensitive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LOOK: Final[Mapping[Sensitive, Callable[[bytes], bool]]] = {
    Sensitive.EMAIL: has_email,
    Sensitive.PHONE: has_phone,
    Sensitive.CARD: has_card,
    Sensitive.IBAN: has_iban,
    Sensitive.IP: has_ip,
    Sensitive.SECRET: has_secret,
}
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
    return frozenset(kind.value for kind in kinds if _LOOK[kind](data))


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
