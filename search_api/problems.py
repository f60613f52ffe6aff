"""What does a failed request get back? The list of problem types (RFC 9457) and how each error becomes one.

Every error body is `application/problem+json` with `type`, `title`, `status`, `detail`. `type` is a relative URI,
`/problems/NAME`, where the server explains it.

Not here: the errors of the engine (`indexer.errors`), the pages under `/problems` (`search_api.routes.pages`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from indexer.errors import (
    BackendUnavailable,
    DocumentNotFound,
    InputError,
    QueryError,
    TimedOut,
    WherefromError,
)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One documented kind of failure."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The value of `type` in a problem, and the page that explains it."""
        return f"/problems/{self.name}"


NOT_UTF8 = ProblemType("not-utf-8", 400, "Not UTF-8", "Body or query string is not valid UTF-8. Lone surrogates may come as JSON escapes.")
NOT_JSON = ProblemType("not-json", 400, "Not JSON", "The body is not a JSON document. The detail names line and column.")
BAD_REQUEST = ProblemType("bad-request", 400, "Bad request", "The request itself is malformed.")
UNAUTHORIZED = ProblemType("unauthorized", 401, "Not authenticated", "This route needs credentials, and none or wrong ones came.")
FORBIDDEN = ProblemType("forbidden", 403, "Not allowed", "The credentials do not allow this.")
NOT_FOUND = ProblemType("not-found", 404, "No such path", "The server has nothing at this path. /docs lists what there is.")
DOCUMENT_NOT_FOUND = ProblemType(
    "document-not-found", 404, "No such document", "The index holds no live document of this id. It may have been removed: search again."
)
VERSION_NOT_FOUND = ProblemType(
    "version-not-found", 404, "No such version", "This server holds another version of the dataset; `detail` says which. /v1/index too."
)
FILTER_NOT_FOUND = ProblemType(
    "filter-not-found", 404, "No filter", "The index of this server has no filter to give away; ask /v1/membership instead."
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed", 405, "Method not allowed", "The path takes other methods; the Allow header lists them."
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable", 406, "Not acceptable", "The Accept header excludes the one media type that this route answers with."
)
TOO_LARGE = ProblemType("too-large", 413, "Too large", "The body is larger than this server takes. Send less, or ask in several requests.")
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "Bodies are application/json in UTF-8, those of batches application/x-ndjson, without a Content-Encoding.",
)
RANGE_NOT_SATISFIABLE = ProblemType(
    "range-not-satisfiable", 416, "Range not satisfiable", "The Range begins behind the end of the file; Content-Range says how long it is."
)
INVALID_REQUEST = ProblemType(
    "invalid-request", 422, "Invalid request", "A field is missing, unknown or has a value it cannot have; `errors` lists each field."
)
INVALID_QUERY = ProblemType("invalid-query", 422, "Invalid query", "The search query does not parse; `column` says where, from 1.")
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests",
    429,
    "Too many requests",
    "More questions wait than this server takes, or your key or address has asked too often. Ask again after the seconds in Retry-After.",
)
INTERNAL = ProblemType(
    "internal", 500, "Internal error", "A fault of the server. The log holds the lines of code under the id in `instance`."
)
INDEX_UNAVAILABLE = ProblemType(
    "index-unavailable", 503, "Index unavailable", "The index is missing, damaged or unreachable. Ask again later, or tell the operator."
)
TIMED_OUT = ProblemType("timed-out", 504, "Timed out", "The time limit passed first. Send less text, or raise timeout_ms.")

TYPES: tuple[ProblemType, ...] = (
    NOT_UTF8, NOT_JSON, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, DOCUMENT_NOT_FOUND, VERSION_NOT_FOUND, FILTER_NOT_FOUND,
    METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, RANGE_NOT_SATISFIABLE, INVALID_REQUEST, INVALID_QUERY,
    TOO_MANY_REQUESTS, INTERNAL, INDEX_UNAVAILABLE, TIMED_OUT,
)  # fmt: skip
BY_NAME: dict[str, ProblemType] = {kind.name: kind for kind in TYPES}
_NARROW = (NOT_UTF8, NOT_JSON, DOCUMENT_NOT_FOUND, VERSION_NOT_FOUND, FILTER_NOT_FOUND, INVALID_QUERY)  # not all of their status
_BY_STATUS = {kind.status: kind for kind in reversed(TYPES) if kind not in _NARROW}


class Problem(HTTPException):
    """Raise it anywhere in a route or middleware; the response is its problem document."""

    def __init__(self, kind: ProblemType, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(kind.status, detail, headers)
        self.kind = kind
        self.more = more


def document_of(problem: Problem) -> dict[str, Any]:
    """The fields of the problem document."""
    kind = problem.kind
    return {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": problem.detail, **problem.more}


def response(problem: Problem) -> Response:
    """The problem as a response, in ASCII so that any text may stand in it."""
    return Response(json.dumps(document_of(problem)), problem.kind.status, problem.headers, MEDIA_TYPE)


def of_engine_error(error: WherefromError) -> Problem:
    """The problem that an error of the engine is, seen from a client."""
    if isinstance(error, QueryError):
        return Problem(INVALID_QUERY, str(error), column=error.column)
    if isinstance(error, InputError):
        return Problem(INVALID_REQUEST, str(error), errors=[])
    if isinstance(error, DocumentNotFound):
        return Problem(DOCUMENT_NOT_FOUND, str(error))
    if isinstance(error, TimedOut):
        return Problem(TIMED_OUT, str(error))
    if isinstance(error, BackendUnavailable):
        return Problem(INDEX_UNAVAILABLE, str(error), headers={"Retry-After": "5"})
    # The message names files of this machine; a client needs to know only that the index does not work.
    return Problem(INDEX_UNAVAILABLE, f"the server's index cannot be used ({type(error).__name__})", headers={"Retry-After": "30"})


def of_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem that pydantic's errors are: one entry a field, values never repeated; a location's first part is where, such as body."""
    fields = [{"field": _field_name(error["loc"]), "message": str(error["msg"])} for error in errors]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in fields)
    return Problem(INVALID_REQUEST, detail, errors=fields)


def of_model(error: ValidationError, where: str) -> Problem:
    """The same of a model that was validated by itself."""
    return of_validation([{"loc": (where, *found["loc"]), "msg": found["msg"]} for found in error.errors()])


def _field_name(location: Sequence[int | str]) -> str:
    """("body", "kinds", 0) -> "kinds.0"."""
    parts = [str(part) for part in location[1:]]
    return ".".join(parts) or str(location[0])


def of_http(error: HTTPException) -> Problem:
    """The problem that an exception of Starlette or FastAPI is."""
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = ProblemType("bad-request" if error.status_code < 500 else "internal", error.status_code, "Error", "")
    detail = kind.meaning if error.status_code == 404 else str(error.detail or kind.meaning)
    return Problem(kind, detail, error.headers)


def install(app: FastAPI) -> None:
    """Every foreseen error of the app is answered as a problem; unforeseen ones are `search_api.observe`'s."""

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code in (204, 304):
            return Response(status_code=error.status_code, headers=error.headers)
        return response(error if isinstance(error, Problem) else of_http(error))

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return response(of_validation(error.errors()))

    async def engine(_: Request, error: Exception) -> Response:
        assert isinstance(error, WherefromError)
        return response(of_engine_error(error))

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(WherefromError, engine)
