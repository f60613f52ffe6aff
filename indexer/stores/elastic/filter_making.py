"""How does the membership filter of an index in a cluster come about? Of fingerprints gathered while loading, or of the documents.

It has the size that a folder's index of the same documents gives it, and the same bits; what is added has a part of its own, as a
folder's addition has a segment. Once there are many parts, the latest become one.

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
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic.filter_copy import fetch
from indexer.stores.elastic.filter_pieces import Part, manifest_of
from indexer.stores.elastic.kept import kept_of
from indexer.stores.elastic.questions import Generation
from indexer.stores.elastic.settings import Place
from indexer.stores.elastic.verify import every_document
from indexer.text.tokens import tokenize

MOST_PARTS = 8  # each is one more look-up a fingerprint
_ALIKE = 2  # a part is made one with later ones while it has at most this many times as many keys as all of them
_PAGE = 100  # documents fingerprinted at once
Made = tuple[int, int, Iterable[bytes]]  # keys, blocks, and the filter's bytes in pieces
MadeFilter = Callable[[Sequence[Path]], Made]


def write_part(client: Elasticsearch, place: Place, index: str, made: Made, first: int = 0) -> Part:
    """Puts a filter of the documents from `first` on beside an index, to be named by its manifest. Memory: some pieces."""
    n_keys, n_blocks, pieces = made
    return filter_pieces.write(client, place, index, pieces, first=first, n_keys=n_keys, n_blocks=n_blocks)


def made_here(folders: Sequence[Path]) -> Made:
    """The filter of all fingerprints in some folders of KeySpill. Memory: a 256th of it, and some slices of them."""
    n_keys = count(folders)
    n_blocks = blocks_for(n_keys, DEFAULT_RATE)
    return n_keys, n_blocks, blocks(folders, n_blocks)


def count(folders: Sequence[Path]) -> int:
    """How many distinct fingerprints there are."""
    return sum(len(keys) for number in range(PARTITIONS) for keys in distinct(folders, number))


def kept_parts(parts: Sequence[Part]) -> Sequence[Part]:
    """Which parts stay when one is added: all while there are few, else those before the latest that are ALIKE, which become one with it.

    So each text is read again a number of times that grows with the logarithm of the index.
    """
    if len(parts) < MOST_PARTS:
        return parts
    kept, keys = len(parts) - 1, parts[-1].n_keys
    while kept > 1 and parts[kept - 1].n_keys <= _ALIKE * keys:
        kept -= 1
        keys += parts[kept].n_keys
    return parts[:kept]


def gather(
    generation: Generation, keys: KeySpill, progress: Callable[[int], None] | None = None, *, first: int = 0, end: int | None = None
) -> None:
    """Takes the fingerprints of the documents that are left of a generation, numbered from `first` to before `end`; `progress(bytes)`.
    Reads their texts."""
    waiting: list[bytes] = []
    for hit in every_document(generation, first, end):
        waiting.append(kept_of(hit).text)
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
        ends = [*(part.first for part in manifest.parts[1:]), None]
        files = []
        for number, (part, end) in enumerate(zip(manifest.parts, ends, strict=True)):
            files.append(Path(scratch, f"filter-{number}"))
            if manifest.removed >= generation.removed:
                fetch(generation, part, files[-1])
            else:
                with tempfile.TemporaryDirectory(dir=scratch) as folder:
                    _live(generation, part, end, Path(folder), files[-1])
        return export_portable([BloomFilter.open(file, SPEC.name) for file in files], generation.info, as_of, out)


def at_hand(generation: Generation) -> bool:
    """Whether the filter knows of all removals, and a process may fetch it. Raises IndexNotFound where there is none."""
    manifest = manifest_of(generation.client, generation.place, generation.index)
    return manifest.removed >= generation.removed and manifest.bytes <= generation.place.filter_mb * 1_000_000


def _live(generation: Generation, part: Part, end: int | None, scratch: Path, path: Path) -> None:
    """A filter of the size that a part has, of what documents that are left of it hold, as a folder exports it."""
    gather(generation, KeySpill(scratch), first=part.first, end=end)
    with disk_errors(path), PageWriter(path, KIND) as writer:
        writer.begin("blocks")
        for piece in blocks([scratch], part.n_blocks):
            writer.write(piece)
        writer.finish({"spec": SPEC.name, "n_keys": count([scratch]), "n_blocks": part.n_blocks})
