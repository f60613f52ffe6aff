"""Which documents of a segment are removed? Its tombstones: a bitmap in a file of its own, which never changes either.

A removal writes a new file that holds the old bits too; the manifest names the one that counts.

Not here: which documents to remove (`indexer.stores.local.removal`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.disk import disk_errors
from indexer.errors import IndexCorrupt
from indexer.fingerprint.spec import SPEC
from indexer.pages import PageWriter
from indexer.segment.format import SectionFile

KIND = "tombstones"


@dataclass(frozen=True)
class Removed:
    """The tombstones of one segment, opened; threads may share them. `count` documents are removed."""

    file: SectionFile
    count: int

    @classmethod
    def write(cls, path: Path, bits: NDArray[np.bool_], repositories: Mapping[str, int]) -> None:
        """Writes the tombstones of a segment: one bool a document, and how many of each repository are removed."""
        with disk_errors(path), PageWriter(path, KIND) as writer:
            # On disk: document d is bit d % 8 of byte d // 8.
            writer.add("bits", np.packbits(bits, bitorder="little").data)
            writer.add("repositories", json.dumps(dict(repositories)).encode())
            writer.finish({"spec": SPEC.name, "documents": len(bits), "removed": int(bits.sum())})

    @classmethod
    def open(cls, path: Path, documents: int) -> Removed:
        """Maps the tombstones of a segment of so many documents. Raises as SectionFile.open does. O(1)."""
        file = SectionFile.open(path, KIND, SPEC.name)
        if file.header["documents"] != documents:
            raise IndexCorrupt(
                f"{path}: tombstones for {file.header['documents']} documents, its segment has {documents}; rebuild with wherefrom index"
            )
        return cls(file, file.header["removed"])

    def includes(self, docs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """For each document, whether it is removed."""
        found: NDArray[np.bool_] = (self.file.values("bits", "<u1", docs >> 3) >> (docs & 7).astype(np.uint8)) & 1 != 0
        return found

    def bits(self) -> NDArray[np.bool_]:
        """One bool a document: True for what is removed."""
        begin, end = self.file.section("bits")
        self.file.check(begin, end)
        packed = self.file.array("bits", "<u1")
        return np.unpackbits(packed, count=self.file.header["documents"], bitorder="little").astype(np.bool_)

    def repositories(self) -> dict[str, int]:
        """How many removed documents each repository has, by name; names differ by more than case."""
        begin, end = self.file.section("repositories")
        counts: dict[str, int] = json.loads(self.file.read("repositories", 0, end - begin))
        return counts
