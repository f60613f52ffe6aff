"""The /v1 routes that are asked about a text: membership, attribution, search, fingerprints.

Not here: many texts at once (`search_api.routes.batches`), the corpus (`search_api.routes.corpus`), the Data Portraits contract
(`search_api.routes.portraits`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from indexer.answers import Attribution, Membership, to_json
from indexer.errors import InputError
from search_api import corpus_schemas, schemas
from search_api.bodies import GuardedRoute
from search_api.questions import AttributionQuestion, FingerprintsQuestion, MembershipQuestion, SearchQuery, SearchQuestion
from search_api.routes.engine import BODY_PROBLEMS, QUERY_PROBLEMS, Engine
from search_api.sending import Answer, send
from search_api.workers import Workers

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

router = APIRouter(route_class=GuardedRoute, default_response_class=Answer, tags=["questions"])


@router.post("/v1/membership", response_model=schemas.Membership, responses=BODY_PROBLEMS)
async def membership(question: MembershipQuestion, engine: Engine) -> Answer:
    """Is this text in the corpus? Answered by the filter alone, in milliseconds."""
    return Answer(to_json(await engine.check(lambda index: membership_of(index, question), len(question.text))))


@router.post("/v1/attribution", response_model=schemas.Attribution, responses=BODY_PROBLEMS)
async def attribution(question: AttributionQuestion, request: Request, engine: Engine) -> Response:
    """Where does this text come from? Verified spans, ranked sources with licences, and a notice to paste."""
    return await engine.ask(lambda index: send(to_json(attribution_of(index, question, engine.timeout_ms)), request))


def membership_of(index: StoredIndex, question: MembershipQuestion) -> Membership:
    """What the index answers."""
    return index.membership(question.text, offset_unit=question.offset_unit, min_tokens=question.min_tokens)


def attribution_of(index: StoredIndex, question: AttributionQuestion, most_ms: int) -> Attribution:
    """What the index answers within the server's time limit and the question's own."""
    return index.attribute(
        question.text,
        offset_unit=question.offset_unit,
        limit=question.limit,
        kinds=question.kinds,
        sensitivity=question.sensitivity,
        use=question.use,
        project_license=question.project_license,
        exclude=[exclusion.value() for exclusion in question.exclude],
        timeout_ms=min(question.timeout_ms or most_ms, most_ms),
    )


@router.post("/v1/attribution/fingerprints", response_model=corpus_schemas.Candidates, responses=BODY_PROBLEMS)
async def fingerprints(question: FingerprintsQuestion, request: Request, engine: Engine) -> Response:
    """Which files hold these fingerprints? Guesses, for clients that keep the text to themselves and verify against /v1/documents.

    A fingerprint says nothing to who does not know the eight tokens it was made of, and everything to who can guess them: see
    indexer/bloom/FORMAT.md. Send those alone that the filter may contain.
    """

    def ask(index: StoredIndex) -> Response:
        if question.spec not in (None, index.info.spec):
            raise InputError(f"spec: fingerprints of another spec than this index's, which is {index.info.spec}")
        return send(to_json(index.candidates(question.fingerprints, limit=question.limit)), request)

    return await engine.ask(ask)


@router.get("/v1/search", response_model=corpus_schemas.SearchPage, responses=QUERY_PROBLEMS)
async def search(query: Annotated[SearchQuery, Query()], request: Request, engine: Engine) -> Response:
    """Full-text search over the corpus."""
    return await _search(query, request, engine)


@router.post("/v1/search", response_model=corpus_schemas.SearchPage, responses=BODY_PROBLEMS)
async def search_by_body(question: SearchQuestion, request: Request, engine: Engine) -> Response:
    """Full-text search with the query in the body: for long literals, and to keep a query out of proxies' logs."""
    return await _search(question, request, engine)


async def _search(question: SearchQuestion, request: Request, engine: Workers) -> Response:
    def ask(index: StoredIndex) -> Response:
        page = index.search(
            question.q,
            language=question.language,
            license=question.license,
            repository=question.repository,
            owner=question.owner,
            limit=question.limit,
            cursor=question.cursor,
        )
        return send(to_json(page), request)

    return await engine.ask(ask)
