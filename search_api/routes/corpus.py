"""The /v1 routes about the corpus: documents, repositories, files, the index itself, the JSON Schemas of all answers.

Not here: questions about a text (`search_api.routes.v1`), the filter's file (`search_api.routes.filter_file`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from indexer.answers import to_json
from search_api import corpus_schemas, schemas
from search_api.bodies import GuardedRoute
from search_api.problems import NOT_FOUND, VERSION_NOT_FOUND, Problem
from search_api.published import PUBLISHED, json_schema
from search_api.questions import FilesQuery, LegalQuery, RepositoriesQuery
from search_api.routes.engine import NOT_MODIFIED, QUERY_PROBLEMS, Engine, problems
from search_api.sending import Answer, send

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

router = APIRouter(route_class=GuardedRoute, default_response_class=Answer, tags=["corpus"])
DocumentId = Annotated[str, Path(description="Id of a document, as answers give it.", examples=["0f1e2d3c4b5a69788796a5b4"])]
_PROBLEMS = {**NOT_MODIFIED, **problems(400, 401, 404, 406, 413, 429, 503, 504)}
_PAGED = {**NOT_MODIFIED, **QUERY_PROBLEMS, **problems(404)}


@router.get("/v1/documents/{document_id:path}", response_model=corpus_schemas.Document, responses=_PROBLEMS)
async def document(document_id: DocumentId, request: Request, engine: Engine) -> Response:
    """One file of the corpus, with its provenance and licence."""
    return await engine.ask(lambda index: send(to_json(index.document(document_id)), request, tagged=True))


@router.get("/v1/repositories", response_model=corpus_schemas.RepositoryPage, responses=_PAGED)
async def repositories(query: Annotated[RepositoriesQuery, Query()], request: Request, engine: Engine) -> Response:
    """Which repositories the corpus holds, of one owner or of all, in alphabetical order."""

    def ask(index: StoredIndex) -> Response:
        _check_version(index, query.version)
        return send(to_json(index.repositories(owner=query.owner, limit=query.limit, cursor=query.cursor)), request, tagged=True)

    return await engine.ask(ask)


@router.get("/v1/files", response_model=corpus_schemas.FilePage, responses=_PAGED)
async def files(query: Annotated[FilesQuery, Query()], request: Request, engine: Engine) -> Response:
    """Which files of a repository the corpus holds; none for a repository that it does not know."""

    def ask(index: StoredIndex) -> Response:
        _check_version(index, query.version)
        return send(to_json(index.files(query.repository, limit=query.limit, cursor=query.cursor)), request, tagged=True)

    return await engine.ask(ask)


@router.get("/v1/legal", response_model=corpus_schemas.Legal, responses=_PAGED)
async def legal(query: Annotated[LegalQuery, Query()], request: Request, engine: Engine) -> Response:
    """Licence texts, notices and copyright lines of a repository; none for a repository that the corpus does not know."""

    def ask(index: StoredIndex) -> Response:
        _check_version(index, query.version)
        return send(to_json(index.legal(query.repository)), request, tagged=True)

    return await engine.ask(ask)


def _check_version(index: StoredIndex, version: str | None) -> None:
    if version not in (None, index.info.version):
        raise Problem(VERSION_NOT_FOUND, f"this server holds version {index.info.version} of {index.info.name}")


@router.get(
    "/v1/index",
    response_model=schemas.IndexInfo,
    responses={**NOT_MODIFIED, **problems(400, 401, 406, 413, 429, 503, 504)},
)
async def info(request: Request, engine: Engine) -> Response:
    """Which index answers here: name, version, date, generation, fingerprint spec, number of documents."""
    return await engine.check(lambda index: send(to_json(index.info), request, tagged=True), 0)


@router.get("/v1/schemas", response_model=schemas.SchemaList, responses={**NOT_MODIFIED, **problems(400, 401, 406, 413, 429)})
async def schema_list(request: Request) -> Response:
    """Where the JSON Schema of each answer and each question is."""
    return send({"schemas": {name: f"/v1/schemas/{name}" for name in PUBLISHED}}, request, tagged=True)


@router.get(
    "/v1/schemas/{name}",
    responses={
        200: {"description": "JSON Schema, draft 2020-12", "content": {"application/json": {"schema": {"type": "object"}, "example": {}}}},
        **NOT_MODIFIED,
        **problems(400, 401, 404, 406, 413, 429),
    },
)
async def schema(name: Annotated[str, Path(description="Name of a schema.", examples=["Attribution"])], request: Request) -> Response:
    """The JSON Schema of one answer or question."""
    if name not in PUBLISHED:
        raise Problem(NOT_FOUND, f"no schema of this name; /v1/schemas lists {', '.join(PUBLISHED)}")
    return send(json_schema(name), request, tagged=True)
