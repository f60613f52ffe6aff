"""How does the membership filter of an index in a cluster come about? Of fingerprints gathered while loading, or of the documents.

It has the size that a folder's index of the same documents gives it, and the same bits.

Not here: its pieces (`filter_pieces`), fetching it (`filter_copy`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch

from indexer.bloom.export import export_portable
from indexer.bloom.filter import DEFAULT_RATE, KIND, BloomFilter, blocks_for
from indexer.bloom.portable import FilterInfo
from indexer.bloom.spill import PARTITIONS, KeySpill, blocks, distinct
from indexer.disk import disk_errors
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import fingerprint_exact
from indexer.pages import PageWriter
from indexer.stores.elastic.filter_copy import fetch
from indexer.stores.elastic.filter_pieces import Manifest, manifest_of, write
from indexer.stores.elastic.questions import Generation
from indexer.stores.elastic.settings import Place
from indexer.stores.elastic.verify import every_source
from indexer.text.tokens import tokenize

_PAGE = 100  # documents fingerprinted at once
Made = tuple[int, int, Iterable[bytes]]  # keys, blocks, and the filter's bytes in pieces
MadeFilter = Callable[[Sequence[Path]], Made]


def write_filter(client: Elasticsearch, place: Place, index: str, made: Made, generation: int, removed: int = 0) -> Manifest:
    """Puts a filter beside an index. Memory: some pieces."""
    n_keys, n_blocks, pieces = made
    return write(client, place, index, pieces, n_keys=n_keys, n_blocks=n_blocks, generation=generation, removed=removed)


def made_here(folders: Sequence[Path]) -> Made:
    """The filter of all fingerprints in some folders of KeySpill. Memory: a 256th of them, and of it."""
    n_keys = count(folders)
    n_blocks = blocks_for(n_keys, DEFAULT_RATE)
    return n_keys, n_blocks, blocks(folders, n_blocks)


def count(folders: Sequence[Path]) -> int:
    """How many distinct fingerprints there are."""
    return sum(len(distinct(folders, number)) for number in range(PARTITIONS))


def gather(generation: Generation, keys: KeySpill, progress: Callable[[int], None] | None = None) -> None:
    """Takes the fingerprints of all documents that are left of a generation; `progress(bytes)`. Reads every text."""
    waiting: list[bytes] = []
    for _, source in every_source(generation):
        waiting.append(source["content"].encode())
        if progress:
            progress(len(waiting[-1]))
        if len(waiting) == _PAGE:
            _take(waiting, keys)
            waiting = []
    _take(waiting, keys)
    keys.flush()


def _take(texts: Sequence[bytes], keys: KeySpill) -> None:
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts]))).astype(np.int64)
    tokens = tokenize(np.frombuffer(b"".join(texts), np.uint8), offsets)
    keys.add(fingerprint_exact(tokens, SPEC.exact, capped=True).values)


def export(generation: Generation, out: Path, as_of: str) -> FilterInfo:
    """Writes the filter as one file, as a folder's index does. Raises as ClusterIndex.export_filter."""
    manifest = manifest_of(generation.client, generation.place, generation.index)
    with tempfile.TemporaryDirectory(prefix="wherefrom-filter-") as scratch:
        path = Path(scratch, "filter")
        if manifest.removed >= generation.removed:
            fetch(generation, manifest, path)
        else:
            _live(generation, manifest, Path(scratch), path)
        return export_portable([BloomFilter.open(path, SPEC.name)], generation.info, as_of, out)


def at_hand(generation: Generation) -> bool:
    """Whether the filter knows of all removals, and a process may fetch it. Raises IndexNotFound where there is none."""
    manifest = manifest_of(generation.client, generation.place, generation.index)
    return manifest.removed >= generation.removed and manifest.bytes <= generation.place.filter_mb * 1_000_000


def _live(generation: Generation, manifest: Manifest, scratch: Path, path: Path) -> None:
    """A filter of the size that the whole one has, of what documents that are left hold, as a folder exports it."""
    keys = KeySpill(scratch)
    gather(generation, keys)
    with disk_errors(path), PageWriter(path, KIND) as writer:
        writer.begin("blocks")
        for piece in blocks([scratch], manifest.n_blocks):
            writer.write(piece)
        writer.finish({"spec": SPEC.name, "n_keys": count([scratch]), "n_blocks": manifest.n_blocks})
