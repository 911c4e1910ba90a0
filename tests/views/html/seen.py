"""What a reader of HTML sees, as text: rows of tables with bars between cells, one line each."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"br", "hr", "img", "input", "link", "meta"}
_CELLS = {"td", "th", "dt", "dd", "li"}
_ROWS = {"tr", "p", "h1", "h2", "h3", "summary", "figcaption", "caption", "title", "div"}


@dataclass
class Tree(HTMLParser):
    """The elements of a document, in order, with the text that is seen.

    Attributes:
        elements: Each element with its attributes.
        lines: What is seen.
        unbalanced: Elements that are closed in another order than they are opened.
    """

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _row: list[str] = field(default_factory=lambda: [""])

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag in _ROWS:
            self._end_row()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)
        if tag in _CELLS:
            self._row.append("")
        if tag in _ROWS:
            self._end_row()

    def handle_data(self, data: str) -> None:
        self._row[-1] += data

    def _end_row(self) -> None:
        line = " ".join(" | ".join(self._row).split()).rstrip(" |")
        if line:
            self.lines.append(line)
        self._row = [""]


def tree(html: str) -> Tree:
    """Parse HTML."""
    parsed = Tree()
    parsed.feed(html)
    parsed.close()
    parsed._end_row()
    return parsed


def seen(html: str) -> list[str]:
    """The lines that a reader sees."""
    parsed = tree(html)
    assert not parsed.unbalanced
    return parsed.lines
