"""The manifest of a policy folder: which files belong together, and the digest of each.

The format is that of `sha256sum`, so that `sha256sum -c MANIFEST.sha256` agrees. Lines about files
that are no policy files are ignored.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MANIFEST: Final = "MANIFEST.sha256"
MISMATCH: Final = "manifest-mismatch"

# `sha256sum` puts a backslash before a line whose name holds a backslash or a line end, and escapes
# the name. A star before the name means that the file was read in binary mode.
_LINE: Final = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
_ESCAPE: Final = re.compile(r"\\([\\nr])")
_ESCAPED: Final = {"\\": "\\", "n": "\n", "r": "\r"}


def manifest_of(files: Iterable[tuple[str, bytes]]) -> str:
    """The manifest of files given as (name within the folder, bytes)."""
    lines = []
    for name, data in sorted(files):
        escaped = name.replace("\\", "\\\\")
        mark = "\\" if escaped != name else ""
        lines.append(f"{mark}{hashlib.sha256(data).hexdigest()}  {escaped}\n")
    return "".join(lines)


def compare(
    text: bytes,
    files: Mapping[str, bytes],
    shown: Callable[[str], str],
    is_policy: Callable[[str], bool],
    *,
    alone: bool,
) -> list[Diagnostic]:
    """Every difference between a manifest and the files it describes; empty when they agree.

    text: of the manifest. files: name within the folder -> bytes. shown: a name within the folder
    as diagnostics show it. is_policy: whether a name would be read as a policy file. alone: only
    one file of the folder is in use, so the others need not be there.
    """
    listed: dict[str, tuple[str, int]] = {}
    found: list[Diagnostic] = []
    manifest = shown(MANIFEST)
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            words = "this line is not in the format of `sha256sum`"
            found.append(_mismatch(words, Span(manifest, number, 1, number, len(line) + 1)))
            continue
        escaped, digest, name = parts.groups()
        if escaped:
            name = _ESCAPE.sub(lambda match: _ESCAPED[match[1]], name)
        listed[name] = digest.lower(), number
    for name, data in files.items():
        if name not in listed:
            words = f"`{shown(name)}` is not listed in `{manifest}`"
            found.append(_mismatch(words, _start(shown(name))))
        elif listed[name][0] != hashlib.sha256(data).hexdigest():
            words = f"`{shown(name)}` does not have the digest that `{manifest}` gives"
            found.append(_mismatch(words, _start(shown(name))))
    for name, (_, number) in listed.items():
        if name not in files and is_policy(name) and not alone:
            words = f"`{shown(name)}` is listed here and does not exist"
            found.append(_mismatch(words, Span(manifest, number, 1, number, 65)))
    return found


def _mismatch(words: str, at: Span) -> Diagnostic:
    help_ = "finish copying the files, or run  policy-router check --write-manifest FOLDER"
    return Diagnostic(MISMATCH, Severity.ERROR, words, at, help_)


def _start(name: str) -> Span:
    return Span(name, 1, 1, 1, 1)
