"""What does an editor see? Diagnostics on save where code comes from elsewhere, hovers with sources and licences, credit at a click.

A file is sent to the index when it is saved, and at no other time. What was found stands until the text changes; the editor moves
diagnostics along, hovers wait for the next save.

Not here: the command (`search_api.tools_cli`), what the words mean (`search_api.editor_words`).
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

from indexer.answers import Attribution, Span
from indexer.errors import WherefromError
from search_api import editor_credit, editor_words
from search_api.served import newest
from search_api.token_runs import line_ends
from wherefrom import __version__

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

TIMEOUT_MS = 30_000
SOURCES = 10
_log = logging.getLogger("wherefrom.lsp")
_UNITS = {lsp.PositionEncodingKind.Utf8: ("utf-8", 1), lsp.PositionEncodingKind.Utf16: ("utf-16-le", 2)}


@dataclass(frozen=True)
class Traced:
    """What is known of one version of a file: its text and the answer about it, offsets in code points."""

    version: int | None
    text: str
    answer: Attribution

    def spans_at(self, offset: int) -> list[Span]:
        """The spans around a place."""
        return [span for span in self.answer.spans if span.start <= offset < span.end]


class Positions:
    """Code points of a text <-> lines and characters of the protocol, in the unit agreed on with the editor."""

    def __init__(self, text: str, encoding: str | None) -> None:
        self._text = text
        self._starts = [0, *line_ends(text)]
        self._unit = _UNITS.get(lsp.PositionEncodingKind(encoding or lsp.PositionEncodingKind.Utf16))

    def position(self, offset: int) -> lsp.Position:
        """The place of a code point."""
        line = bisect_right(self._starts, offset) - 1
        before = self._text[self._starts[line] : offset]
        return lsp.Position(line, self._width(before))

    def offset(self, position: lsp.Position) -> int:
        """The code point at a place; the last of its line for places beyond."""
        if position.line >= len(self._starts):
            return len(self._text)
        begin = self._starts[position.line]
        end = self._starts[position.line + 1] if position.line + 1 < len(self._starts) else len(self._text)
        left = position.character
        for at in range(begin, end):
            left -= self._width(self._text[at])
            if left < 0:
                return at
        return end

    def line(self, line: int) -> lsp.Position:
        """Where a line begins; the end of the text for the one after the last."""
        return lsp.Position(line, 0) if line < len(self._starts) else self.position(len(self._text))

    def range(self, span: Span) -> lsp.Range:
        """Where a span stands."""
        return lsp.Range(self.position(span.start), self.position(span.end))

    def _width(self, text: str) -> int:
        if self._unit is None:
            return len(text)
        codec, size = self._unit
        return len(text.encode(codec, "surrogatepass")) // size


class WherefromServer(LanguageServer):
    """The language server over an open index, which stays the caller's."""

    def __init__(self, index: StoredIndex | Client) -> None:
        super().__init__("wherefrom", __version__)
        self.newest = newest(index)
        self.traced: dict[str, Traced] = {}
        self.web = index.location if index.location.startswith(("http://", "https://")) else None

    def current(self, uri: str) -> Traced | None:
        """What is known of a file as it is now."""
        traced = self.traced.get(uri)
        document = self.workspace.get_text_document(uri)
        return traced if traced is not None and traced.version == document.version else None

    def positions(self, text: str) -> Positions:
        """Places in a text, in the unit agreed on."""
        return Positions(text, self.workspace.position_encoding)

    def _attribute(self, text: str) -> Attribution:
        return self.newest().attribute(text, limit=SOURCES, use="distributed", timeout_ms=TIMEOUT_MS)

    def show(self, kind: lsp.MessageType, message: str) -> None:
        """Tells the person at the editor."""
        self.window_show_message(lsp.ShowMessageParams(kind, f"Wherefrom: {message}"))

    async def trace(self, uri: str) -> None:
        """Asks about a file and shows what was found; a newer version of it wins."""
        document = self.workspace.get_text_document(uri)
        version, text = document.version, document.source
        try:
            answer = await asyncio.to_thread(self._attribute, text)
        except WherefromError as error:
            self.show(lsp.MessageType.Error, str(error))
            return
        except Exception as error:  # its message may quote the file
            frames = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__))
            _log.error("fault: %s%s", type(error).__name__, frames)
            self.show(lsp.MessageType.Error, f"the server failed ({type(error).__name__}); its log has the place")
            return
        if uri not in self.workspace.text_documents or self.workspace.get_text_document(uri).version != version:
            return
        self.traced[uri] = Traced(version, text, answer)
        positions = self.positions(text)
        found = [self._diagnostic(answer, span, positions) for span in answer.spans]
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, version))
        if answer.partial:
            self.show(lsp.MessageType.Warning, f"the answer is incomplete ({', '.join(answer.partial.reasons)})")

    async def credits(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """For each span in a range that nobody has credited: an action that puts tags of its best source around it."""
        uri = params.text_document.uri
        traced = self.current(uri)
        if traced is None:
            return []
        positions = self.positions(traced.text)
        begin, end = positions.offset(params.range.start), positions.offset(params.range.end)
        actions = []
        for span in traced.answer.spans:
            if span.sources and span.start <= end and begin < span.end:
                actions.append(await self._credit(uri, traced, span, positions))
        return [action for action in actions if action is not None]

    async def _credit(self, uri: str, traced: Traced, span: Span, positions: Positions) -> lsp.CodeAction | None:
        source = traced.answer.sources[span.sources[0]]
        if not editor_credit.may_credit(traced.text, uri, span, source):
            return None
        try:
            document = await asyncio.to_thread(lambda: self.newest().document(source.document_id))
            credit = editor_credit.credit_of(source, document.content, self.web)
            inserted = list(editor_credit.insertions(traced.text, uri, span, credit))
        except WherefromError as error:
            self.show(lsp.MessageType.Warning, str(error))
            return None
        edits = [lsp.TextEdit(lsp.Range(place, place), text) for line, text in inserted for place in [positions.line(line)]]
        return lsp.CodeAction(editor_words.credit_title(source), lsp.CodeActionKind.QuickFix, edit=lsp.WorkspaceEdit(changes={uri: edits}))

    def _diagnostic(self, answer: Attribution, span: Span, positions: Positions) -> lsp.Diagnostic:
        source = answer.sources[span.sources[0]] if span.sources else None
        address = editor_words.address(source, self.web) if source else None
        return lsp.Diagnostic(
            range=positions.range(span),
            message=editor_words.message(span, source),
            severity=lsp.DiagnosticSeverity(editor_words.severity(span, source)),
            code=editor_words.licence(source) if source else None,
            code_description=lsp.CodeDescription(address) if address else None,
            source="wherefrom",
        )


def make_server(index: StoredIndex | Client) -> WherefromServer:
    """The server with what it offers."""
    server = WherefromServer(index)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE, lsp.SaveOptions(include_text=False))
    async def did_save(ls: WherefromServer, params: lsp.DidSaveTextDocumentParams) -> None:
        await ls.trace(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(ls: WherefromServer, params: lsp.DidCloseTextDocumentParams) -> None:
        ls.traced.pop(params.text_document.uri, None)
        ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(params.text_document.uri, []))

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(ls: WherefromServer, params: lsp.HoverParams) -> lsp.Hover | None:
        traced = ls.current(params.text_document.uri)
        if traced is None:
            return None
        positions = ls.positions(traced.text)
        spans = traced.spans_at(positions.offset(params.position))
        if not spans:
            return None
        told = editor_words.hover(traced.answer, spans[0], ls.web)
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, told), positions.range(spans[0]))

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix]))
    async def code_action(ls: WherefromServer, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        return await ls.credits(params)

    return server
