"""How do many documents get into a cluster, or out of it? In bulks, as fast as it takes them, and whatever it refuses is named.

A busy cluster, or one that is away, is waited for in growing pauses; so it sets the pace.

Not here: what a document is (`writer`, `repositories`).
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch, TransportError

from indexer.errors import BackendUnavailable
from indexer.stores.elastic.cluster import SECONDS, ours
from indexer.stores.elastic.settings import Place

BULK_BYTES = 8 << 20
_PAGE = 5000  # ids of one request
_KEEP_ALIVE = "5m"
_AT_ONCE = 2  # bulks under way, while the next one is made
_PAUSES = (1, 2, 4, 8, 15, 30, 60, 60, 60, 60)  # seconds between tries: five minutes in all
_BUSY = (429, 502, 503, 504)
_MOST_REFUSED = 100  # documents: then the rest would be refused as well
_AS_WANTED = {"create": 409, "index": 409, "delete": 404}  # it was there already, or is gone already
_ABOUT = ("_id", "version", "version_type")  # what of an action stands beside the document


@dataclass(frozen=True, slots=True)
class _Action:
    """One line or two of a bulk request."""

    kind: str
    lines: tuple[bytes, ...]


def load(
    client: Elasticsearch, index: str, place: Place, actions: Iterable[dict[str, Any]], done: Callable[[int], None] | None = None
) -> None:
    """Sends actions of the bulk API (`create`, `index`, `update`, `delete`); what is as wanted already is no error. `done(how many)`
    after each bulk. Raises BackendUnavailable, naming each document that was refused, OutOfSpace."""
    patient, stopping = client.options(request_timeout=4 * SECONDS), threading.Event()
    sent, refused = 0, list[str]()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for size, more in _in_order(pool, lambda bulk: _send(patient, index, place, bulk, stopping), _bulks(actions)):
                sent, refused = sent + size, refused + more
                if len(refused) > _MOST_REFUSED:
                    break
                if done:
                    done(sent)
        finally:
            stopping.set()
    if refused:
        raise BackendUnavailable(
            f"{place.location}: the cluster refused {len(refused)} documents: {', '.join(refused)}; mend it and run the same command again"
        )


def _in_order(
    pool: ThreadPoolExecutor, send: Callable[[Sequence[_Action]], list[str]], bulks: Iterator[Sequence[_Action]]
) -> Iterator[tuple[int, list[str]]]:
    """The size of each bulk and what of it was refused; a few are under way."""
    pending: deque[tuple[int, Future[list[str]]]] = deque()
    for bulk in bulks:
        pending.append((len(bulk), pool.submit(send, bulk)))
        if len(pending) > _AT_ONCE:
            size, future = pending.popleft()
            yield size, future.result()
    while pending:
        size, future = pending.popleft()
        yield size, future.result()


def _bulks(actions: Iterable[dict[str, Any]]) -> Iterator[list[_Action]]:
    bulk: list[_Action] = []
    size = 0
    for each in actions:
        action = _action(each)
        length = sum(map(len, action.lines))
        if bulk and size + length > BULK_BYTES:
            yield bulk
            bulk, size = [], 0
        bulk.append(action)
        size += length
    if bulk:
        yield bulk


def _action(action: dict[str, Any]) -> _Action:
    kind = action["_op_type"]
    about = {name: action[name] for name in _ABOUT if name in action}
    document = {name: value for name, value in action.items() if name != "_op_type" and name not in _ABOUT}
    parts = ({kind: about},) if kind == "delete" else ({kind: about}, document)
    return _Action(kind, tuple(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode() for part in parts))


def _send(client: Elasticsearch, index: str, place: Place, bulk: Sequence[_Action], stopping: threading.Event) -> list[str]:
    """Sends until nothing of a bulk is put off any more; names what was refused."""
    refused: list[str] = []
    waiting = bulk
    for pause in (*_PAUSES, None):
        pairs = list(zip(waiting, _outcomes(client, index, waiting, is_last=pause is None), strict=True))
        put_off = [(action, outcome) for action, outcome in pairs if outcome["status"] in _BUSY]
        hopeless = [outcome for _, outcome in pairs if _blocked(outcome)] or [outcome for _, outcome in put_off if pause is None]
        if hopeless:
            raise ours(place, hopeless[0]["status"], _kind(hopeless[0]), str(hopeless[0].get("error")))
        refused += [f"{outcome.get('_id')} ({_kind(outcome)})" for action, outcome in pairs if _bad(action, outcome)]
        waiting = [action for action, _ in put_off]
        if not waiting or stopping.wait(pause):
            break
    return refused


def _outcomes(client: Elasticsearch, index: str, bulk: Sequence[_Action], is_last: bool) -> list[dict[str, Any]]:
    """What became of each action; where the request as a whole was put off, that of each is so."""
    lines: list[Any] = [line for action in bulk for line in action.lines]
    try:
        items = client.bulk(index=index, operations=lines)["items"]
    except ApiError as error:
        is_blocked = error.meta.status != 503 and "cluster_block_exception" in str(error)
        if is_last or error.meta.status not in _BUSY or is_blocked:
            raise
        return [{"status": error.meta.status}] * len(bulk)
    except TransportError:
        if is_last:
            raise
        return [{"status": 503}] * len(bulk)
    return [outcome for item in items for outcome in item.values()]


def _bad(action: _Action, outcome: dict[str, Any]) -> bool:
    status = outcome["status"]
    return status >= 300 and status not in _BUSY and status != _AS_WANTED.get(action.kind)


def _blocked(outcome: dict[str, Any]) -> bool:
    """Whether nothing may be written, which waiting does not change; without a master, for seconds, it is 503."""
    return outcome["status"] not in (200, 201, 503) and _kind(outcome) == "cluster_block_exception"


def _kind(outcome: dict[str, Any]) -> str:
    error = outcome.get("error", {})
    return str(error.get("type")) if isinstance(error, dict) else str(error)


def every_id(client: Elasticsearch, index: str, query: dict[str, Any]) -> Iterator[str]:
    """The ids of all documents that a query finds, as they are now, whatever is deleted meanwhile."""
    pit = client.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE)["id"]
    try:
        after: dict[str, Any] = {}
        while True:
            page = client.search(
                pit={"id": pit, "keep_alive": _KEEP_ALIVE}, query=query, size=_PAGE, sort=[{"_shard_doc": "asc"}],
                source=False, track_total_hits=False, allow_partial_search_results=False, **after,
            )  # fmt: skip
            pit, hits = page["pit_id"], page["hits"]["hits"]
            if not hits:
                return
            yield from (hit["_id"] for hit in hits)
            after = {"search_after": hits[-1]["sort"]}
    finally:
        client.close_point_in_time(id=pit)
