"""The language server itself: answers the requests of an editor with the other modules here."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInternalError
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from policy_router.base_errors import UsageError
from policy_router.check.report import inspect
from policy_router.diagnostics import Severity
from policy_router.language.load import compile_files
from policy_router.language.write.layout import CannotFormatError, formatted
from policy_router.lsp.completion import ItemKind, complete
from policy_router.lsp.cursor import Cursor, cursor_at
from policy_router.lsp.definition import define
from policy_router.lsp.hover import hover
from policy_router.lsp.names import names_of
from policy_router.lsp.positions import Position, offset_at, place_of, places_of
from policy_router.lsp.rename import rename
from policy_router.lsp.workspace import Workspace

if TYPE_CHECKING:
    from policy_router.diagnostics import Diagnostic, Span

_QUIET: Final = 0.3
"""Seconds without a change before a policy is checked."""
_KINDS: Final = {
    ItemKind.KEY: lsp.CompletionItemKind.Field,
    ItemKind.WORD: lsp.CompletionItemKind.Keyword,
    ItemKind.MODEL: lsp.CompletionItemKind.Class,
    ItemKind.TIER: lsp.CompletionItemKind.Enum,
    ItemKind.TAG: lsp.CompletionItemKind.Constant,
    ItemKind.TASK: lsp.CompletionItemKind.EnumMember,
    ItemKind.BAND: lsp.CompletionItemKind.EnumMember,
    ItemKind.FACT: lsp.CompletionItemKind.Variable,
    ItemKind.VALUE: lsp.CompletionItemKind.Value,
}
_SEVERITIES: Final = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
    Severity.NOTE: lsp.DiagnosticSeverity.Information,
}


class PolicyServer:
    """Answers an editor about policy files.

    Attributes:
        server: The server of pygls that carries the protocol.
    """

    def __init__(self, version: str, folder: Path | None = None) -> None:
        """Makes a server.

        Args:
            version: The version that the server names to editors.
            folder: As for `Workspace`.
        """
        self.server = LanguageServer("policy-router", version)
        self._workspace = Workspace(folder)
        self._changes: dict[Path, int] = {}
        self._shown: dict[
            Path, set[str]
        ] = {}  # by policy: the files that diagnostics were sent for
        triggers = lsp.CompletionOptions(trigger_characters=["[", "'", '"', " "])
        for name, options, answer in (
            (lsp.TEXT_DOCUMENT_DID_OPEN, None, self._opened),
            (lsp.TEXT_DOCUMENT_DID_CHANGE, None, self._changed),
            (lsp.TEXT_DOCUMENT_DID_CLOSE, None, self._closed),
            (lsp.TEXT_DOCUMENT_COMPLETION, triggers, self._complete),
            (lsp.TEXT_DOCUMENT_HOVER, None, self._hover),
            (lsp.TEXT_DOCUMENT_DEFINITION, None, self._define),
            (lsp.TEXT_DOCUMENT_RENAME, None, self._rename),
            (lsp.TEXT_DOCUMENT_FORMATTING, None, self._format),
        ):
            # pygls marks what it is given, which a method does not allow.
            self.server.feature(name, options)(partial(answer))

    # -- texts and diagnostics -------------------------------------------------------------------

    async def _opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        await self._check(_path(params.text_document.uri))

    async def _changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        await self._check(_path(params.text_document.uri))

    async def _closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        self._workspace.drop(_path(params.text_document.uri))

    async def _check(self, path: Path) -> None:
        """Check the policy of a file, unless the file changes again right away (debounce)."""
        document = self.server.workspace.get_text_document(from_fs_path(str(path)) or "")
        self._workspace.put(path, document.source)
        self._changes[path] = change = self._changes.get(path, 0) + 1
        await asyncio.sleep(_QUIET)
        if self._changes[path] != change:
            return
        files = self._workspace.policy_of(path)
        report = await asyncio.to_thread(inspect, files)
        if self._changes[path] != change:
            return
        by_file: dict[str, list[lsp.Diagnostic]] = {file.name: [] for file in files}
        for each in report.diagnostics:
            name = each.span.file if each.span is not None else str(path)
            by_file.setdefault(name, []).append(self._diagnostic(each, name))
        for name in self._shown.get(path, set()) - set(by_file):
            by_file[name] = []
        self._shown[path] = set(by_file)
        for name, diagnostics in by_file.items():
            uri = from_fs_path(name) or ""
            self.server.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(uri, diagnostics)
            )

    def _diagnostic(self, each: Diagnostic, name: str) -> lsp.Diagnostic:
        help_ = f"\nhelp: {each.help}" if each.help else ""
        return lsp.Diagnostic(
            range=_first() if each.span is None else self._range(name, each.span),
            message=each.message + help_,
            severity=_SEVERITIES[each.severity],
            code=each.rule,
            source="policy-router",
        )

    # -- what is asked about a place -------------------------------------------------------------

    def _complete(self, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        path = _path(params.text_document.uri)
        text = self._workspace.text(path)
        cursor = self._cursor(path, params.position)
        if cursor is None:
            return []
        others = (s.data for s in self._workspace.sources_of(path) if s.name != str(path))
        items = complete(cursor, names_of((cursor.data, *others)))
        where = _range(place_of(text, cursor.start), place_of(text, cursor.stop))
        return [
            lsp.CompletionItem(
                label=item.text,
                kind=_KINDS[item.kind],
                documentation=item.about or None,
                text_edit=lsp.TextEdit(
                    where, f"{item.text}: " if item.kind is ItemKind.KEY else item.text
                ),
                sort_text=f"{number:04}",
            )
            for number, item in enumerate(items)
        ]

    def _hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        path = _path(params.text_document.uri)
        cursor = self._cursor(path, params.position)
        if cursor is None:
            return None
        policy = compile_files(self._workspace.policy_of(path)).policy
        text = hover(cursor, policy, str(path), params.position.line + 1)
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text)) if text else None

    def _define(self, params: lsp.DefinitionParams) -> lsp.Location | None:
        path = _path(params.text_document.uri)
        cursor = self._cursor(path, params.position)
        span = None if cursor is None else define(cursor, self._workspace.sources_of(path))
        if span is None:
            return None
        return lsp.Location(from_fs_path(span.file) or "", self._range(span.file, span))

    def _rename(self, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        path = _path(params.text_document.uri)
        cursor = self._cursor(path, params.position)
        if cursor is None:
            return None
        sources = {file.name: file.data.decode() for file in self._workspace.policy_of(path)}
        try:
            edits = rename(sources, cursor.word, params.new_name)
        except UsageError as problem:
            raise JsonRpcInternalError(str(problem)) from None
        changes: dict[str, list[lsp.TextEdit]] = {}
        for edit in edits:
            text = sources[edit.file]
            where = _range(place_of(text, edit.start), place_of(text, edit.stop))
            changes.setdefault(from_fs_path(edit.file) or "", []).append(
                lsp.TextEdit(where, edit.text)
            )
        return lsp.WorkspaceEdit(changes=changes)

    def _format(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        path = _path(params.text_document.uri)
        text = self._workspace.text(path)
        try:
            after = formatted(str(path), text.encode())
        except CannotFormatError:
            return None  # the editor shows the diagnostics of the file
        whole = _range(Position(0, 0), place_of(text, len(text)))
        return [lsp.TextEdit(whole, after)] if after != text else []

    def _cursor(self, path: Path, position: lsp.Position) -> Cursor | None:
        text = self._workspace.text(path)
        return cursor_at(text, offset_at(text, Position(position.line, position.character)))

    def _range(self, name: str, span: Span) -> lsp.Range:
        return _range(*places_of(self._workspace.text(Path(name)), span))


def _path(uri: str) -> Path:
    return Path(to_fs_path(uri) or uri)


def _range(start: Position, stop: Position) -> lsp.Range:
    return lsp.Range(lsp.Position(*start), lsp.Position(*stop))


def _first() -> lsp.Range:
    return _range(Position(0, 0), Position(0, 1))
