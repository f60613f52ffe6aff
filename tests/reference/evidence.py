"""Is what an attribution claims true? Each span is looked for, token by token, in the lines of the source that the answer names.

Knows the answer and the documents' texts only, never how the engine came to them.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexer.answers import Attribution, Match, Source, Span
from tests.reference.tokens import Renamed, Token, renamed, tokens

_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class Text:
    """A text, its tokens, and the 1-based line of each of them."""

    text: str
    tokens: list[Token]
    words: list[str]
    first_lines: list[int]


@lru_cache(maxsize=2048)
def read(text: str) -> Text:
    """Tokens and their lines; a token never holds a line end."""
    found = tokens(text)
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    lines, line = [], 0
    for token in found:
        while line < len(starts) and starts[line] <= token.start:
            line += 1
        lines.append(line)
    return Text(text, found, [token.text for token in found], lines)


@lru_cache(maxsize=64)
def renamed_stream(text: str, keywords: frozenset[str]) -> list[Renamed]:
    return renamed(text, keywords)


def token_range(query: Text, span: Span) -> tuple[int, int]:
    """The tokens of a span whose offsets are code points; its ends must be ends of tokens."""
    begin = next(i for i, token in enumerate(query.tokens) if token.start == span.start)
    end = next(i for i, token in enumerate(query.tokens) if token.end == span.end)
    assert end - begin + 1 == span.tokens
    return begin, end + 1


def places(query: Text, begin: int, end: int, document: Text, match: Match) -> list[int]:
    """The document's tokens at which tokens [begin, end) of the query stand, from the match's first line to its last."""
    wanted = query.words[begin:end]
    found = []
    first = document.first_lines  # ascending
    for at in range(bisect_left(first, match.start_line), bisect_right(first, match.start_line)):
        last = at + len(wanted) - 1
        if last < len(first) and first[last] == match.end_line and document.words[at : last + 1] == wanted:
            found.append(at)
    return found


def places_of_a_part(query: Text, begin: int, end: int, document: Text, match: Match) -> list[int]:
    """The same for any stretch within tokens [begin, end) of the query that is as long as the match's similarity says."""
    length = round(match.similarity * (end - begin))
    return [at for start in range(begin, end - length + 1) for at in places(query, start, start + length, document, match)]


def claims(answer: Attribution) -> Iterator[tuple[Span, Source, Match]]:
    """Every statement of an answer that a span stands in a document, copies included."""
    for source in answer.sources:
        for place in (source, *source.copies):
            for match in place.matches:
                yield answer.spans[match.span], place, match


def extendable(query: Text, begin: int, end: int, document: Text, at: int) -> bool:
    """Whether the token before or after is the same in both."""
    before = begin > 0 and at > 0 and query.words[begin - 1] == document.words[at - 1]
    stop = at + end - begin
    after = end < len(query.words) and stop < len(document.words) and query.words[end] == document.words[stop]
    return before or after


def renamed_places(query: str, begin: int, end: int, document: str, match: Match, keywords: frozenset[str]) -> list[dict[str, str]]:
    """The one-to-one mappings (document's name -> query's) under which renamed tokens stand in the match's lines.

    A stretch may begin inside a literal, which is one renamed token: then that literal is on the match's first line, or goes on there.
    """
    stream = renamed_stream(query, keywords)
    theirs, lines = renamed_stream(document, keywords), read(document).first_lines
    from_ = max(0, bisect_right(stream, begin, key=lambda one: one.token) - 1)
    mine = [r for r in stream[from_:] if r.token < end]
    first, stop = (cut(theirs, match.start_line, key=lambda one: lines[one.token]) for cut in (bisect_left, bisect_right))
    if mine and mine[0].token < begin:
        first -= 1
    tried = (one_to_one(mine, theirs[at : at + len(mine)]) for at in range(max(0, first), min(stop, len(theirs) - len(mine) + 1)))
    return [mapping for mapping in tried if mapping is not None]


def renamed_in_part(query: str, begin: int, end: int, document: str, match: Match, keywords: frozenset[str]) -> bool:
    """Whether any stretch within the tokens that is as long as the match's similarity says stands, renamed, in the match's lines."""
    length = round(match.similarity * (end - begin))
    starts = range(begin, end - length + 1)
    return any(renamed_places(query, start, start + length, document, match, keywords) for start in starts)


def one_to_one(mine: Sequence[Renamed], theirs: Sequence[Renamed]) -> dict[str, str] | None:
    """The mapping of names under which the two are equal, None where there is none."""
    forward: dict[str, str] = {}
    back: dict[str, str] = {}
    for a, b in zip(mine, theirs, strict=True):
        if a.name is None or b.name is None:
            if a.code != b.code or a.name != b.name:
                return None
        elif forward.setdefault(b.name, a.name) != a.name or back.setdefault(a.name, b.name) != b.name:
            return None
    return forward


def faults(answer: Attribution, text: str, contents: Mapping[str, str], keywords: frozenset[str]) -> list[str]:
    """What is not as the answer says, a sentence each."""
    query = read(text)
    found = []
    ordered = [(span.start, span.end) for span in answer.spans]
    if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(ordered)):
        found.append(f"spans overlap or are out of order: {ordered}")
    for span, source, match in claims(answer):
        begin, end = token_range(query, span)
        where = f"{source.path} {match.start_line}..{match.end_line}, tokens {begin}..{end} {match.kind} {match.similarity}"
        document = contents[source.document_id]
        if match.kind == "exact" and not places_of_a_part(query, begin, end, read(document), match):
            found.append(f"not there: {where}")
        if match.kind == "renamed" and match.similarity < 1 and not renamed_in_part(text, begin, end, document, match, keywords):
            found.append(f"no renaming of a part: {where}")
        if match.kind == "renamed" and match.similarity == 1.0:
            mappings = renamed_places(text, begin, end, document, match, keywords)
            if not mappings:
                found.append(f"no renaming: {where}")
            elif match.names is None or match.names not in [{k: v for k, v in m.items() if k != v} for m in mappings]:
                found.append(f"names {match.names} are none of {mappings[:2]}: {where}")
    return found


def not_maximal(answer: Attribution, text: str, contents: Mapping[str, str]) -> list[str]:
    """Exact spans that their best source would carry a token further, though no other span begins there."""
    query = read(text)
    ranges = [token_range(query, span) for span in answer.spans]
    found = []
    for span, (begin, end) in zip(answer.spans, ranges, strict=True):
        if not span.sources or span.kind != "exact":
            continue
        touches = any(begin == other_end or end == other_begin for other_begin, other_end in ranges)
        source = answer.sources[span.sources[0]]
        match = next(match for match in source.matches if answer.spans[match.span] is span)
        document = read(contents[source.document_id])
        here = places(query, begin, end, document, match)
        if match.similarity == 1.0 and here and not touches and all(extendable(query, begin, end, document, at) for at in here):
            found.append(f"{source.path} {match.start_line}..{match.end_line}: tokens {begin}..{end} go on")
    return found
