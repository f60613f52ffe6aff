"""How is a running server asked from Python? `Client` has the methods of `Index` and gives the same values.

    with Client.open("https://wherefrom.example") as index:
        print(index.attribute(text).sources)

Imports the standard library, httpx and the value types only: a command that asks a server starts fast.

Not here: the local engine (`indexer.index`), what the server does (`search_api.app`).
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from indexer.answers import (
    Attribution,
    Document,
    IndexInfo,
    Membership,
    OffsetUnit,
    RepositoryPage,
    SearchPage,
    SpanKind,
    Verification,
    to_json,
)
from indexer.errors import BackendUnavailable, DocumentNotFound, InputError, QueryError, TimedOut, WherefromError
from search_api.from_json import from_json

Value = TypeVar("Value")
_MANY_AT_ONCE = 4  # requests of `..._many` under way together
_LONGEST_WAIT_S = 30.0


class Client:
    """One server, opened; a context manager, usable from several threads."""

    def __init__(self, http: httpx.Client, location: str, *, retries: int = 3, backoff_s: float = 0.25) -> None:
        self._http = http
        self.location = location
        self._retries = retries
        self._backoff_s = backoff_s
        self._info: IndexInfo | None = None

    @classmethod
    def open(cls, url: str, *, timeout_s: float = 60.0, retries: int = 3, backoff_s: float = 0.25) -> Client:
        """Reads /v1/index of the server. Raises BackendUnavailable where there is none, InputError where the URL is not one."""
        location = url.rstrip("/")
        try:
            http = httpx.Client(base_url=location, timeout=httpx.Timeout(timeout_s, connect=10.0), headers={"Accept": "application/json"})
        except httpx.InvalidURL as error:
            raise InputError(f"{url}: not a URL ({error}); wanted http://HOST:PORT or https://HOST") from None
        client = cls(http, location, retries=retries, backoff_s=backoff_s)
        try:
            client.refresh()
        except WherefromError:
            client.close()
            raise
        return client

    @property
    def info(self) -> IndexInfo:
        """The index behind the server, as it was when opened or last refreshed."""
        if self._info is None:
            self.refresh()
        assert self._info is not None
        return self._info

    def refresh(self) -> None:
        """Asks for `info` again; the server follows new generations by itself."""
        self._info = self._ask(IndexInfo, "GET", "/v1/index")

    def membership(self, text: str | bytes, *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None) -> Membership:
        """Is this text in the corpus? Bytes that are not UTF-8 are read as Latin-1."""
        return self._about(Membership, "/v1/membership", text, offset_unit, min_tokens=min_tokens)

    def attribute(
        self,
        text: str | bytes,
        *,
        offset_unit: OffsetUnit = "utf-32",
        limit: int = 10,
        kinds: Sequence[SpanKind] | None = None,
        sensitivity: float = 0.5,
        timeout_ms: int | None = None,
    ) -> Attribution:
        """Where does this text come from? Bytes that are not UTF-8 are read as Latin-1."""
        return self._about(
            Attribution,
            "/v1/attribution",
            text,
            offset_unit,
            limit=limit,
            kinds=None if kinds is None else list(kinds),
            sensitivity=sensitivity,
            timeout_ms=timeout_ms,
        )

    def membership_many(
        self, texts: Iterable[str | bytes], *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None
    ) -> list[Membership]:
        """One answer a text, in order; a few requests are under way together."""
        return _in_threads(lambda text: self.membership(text, offset_unit=offset_unit, min_tokens=min_tokens), texts)

    def attribute_many(
        self,
        texts: Iterable[str | bytes],
        *,
        offset_unit: OffsetUnit = "utf-32",
        limit: int = 10,
        kinds: Sequence[SpanKind] | None = None,
        sensitivity: float = 0.5,
        timeout_ms: int | None = None,
    ) -> list[Attribution]:
        """One answer a text, in order; a few requests are under way together."""

        def ask(text: str | bytes) -> Attribution:
            return self.attribute(text, offset_unit=offset_unit, limit=limit, kinds=kinds, sensitivity=sensitivity, timeout_ms=timeout_ms)

        return _in_threads(ask, texts)

    def search(
        self,
        query: str,
        *,
        language: str | None = None,
        license: str | None = None,  # noqa: A002 - the name in the HTTP body
        repository: str | None = None,
        owner: str | None = None,
        limit: int = 10,
        cursor: str | None = None,
    ) -> SearchPage:
        """One page of a full-text search. Raises QueryError."""
        filters = {"language": language, "license": license, "repository": repository, "owner": owner}
        return self._ask(SearchPage, "POST", "/v1/search", {"q": query, **filters, "limit": limit, "cursor": cursor})

    def document(self, document_id: str) -> Document:
        """One file of the corpus. Raises DocumentNotFound."""
        return self._ask(Document, "GET", "/v1/documents/" + quote(document_id, safe=""))

    def repositories(self, *, owner: str | None = None, limit: int = 100, cursor: str | None = None) -> RepositoryPage:
        """Repositories in alphabetical order, a page at a time."""
        asked = {"owner": owner, "limit": limit, "cursor": cursor}
        return self._ask(RepositoryPage, "GET", "/v1/repositories", query={key: value for key, value in asked.items() if value is not None})

    def describe(self) -> dict[str, Any]:
        """Where the index is and what it holds; the sizes of its parts are the server's own affair."""
        return {"location": self.location, **to_json(self.info)}

    def verify(self, progress: Callable[..., None] | None = None) -> Verification:
        """Always InputError: the bytes are the server's, and so is their verification."""
        raise InputError(f"{self.location}: a server's index is verified on its own machine; run `wherefrom verify FOLDER` there")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _about(self, kind: type[Value], path: str, text: str | bytes, offset_unit: OffsetUnit, **options: Any) -> Value:
        """The answer about a text. Latin-1 bytes are code points one to one, so their byte offsets are asked for as such."""
        decoded, is_latin1 = _decoded(text)
        asked: OffsetUnit = "utf-32" if is_latin1 and offset_unit == "utf-8" else offset_unit
        answer: Any = self._ask(kind, "POST", path, {"text": decoded, "offset_unit": asked, **options})
        return answer if asked == offset_unit else dataclasses.replace(answer, offset_unit=offset_unit)  # type: ignore[no-any-return]

    def _ask(self, kind: type[Value], method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Value:
        content = None if body is None else _encoded(body)
        headers = {} if content is None else {"Content-Type": "application/json"}
        response = self._send(self._http.build_request(method, path, params=query, content=content, headers=headers))
        if response.status_code != 200:
            raise _error_of(response, self.location)
        try:
            return from_json(kind, response.json())
        except ValueError as error:  # not JSON, or not of this shape
            raise BackendUnavailable(f"{self.location}{path}: not an answer of Wherefrom ({error}); is this the server's URL?") from None

    def _send(self, request: httpx.Request) -> httpx.Response:
        """The response; asked again, later and later, where the server is busy, unready or hung up."""
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            wait_s = self._backoff_s * 2**attempt
            try:
                response = self._http.send(request)
            except httpx.RemoteProtocolError as error:
                if is_last:
                    raise BackendUnavailable(f"{self.location}: the server hung up ({error}); try again") from None
            except httpx.TimeoutException as error:
                raise TimedOut(f"{self.location}: no answer in time ({type(error).__name__}); ask for less or try again") from None
            except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise BackendUnavailable(f"{self.location}: cannot be reached ({error}); is the server running?") from None
            else:
                if response.status_code not in (429, 503) or is_last:
                    return response
                wait_s = max(wait_s, _retry_after_s(response)) if response.status_code == 429 else wait_s
            time.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise AssertionError("the last attempt returns or raises")


def _decoded(text: str | bytes) -> tuple[str, bool]:
    """The text, and whether it was bytes that are not UTF-8."""
    if isinstance(text, str):
        return text, False
    try:
        return text.decode("utf-8"), False
    except UnicodeDecodeError:
        return text.decode("latin-1"), True


def _encoded(body: Any) -> bytes:
    """JSON in UTF-8; escaped only where lone surrogates leave no other way, since escapes take up to six times the room."""
    try:
        return json.dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(body).encode("ascii")


def _retry_after_s(response: httpx.Response) -> float:
    """The seconds that the server asked for; 0 where it gave none or a date."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0


def _error_of(response: httpx.Response, location: str) -> WherefromError:
    """The error that a problem document stands for."""
    try:
        problem = response.json()
        detail, name = str(problem["detail"]), str(problem["type"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        return BackendUnavailable(f"{location}: HTTP {response.status_code}, and not from Wherefrom; is this the server's URL?")
    message = f"{location}: {detail}"
    if name == "invalid-query":
        return QueryError(detail, int(problem.get("column", 1)))
    if name == "document-not-found":
        return DocumentNotFound(message)
    if response.status_code == 504:
        return TimedOut(message)
    if response.status_code in (400, 413, 415, 422):
        return InputError(message)
    return BackendUnavailable(message)


def _in_threads(ask: Callable[[str | bytes], Value], texts: Iterable[str | bytes]) -> list[Value]:
    with ThreadPoolExecutor(_MANY_AT_ONCE) as pool:
        return list(pool.map(ask, texts))
