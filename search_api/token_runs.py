"""Which runs of tokens do two texts share? Plain Python over the standard library, for clients without the engine.

Not here: who is compared with whom (`search_api.private`), the engine's own comparison (`indexer.attribution.verify`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.bloom import standalone

_LINE_END = re.compile(r"\r\n|\n|\r")


def line_ends(text: str) -> list[int]:
    """Where each line ends, its LF, CRLF or CR included. "a\\r\\nb" -> [3]"""
    return [match.end() for match in _LINE_END.finditer(text)]


@dataclass(frozen=True, slots=True)
class TokenText:
    """A text cut into tokens: where they begin and end, what they are, and where each line ends."""

    edges: list[tuple[int, int]]
    tokens: list[str]
    line_ends: list[int]

    @classmethod
    def of(cls, text: str) -> TokenText:
        """O(characters)"""
        edges = standalone.tokens(text)
        return cls(edges, [text[begin:end] for begin, end in edges], line_ends(text))

    def lines(self, begin: int, end: int) -> tuple[int, int]:
        """The 1-based inclusive lines of tokens [begin, end)."""
        first, last = self.edges[begin][0], self.edges[end - 1][1] - 1
        return bisect_right(self.line_ends, first) + 1, bisect_right(self.line_ends, last) + 1


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens [begin, end) of the text, which are those of a source from `other` on."""

    begin: int
    end: int
    other: int


def shared_runs(mine: Sequence[str], theirs: Sequence[str], starts: Sequence[int], least: int) -> list[Run]:
    """Maximal runs of at least `least` tokens that both hold, around k-grams of the one; disjoint, in its order, the longest kept.

    `starts` are the tokens at which those k-grams begin, ascending.
    """
    k = standalone.K
    wanted = {tuple(mine[start : start + k]) for start in starts}
    places: dict[tuple[str, ...], list[int]] = {}
    for place in range(len(theirs) - k + 1):
        if (gram := tuple(theirs[place : place + k])) in wanted:
            places.setdefault(gram, []).append(place)
    common = {_extended(mine, theirs, start, place) for start in starts for place in places.get(tuple(mine[start : start + k]), ())}
    kept: list[Run] = []
    for run in sorted(common, key=lambda run: (run.begin - run.end, run.begin, run.other)):
        if run.end - run.begin >= least and all(run.end <= one.begin or run.begin >= one.end for one in kept):
            kept.append(run)
    return sorted(kept, key=lambda run: run.begin)


def _extended(mine: Sequence[str], theirs: Sequence[str], i: int, j: int) -> Run:
    """The maximal run around equal tokens i of the one and j of the other."""
    end, other_end = i, j
    while end < len(mine) and other_end < len(theirs) and mine[end] == theirs[other_end]:
        end, other_end = end + 1, other_end + 1
    while i and j and mine[i - 1] == theirs[j - 1]:
        i, j = i - 1, j - 1
    return Run(i, end, j)
