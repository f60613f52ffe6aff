"""Which store holds the index at a location? A folder's or a cluster's index, with the same methods and the same answers.

Not here: a running server's, which is a client's business (`search_api.client`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from indexer.errors import InputError
from indexer.location import kind_of

if TYPE_CHECKING:
    from indexer.index import Index
    from indexer.stores.elastic.index import ClusterIndex

    StoredIndex: TypeAlias = Index | ClusterIndex


def open_stored(location: str) -> StoredIndex:
    """The index in a folder or a cluster. Raises UnusableIndex, BackendUnavailable, InputError for a server's URL.

    The engine is loaded here: a second.
    """
    kind = kind_of(location)
    if kind == "server":
        raise InputError(f"{location}: this is a running server; name the index itself, a folder or es+http(s)://HOST:PORT/NAME")
    if kind == "elasticsearch":
        from indexer.stores.elastic.index import ClusterIndex  # noqa: PLC0415 - its client is an extra

        return ClusterIndex.open(location)
    from indexer.index import Index  # noqa: PLC0415 - numba, for those who ask a folder

    return Index.open(location)
