"""What do routes have in common? The engine of their app, and what OpenAPI says they may answer.

Not here: the problems themselves (`search_api.problems`), the checks of every request (`search_api.bodies`).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from search_api.problems import MEDIA_TYPE
from search_api.workers import Workers

_SAID = {
    400: "Not UTF-8 or not JSON", 401: "No key where one is needed, or a wrong one", 404: "Not found", 406: "Accept excludes the answer",
    413: "Too large", 415: "Wrong Content-Type", 416: "Range behind the end", 422: "Invalid request",
    429: "Too many requests, with Retry-After", 503: "Index unavailable", 504: "Timed out",
}  # fmt: skip


async def workers_of(request: Request) -> Workers:
    """The pool of the app that got the request. A coroutine, since FastAPI takes a thread's turn for every plain function."""
    workers: Workers = request.app.state.workers
    return workers


Engine = Annotated[Workers, Depends(workers_of)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the problems that a route may answer with."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {status: {"description": _SAID[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified: If-None-Match names what would be sent"}}
BODY_PROBLEMS = problems(400, 401, 406, 413, 415, 422, 429, 503, 504)
QUERY_PROBLEMS = problems(400, 401, 406, 413, 422, 429, 503, 504)
