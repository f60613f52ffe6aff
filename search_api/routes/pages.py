"""The pages for people: a document with its lines, the API's documentation, the problem types.

Not here: the start page (`ui`), how pages are made (`search_api.pages.render`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from search_api.bodies import ApiRoute
from search_api.pages import render
from search_api.problems import BY_NAME, NOT_FOUND, TYPES, Problem
from search_api.routes.corpus import DocumentId
from search_api.routes.engine import Engine, problems
from search_api.sending import compressed

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

router = APIRouter(route_class=ApiRoute, default_response_class=HTMLResponse, tags=["pages"])
_HTML: dict[int | str, dict[str, Any]] = {200: {"description": "A page", "content": {"text/html": {"example": "<!doctype html>"}}}}


@router.get("/documents/{document_id:path}", responses={**_HTML, **problems(404, 429, 503, 504)})
async def document_page(document_id: DocumentId, request: Request, engine: Engine) -> Response:
    """One file of the corpus as a page: numbered lines, `#L10-L20` highlighted, provenance, licence, links."""

    def ask(index: StoredIndex) -> Response:
        return compressed(HTMLResponse(render.document_page(index.document(document_id)), headers=render.HEADERS), request)

    return await engine.ask(ask)


@router.get("/docs", responses={**_HTML})
async def docs(request: Request) -> Response:
    """Every route with its fields and an example to paste; needs nothing from another server."""
    return compressed(HTMLResponse(render.docs_page(request.app.openapi()), headers=render.HEADERS), request)


@router.get("/problems", responses={**_HTML})
async def problem_types() -> HTMLResponse:
    """Every problem type and what it means."""
    return HTMLResponse(render.problems_page(TYPES), headers=render.HEADERS)


@router.get("/problems/{name}", responses={**_HTML, **problems(404)})
async def problem_type(name: Annotated[str, Path(description="Last part of a `type`.", examples=["too-large"])]) -> HTMLResponse:
    """One problem type: where the `type` of an error leads."""
    if name not in BY_NAME:
        raise Problem(NOT_FOUND, NOT_FOUND.meaning)
    return HTMLResponse(render.problems_page([BY_NAME[name]]), headers=render.HEADERS)
