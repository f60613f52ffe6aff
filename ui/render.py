"""How does an answer become markup? Templates filled with escaped values: nothing of a text or a corpus reaches a browser as markup.

Not here: what is said (`ui.words`), which lines are shown (`ui.excerpt`), the page around answers (`ui.page`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from indexer.answers import Attribution, IndexInfo, SearchPage
from search_api.pages.render import lines_of
from ui import excerpt, words
from ui.excerpt import Excerpt
from wherefrom import __version__

_FOLDER = Path(__file__).parent / "templates"
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_TEMPLATES.globals["words"] = words
_TEMPLATES.globals["visible"] = excerpt.visible
_TEMPLATES.tests["followable"] = lambda address: bool(address) and str(address).startswith(("https://", "http://", "/documents/"))


def head() -> str:
    """Style and script of the page, for its head."""
    style, script = ((_FOLDER / name).read_text("utf-8") for name in ("style.css", "page.js"))
    return f"<style>{style}</style>\n<script>{script}</script>"


def header(info: IndexInfo) -> str:
    """Name, index and links, above everything."""
    return _fill("header.html", info=info, version=__version__)


def hint(text: str) -> str:
    """A quiet line of text."""
    return _fill("hint.html", text=text)


def trace(text: str, answer: Attribution, excerpts: Mapping[str, Excerpt], milliseconds: float) -> str:
    """The text with its spans, their sources and the notice. `excerpts` by document id and start line, as `excerpt_key` makes it."""
    shown = text[: excerpt.LONGEST_LISTING]
    spans = [span for span in answer.spans if span.start < len(shown)]
    return _fill(
        "trace.html",
        answer=answer,
        pieces=list(excerpt.pieces(shown, spans)),
        n_lines=len(lines_of(shown)),
        is_cut=len(shown) < len(text),
        excerpts=excerpts,
        excerpt_key=excerpt_key,
        milliseconds=milliseconds,
    )


def excerpt_key(document_id: str, start_line: int) -> str:
    """A document may be the source of distant places: "0f1e...:10"."""
    return f"{document_id}:{start_line}"


def search(page: SearchPage, milliseconds: float) -> str:
    """The hits of a search with highlighted lines."""
    return _fill("search.html", page=page, pieces=excerpt.pieces, milliseconds=milliseconds)


def failure(title: str, detail: str) -> str:
    """Why there is no answer."""
    return _fill("failure.html", title=title, detail=detail)


def _fill(template: str, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(**values).strip()
