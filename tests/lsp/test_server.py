"""The language server in a process of its own, asked by a client of its protocol."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MODELS: Final = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: ollama_chat/a, tier: light, price: free, context: 8k, tags: [local] }
  large: { model: ollama_chat/b, tier: heavy, price: free, context: 8k }
"""
RULES: Final = """\
version: 1
rules:
  - name: private stays
    when: "'private' in tags"
    only: [local]
  - name: code
    when: tokens > 10 and tokens < 5
    avoid: [small]
"""


class Client(LanguageClient):
    """A client that keeps the diagnostics of each file."""

    def __init__(self) -> None:
        super().__init__("test", "1")
        self.published: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
        self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(partial(self.published.put_nowait))

    async def rules_of(self, name: str) -> list[object]:
        """The names of the rules in the next diagnostics of a file."""
        while not (params := await self.published.get()).uri.endswith(name):
            pass
        return [each.code for each in params.diagnostics]


@asynccontextmanager
async def client_of(folder: Path) -> AsyncIterator[Client]:
    client = Client()
    await client.start_io(sys.executable, "-m", "policy_router", "lsp")
    root = lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), root_uri=folder.as_uri())
    await client.initialize_async(root)
    client.initialized(lsp.InitializedParams())
    try:
        yield client
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()  # type: ignore[no-untyped-call]  # pygls has no types there


def opened(client: Client, path: Path) -> lsp.TextDocumentIdentifier:
    item = lsp.TextDocumentItem(path.as_uri(), "yaml", 1, path.read_text())
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
    return lsp.TextDocumentIdentifier(path.as_uri())


def test_an_editor_gets_what_it_asks_for(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "models.yaml").write_text(MODELS)
    rules = folder / "rules.yaml"
    rules.write_text(RULES)

    async def session() -> None:
        async with client_of(tmp_path) as client:
            document = opened(client, rules)
            assert "dead-rule" in await client.rules_of("rules.yaml")

            only = lsp.Position(7, 14)  # the `small` of `avoid: [small]`
            word = lsp.HoverParams(document, lsp.Position(2, 12))
            shown = await client.text_document_hover_async(word)
            assert shown is not None
            assert isinstance(shown.contents, lsp.MarkupContent)
            assert "reached by 1 region of requests; excludes `large`" in shown.contents.value

            asked = lsp.DefinitionParams(document, only)
            place = await client.text_document_definition_async(asked)
            assert isinstance(place, lsp.Location)
            assert place.uri == (folder / "models.yaml").as_uri()
            assert place.range.start == lsp.Position(3, 2)

            wanted = lsp.CompletionParams(document, lsp.Position(7, 12))
            found = await client.text_document_completion_async(wanted)
            assert isinstance(found, list)
            assert [item.label for item in found][:3] == ["small", "large", "light"]

            renamed = await client.text_document_rename_async(
                lsp.RenameParams(document, only, "tiny")
            )
            assert renamed is not None
            assert renamed.changes is not None
            assert sorted(renamed.changes) == [(folder / "models.yaml").as_uri(), rules.as_uri()]
            with pytest.raises(JsonRpcException, match="has a meaning in this policy already"):
                await client.text_document_rename_async(lsp.RenameParams(document, only, "large"))

            messy = RULES.replace("only: [local]", "only:   [local]").replace("< 5", "< 50")
            change = lsp.TextDocumentContentChangeWholeDocument(messy)
            version = lsp.VersionedTextDocumentIdentifier(2, rules.as_uri())
            client.text_document_did_change(lsp.DidChangeTextDocumentParams(version, [change]))
            assert "dead-rule" not in await client.rules_of("rules.yaml")
            options = lsp.FormattingOptions(2, insert_spaces=True)
            edits = await client.text_document_formatting_async(
                lsp.DocumentFormattingParams(document, options)
            )
            assert edits is not None
            assert [edit.new_text for edit in edits] == [RULES.replace("< 5", "< 50")]

            client.text_document_did_close(lsp.DidCloseTextDocumentParams(document))

    asyncio.run(session())
