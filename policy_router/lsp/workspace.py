"""The files that an editor has open, and the policies on disk that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.language.files import PolicyFile, is_policy, is_tests, tests_beside
from policy_router.language.yaml_reader import parse
from policy_router.lsp.positions import normalized

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.language.source import SourceFile

FOLDER: Final = "policies"
"""The name of a folder whose files are one policy."""


class Workspace:
    """The texts of open files, which count in place of those on disk.

    A file in a folder that is called `policies` belongs to the policy of that folder, with all its
    other files. Every other file is a policy of its own, with the tests next to it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Makes a workspace.

        Args:
            folder: Another folder whose files are one policy.
        """
        self._folder = None if folder is None else folder.resolve()
        self._open: dict[Path, str] = {}

    def put(self, path: Path, text: str) -> None:
        """Take over the text of a file that is open."""
        self._open[path] = normalized(text)

    def drop(self, path: Path) -> None:
        """Forget the text of a file that was closed."""
        self._open.pop(path, None)

    def text(self, path: Path) -> str:
        """The text of a file, with `\\n` as line ends; empty where it cannot be read."""
        if path in self._open:
            return self._open[path]
        try:
            return normalized(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError):
            return ""

    def policy_of(self, path: Path) -> tuple[PolicyFile, ...]:
        """The files of the policy that a file belongs to, with the files of tests next to it."""
        home = self._home(path)
        if home.is_dir():
            names = {each for each in home.iterdir() if is_policy(each.name)}
            names |= {each for each in self._open if each.parent == home and is_policy(each.name)}
        else:
            names = {home}
        tests = [each for each in tests_beside(home) if each not in names]
        return tuple(
            PolicyFile(str(each), self.text(each).encode(), only_tests=is_tests(each.name))
            for each in (*sorted(names), *tests)
        )

    def sources_of(self, path: Path) -> list[SourceFile]:
        """The files of that policy that can be read as YAML."""
        read = (parse(file.name, file.data)[0] for file in self.policy_of(path))
        return [source for source in read if source is not None]

    def _home(self, path: Path) -> Path:
        """The folder or file that is the policy of a file."""
        folder = path.parent
        if folder.name == FOLDER or folder == self._folder:
            return folder
        if is_tests(path.name):
            stem = path.name.rsplit(".test.", 1)[0]
            candidates = (path.with_name(stem + suffix) for suffix in (".yaml", ".yml"))
            return next((each for each in candidates if each.exists()), path)
        return path
