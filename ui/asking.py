"""How does the page ask the engine? In the API's own pool, under its limits; whatever goes wrong becomes a sentence, never a text in a log.

Not here: what an answer looks like (`ui.render`).
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from indexer.answers import Attribution
from indexer.errors import DocumentNotFound, WherefromError
from search_api.problems import Problem, of_engine_error
from search_api.workers import Workers
from ui import render
from ui.excerpt import Excerpt, excerpt

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

SOURCES = 10  # sources asked for
HITS = 20  # texts on a page of a search
_log = logging.getLogger("wherefrom.server")


async def trace(engine: Workers, text: str) -> str:
    """Markup of the attribution of a text."""
    return await _answered(engine, lambda index: _trace(index, text, engine.timeout_ms))


async def search(engine: Workers, query: str, language: str | None, cursor: str | None) -> tuple[str, str | None]:
    """Markup of a page of hits of a query, and what asks for the page behind it."""
    if not query.strip():
        return render.failure("Nothing to search for yet", "Type a word, part of an identifier, or a phrase in quotes."), None
    following: list[str | None] = [None]

    def ask(index: StoredIndex) -> str:
        markup, following[0] = _search(index, query, language, cursor)
        return markup

    return await _answered(engine, ask), following[0]


async def _answered(engine: Workers, question: Callable[[StoredIndex], str]) -> str:
    try:
        return await engine.ask(question)
    except Problem as problem:
        return render.failure(problem.kind.title, problem.detail)
    except WherefromError as error:
        known = of_engine_error(error)
        return render.failure(known.kind.title, known.detail)
    except Exception as error:  # where it happened, without the message: that may quote somebody's code
        frames = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__))
        _log.error("fault on the page: %s%s", type(error).__name__, frames)
        return render.failure("The server failed", "This is a fault of Wherefrom itself. Its log holds the place, not your text.")


def _trace(index: StoredIndex, text: str, timeout_ms: int) -> str:
    began = time.perf_counter()
    answer = index.attribute(text, limit=SOURCES, timeout_ms=timeout_ms)
    milliseconds = (time.perf_counter() - began) * 1000
    return render.trace(text, answer, _excerpts(index, answer), milliseconds)


def _excerpts(index: StoredIndex, answer: Attribution) -> dict[str, Excerpt]:
    found = {}
    for source in answer.sources:
        try:
            content = index.document(source.document_id).content
        except DocumentNotFound:  # removed since the answer was made
            continue
        found[render.excerpt_key(source.document_id, source.start_line)] = excerpt(source, content)
    return found


def _search(index: StoredIndex, query: str, language: str | None, cursor: str | None) -> tuple[str, str | None]:
    began = time.perf_counter()
    page = index.search(query, language=language, limit=HITS, cursor=cursor)
    milliseconds = (time.perf_counter() - began) * 1000
    if page.attribution:
        return render.hint(page.hint or "") + render.trace(query, page.attribution, _excerpts(index, page.attribution), milliseconds), None
    return render.search(page, milliseconds), page.cursor
