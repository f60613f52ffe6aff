"""What is sent for a question, and what does the reply mean? Requests and replies of the API without any sending.

Both clients are made of this: `Client` sends from a thread, `AsyncClient` from an event loop. Standard library, httpx and the value
types only.

Not here: many texts in one request (`search_api.batch_exchange`), sending (`search_api.client`, `search_api.async_client`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from indexer.answers import (
    Attribution,
    Candidates,
    Document,
    Exclusion,
    FilePage,
    IndexInfo,
    Membership,
    OffsetUnit,
    RepositoryPage,
    SearchPage,
    SpanKind,
    Use,
    to_json,
)
from indexer.errors import BackendUnavailable, DocumentNotFound, InputError, QueryError, TimedOut, WherefromError
from indexer.licences.legal import Legal
from search_api.from_json import from_json

Value = TypeVar("Value")
LONGEST_WAIT_S = 30.0
INFO_PATH = "/v1/index"


@dataclass(frozen=True, slots=True)
class Exchange(Generic[Value]):
    """One request, and how the body of its reply becomes a value; `read` raises ValueError for what is no such body."""

    method: str
    path: str
    read: Callable[[bytes], Value]
    query: Mapping[str, Any] | None = None
    content: bytes | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent again, and how long it waits before: `backoff_s`, then twice that, and so on."""

    most: int = 3
    backoff_s: float = 0.25

    def wait_s(self, attempt: int, response: httpx.Response | None) -> float | None:
        """The seconds until the next attempt; None where there is none. `response` is None where the server hung up."""
        if attempt >= self.most or (response is not None and response.status_code not in (429, 503)):
            return None
        asked = 0.0 if response is None or response.status_code != 429 else _retry_after_s(response)
        return min(max(self.backoff_s * float(2**attempt), asked), LONGEST_WAIT_S)


def _retry_after_s(response: httpx.Response) -> float:
    """The seconds that the server asked for; 0 where it gave none or a date."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0


def info() -> Exchange[IndexInfo]:
    """Which index answers?"""
    return _json(IndexInfo, "GET", INFO_PATH)


def membership(text: str | bytes, offset_unit: OffsetUnit, min_tokens: int | None) -> Exchange[Membership]:
    """Is this text in the corpus?"""
    return _about(Membership, "/v1/membership", text, {"offset_unit": offset_unit, "min_tokens": min_tokens})


def attribution(text: str | bytes, options: Mapping[str, Any]) -> Exchange[Attribution]:
    """Where does this text come from?"""
    return _about(Attribution, "/v1/attribution", text, options)


def attribution_options(
    offset_unit: OffsetUnit,
    limit: int,
    kinds: Sequence[SpanKind] | None,
    sensitivity: float,
    use: Use | None,
    project_license: str | None,
    exclude: Sequence[Exclusion],
    timeout_ms: int | None,
) -> dict[str, Any]:
    """The fields of an attribution beside its text."""
    return {
        "offset_unit": offset_unit,
        "limit": limit,
        "kinds": None if kinds is None else list(kinds),
        "sensitivity": sensitivity,
        "use": use,
        "project_license": project_license,
        "exclude": [{name: value for name, value in to_json(each).items() if value is not None} for each in exclude],
        "timeout_ms": timeout_ms,
    }


def candidates(fingerprints: Sequence[int], limit: int, spec: str | None) -> Exchange[Candidates]:
    """Who holds these fingerprints?"""
    return _json(Candidates, "POST", "/v1/attribution/fingerprints", {"fingerprints": list(fingerprints), "limit": limit, "spec": spec})


def search(query: str, filters: Mapping[str, str | None], limit: int, cursor: str | None) -> Exchange[SearchPage]:
    """One page of a full-text search; in the body, so that no proxy logs it."""
    return _json(SearchPage, "POST", "/v1/search", {"q": query, **filters, "limit": limit, "cursor": cursor})


def document(document_id: str) -> Exchange[Document]:
    """A document with its content."""
    return _json(Document, "GET", f"/v1/documents/{quote(document_id, safe='')}")


def repositories(owner: str | None, limit: int, cursor: str | None) -> Exchange[RepositoryPage]:
    """Repositories of an owner, or all."""
    return _json(RepositoryPage, "GET", "/v1/repositories", query=_given({"owner": owner, "limit": limit, "cursor": cursor}))


def files(repository: str, limit: int, cursor: str | None) -> Exchange[FilePage]:
    """Files of a repository."""
    return _json(FilePage, "GET", "/v1/files", query=_given({"repository": repository, "limit": limit, "cursor": cursor}))


def legal(repository: str) -> Exchange[Legal]:
    """Legal texts of a repository."""
    return _json(Legal, "GET", "/v1/legal", query={"repository": repository})


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _json(kind: type[Value], method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Exchange[Value]:
    content = None if body is None else encoded(body)
    return Exchange(method, path, lambda reply: from_json(kind, json.loads(reply)), query, content)


def _about(kind: type[Value], path: str, text: str | bytes, options: Mapping[str, Any]) -> Exchange[Value]:
    asked, unit = question_of(text, options)
    return Exchange("POST", path, lambda reply: in_unit(from_json(kind, json.loads(reply)), unit), content=encoded(asked))


def question_of(text: str | bytes, options: Mapping[str, Any]) -> tuple[dict[str, Any], OffsetUnit]:
    """The body that asks about a text, and the unit its offsets are wanted in.

    Bytes that are not UTF-8 are read as Latin-1: one code point each, so their byte offsets are asked for as code points.
    """
    decoded, is_latin1 = _decoded(text)
    unit: OffsetUnit = options["offset_unit"]
    return {"text": decoded, **options, "offset_unit": "utf-32" if is_latin1 and unit == "utf-8" else unit}, unit


def in_unit(answer: Value, unit: OffsetUnit) -> Value:
    """The answer, saying the unit that was wanted."""
    given: Any = answer
    return answer if given.offset_unit == unit else dataclasses.replace(given, offset_unit=unit)


def _decoded(text: str | bytes) -> tuple[str, bool]:
    """The text, and whether it was bytes that are not UTF-8."""
    if isinstance(text, str):
        return text, False
    try:
        return text.decode("utf-8"), False
    except UnicodeDecodeError:
        return text.decode("latin-1"), True


def encoded(body: Any) -> bytes:
    """JSON in UTF-8; escaped only where lone surrogates leave no other way, since escapes take up to six times the room."""
    try:
        return json.dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(body).encode("ascii")


def request_of(http: httpx.Client | httpx.AsyncClient, exchange: Exchange[Any]) -> httpx.Request:
    """The request to send."""
    headers = {"Accept": exchange.media_type}
    if exchange.content is not None:
        headers["Content-Type"] = exchange.media_type
    return http.build_request(exchange.method, exchange.path, params=exchange.query, content=exchange.content, headers=headers)


def value_of(exchange: Exchange[Value], response: httpx.Response, location: str) -> Value:
    """What the reply says. Raises the error that a problem stands for."""
    if response.status_code != 200:
        raise error_of(response.status_code, response.content, location)
    try:
        return exchange.read(response.content)
    except ValueError as error:  # not JSON, or not of this shape
        raise BackendUnavailable(f"{location}{exchange.path}: not an answer of Wherefrom ({error}); is this the server's URL?") from None


def error_of(status: int, body: bytes, location: str) -> WherefromError:
    """The error that a problem document stands for."""
    try:
        problem = json.loads(body)
        detail, name = str(problem["detail"]), str(problem["type"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        return BackendUnavailable(f"{location}: HTTP {status}, and not from Wherefrom; is this the server's URL?")
    message = f"{location}: {detail}"
    if name == "invalid-query":
        return QueryError(detail, int(problem.get("column", 1)))
    if name == "document-not-found":
        return DocumentNotFound(message)
    if status == 504:
        return TimedOut(message)
    if status in (400, 401, 403, 413, 415, 422):
        return InputError(message)
    return BackendUnavailable(message)


def failure_of(error: httpx.HTTPError | httpx.InvalidURL, location: str) -> WherefromError:
    """The error that a failed transport is."""
    if isinstance(error, httpx.RemoteProtocolError):
        return BackendUnavailable(f"{location}: the server hung up ({error}); try again")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{location}: no answer in time ({type(error).__name__}); ask for less or try again")
    return BackendUnavailable(f"{location}: cannot be reached ({error}); is the server running?")


def http_options(location: str, timeout_s: float, key: str | None) -> dict[str, Any]:
    """How httpx speaks to a server."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": location, "timeout": httpx.Timeout(timeout_s, connect=10.0), "headers": headers}


def bad_url(url: str, error: Exception) -> InputError:
    """The error that a URL is which is none."""
    return InputError(f"{url}: not a URL ({error}); wanted http://HOST:PORT or https://HOST")


def not_verified_here(location: str) -> InputError:
    """The error that `verify` is over HTTP."""
    return InputError(f"{location}: a server's index is verified on its own machine; run `wherefrom verify FOLDER` there")
