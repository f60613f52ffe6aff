"""Editors without a plugin get attribution: a real client speaks to `wherefrom lsp` over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

from indexer.answers import Attribution, Source, Span
from indexer.index import Index
from search_api import editor_words
from search_api.audit.credit import blocks
from search_api.lsp import Positions
from tests.limits import HANG_SECONDS

URI = "file:///project/a.py"
Session = Callable[["Editor"], Awaitable[None]]


class Editor(LanguageClient):
    """A client that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("editor", "1")
        self.published: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: asyncio.Queue[lsp.ShowMessageParams] = asyncio.Queue()

        @self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: lsp.PublishDiagnosticsParams) -> None:
            self.published.put_nowait(params)

        @self.feature(lsp.WINDOW_SHOW_MESSAGE)
        def shown(params: lsp.ShowMessageParams) -> None:
            self.messages.put_nowait(params)

    async def save(self, text: str, version: int = 1) -> None:
        if version == 1:
            self.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(URI, "python", version, text)))
        else:
            self.change(text, version)
        self.text_document_did_save(lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(URI)))

    def change(self, text: str, version: int) -> None:
        whole = [lsp.TextDocumentContentChangeWholeDocument(text)]
        self.text_document_did_change(lsp.DidChangeTextDocumentParams(lsp.VersionedTextDocumentIdentifier(version, URI), whole))

    async def hover_at(self, line: int, character: int) -> lsp.Hover | None:
        params = lsp.HoverParams(lsp.TextDocumentIdentifier(URI), lsp.Position(line, character))
        return await self.text_document_hover_async(params)


def edit(location: str, session: Session, encodings: list[lsp.PositionEncodingKind] | None = None) -> lsp.InitializeResult:
    """Runs a session with the command; what the server said of itself."""

    async def run() -> lsp.InitializeResult:
        editor = Editor()
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        await editor.start_io(sys.executable, "-m", "wherefrom", "lsp", "--index", location, env=environment)
        general = lsp.GeneralClientCapabilities(position_encodings=encodings) if encodings else None
        said = await editor.initialize_async(
            lsp.InitializeParams(capabilities=lsp.ClientCapabilities(general=general), process_id=os.getpid())
        )
        editor.initialized(lsp.InitializedParams())
        await session(editor)
        await editor.shutdown_async(None)
        editor.exit(None)
        await editor.stop()
        return said

    return asyncio.run(asyncio.wait_for(run(), HANG_SECONDS))


@pytest.mark.parametrize(
    ("encodings", "unit"),
    [(None, "utf-16"), ([lsp.PositionEncodingKind.Utf8], "utf-8"), ([lsp.PositionEncodingKind.Utf32], "utf-32")],
)
def test_a_saved_file_gets_diagnostics_and_hovers_in_the_editors_units(
    location: str, index: Index, function_text: str, fresh_text: str, encodings: Any, unit: str
) -> None:
    text = fresh_text + "s = '\U0001f600\u00e9'; " + function_text.replace("\n", "\r\n") + fresh_text
    answer = index.attribute(text, offset_unit="utf-32")
    line = fresh_text.count("\n")

    async def session(editor: Editor) -> None:
        await editor.save(text)
        told = await editor.published.get()
        assert (told.uri, told.version, len(told.diagnostics)) == (URI, 1, len(answer.spans))
        first = told.diagnostics[0]
        source = answer.sources[answer.spans[0].sources[0]]
        assert first.source == "wherefrom" and first.code == "BSD-3-Clause" and first.severity == lsp.DiagnosticSeverity.Information
        assert "click/parser.py" in first.message and f"lines {source.start_line}-{source.end_line}" in first.message
        before = text[: answer.spans[0].start].rpartition("\n")[2]
        size = {"utf-8": len(before.encode()), "utf-16": len(before.encode("utf-16-le")) // 2, "utf-32": len(before)}[unit]
        assert first.range.start == lsp.Position(line, size)
        hover = await editor.hover_at(line, size)
        assert hover and hover.range == first.range and isinstance(hover.contents, lsp.MarkupContent)
        assert "BSD\\-3\\-Clause" in hover.contents.value and "click/parser" in hover.contents.value
        assert await editor.hover_at(0, 0) is None and await editor.hover_at(10_000, 5) is None

    said = edit(location, session, encodings)
    assert said.capabilities.position_encoding == unit and said.server_info and said.server_info.name == "wherefrom"


def test_what_was_found_ends_with_a_change_and_a_close(location: str, function_text: str, fresh_text: str) -> None:
    async def session(editor: Editor) -> None:
        await editor.save(function_text)
        assert (await editor.published.get()).diagnostics
        assert await editor.hover_at(1, 6)
        editor.change("\n" + function_text, 2)
        assert await editor.hover_at(1, 6) is None, "the text has moved, and nobody has asked about it as it is now"
        await editor.save("\n" + function_text, 3)
        assert (await editor.published.get()).diagnostics[0].range.start.line == 1
        await editor.save(fresh_text, 4)
        assert not (await editor.published.get()).diagnostics
        editor.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI)))
        assert not (await editor.published.get()).diagnostics

    edit(location, session)


def test_a_source_is_credited_with_tags_that_the_audit_reads(location: str, function_text: str, fresh_text: str) -> None:
    text = fresh_text + function_text + fresh_text

    async def session(editor: Editor) -> None:
        async def actions(line: int) -> list[lsp.CodeAction]:
            place = lsp.Position(line, 0)
            params = lsp.CodeActionParams(lsp.TextDocumentIdentifier(URI), lsp.Range(place, place), lsp.CodeActionContext([]))
            return list(await editor.text_document_code_action_async(params) or [])  # type: ignore[arg-type]

        await editor.save(text)
        await editor.published.get()
        assert await actions(0) == []
        (action,) = await actions(25)
        assert "pypi/click" in action.title and action.kind == lsp.CodeActionKind.QuickFix
        lines = text.splitlines(keepends=True)
        for edit in sorted(action.edit.changes[URI], key=lambda edit: -edit.range.start.line):  # type: ignore[union-attr, index]
            assert edit.range.start == edit.range.end and edit.range.start.character == 0
            lines.insert(edit.range.start.line, edit.new_text)
        credited = "".join(lines)
        (block,) = blocks(credited)
        assert block.licenses == ("BSD-3-Clause",) and "pypi/click" in block.comments[0] and "click/parser.py" in block.comments[0]
        await editor.save(credited, 2)
        await editor.published.get()
        assert await actions(block.start_line + 8) == [], "what is credited is not offered again"

    edit(location, session)


def test_a_server_that_is_gone_is_told_and_the_editor_goes_on(index: Index, serve, function_text: str) -> None:
    from search_api.app import create_app
    from search_api.settings import Settings

    async def session(editor: Editor) -> None:
        await editor.save(function_text)
        assert (await editor.published.get()).diagnostics[0].code_description.href.startswith(url)  # type: ignore[union-attr]
        await asyncio.to_thread(stack.close)
        await editor.save(function_text + "\n", 2)
        told = await editor.messages.get()
        assert told.type == lsp.MessageType.Error and url in told.message and "class _Option" not in told.message

    from contextlib import ExitStack

    with ExitStack() as stack:
        url = stack.enter_context(serve(create_app(index, Settings())))
        edit(url, session)


@given(st.text(st.sampled_from("ab\r\n\u00e9\U0001f600\ud800\t"), max_size=30), st.sampled_from(list(lsp.PositionEncodingKind)))
def test_places_go_there_and_back(text: str, encoding: lsp.PositionEncodingKind) -> None:
    positions = Positions(text, encoding)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for offset in range(len(text) + 1):
        place = positions.position(offset)
        assert positions.offset(place) == offset and place.line < len(lines)
    assert positions.offset(lsp.Position(len(lines), 0)) == len(text)


def source(**changes: Any) -> Source:
    values: dict[str, Any] = {
        "document_id": "d", "repository": "r", "owner": None, "path": "p", "commit": None, "start_line": 1, "end_line": 2, "language": None,
        "licenses": (), "license_expression": None, "license_type": "none", "url": "/documents/d#L1-L2", "project_url": None, "swhid": None,
        "purl": None, "kind": "exact", "similarity": 1.0, "score": 9.0, "matches": (),
    }  # fmt: skip
    return Source(**(values | changes))


def span(**changes: Any) -> Span:
    values: dict[str, Any] = {
        "start": 0, "end": 9, "start_line": 1, "end_line": 1, "tokens": 40, "kind": "exact", "score": 9.0, "significant": True, "files": 1,
        "repositories": 1, "owners": 1, "capped": False, "sources": (0,),
    }  # fmt: skip
    return Span(**(values | changes))


def test_severity_follows_licence_and_rarity() -> None:
    assert editor_words.severity(span(significant=False), source()) == editor_words.HINT
    assert editor_words.severity(span(), source(license_type="permissive")) == editor_words.INFORMATION
    for kind in ("copyleft", "weak_copyleft", "other", "none"):
        assert editor_words.severity(span(), source(license_type=kind)) == editor_words.WARNING
    assert "in over 1000 files of 1 repository" in editor_words.message(span(files=1000, capped=True), source())


def test_a_corpus_writes_no_markdown_and_no_links_of_its_own(index: Index) -> None:
    evil = source(
        path="x](javascript:alert(1)) **b**\n# h\u202e", repository="<b>", license_expression="`x`", project_url="javascript:alert(3)"
    )
    answer = Attribution("found", 40, 20, 9.0, 1.0, (span(),), (evil,), ("do *this*",), "", None, "utf-32", index.info)
    told = editor_words.hover(answer, span(), None)
    assert "](" not in told and "**b**" not in told and "<b>" not in told and "\u202e" not in told and "\n# h" not in told
    assert "javascript" not in str(editor_words.address(evil, None))
    assert "](<https://host/documents/d#L1-L2>)" in editor_words.hover(answer, span(), "https://host")
