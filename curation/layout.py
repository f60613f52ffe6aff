"""Where does each file of a release stand: in which folder, and in which part of it?

    data/python/part-00000.parquet      data/c-sharp/part-00000.parquet      data/unknown/part-00000.parquet

Within a folder files are sorted by repository and path, and cut into parts of about equal size; a part is known by the place of
its first file, so any place finds its part by bisection.

Not here: how parts are written (`curation.write_stage`).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from curation.placing import Place
from indexer.disk import write_whole

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the release, and what is in it. `number` counts within the folder."""

    first: Place
    number: int
    documents: int
    text_bytes: int

    @property
    def name(self) -> str:
        """Its path in the release."""
        return f"data/{self.first.folder}/part-{self.number:05d}.parquet"

    @property
    def deduplicated_name(self) -> str:
        """The same part of the edition without near-duplicates, which may have nothing of it."""
        return f"data-deduplicated/{self.first.folder}/part-{self.number:05d}.parquet"


@dataclass(frozen=True, slots=True)
class Layout:
    """All parts of a release, in order."""

    parts: tuple[Part, ...]

    def part_of(self, place: Place) -> int:
        """The position in `parts` of the part that a place is in."""
        return bisect_right(self.parts, place, key=lambda part: part.first) - 1

    def languages(self) -> dict[str, dict[str, int]]:
        """Files and bytes of text by folder. -> {"python": {"documents": 2, "text_bytes": 99}}"""
        found: dict[str, dict[str, int]] = {}
        for part in self.parts:
            counts = found.setdefault(part.first.folder, {"documents": 0, "text_bytes": 0})
            counts["documents"] += part.documents
            counts["text_bytes"] += part.text_bytes
        return found

    def write(self, path: Path) -> None:
        """Writes it to a file, for `read_layout`."""
        parts = [[list(part.first), part.number, part.documents, part.text_bytes] for part in self.parts]
        write_whole(path, json.dumps(parts).encode())


@lru_cache(1)
def read_layout(path: Path) -> Layout:
    """The layout in a file, which does not change."""
    return Layout(tuple(Part(Place(*first), *counts) for first, *counts in json.loads(path.read_bytes())))


def layout(places: Iterable[tuple[Place, int]], part_bytes: int) -> Layout:
    """Sorted places with their bytes of text, cut: a part ends when it has `part_bytes`, or its folder does."""
    parts: list[Part] = []
    for place, text_bytes in places:
        last = parts[-1] if parts else None
        if last is None or last.first.folder != place.folder:
            parts.append(Part(place, 0, 1, text_bytes))
        elif last.text_bytes + text_bytes > part_bytes:
            parts.append(Part(place, last.number + 1, 1, text_bytes))
        else:
            parts[-1] = Part(last.first, last.number, last.documents + 1, last.text_bytes + text_bytes)
    return Layout(tuple(parts))


@lru_cache(1 << 12)
def folder_of(language: str | None) -> str:
    """A language's folder, fit for every file system and URL. "C#" -> "c-sharp", "Jupyter Notebook" -> "jupyter-notebook" """
    words = (language or "").lower().replace("#", "-sharp").replace("*", "-star")
    return re.sub(r"[^a-z0-9+_.'-]+", "-", words).strip("-.")[:100] or UNKNOWN
