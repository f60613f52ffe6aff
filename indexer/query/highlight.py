"""Which lines of a document show best why it was found?

Not here: where the query matches (`indexer.query.match`), how it looks on a page (`ui`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import NamedTuple

from indexer.answers import Extent, Snippet
from indexer.query.match import spans
from indexer.query.tree import Node, found_leaves

MAX_LINE = 300  # code points; a longer line is shown as a window around its first match
MAX_SPANS = 2000  # matches of one word that are looked at
CUT = "…"
_WHOLE, _PART = 4, 1  # how much more a whole word says than a part of one
_LINE_END = re.compile(r"\r\n|\n|\r")


class _Place(NamedTuple):  # made a thousand times for a page: a dataclass takes three times as long
    """One match: its range in the content, its first line (0-based), which term of the query it belongs to, and its weight."""

    start: int
    end: int
    line: int
    term: int
    weight: int


def snippets(content: str, tree: Node, *, max_snippets: int = 3, context_lines: int = 2) -> tuple[Snippet, ...]:
    """The lines with most of the query's words, in text order, each with the lines around it.

    Lines of a snippet are joined by LF whatever ended them, and `highlights` are ranges of code points in its text. A line
    over 300 characters is cut to a window, with `…` where something is missing. Where the query names no word (only fields),
    or none is found in the text, the first lines that are not blank. Linear in the content.
    """
    lines = _Lines.of(content)
    places = _places(content, tree, lines.starts)
    if places:
        ranges = _best_ranges(places, max_snippets, context_lines, len(lines.starts))
    else:
        ranges = _opening(content, lines, 2 * context_lines + 1)
    return tuple(_snippet(content, lines, lines_shown, places) for lines_shown in ranges)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Start and end of every line in the content, line ends left out. A last line end begins no further line."""

    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, content: str) -> _Lines:
        if "\r" in content:
            found = [match.span() for match in _LINE_END.finditer(content)]
            starts, ends = [0, *(end for _, end in found)], [*(start for start, _ in found), len(content)]
        else:
            lengths = list(map(len, content.split("\n")))
            starts = list(accumulate((length + 1 for length in lengths[:-1]), initial=0))
            ends = list(map(add, starts, lengths))
        if len(starts) > 1 and starts[-1] == len(content):
            starts.pop()
            ends.pop()
        return cls(starts, ends)


def _opening(content: str, lines: _Lines, n_lines: int) -> list[tuple[int, int]]:
    """The range of the first lines from the first that is not blank; empty for a blank text."""
    for line, (start, end) in enumerate(zip(lines.starts, lines.ends, strict=True)):
        if content[start:end].strip():
            return [(line, min(line + n_lines, len(lines.starts)) - 1)]
    return []


def _places(content: str, tree: Node, line_starts: list[int]) -> list[_Place]:
    """Matches of all terms, by start."""
    places = []
    for term, leaf in enumerate(dict.fromkeys(found_leaves(tree))):
        for number, (start, end, whole) in enumerate(spans(content, leaf)):
            if number == MAX_SPANS:
                break
            places.append(_Place(start, end, bisect_right(line_starts, start) - 1, term, _WHOLE if whole else _PART))
    return sorted(places, key=lambda place: (place.start, -place.end))


def _best_ranges(places: list[_Place], max_snippets: int, context_lines: int, n_lines: int) -> list[tuple[int, int]]:
    """Line ranges (0-based, inclusive) around the best lines, disjoint, in text order."""
    lines = sorted({place.line for place in places})
    scores = _line_scores(places, context_lines)
    chosen: list[tuple[int, int]] = []
    for line in sorted(lines, key=lambda line: (-scores[line], line)):
        if len(chosen) == max_snippets:
            break
        if any(first <= line <= last for first, last in chosen):
            continue
        first = max([line - context_lines, 0, *(b + 1 for _, b in chosen if b < line)])
        last = min([line + context_lines, n_lines - 1, *(a - 1 for a, _ in chosen if a > line)])
        chosen.append((first, last))
    return sorted(chosen)


def _line_scores(places: list[_Place], context_lines: int) -> dict[int, float]:
    """For each line with a match: the weight of the distinct terms on it, and half that of those on the lines around it."""
    by_line: dict[int, dict[int, int]] = {}
    for place in places:
        terms = by_line.setdefault(place.line, {})
        terms[place.term] = max(terms.get(place.term, 0), place.weight)
    scores = {}
    for line, own in by_line.items():
        near: dict[int, float] = dict(own)
        for other in range(line - context_lines, line + context_lines + 1):
            for term, weight in by_line.get(other, {}).items():
                near[term] = max(near.get(term, 0), weight / 2)
        scores[line] = sum(near.values())
    return scores


def _snippet(content: str, lines: _Lines, lines_shown: tuple[int, int], places: list[_Place]) -> Snippet:
    first, last = lines_shown
    texts, highlights, length = [], [], 0
    for line in range(first, last + 1):
        text, found = _line(content, lines.starts[line], lines.ends[line], places)
        highlights += [Extent(length + start, length + end) for start, end in found]
        texts.append(text)
        length += len(text) + 1
    return Snippet("\n".join(texts), first + 1, last + 1, tuple(highlights))


def _line(content: str, start: int, end: int, places: list[_Place]) -> tuple[str, list[tuple[int, int]]]:
    """One line as shown, and the ranges to highlight in it."""
    low = max(0, bisect_left(places, start, key=lambda place: place.start) - 1)  # a phrase may reach over from the line before
    high = bisect_left(places, end, key=lambda place: place.start)
    found = [(place.start, place.end) for place in places[low:high] if place.end > start]
    left, right = start, end
    if end - start > MAX_LINE:
        anchor = found[0][0] if found else start
        left = max(start, min(anchor - MAX_LINE // 4, end - MAX_LINE))
        right = left + MAX_LINE
    before, behind = CUT if left > start else "", CUT if right < end else ""
    shift = len(before) - left
    clipped = [(max(a, left) + shift, min(b, right) + shift) for a, b in found if a < right and b > left]
    return before + content[left:right] + behind, _union(clipped)


def _union(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges that overlap become one. [(0, 5), (3, 8), (9, 10)] -> [(0, 8), (9, 10)]"""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
