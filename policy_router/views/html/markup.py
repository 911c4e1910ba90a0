"""HTML that is put together from parts, with everything escaped that is not HTML already."""

from __future__ import annotations

from functools import lru_cache
from html import escape as escape_html
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already, so that it is not escaped again."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the HTML itself, as template engines and notebooks ask for it."""
        return str(self)


Child: TypeAlias = "Markup | str | int | None"
"""A part of an element: text is escaped, and None leaves nothing."""
Attribute: TypeAlias = "str | int | float | bool | None"
"""The value of an attribute: True gives its name alone, False and None leave it out."""

_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta"})
_ADDRESSES: Final = frozenset({"href", "src", "action"})
_SCHEMES: Final = frozenset({"", "http", "https"})
_NOWHERE: Final = "#"


def text(value: object) -> Markup:
    """Return a value as text within HTML.

    Control characters and credentials in it are replaced, as in everything that is shown.
    """
    if isinstance(value, Markup):
        return value
    shown = str(value)
    return _kept(shown) if len(shown) <= _SHORT else _escaped(shown)


def _escaped(value: str) -> Markup:
    return Markup(escape_html(printable(value)))


_SHORT: Final = 64
"""Characters of a text that is kept: names of classes, rules and models come again and again."""
_kept: Final = lru_cache(maxsize=4096)(_escaped)


def element(tag: str, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        tag: Its name, such as `td`.
        *children: What it contains.
        **attributes: Its attributes. A trailing underscore is dropped (`class_`), other underscores
            become hyphens (`aria_label`). An address that could run a script leads nowhere.
    """
    head = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{head}>")
    return Markup(f"<{tag}{head}>{join(children)}</{tag}>")


def join(children: Iterable[Child], separator: str = "") -> Markup:
    """Return several parts one after the other.

    Args:
        children: The parts.
        separator: Text between two of them.
    """
    return Markup(text(separator).join(text(child) for child in children if child is not None))


def prose(value: str) -> Markup:
    """Return a sentence whose names in backticks are set as code."""
    parts = value.split("`")
    if len(parts) % 2 == 0:  # a backtick of somebody else
        return text(value)
    return join(element("code", part) if place % 2 else part for place, part in enumerate(parts))


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if name in _ADDRESSES:
        value = _address(str(value))
    return f' {name}="{number(value) if isinstance(value, float) else text(value)}"'


def _address(value: str) -> str:
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return _NOWHERE
    # Browsers drop control characters and blanks before they look for a scheme.
    return value if scheme in _SCHEMES and value.isprintable() else _NOWHERE


def number(value: float) -> str:
    """Return a number as SVG takes it: at most two decimals, none that are zero."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
