"""The rooms (top-level packages) as the code has them, and the drawing of them in docs/.

python -m tests.rooms        # redraws docs/rooms.svg and the table in docs/architecture.md
"""

from __future__ import annotations

import ast
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "policy_router"
DRAWING: Final = ROOT / "docs" / "rooms.svg"
PAGE: Final = ROOT / "docs" / "architecture.md"
BEGIN: Final = "<!-- rooms: made by `python -m tests.rooms` -->\n"
END: Final = "<!-- end of rooms -->\n"

LAYERS: Final[tuple[tuple[str, ...], ...]] = (
    ("base_errors", "diagnostics", "redaction", "patterns", "suggest", "meaning",
     "quoting", "resilience", "ids", "frozen"),
    ("domain", "units"),
    ("errors", "catalog", "answer_schema"),
    ("ledger", "providers", "clients", "learning"),
    ("decision", "events", "event_source", "conversation"),
    ("options", "classification", "assurance", "language"),
    ("intake",),
    ("cases",),
    ("check", "acceptance"),
    ("execution",),
    ("live", "observe", "journal", "reports", "discovery", "http_errors", "experience"),
    ("router", "loading"),
    ("suggestions", "replay", "simulation"),
    ("views",),
    ("server", "lsp"),
    ("cli",),
    ("__main__", "__init__"),
)  # fmt: skip
"""From lower to upper. A room imports from its own layer and from those before it."""

RANK: Final = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its dotted name below the package."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        name = name if name == "__init__" else name.removesuffix(".__init__")
        named[name] = ast.parse(path.read_text())
    return named


def room(module: str) -> str:
    """The room that a module is in."""
    return module.split(".", maxsplit=1)[0]


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Everything that a module imports, for type checkers too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name: str) -> set[str]:
    """The modules of the package that a module imports."""
    targets = set()
    for imported in imported_names(modules()[name]):
        if imported.split(".")[0] != "policy_router":
            continue
        target = imported.removeprefix("policy_router").lstrip(".")
        while target not in modules():
            target = target.rpartition(".")[0] or "__init__"
        targets.add(target)
    return targets


# -- the drawing -------------------------------------------------------------------------------


def purpose(name: str) -> str:
    """The first line of a room's docstring."""
    text = ast.get_docstring(modules()[name]) or ""
    return " ".join(text.split("\n\n")[0].split())


def needs(name: str) -> list[str]:
    """The other rooms that a room imports, from lower to upper."""
    inside = [module for module in modules() if room(module) == name]
    rooms = {room(target) for module in inside for target in own_imports(module)} - {name}
    return sorted(rooms & RANK.keys(), key=lambda each: (RANK[each], each))


def drawn_layers() -> list[list[str]]:
    """The layers to draw, from upper to lower: those rooms that there are."""
    present = {room(module) for module in modules()} - {"__main__", "__init__"}
    layers = [[name for name in layer if name in present] for layer in reversed(LAYERS)]
    return [layer for layer in layers if layer]


WIDTH: Final = 960
ROW: Final = 58
GAP: Final = 8


def svg() -> str:
    """The rooms as a drawing: one row per layer, the lowest at the bottom."""
    layers = drawn_layers()
    height = len(layers) * (ROW + GAP) + GAP
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            ' font-family="sans-serif" role="img">'
        ),
        "<title>The packages of policy-router: each row imports only from rows below it</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for row, layer in enumerate(layers):
        top = GAP + row * (ROW + GAP)
        width = (WIDTH - GAP) / len(layer) - GAP
        for place, name in enumerate(layer):
            left = GAP + place * (width + GAP)
            count = sum(room(module) == name for module in modules())
            middle = left + width / 2
            lines += [
                (
                    f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW}" rx="6"'
                    ' fill="#eef3f8" stroke="#51708f"/>'
                ),
                (
                    f'<text x="{middle:.1f}" y="{top + 26}" text-anchor="middle" font-size="15"'
                    f' fill="#12283c">{escape(name)}</text>'
                ),
                (
                    f'<text x="{middle:.1f}" y="{top + 45}" text-anchor="middle" font-size="11"'
                    f' fill="#51708f">{count} module{"" if count == 1 else "s"}</text>'
                ),
            ]
    return "\n".join([*lines, "</svg>", ""])


def table() -> str:
    """The rooms as a table of Markdown, from upper to lower."""
    lines = ["| package | what is in it | imports |", "|---|---|---|"]
    for layer in drawn_layers():
        for name in layer:
            imports = ", ".join(needs(name)) or "nothing"
            lines.append(f"| `{name}` | {purpose(name)} | {imports} |")
    return "\n".join([*lines, ""])


def page() -> str:
    """The page of the architecture with the table as it should be."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Draw both anew."""
    DRAWING.write_text(svg())
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
