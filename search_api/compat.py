"""What do Data Portraits clients expect? Membership in the shapes of `/overlap`, `/q` and `/quip`.

The published editor plugin reads `spans` of `/overlap`: sorted, disjoint, half-open, in UTF-16 code units. The other two
report character windows; ours say `true` where a window lies inside one run, so a chain never walks past a miss.

Not here: how membership is decided (`indexer.index`), the routes (`search_api.routes.portraits`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from indexer.answers import Extent, Membership

WIDTH = 50  # characters of a window in the reports, as in the published filter
MAX_REPORT_CHARACTERS = 200_000  # a report holds one boolean a character


@dataclass(frozen=True, slots=True)
class Overlap:
    """The answer of `/overlap`; JSON makes lists of the tuples."""

    spans: tuple[tuple[int, int], ...]
    segments: tuple[str, ...]
    raw_segments: tuple[str, ...]


def overlap(document: str, membership: Membership) -> Overlap:
    """The runs as spans of `document`; `membership` counts in UTF-16. A segment is its raw segment with white space collapsed."""
    assert membership.offset_unit == "utf-16"
    spans = disjoint(membership.spans)
    units = document.encode("utf-16-le", "surrogatepass")
    raw = tuple(units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass") for start, end in spans)
    return Overlap(spans, tuple(" ".join(text.split()) for text in raw), raw)


def disjoint(extents: Iterable[Extent]) -> tuple[tuple[int, int], ...]:
    """Sorted, overlaps merged, empty ones dropped. [(40,90),(0,50),(120,170)] -> [(0,90),(120,170)]"""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((extent.start, extent.end) for extent in extents):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def report(position: int, document: str, membership: Membership) -> dict[str, Any]:
    """The report of one document, as `/q` and `/quip` give it; `membership` counts in code points."""
    assert membership.offset_unit == "utf-32"
    spans = disjoint(membership.spans)
    tiles = sorted((list(range(start, end - WIDTH + 1, WIDTH)) for start, end in spans if end - start >= WIDTH), key=len, reverse=True)
    longest = len(tiles[0]) if tiles else 0
    expected = max(0.0, (len(document) - WIDTH + 1) / WIDTH)
    return {
        "idx": position,
        "doc": document,
        "segments": None,
        "is_member": _windows(len(document), spans),
        "chains": [[document[start : start + WIDTH] for start in chain] for chain in tiles],
        "chain_idxs": tiles,
        "longest_chain": longest,
        "expected_longest": expected,
        "badness": longest / expected if expected else 0.0,
        "width": WIDTH,
    }


def _windows(characters: int, spans: Iterable[tuple[int, int]]) -> list[bool]:
    """For every window of WIDTH characters, whether it lies inside one span."""
    inside = [False] * max(0, characters - WIDTH + 1)
    for start, end in spans:
        inside[start : end - WIDTH + 1] = [True] * max(0, end - WIDTH + 1 - start)
    return inside


def quip_report(is_member: list[bool]) -> dict[str, Any]:
    """The share of a document's windows that are quoted; null where it has none."""
    numerator, denominator = sum(is_member), len(is_member)
    return {
        "too_short": not is_member,
        "numerator": numerator,
        "denominator": denominator,
        "quip_25_beta": numerator / denominator if is_member else None,
    }


def quoted(document: str, membership: Membership) -> str:
    """The document with every run in [brackets]."""
    parts, position = [], 0
    for start, end in disjoint(membership.spans):
        parts += [document[position:start], "[", document[start:end], "]"]
        position = end
    return "".join([*parts, document[position:]])
