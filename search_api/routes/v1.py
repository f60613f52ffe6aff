"""The /v1 routes: membership, attribution, search, documents, repositories, the index itself.

Not here: pages for people (`search_api.routes.pages`), the Data Portraits contract (`search_api.routes.portraits`).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from indexer.answers import to_json
from search_api import schemas
from search_api.bodies import Answer, ApiRoute
from search_api.problems import MEDIA_TYPE
from search_api.questions import AttributionQuestion, MembershipQuestion, RepositoriesQuery, SearchQuery, SearchQuestion
from search_api.workers import Workers

DocumentId = Annotated[
    str,
    Path(
        description="Id of a document, as answers give it.",
        examples=["0f1e2d3c4b5a69788796a5b4"],
    ),
]


def workers_of(request: Request) -> Workers:
    """The pool of the app that got the request."""
    workers: Workers = request.app.state.workers
    return workers


Engine = Annotated[Workers, Depends(workers_of)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the problems that a route may answer with."""
    said = {
        400: "Not UTF-8 or not JSON", 404: "Not found", 406: "Accept excludes JSON", 413: "Too large", 415: "Not application/json",
        422: "Invalid request", 429: "Too many requests, with Retry-After", 503: "Index unavailable", 504: "Timed out",
    }  # fmt: skip
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {status: {"description": said[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


BODY_PROBLEMS = problems(400, 406, 413, 415, 422, 429, 503, 504)
QUERY_PROBLEMS = problems(400, 406, 422, 429, 503, 504)
router = APIRouter(route_class=ApiRoute, default_response_class=Answer)


@router.post("/v1/membership", tags=["questions"], response_model=schemas.Membership, responses=BODY_PROBLEMS)
async def membership(question: MembershipQuestion, engine: Engine) -> Answer:
    """Is this text in the corpus? Answered by the filter alone, in milliseconds."""
    return Answer(
        to_json(
            await engine.ask(
                lambda index: index.membership(question.text, offset_unit=question.offset_unit, min_tokens=question.min_tokens),
            )
        )
    )


@router.post("/v1/attribution", tags=["questions"], response_model=schemas.Attribution, responses=BODY_PROBLEMS)
async def attribution(question: AttributionQuestion, engine: Engine) -> Answer:
    """Where does this text come from? Verified spans, ranked sources with licences, and a notice to paste."""
    timeout_ms = min(question.timeout_ms or engine.timeout_ms, engine.timeout_ms)
    answer = await engine.ask(
        lambda index: index.attribute(
            question.text,
            offset_unit=question.offset_unit,
            limit=question.limit,
            kinds=question.kinds,
            sensitivity=question.sensitivity,
            timeout_ms=timeout_ms,
        )
    )
    return Answer(to_json(answer))


@router.get("/v1/search", tags=["questions"], response_model=schemas.SearchPage, responses=QUERY_PROBLEMS)
async def search(query: Annotated[SearchQuery, Query()], engine: Engine) -> Answer:
    """Full-text search over the corpus."""
    return await _search(query, engine)


@router.post("/v1/search", tags=["questions"], response_model=schemas.SearchPage, responses=BODY_PROBLEMS)
async def search_by_body(question: SearchQuestion, engine: Engine) -> Answer:
    """Full-text search with the query in the body: for long literals, and to keep a query out of proxies' logs."""
    return await _search(question, engine)


async def _search(question: SearchQuestion, engine: Workers) -> Answer:
    page = await engine.ask(
        lambda index: index.search(
            question.q,
            language=question.language,
            license=question.license,
            repository=question.repository,
            owner=question.owner,
            limit=question.limit,
            cursor=question.cursor,
        )
    )
    return Answer(to_json(page))


@router.get(
    "/v1/documents/{document_id:path}", tags=["corpus"], response_model=schemas.Document, responses=problems(404, 406, 429, 503, 504)
)
async def document(document_id: DocumentId, engine: Engine) -> Answer:
    """One file of the corpus, with its provenance and licence."""
    return Answer(to_json(await engine.ask(lambda index: index.document(document_id))))


@router.get("/v1/repositories", tags=["corpus"], response_model=schemas.RepositoryPage, responses=QUERY_PROBLEMS)
async def repositories(query: Annotated[RepositoriesQuery, Query()], engine: Engine) -> Answer:
    """Which repositories the corpus holds, of one owner or of all, in alphabetical order."""
    return Answer(to_json(await engine.ask(lambda index: index.repositories(owner=query.owner, limit=query.limit, cursor=query.cursor))))


@router.get("/v1/index", tags=["corpus"], response_model=schemas.IndexInfo, responses=problems(406, 429, 503, 504))
async def info(engine: Engine) -> Answer:
    """Which index answers here: name, version, date, generation, fingerprint spec, number of documents."""
    return Answer(to_json(await engine.ask(lambda index: index.info)))
