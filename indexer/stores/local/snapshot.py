"""What is one generation of an index folder, opened? Its segments, filters, full-text indexes and the table of repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.answers import Verification
from indexer.bloom.filter import BloomFilter
from indexer.errors import IndexNotFound
from indexer.fingerprint.spec import SPEC
from indexer.segment.segment import Segment
from indexer.stores.local.fulltext import FullText
from indexer.stores.local.manifest import Manifest


@dataclass(frozen=True)
class Snapshot:
    """One generation of an index, opened. It goes on answering while a later one is written; threads may share it."""

    folder: Path
    manifest: Manifest
    segments: tuple[Segment, ...]
    filters: tuple[BloomFilter, ...]
    texts: tuple[FullText, ...]

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        """Maps every file of the current generation. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(segments)."""
        for attempt in (1, 2, 3):
            manifest = Manifest.read(folder)
            try:
                return cls(
                    folder,
                    manifest,
                    tuple(Segment.open(folder / files.segment) for files in manifest.segments),
                    tuple(BloomFilter.open(folder / files.filter, SPEC.name) for files in manifest.segments),
                    tuple(FullText.open(folder / files.text) for files in manifest.segments if files.text),
                )
            except IndexNotFound:  # a writer may have swapped the generation between the manifest and its files
                if attempt == 3 or Manifest.read(folder) == manifest:
                    raise
        raise AssertionError

    def describe(self) -> dict[str, Any]:
        """Counts, and bytes of each part beside the bytes of text they stand for."""
        parts: dict[str, int] = {}
        for segment, bloom in zip(self.segments, self.filters, strict=True):
            for name, (_, length) in segment.file.header["sections"].items():
                part = name.partition(".")[0]
                parts[part] = parts.get(part, 0) + length
            parts["filter"] = parts.get("filter", 0) + bloom.file.header["size"]
        parts["full_text"] = sum(
            path.stat().st_size for files in self.manifest.segments if files.text for path in _files(self.folder / files.text)
        )
        return {
            "location": str(self.folder),
            **asdict(self.manifest.info),
            "segments": len(self.segments),
            "tokens": sum(segment.tokens for segment in self.segments),
            "text_bytes": sum(segment.text_bytes for segment in self.segments),
            "fingerprints": {
                name: sum(segment.file.header["channels"][name]["entries"] for segment in self.segments) for name in ("exact", "renamed")
            },
            "false_positive_rate": max((bloom.false_positive_rate for bloom in self.filters), default=0.0),
            "index_bytes": sum(path.stat().st_size for path in _files(self.folder)),
            "parts": parts,
        }

    def verify(self, progress: Callable[[int], None] | None = None) -> Verification:
        """Reads every byte of every file and compares it with its checksum."""
        problems: list[str] = []
        size = 0
        for file in (*(segment.file for segment in self.segments), *(bloom.file for bloom in self.filters)):
            problems += file.verify(progress)
            size += file.header["size"]
        for files, text in zip((files for files in self.manifest.segments if files.text), self.texts, strict=True):
            problems += text.verify()
            size += sum(path.stat().st_size for path in _files(self.folder / str(files.text)))
        return Verification(len(self.manifest.names()), size, self.manifest.info.documents, tuple(problems))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
