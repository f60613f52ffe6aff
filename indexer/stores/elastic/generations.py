"""Which generations of an index does a cluster hold, which of them is built now, and which go?

Not here: what is in one (`writer`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from elasticsearch import Elasticsearch

from indexer.errors import BackendUnavailable, InputError
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic import repositories as repositories_beside
from indexer.stores.elastic.mapping import SIMILARITIES, mapping, meta_of
from indexer.stores.elastic.settings import Place
from indexer.stores.elastic.unfinished import goes_on

_MERGES = ("index.merge.policy.segments_per_tier", "index.merge.policy.max_merge_at_once")
_BLOCK = "index.blocks.write"
_SECONDS = 6 * 3600  # for merging: a shard of 50 GB takes half an hour
_SEGMENTS = 50  # merged at once: what is loaded is merged once more anyway, and each merge before that took a sixth of the time of all
WHILE_LOADING = {
    "index.number_of_replicas": 0, "index.refresh_interval": "-1", "index.codec": "best_compression", **dict.fromkeys(_MERGES, _SEGMENTS)
}  # fmt: skip
AS_EVER = {"index.refresh_interval": None, **dict.fromkeys(_MERGES)}  # settings that go when all are loaded


def loading_of(index: str) -> str:
    """Where the documents of a generation are loaded. "demo-g000003" -> "demo-l000003" """
    return re.sub(r"-g([0-9]+)$", r"-l\1", index)


def _generation_of(loading: str) -> str:
    return re.sub(r"-l([0-9]+)$", r"-g\1", loading)


def taken_up(client: Elasticsearch, place: Place, meta: dict[str, Any]) -> tuple[str, set[str]]:
    """The generation to build, that of the same build before if it was cut off, and the one that the alias names; others are removed."""
    meta |= {"shards": place.shards}
    standing, loading, live = _generations(client, place.name), _numbered(client, place.name, "l"), _behind(client, place.name)
    newest_live = max((standing[index] for index in live if index in standing), default=0)
    goes = goes_on(client, {each: number for each, number in loading.items() if number > newest_live}, meta)
    for leftover in (standing.keys() | {_generation_of(each) for each in loading}) - live:
        delete(client, leftover, but=goes)
    for index in live & standing.keys():  # a build may have been cut off when all was done but this
        client.options(ignore_status=404).indices.delete(index=loading_of(index))
    if goes is not None:
        client.indices.put_settings(index=goes, settings={_BLOCK: None})  # where it was cut off as it became a generation
        return _generation_of(goes), live
    number = max((*standing.values(), *loading.values(), *_described(client, live)), default=0) + 1
    index = f"{place.name}-g{number:06d}"
    settings = {"index.number_of_shards": place.shards, "index.similarity": SIMILARITIES, **WHILE_LOADING}
    client.indices.create(index=loading_of(index), mappings=mapping(meta), settings=settings)
    return index, live


def become(client: Elasticsearch, place: Place, index: str) -> None:
    """Makes a generation of what was loaded, sharing its files, and merges each shard of it into one segment.

    Of every document that is loaded Elasticsearch keeps a copy for replicas; a merge drops it once a shard has told itself, twice a
    minute, that there are none. A new index knows, so nobody waits. Until the loaded one goes, its files stand beside the merged ones.
    """
    slow, loaded = client.options(request_timeout=_SECONDS), loading_of(index)
    slow.indices.add_block(index=loaded, block="write")
    settings = {_BLOCK: None, "index.number_of_replicas": 0}
    made = slow.indices.clone(index=loaded, target=index, settings=settings, wait_for_active_shards="all", timeout=f"{_SECONDS}s")
    if not made["shards_acknowledged"]:
        raise BackendUnavailable(f"{place.location}: {index} has shards that do not start; see the cluster's log, and run the same again")
    slow.indices.forcemerge(index=index, max_num_segments=1)
    slow.indices.flush(index=index)


def _described(client: Elasticsearch, indexes: Iterable[str]) -> list[int]:
    """The generations that indexes say they are: each removal counts one more than the name."""
    return [int(meta_of(client, index).get("generation", 0)) for index in indexes]


def number_of(client: Elasticsearch, name: str, index: str) -> int:
    """The generation that an index becomes: above the live one's, from which documents may have been removed meanwhile."""
    mine = int(index.rpartition("-g")[2])
    return max(mine, *(1 + number for number in _described(client, _behind(client, name) - {index})), 0)


def check_free(client: Elasticsearch, name: str, location: str) -> None:
    """Raises InputError where the name is another program's."""
    is_ours = client.indices.exists_alias(name=name) and _behind(client, name) <= _generations(client, name).keys()
    if client.indices.exists(index=name) and not is_ours:
        raise InputError(f"{location}: an index of another program has this name; choose another one")


def delete(client: Elasticsearch, index: str, but: str | None = None) -> None:
    """Removes a generation with what stands beside it, `but` one."""
    for each in {index, loading_of(index), repositories_beside.beside(index), filter_pieces.beside(index)} - {but}:
        client.options(ignore_status=404).indices.delete(index=each)


def _generations(client: Elasticsearch, name: str) -> dict[str, int]:
    """The indexes of this name, complete or not, and their numbers."""
    return _numbered(client, name, "g")


def _numbered(client: Elasticsearch, name: str, kind: str) -> dict[str, int]:
    found = client.indices.get(index=f"{name}-{kind}*", expand_wildcards="all", features=["aliases"], ignore_unavailable=True)
    numbers = {index: re.fullmatch(re.escape(name) + f"-{kind}([0-9]{{6,}})", index) for index in found}
    return {index: int(match[1]) for index, match in numbers.items() if match}


def _behind(client: Elasticsearch, name: str) -> set[str]:
    """The index that the alias names, if there is one."""
    return set(client.indices.get_alias(name=name)) if client.indices.exists_alias(name=name) else set()
