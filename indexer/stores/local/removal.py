"""How do documents leave an index? By tombstones, which take effect with the next generation; a merge rewrites the files.

Not here: compaction (`indexer.merge`), what tombstones do to answers (`indexer.segment.segment`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.segment.prepare import name_hash
from indexer.segment.removed import Removed
from indexer.segment.segment import Segment
from indexer.stores.local import fulltext
from indexer.stores.local.manifest import Manifest, SegmentFiles, next_generation

Progress = Callable[[int, int, str], None]
_CHUNK = 1 << 20  # documents whose columns are compared at once


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What a removal did: documents that are gone, those left, the generation since which; `not_found` names what no live document has."""

    documents: int
    documents_left: int
    generation: int
    not_found: tuple[str, ...]
    seconds: float


def remove(
    location: str | Path,
    *,
    repositories: Sequence[str] = (),
    owners: Sequence[str] = (),
    documents: Sequence[str] = (),
    progress: Progress | None = None,
) -> RemovalReport:
    """Removes all documents of these repositories and owners (case does not matter), and these documents by id.

    No answer counts them from the next generation on; a reader that has one open follows with `refresh`. Their bytes go with the
    next merge. Where nothing is found nothing changes. Raises as Manifest.read does, IndexLocked, InputError, OutOfSpace.
    """
    begun = time.monotonic()
    folder = Path(location)
    check_named(repositories, owners, documents)
    wanted = _Wanted(repositories, owners, documents)
    with next_generation(folder) as old:
        generation = old.info.generation + 1
        gone, segments = 0, []
        for files in old.segments:
            segment = Segment.open(folder / files.segment, folder / files.removed if files.removed else None)
            docs = wanted.among(segment)
            segments.append(bury(folder, files, segment, docs, f"{generation:06d}") if len(docs) else files)
            gone += len(docs)
            if progress:
                progress(gone, 0, "removing")
        if gone:
            info = replace(old.info, generation=generation, documents=old.info.documents - gone)
            Manifest(info, tuple(segments), old.repositories).write(folder)
    now = info if gone else old.info
    return RemovalReport(gone, now.documents, now.generation, tuple(wanted.not_found()), time.monotonic() - begun)


def check_named(repositories: Sequence[str], owners: Sequence[str], documents: Sequence[str]) -> None:
    """Raises InputError where nothing is named."""
    if not repositories and not owners and not documents:
        raise InputError("nothing to remove was named; name a repository, an owner or a document")


class _Wanted:
    """What is to be removed, and which of it was met."""

    def __init__(self, repositories: Sequence[str], owners: Sequence[str], documents: Sequence[str]) -> None:
        # Names are compared as segments keep them: by 64 bits of a hash, regardless of case.
        self._names = {
            "doc.repository": {name_hash(name): name for name in repositories},
            "doc.owner": {name_hash(name): name for name in owners},
        }
        self._documents = dict.fromkeys(documents)
        self._met: set[str] = set()

    def among(self, segment: Segment) -> NDArray[np.int64]:
        """The live documents of a segment to remove, ascending. Reads a column for repositories, one for owners."""
        found = [np.array(list(self._by_id(segment)), np.int64)]
        for column, names in self._names.items():
            found += self._by_name(segment, column, names)
        return np.unique(np.concatenate(found))

    def _by_id(self, segment: Segment) -> Iterator[int]:
        for name in self._documents:
            doc = segment.find(name)
            if doc is not None:
                self._met.add(name)
                yield doc

    def _by_name(self, segment: Segment, column: str, names: dict[int, str]) -> Iterator[NDArray[np.int64]]:
        hashes = np.array(sorted(names), np.uint64)
        for begin in range(0, segment.documents if names else 0, _CHUNK):
            docs = np.arange(begin, min(begin + _CHUNK, segment.documents))
            values = segment.values(column, docs)
            mine = np.isin(values, hashes)
            if segment.removed is not None:
                mine &= ~segment.removed.includes(docs)
            self._met.update(names[value] for value in np.unique(values[mine]).tolist())
            yield docs[mine]

    def not_found(self) -> Iterable[str]:
        """The names that no live document had."""
        given = [name for names in self._names.values() for name in names.values()]
        return (name for name in (*given, *self._documents) if name not in self._met)


def bury(folder: Path, files: SegmentFiles, segment: Segment, docs: NDArray[np.int64], number: str) -> SegmentFiles:
    """Writes tombstones for some live documents of a segment, beside those it has, and its full text without them.

    Returns the segment's files with these in place of the old; `number` makes their names new.
    """
    bits = segment.removed.bits() if segment.removed else np.zeros(segment.documents, np.bool_)
    counts = Counter(segment.removed.repositories() if segment.removed else {})
    bits[docs] = True
    hashes, first, inverse = np.unique(segment.values("doc.repository", docs), return_index=True, return_inverse=True)
    names = _names_as_written(counts)
    for at, count in zip(docs[first].tolist(), np.bincount(inverse, minlength=len(hashes)).tolist(), strict=True):
        repository = segment.row(at)["repository"]
        counts[names.get(repository.lower(), repository)] += count
    removed = f"{files.segment}.removed-{number}"
    Removed.write(folder / removed, bits, counts)
    text = f"{files.segment.replace('segment', 'text', 1)}-without-{number}" if files.text else None
    if text and files.text:
        fulltext.without(folder / files.text, folder / text, docs)
    return replace(files, removed=removed, text=text)


def _names_as_written(counts: Counter[str]) -> dict[str, str]:
    return {name.lower(): name for name in counts}
