"""How do many documents get into a cluster? In bulks, as fast as it takes them, and whatever it refuses is named.

Not here: what a document is (`writer`, `repositories`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from indexer.errors import BackendUnavailable
from indexer.stores.elastic.cluster import SECONDS

_BULK_BYTES = 8 << 20
_RETRIES, _FIRST_PAUSE, _LONGEST_PAUSE = 10, 1, 60  # seconds between tries of what a busy cluster put off
_MOST_NAMED = 10  # refused documents in a message
_AS_WANTED = {"create": 409, "delete": 404}  # it was there already, or is gone already


def load(
    client: Elasticsearch, index: str, location: str, actions: Iterable[dict[str, Any]], done: Callable[[int], None] | None = None
) -> None:
    """Sends actions of the bulk API (`create`, `index`, `update`, `delete`); what is as wanted already is no error. `done(how many)`
    after each. Raises BackendUnavailable, naming what was refused."""
    patient = client.options(request_timeout=4 * SECONDS)
    results = streaming_bulk(
        patient, actions, index=index, raise_on_error=False, max_chunk_bytes=_BULK_BYTES,
        max_retries=_RETRIES, initial_backoff=_FIRST_PAUSE, max_backoff=_LONGEST_PAUSE,
    )  # fmt: skip
    refused, n_refused = [], 0
    for number, (is_good, result) in enumerate(results, 1):
        ((action, outcome),) = result.items()
        if not is_good and outcome.get("status") != _AS_WANTED.get(action):
            n_refused += 1
            refused += [f"{outcome.get('_id')} ({_reason(outcome)})"] if n_refused <= _MOST_NAMED else []
        if done:
            done(number)
    if n_refused:
        raise BackendUnavailable(f"{location}: the cluster refused {n_refused} documents: {', '.join(refused)}; run the same command again")


def _reason(outcome: dict[str, Any]) -> str:
    error = outcome.get("error", {})
    return str(error.get("type")) if isinstance(error, dict) else str(error)
