"""The /v1 routes for many texts in one request.

Not here: how lines are answered (`search_api.batches`), one text (`search_api.routes.v1`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from search_api.batches import BODY_TYPES, MEDIA_TYPE, Answering, Batch, BatchResponse, Line, Numbered, lines_of
from search_api.bodies import GuardedRoute, check_accept, check_body_type
from search_api.problems import Problem
from search_api.questions import EXAMPLE_TEXT, AttributionLine, MembershipLine
from search_api.routes.engine import Engine, problems
from search_api.routes.v1 import attribution_of, membership_of
from search_api.workers import Workers

if TYPE_CHECKING:
    from indexer.stored import StoredIndex

router = APIRouter(route_class=GuardedRoute, tags=["questions"])
_LINES_A_PART = 32  # of membership, which takes microseconds; a thread's turn costs as much
_PROBLEMS = problems(400, 401, 406, 413, 415, 422, 429, 503, 504)


def _described(question: type[BaseModel], answer: str, example: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI of a batch: JSON lines, each with the schema of a line."""
    asked = {
        "type": "string",
        "description": f"Lines, each a {question.__name__}",
        "x-line-schema": {"$ref": f"#/components/schemas/{question.__name__}"},
    }
    told = {
        "type": "string",
        "description": f"Lines, each a {answer} or a ProblemLine, and at last a BatchEnd",
        "x-line-schema": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in (answer, "ProblemLine", "BatchEnd")]},
    }
    end = {"end": True, "received": 1, "answered": 1}
    return {
        "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": asked, "example": json.dumps(example) + "\n"}}},
        "responses": {
            "200": {"description": "Answers in order", "content": {MEDIA_TYPE: {"schema": told, "example": json.dumps(end) + "\n"}}}
        },
    }


@router.post(
    "/v1/membership/batch",
    response_class=StreamingResponse,
    responses=_PROBLEMS,
    openapi_extra=_described(MembershipLine, "MembershipAnswerLine", {"id": "src/a.py", "text": EXAMPLE_TEXT}),
)
async def membership_batch(request: Request, engine: Engine) -> BatchResponse:
    """Are these texts in the corpus? Lines of {id, text}, answered in order; the last line says how many came and were answered."""
    return await _answer(request, engine, MembershipLine, membership_of, _LINES_A_PART)


@router.post(
    "/v1/attribution/batch",
    response_class=StreamingResponse,
    responses=_PROBLEMS,
    openapi_extra=_described(AttributionLine, "AttributionAnswerLine", {"id": "src/a.py", "text": EXAMPLE_TEXT, "limit": 3}),
)
async def attribution_batch(request: Request, engine: Engine) -> BatchResponse:
    """Where do these texts come from? Lines of {id, text}, answered in order; the last line says how many came and were answered."""
    return await _answer(request, engine, AttributionLine, lambda index, line: attribution_of(index, line, engine.timeout_ms), 1)


async def _answer(
    request: Request, engine: Workers, kind: type[Line], ask: Callable[[StoredIndex, Line], Any], lines_a_part: int
) -> BatchResponse:
    check_accept(request.headers.get("accept", "*/*"), MEDIA_TYPE)
    check_body_type(request, BODY_TYPES)
    lines = lines_of(await request.body(), engine.max_batch_lines)
    request.app.state.admission.charge(request, max(0, len(lines) - 1))
    answering = Answering(kind, ask, _fault_of(request))

    def submit(part: Sequence[Numbered]) -> Future[list[tuple[bytes, bool]]]:
        return engine.submit_of_batch(lambda index: answering.answer(index, part))

    batch = Batch(lines, lines_a_part, engine.concurrency, engine.batch_timeout_ms, submit)
    engine.begin_batch()
    return BatchResponse(batch, engine.end_batch)


def _fault_of(request: Request) -> Callable[[Exception], Problem]:
    return lambda error: request.app.state.metrics.fault(error, f"POST {request.scope['route'].path_format}")
