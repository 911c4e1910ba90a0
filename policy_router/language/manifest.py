"""The manifest of a policy folder: its files with their digests.

The format is that of `sha256sum`, so `sha256sum -c MANIFEST.sha256` checks it too. Lines about
other files than policy files are ignored.
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

# `sha256sum` begins a line with a backslash when the name has a backslash or a line end, and
# escapes the name. A star before the name means that the file was read in binary mode.
_LINE: Final = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
_ESCAPE: Final = re.compile(r"\\([\\nr])")
_ESCAPED: Final = {"\\": "\\", "n": "\n", "r": "\r"}


def manifest_of(files: Iterable[tuple[str, bytes]]) -> str:
    """The text of a manifest.

    Args:
        files: Name within the folder, and bytes, of each file.
    """
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
    """Every difference between a manifest and the files that it describes.

    Args:
        text: The manifest.
        files: Name within the folder -> bytes.
        shown: A name within the folder -> the name as diagnostics show it.
        is_policy: Whether a file of that name is read as a policy file.
        alone: Whether only one file of the folder is used, so that the others may be missing.

    Returns:
        The differences; none when they agree.
    """
    listed: dict[str, tuple[str, int]] = {}
    problems: list[Diagnostic] = []
    manifest = shown(MANIFEST)
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            message = "this line does not have the format of `sha256sum`"
            problems.append(_mismatch(message, Span(manifest, number, 1, number, len(line) + 1)))
            continue
        escaped, digest, name = parts.groups()
        if escaped:
            name = _ESCAPE.sub(lambda match: _ESCAPED[match[1]], name)
        listed[name] = digest.lower(), number
    for name, data in files.items():
        if name not in listed:
            message = f"`{shown(name)}` is not listed in `{manifest}`"
            problems.append(_mismatch(message, _start(shown(name))))
        elif listed[name][0] != hashlib.sha256(data).hexdigest():
            message = f"`{shown(name)}` does not have the digest given in `{manifest}`"
            problems.append(_mismatch(message, _start(shown(name))))
    for name, (_, number) in listed.items():
        if name not in files and is_policy(name) and not alone:
            message = f"`{shown(name)}` is listed here but does not exist"
            problems.append(_mismatch(message, Span(manifest, number, 1, number, 65)))
    return problems


def _mismatch(message: str, span: Span) -> Diagnostic:
    help_ = "finish copying the files, or run  policy-router check --write-manifest FOLDER"
    return Diagnostic(MISMATCH, Severity.ERROR, message, span, help_)


def _start(name: str) -> Span:
    return Span(name, 1, 1, 1, 1)
