"""How is a cluster spoken to? Elasticsearch's own client, never longer than it was given, and its errors as ours.

Not here: what is asked (`questions`, `search`), what is written (`writer`).
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import orjson
from elastic_transport import ConnectionError as NoConnection
from elastic_transport import Transport, TransportApiResponse
from elasticsearch import ApiError, ConnectionTimeout, Elasticsearch, TransportError
from elasticsearch.serializer import JsonSerializer
from urllib3 import Timeout

from indexer.errors import AccessRefused, BackendUnavailable, IndexNotFound, InputError, OutOfSpace, WherefromError
from indexer.stores.elastic.settings import PREFIX, Place

SECONDS = 30  # for one request with all its tries, where none is given; loading a bulk of documents gets four times as long
_BUSY = (429, 502, 503, 504)
_PAUSES = (0.1, 0.3, 1.0, 3.0)  # seconds between tries: shards find a new primary in about as long
_HALVED = 4 * SECONDS  # a request with more time is not sent twice
_CONNECTIONS = 1024  # to a node, made as they are needed: with fewer than threads, one would wait for another's hanging question
Answer = TypeVar("Answer")
Json = dict[str, Any]


_JSON = {"accept": "application/json", "content-type": "application/json"}
_LINES = _JSON | {"content-type": "application/x-ndjson"}
_STATISTICS = "filter_path=docs.error,docs.term_vectors.*.terms.*.doc_freq,docs.term_vectors.*.terms.*.ttf"


class _Answers(JsonSerializer):
    """Reads answers in a third of the time; what is sent is written as ever, so that it may hold anything."""

    def json_loads(self, data: bytes) -> Any:
        return orjson.loads(data)


class Until(float):
    """A moment of `time.monotonic()` as a client's `request_timeout`: all of its requests together end by then."""


_UNTIL: ContextVar[Until | None] = ContextVar("until", default=None)  # of what is asked now: a client of its own takes half a millisecond


class _Bounded(Transport):
    """Requests that end in time, tries and pauses between them included: `request_timeout` is for all of them.

    Where a cluster has several nodes a try that hangs leaves half of the time to the others, but for what takes long by itself, such as
    merging. Threads may share it.
    """

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        """The answer, maybe of another node than the first one asked. Raises TransportError."""
        asked = options.pop("request_timeout", SECONDS)
        until = asked if isinstance(asked, Until) else _UNTIL.get() or time.monotonic() + float(asked)
        given = until - time.monotonic()
        others, pauses = len(self.node_pool), iter(_PAUSES)  # a lone node is asked twice: it may have closed an idle connection
        while (left := until - time.monotonic()) > 0:
            share = left / 2 if given <= _HALVED and others and len(self.node_pool) > 1 else left
            try:
                answer = super().perform_request(method, target, **(options | {"max_retries": 0, "request_timeout": Timeout(total=share)}))
            except (NoConnection, ConnectionTimeout):
                if not others:
                    raise
                others -= 1
                continue
            pause = next(pauses, None) if answer.meta.status in _BUSY else None
            if pause is None or time.monotonic() + pause > until:
                return answer
            time.sleep(pause)
        raise ConnectionTimeout("the time is up")


def connect(place: Place) -> Elasticsearch:
    """A client of the cluster; nothing is sent yet. Raises InputError for a certificate file that is none."""
    access: dict[str, Any] = {}
    if place.api_key:
        access["api_key"] = place.api_key
    elif place.user:
        access["basic_auth"] = (place.user, place.password or "")
    if place.ca_file and place.url.startswith("https"):
        access["ca_certs"] = place.ca_file
    try:
        return Elasticsearch(
            [place.url, *place.others],
            transport_class=_Bounded,
            request_timeout=SECONDS,
            connections_per_node=_CONNECTIONS,
            serializers={"application/json": _Answers()},
            **access,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{place.location}: {PREFIX}CA_FILE={place.ca_file}: {error}; name a file of certificates (PEM)") from error


def within(client: Elasticsearch, until: Until) -> Elasticsearch:
    """The client for one question: all of its requests together end by then."""
    return client.options(request_timeout=until)


@contextmanager
def errors_of(place: Place) -> Iterator[None]:
    """What the client raises inside becomes an error of ours."""
    try:
        yield
    except ApiError as error:
        raise ours(place, error.meta.status, _kind(error), str(error)) from error
    except ConnectionTimeout as error:
        raise BackendUnavailable(
            f"{place.location}: no answer from the cluster in time; try again later "
            f"({PREFIX}TIMEOUT_MS gives a question {place.timeout_ms}, its own timeout_ms may be less)"
        ) from error
    except TransportError as error:
        if refused := _certificate_problem(error):
            raise AccessRefused(
                f"{place.location}: the cluster's certificate is not accepted ({refused}); "
                f"have a valid one put there, or name the authority that signs it: {PREFIX}CA_FILE={place.ca_file or ''}"
            ) from error
        raise BackendUnavailable(f"{place.location}: no answer from the cluster ({error}); is it running? try again") from error


def _certificate_problem(error: BaseException | None) -> str | None:
    """What is wrong with a certificate, if that is what is wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        cause = error.__cause__ or error.__context__
        error = cause or next((each for each in error.args if isinstance(each, ssl.SSLError)), None)
    return None


def ours(place: Place, status: int, kind: str, message: str) -> WherefromError:
    """The error for an answer of the cluster: `kind` is its word for it."""
    said = f"({status} {kind})" if kind else f"({status})"
    if kind == "cluster_block_exception" and status != 503:  # 503: there is no master at the moment
        return OutOfSpace(f"{place.location}: the cluster takes no writes, mostly for want of disk {said}; free some and run again")
    if status == 401:
        return AccessRefused(f"{place.location}: the cluster refuses these credentials {said}; set {PREFIX}USER and _PASSWORD, or _API_KEY")
    if status == 403:
        return AccessRefused(
            f"{place.location}: the cluster does not let {place.user or 'this key'} do that {said}: {message[:300]}; "
            f"give it the privilege, or set another {PREFIX}USER and _PASSWORD, or _API_KEY"
        )
    if status == 404:
        return IndexNotFound(f"{place.location}: no index here {said}; build one with wherefrom index -o {place.location}")
    return BackendUnavailable(f"{place.location}: the cluster cannot answer {said}: {message[:300]}; try again")


def _kind(error: ApiError) -> str:
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return str(body["error"].get("type"))
    return error.message if body else ""  # a question by HEAD has an answer without a body


def search_many(
    client: Elasticsearch, place: Place, index: str, bodies: Sequence[Json], *, until: Until | None = None, by_idf: bool = False
) -> list[Json]:
    """The answers to some searches, in order, all tries ended by `until`. Every shard must have answered: half an answer raises
    BackendUnavailable, unless the searches themselves give a `timeout`. `by_idf`: how rare a term is in all shards decides the scores."""
    if not bodies:
        return []
    header = {"index": index} | ({"search_type": "dfs_query_then_fetch"} if by_idf else {})  # a shard would count its own documents
    lines = b"".join(written(part) + b"\n" for body in bodies for part in (header, body))
    problem = partial(_search_problem, may_time_out=any("timeout" in body for body in bodies))

    def ask() -> list[Json]:
        answers: list[Json] = client.perform_request("POST", "/_msearch", headers=_LINES, body=lines).body["responses"]
        return answers

    return _complete(place, until, ask, problem)


def written(part: Json) -> bytes:
    """A line of a request."""
    try:
        return orjson.dumps(part)
    except TypeError:  # half a surrogate, which only callers who look for one send
        return json.dumps(part, ensure_ascii=False).encode("utf-8", "surrogatepass")


def term_vectors(client: Elasticsearch, place: Place, asked: Sequence[Json], until: Until | None = None) -> list[Json]:
    """The fields of some documents that need not be there, with what the dictionaries of their shards say of the terms. Raises
    BackendUnavailable where one cannot be told."""

    def ask() -> list[Json]:
        body = orjson.dumps({"docs": asked})
        answers: list[Json] = client.perform_request("POST", f"/_mtermvectors?{_STATISTICS}", headers=_JSON, body=body).body.get("docs", [])
        return answers

    return [answer.get("term_vectors", {}) for answer in _complete(place, until, ask, _error_of)]


def get_many(client: Elasticsearch, place: Place, index: str, ids: Sequence[str]) -> dict[str, Json]:
    """The sources of documents by id, without those that are not there. Raises BackendUnavailable where one cannot be told."""
    docs = _complete(place, None, lambda: list(client.mget(index=index, ids=list(ids))["docs"]), _error_of)
    return {one["_id"]: one["_source"] for one in docs if one.get("found")}


def versions_of(client: Elasticsearch, place: Place, index: str, ids: Sequence[str]) -> dict[str, int]:
    """The versions of documents by id, refreshed or not, without those that are not there. Raises BackendUnavailable."""
    docs = _complete(place, None, lambda: list(client.mget(index=index, ids=list(ids), source=False)["docs"]), _error_of)
    return {one["_id"]: one["_version"] for one in docs if one.get("found")}


def _complete(
    place: Place, until: Until | None, ask: Callable[[], list[Json]], problem: Callable[[Place, Json], WherefromError | None]
) -> list[Json]:
    """Answers of which none has a problem; where a part of the cluster is away, it is asked again while that may help."""
    ends = time.monotonic() + place.timeout_ms / 1000 if until is None else until
    for pause in (*_PAUSES, None):
        with errors_of(place), _ending(until):
            answers = ask()
        found = next(filter(None, (problem(place, answer) for answer in answers)), None)
        if found is None:
            return answers
        if pause is None or time.monotonic() + pause > ends or not isinstance(found, BackendUnavailable):
            raise found
        time.sleep(pause)
    raise AssertionError


@contextmanager
def _ending(until: Until | None) -> Iterator[None]:
    before = _UNTIL.set(until)
    try:
        yield
    finally:
        _UNTIL.reset(before)


def _error_of(place: Place, answer: Json) -> WherefromError | None:
    if "error" not in answer:
        return None
    error = answer["error"]
    status = answer.get("status", 404 if error.get("type") == "index_not_found_exception" else 503)
    return ours(place, status, error.get("type", "unknown"), str(error.get("reason")))


def _search_problem(place: Place, answer: Json, *, may_time_out: bool) -> WherefromError | None:
    if "error" in answer:
        return _error_of(place, answer)
    shards = answer["_shards"]
    if not shards["failed"] and (may_time_out or not answer["timed_out"]):
        return None
    kinds = sorted({failure.get("reason", {}).get("type", "unknown") for failure in shards.get("failures", ())})
    return BackendUnavailable(f"{place.location}: {shards['failed']} shards did not answer ({', '.join(kinds)}); try again")
