"""Which pieces of text does the page show? The text asked about cut at its spans, and the lines of a source around its matches.

Not here: markup (`ui.render`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.answers import Extent, Source, Span
from search_api.pages.render import lines_of

CONTEXT_LINES = 2  # lines of a source shown before and after its matches
LONGEST_EXCERPT = 120  # lines; the rest stands on the document's page
LONGEST_LISTING = 200_000  # characters of the text asked about that are shown; all of it is examined

_LINE_END = re.compile(r"\r\n|\r")
# What a browser would act on or hide: control characters, bidi overrides and isolates, zero-width characters, lone surrogates.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, and which span or highlight it belongs to."""

    text: str
    span: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a source; `spans` are the positions of the spans that it matches, `kind` the stronger kind of them."""

    number: int
    text: str
    spans: tuple[int, ...]
    kind: str | None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of one source; `left_out` counts those that a long match has beyond them."""

    lines: tuple[Line, ...]
    left_out: int


def visible(text: str) -> str:
    """The text with everything unseen replaced by U+FFFD, one for one, and with plain line ends."""
    return _UNSEEN.sub("\ufffd", _LINE_END.sub("\n", text))


def pieces(text: str, extents: Sequence[Span | Extent]) -> Iterator[Piece]:
    """The text cut at sorted, disjoint ranges of code points. ("abcd", [(1, 2)]) -> "a", "b" of range 0, "cd" """
    at = 0
    for position, extent in enumerate(extents):
        if extent.start > at:
            yield Piece(visible(text[at : extent.start]), None)
        if extent.end > extent.start:
            yield Piece(visible(text[extent.start : extent.end]), position)
        at = extent.end
    if at < len(text):
        yield Piece(visible(text[at:]), None)


def excerpt(source: Source, content: str) -> Excerpt:
    """The source's lines from a little before its first match to a little after its last."""
    texts = lines_of(content)
    first, last = max(1, source.start_line - CONTEXT_LINES), min(len(texts), source.end_line + CONTEXT_LINES)
    shown = min(last, first + LONGEST_EXCERPT - 1)
    return Excerpt(tuple(_line(source, number, texts[number - 1]) for number in range(first, shown + 1)), last - shown)


def _line(source: Source, number: int, text: str) -> Line:
    matches = [match for match in source.matches if match.start_line <= number <= match.end_line]
    kinds = {match.kind for match in matches}
    kind = "exact" if "exact" in kinds else "renamed" if kinds else None
    return Line(number, visible(text), tuple(match.span for match in matches), kind)
