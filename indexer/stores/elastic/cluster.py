"""How is a cluster spoken to? Elasticsearch's own client, and its errors as ours.

Not here: what is asked (`questions`, `search`), what is written (`writer`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from indexer.errors import BackendUnavailable, IndexNotFound, InputError, OutOfSpace, WherefromError
from indexer.stores.elastic.settings import PREFIX, Place

SECONDS = 30  # for one answer; loading a bulk of documents gets four times as long
_RETRIES = 2


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
        return Elasticsearch(place.url, request_timeout=SECONDS, max_retries=_RETRIES, retry_on_timeout=True, **access)
    except (OSError, ValueError) as error:
        raise InputError(f"{place.location}: {PREFIX}CA_FILE={place.ca_file}: {error}; name a file of certificates (PEM)") from error


@contextmanager
def errors_of(place: Place) -> Iterator[None]:
    """What the client raises inside becomes an error of ours."""
    try:
        yield
    except ApiError as error:
        raise ours(place, error.meta.status, _kind(error), str(error)) from error
    except TransportError as error:
        raise BackendUnavailable(f"{place.location}: no answer from the cluster ({error}); is it running? try again") from error


def ours(place: Place, status: int, kind: str, message: str) -> WherefromError:
    """The error for an answer of the cluster: `kind` is its word for it."""
    said = f"({status} {kind})"
    if status == 401 or (status == 403 and kind != "cluster_block_exception"):
        return InputError(f"{place.location}: the cluster refuses these credentials {said}; set {PREFIX}USER and _PASSWORD, or _API_KEY")
    if kind == "cluster_block_exception":
        return OutOfSpace(f"{place.location}: the cluster takes no writes, mostly for want of disk {said}; free some and run again")
    if status == 404:
        return IndexNotFound(f"{place.location}: no index here {said}; build one with wherefrom index -o {place.location}")
    return BackendUnavailable(f"{place.location}: the cluster cannot answer {said}: {message[:300]}; try again")


def _kind(error: ApiError) -> str:
    body = error.body
    return str(body["error"].get("type")) if isinstance(body, dict) and isinstance(body.get("error"), dict) else error.message


def search_many(client: Elasticsearch, place: Place, index: str, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers to some searches, in order. Every shard must have answered: half an answer raises BackendUnavailable, unless
    the search itself gives a `timeout`.
    """
    if not bodies:
        return []
    header = {"index": index, "search_type": "dfs_query_then_fetch"}  # a shard's own document frequencies would rank differently
    with errors_of(place):
        answers = client.msearch(searches=[part for body in bodies for part in (header, body)])["responses"]
    for body, answer in zip(bodies, answers, strict=True):
        if "error" in answer:
            raise ours(place, answer.get("status", 500), answer["error"].get("type", "unknown"), str(answer["error"].get("reason")))
        if answer["_shards"]["failed"] or (answer["timed_out"] and "timeout" not in body):
            raise BackendUnavailable(f"{place.location}: {answer['_shards']['failed']} shards did not answer; try again")
    return list(answers)
