"""How do API and page come together on one port? The page is mounted at / of the API's app, behind the same limits.

Not here: what stands on the page (`ui.page`), starting a server (`ui.cli`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware

from indexer.errors import WherefromError
from search_api.app import create_app
from search_api.settings import Settings
from search_api.workers import Workers
from ui.examples import examples
from ui.gate import Gate
from ui.page import build_page, theme
from ui.render import head

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

_WIDE_QUERIES = ("return", "import", "the")  # words that files of most languages hold


def create_page_app(index: StoredIndex, settings: Settings | None = None) -> FastAPI:
    """The API with the page at /, over an open index, which stays the caller's. Asks the index for examples; a second or two."""
    settings = settings or Settings()
    app = create_app(index, settings)
    engine: Workers = app.state.workers
    blocks = build_page(engine, index.info, examples(index), languages(index), settings.max_body_bytes)
    gate = Middleware(Gate, events={number: len(event.inputs) for number, event in blocks.fns.items() if event.fn})
    return gr.mount_gradio_app(  # type: ignore[no-any-return]
        app,
        blocks,
        path="/",
        theme=theme(),
        head=head(),
        app_kwargs={"middleware": [gate], "docs_url": None, "redoc_url": None, "openapi_url": None},
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size=0,
    )


def languages(index: StoredIndex) -> list[str]:
    """Languages of many files of the index, in alphabetical order."""
    try:
        pages = [index.search(query, limit=1) for query in _WIDE_QUERIES]
    except WherefromError:  # an index without full text
        return []
    return sorted({facet.value for page in pages for facet in page.facets.get("language", ())})
