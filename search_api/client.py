"""How is a running server asked from Python? `Client` has the methods of `Index` and gives the same values.

    with Client.open("https://wherefrom.example") as index:
        print(index.attribute(text).sources)

Imports the standard library, httpx and the value types only: a command that asks a server starts fast.

Not here: the same for event loops (`search_api.async_client`), what is sent (`search_api.exchange`), the local engine (`indexer.index`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

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
    Verification,
    to_json,
)
from indexer.errors import WherefromError
from indexer.licences.legal import Legal
from search_api import exchange, filter_download
from search_api.batch_exchange import batches
from search_api.exchange import Exchange, Retries

Value = TypeVar("Value")


class Client:
    """One server, opened; a context manager, usable from several threads."""

    def __init__(self, http: httpx.Client, location: str, retries: Retries) -> None:
        self._http = http
        self.location = location
        self._retries = retries
        self._info: IndexInfo | None = None

    @classmethod
    def open(cls, url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: int = 3, backoff_s: float = 0.25) -> Client:
        """Reads /v1/index of the server. Raises BackendUnavailable where there is none, InputError where the URL is not one."""
        location = url.rstrip("/")
        try:
            http = httpx.Client(**exchange.http_options(location, timeout_s, key))
        except httpx.InvalidURL as error:
            raise exchange.bad_url(url, error) from None
        client = cls(http, location, Retries(retries, backoff_s))
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
        self._info = self._ask(exchange.info())

    def membership(self, text: str | bytes, *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None) -> Membership:
        """Is this text in the corpus? Bytes that are not UTF-8 are read as Latin-1."""
        return self._ask(exchange.membership(text, offset_unit, min_tokens))

    def attribute(
        self,
        text: str | bytes,
        *,
        offset_unit: OffsetUnit = "utf-32",
        limit: int = 10,
        kinds: Sequence[SpanKind] | None = None,
        sensitivity: float = 0.5,
        use: Use | None = None,
        project_license: str | None = None,
        exclude: Sequence[Exclusion] = (),
        timeout_ms: int | None = None,
    ) -> Attribution:
        """Where does this text come from? Bytes that are not UTF-8 are read as Latin-1."""
        options = exchange.attribution_options(offset_unit, limit, kinds, sensitivity, use, project_license, exclude, timeout_ms)
        return self._ask(exchange.attribution(text, options))

    def membership_many(
        self, texts: Iterable[str | bytes], *, offset_unit: OffsetUnit = "utf-32", min_tokens: int | None = None
    ) -> list[Membership]:
        """One answer a text, in order, by a few requests. Raises the error of the first text that has one."""
        options = {"offset_unit": offset_unit, "min_tokens": min_tokens}
        return self._ask_many(Membership, "/v1/membership/batch", texts, options)

    def attribute_many(
        self,
        texts: Iterable[str | bytes],
        *,
        offset_unit: OffsetUnit = "utf-32",
        limit: int = 10,
        kinds: Sequence[SpanKind] | None = None,
        sensitivity: float = 0.5,
        use: Use | None = None,
        project_license: str | None = None,
        exclude: Sequence[Exclusion] = (),
        timeout_ms: int | None = None,
    ) -> list[Attribution]:
        """One answer a text, in order, by a few requests. Raises the error of the first text that has one."""
        options = exchange.attribution_options(offset_unit, limit, kinds, sensitivity, use, project_license, exclude, timeout_ms)
        return self._ask_many(Attribution, "/v1/attribution/batch", texts, options)

    def candidates(self, fingerprints: Sequence[int], *, limit: int = 20) -> Candidates:
        """Files that hold some fingerprints of the exact channel; `search_api.private` asks so, and verifies."""
        return self._ask(exchange.candidates(fingerprints, limit, self.info.spec))

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
        return self._ask(exchange.search(query, filters, limit, cursor))

    def document(self, document_id: str) -> Document:
        """A document with its content. Raises DocumentNotFound."""
        return self._ask(exchange.document(document_id))

    def repositories(self, *, owner: str | None = None, limit: int = 100, cursor: str | None = None) -> RepositoryPage:
        """Repositories of an owner, or all, in alphabetical order."""
        return self._ask(exchange.repositories(owner, limit, cursor))

    def files(self, repository: str, *, limit: int = 100, cursor: str | None = None) -> FilePage:
        """The files of one repository, without contents."""
        return self._ask(exchange.files(repository, limit, cursor))

    def legal(self, repository: str) -> Legal:
        """The licence texts, notices and copyright lines stored of a repository; empty where there are none."""
        return self._ask(exchange.legal(repository))

    def fetch_filter(self, out: Path, progress: Callable[[int, int], None] | None = None) -> bool:
        """Writes the server's filter to a file, going on where a broken-off download ended; False where the file is current already.

        `progress(bytes, of)`. Raises BackendUnavailable, IndexCorrupt, OutOfSpace, InputError.
        """
        return filter_download.fetch(self._http, self.location, self._retries, out, progress)

    def describe(self) -> dict[str, Any]:
        """Where the index is and what it holds; the sizes of its parts are the server's own affair."""
        return {"location": self.location, **to_json(self.info)}

    def verify(self, progress: Callable[..., None] | None = None) -> Verification:
        """Always InputError: the bytes are the server's, and so is their verification."""
        raise exchange.not_verified_here(self.location)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _ask_many(self, kind: type[Value], path: str, texts: Iterable[str | bytes], options: dict[str, Any]) -> list[Value]:
        return [answer for batch in batches(kind, path, texts, options, self.location) for answer in self._ask(batch)]

    def _ask(self, asked: Exchange[Value]) -> Value:
        """The answer; asked again, later and later, where the server is busy, unready or hung up."""
        request = exchange.request_of(self._http, asked)
        attempt = 0
        while True:
            response, error = None, None
            try:
                response = self._http.send(request)
            except httpx.RemoteProtocolError as hung_up:
                error = hung_up
            except (httpx.HTTPError, httpx.InvalidURL) as failed:
                raise exchange.failure_of(failed, self.location) from None
            wait_s = self._retries.wait_s(attempt, response)
            if wait_s is None and error is not None:
                raise exchange.failure_of(error, self.location)
            if wait_s is None and response is not None:
                return exchange.value_of(asked, response, self.location)
            time.sleep(wait_s or 0.0)
            attempt += 1
