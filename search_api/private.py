"""Where does this text come from, without showing it to the server? Fingerprints that the filter may contain are all that is sent.

    with Client.open(url) as server, PortableFilter.open(Path("corpus.filter")) as portable:
        print(attribute_privately(server, portable, text).sources)

The filter is asked here. Hits that make a run as long as membership guarantees go to the server, sorted, so that not even their order
tells of the text; the server answers with candidates; their texts are fetched and compared here, token by token. Every exact run of 33
tokens is found, shorter ones beside them; no renamed ones, and nothing is said of how common they are. What hashes and fetches tell
the server stands in indexer/bloom/FORMAT.md.

Not here: making fingerprints (`indexer.bloom.standalone`), the server's part (`Index.candidates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from indexer.answers import (
    CANDIDATE_PLACES,
    GUARANTEE_TOKENS,
    GUARANTEE_TOKENS_MEMBERSHIP,
    OFFSET_UNITS,
    Candidate,
    Candidates,
    Document,
    File,
    IndexInfo,
    OffsetUnit,
    Partial,
    Status,
)
from indexer.bloom import standalone
from indexer.bloom.membership import runs
from indexer.bloom.portable import PortableFilter, extents
from indexer.errors import DocumentNotFound, InputError
from indexer.fingerprint.spec import SPEC
from search_api.token_runs import Run, TokenText, shared_runs

FIRST_CANDIDATES = 20
MORE_CANDIDATES = 200
MOST_FETCHED = 60  # documents


@dataclass(frozen=True, slots=True)
class PrivateSpan:
    """One maximal stretch of the text that a source holds token by token; `sources` are positions in the answer's."""

    start: int
    end: int
    start_line: int
    end_line: int
    tokens: int
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PrivateMatch:
    """Where one span, `span` by its position, stands in a source."""

    span: int
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class PrivateSource:
    """A file that holds spans."""

    file: File
    matches: tuple[PrivateMatch, ...]


@dataclass(frozen=True, slots=True)
class PrivateAttribution:
    """Where a text comes from, and what was told to find out: how many hashes were sent, how many documents fetched.

    `partial.reasons`: `filter` (it is of another generation than the server's index), `candidates` (there may be more sources).
    """

    status: Status
    tokens: int
    guarantee_tokens: int
    coverage: float
    spans: tuple[PrivateSpan, ...]
    sources: tuple[PrivateSource, ...]
    hashes_sent: int
    documents_fetched: int
    partial: Partial | None
    offset_unit: OffsetUnit
    index: IndexInfo


class Server(Protocol):
    """Who answers about hashes: a `Client`, or an `Index`."""

    @property
    def info(self) -> IndexInfo:
        """Which index it is."""

    def candidates(self, fingerprints: Sequence[int], *, limit: int = 20) -> Candidates:
        """Files that hold some fingerprints."""

    def document(self, document_id: str) -> Document:
        """A document with its content."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A candidate that holds runs."""

    file: File
    text: TokenText
    runs: list[Run]

    @property
    def n_tokens(self) -> int:
        """How many tokens of the text it explains."""
        return sum(run.end - run.begin for run in self.runs)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two fingerprints that follow each other and that the filter may contain; their k-grams are tokens [begin, end) of the text."""

    values: tuple[int, int]
    begin: int
    end: int


@dataclass
class _Search:
    """The text, what was verified so far, and what was told."""

    mine: TokenText
    pairs: list[_Pair]
    covered: list[bool]
    found: list[_Found] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    fetched: int = 0
    reasons: list[str] = field(default_factory=list)

    def open_pairs(self) -> list[_Pair]:
        """The pairs that no verified run explains."""
        return [pair for pair in self.pairs if not all(self.covered[pair.begin : pair.end])]


def attribute_privately(
    server: Server, portable: PortableFilter, text: str | bytes, *, offset_unit: OffsetUnit = "utf-32"
) -> PrivateAttribution:
    """Sources of a text that stays here. Raises InputError, and what the server's methods raise. About 1 MB of text a second."""
    if offset_unit not in OFFSET_UNITS:
        raise InputError(f"offset_unit is {offset_unit!r}; it takes {', '.join(OFFSET_UNITS)}")
    characters = standalone.as_text(text) if isinstance(text, bytes) else text
    search = _begin(characters, portable)
    if (portable.info.index.name, portable.info.index.generation) != (server.info.name, server.info.generation):
        search.reasons.append("filter")
    for limit in (FIRST_CANDIDATES, MORE_CANDIDATES):
        _ask(search, server, limit)
    return _answer(search, characters, server.info, offset_unit)


def _begin(text: str, portable: PortableFilter) -> _Search:
    mine, prints = TokenText.of(text), standalone.fingerprints(text)
    held = {value: portable.may_contain(value) for value, _, _ in prints}
    positions, windows = [start for _, start, _ in prints], [window for _, _, window in prints]
    inside = runs([held[value] for value, _, _ in prints], positions, windows, len(mine.tokens), SPEC.exact)
    long_enough = [(run.begin, run.end) for run in inside if run.reach >= GUARANTEE_TOKENS_MEMBERSHIP]
    pairs = [
        _Pair((value, other), start, end + standalone.K)
        for (value, start, _), (other, end, _) in pairwise(prints)
        if any(begin <= start and end + standalone.K <= last for begin, last in long_enough)
    ]
    return _Search(mine, pairs, [False] * len(mine.tokens))


def _ask(search: _Search, server: Server, limit: int) -> None:
    """One question to the server, and the comparison with those of its candidates that may explain what is open."""
    asked = sorted({value for pair in search.open_pairs() for value in pair.values})
    if not asked:
        return
    search.sent.update(asked)
    answer = server.candidates(asked, limit=limit)
    counts = dict(zip(asked, answer.counts, strict=True))
    search.pairs = [pair for pair in search.pairs if all(counts.get(value, 1) for value in pair.values)]  # the filter was wrong of others
    common = {value for value, count in counts.items() if count > CANDIDATE_PLACES}
    for candidate in answer.candidates:
        _verify(search, server, candidate, {asked[position] for position in candidate.fingerprints}, common)
    if len(answer.candidates) < limit and all(each.file.document_id in search.seen for each in answer.candidates):
        # Everybody who holds a fingerprint that is not too common was looked at.
        search.pairs = [pair for pair in search.pairs if common.issuperset(pair.values)]
    if limit == MORE_CANDIDATES and search.open_pairs():
        search.reasons.append("candidates")


def _verify(search: _Search, server: Server, candidate: Candidate, values: set[int], common: set[int]) -> None:
    """Fetches a candidate and keeps its runs, if it holds, or being one of many may hold, a pair that is open still."""
    if candidate.file.document_id in search.seen:
        return
    if not any(set(pair.values) <= values | common and not values.isdisjoint(pair.values) for pair in search.open_pairs()):
        search.seen.add(candidate.file.document_id)
        return
    if search.fetched >= MOST_FETCHED:
        return
    search.seen.add(candidate.file.document_id)
    search.fetched += 1
    try:
        content = server.document(candidate.file.document_id).content
    except DocumentNotFound:  # removed since
        return
    theirs = TokenText.of(content)
    starts = sorted({start for pair in search.pairs for start in (pair.begin, pair.end - standalone.K)})
    if shared := shared_runs(search.mine.tokens, theirs.tokens, starts, GUARANTEE_TOKENS):
        search.found.append(_Found(candidate.file, theirs, shared))
    for run in shared:
        search.covered[run.begin : run.end] = [True] * (run.end - run.begin)


def _stretches(found: Sequence[_Found]) -> list[tuple[int, int]]:
    """Disjoint stretches of the text in order: a better source's run stays whole, a later one adds what is long enough beyond it."""
    taken: list[tuple[int, int]] = []
    for run in (run for one in found for run in one.runs):
        begin = run.begin
        for first, last in [*(each for each in taken if each[1] > run.begin and each[0] < run.end), (run.end, run.end)]:
            if first - begin >= GUARANTEE_TOKENS:
                taken.append((begin, first))
            begin = max(begin, last)
        taken.sort()
    return taken


def _matches(one: _Found, stretches: Sequence[tuple[int, int]]) -> tuple[PrivateMatch, ...]:
    """Which stretches a source holds, and in which of its lines."""
    matches = []
    for run in one.runs:
        for number, (begin, end) in enumerate(stretches):
            low, high = max(begin, run.begin), min(end, run.end)
            if low < high:
                matches.append(PrivateMatch(number, *one.text.lines(run.other + low - run.begin, run.other + high - run.begin)))
    return tuple(matches)


def _answer(search: _Search, text: str, index: IndexInfo, unit: OffsetUnit) -> PrivateAttribution:
    mine = search.mine
    found = sorted(search.found, key=lambda one: -one.n_tokens)
    stretches = _stretches(found)
    places = extents(text, [(mine.edges[begin][0], mine.edges[end - 1][1]) for begin, end in stretches], unit)
    sources = tuple(PrivateSource(one.file, _matches(one, stretches)) for one in found)
    spans = tuple(
        PrivateSpan(
            place.start,
            place.end,
            *mine.lines(begin, end),
            end - begin,
            tuple(s for s, source in enumerate(sources) if any(match.span == number for match in source.matches)),
        )
        for number, ((begin, end), place) in enumerate(zip(stretches, places, strict=True))
    )
    reasons = tuple(dict.fromkeys(search.reasons))
    too_short = len(mine.tokens) < GUARANTEE_TOKENS_MEMBERSHIP
    return PrivateAttribution(
        status="too_short" if too_short else "partial" if reasons else "found" if spans else "none",
        tokens=len(mine.tokens),
        guarantee_tokens=GUARANTEE_TOKENS_MEMBERSHIP,
        coverage=round(sum(end - begin for begin, end in stretches) / max(1, len(mine.tokens)), 4),
        spans=spans,
        sources=sources,
        hashes_sent=len(search.sent),
        documents_fetched=search.fetched,
        partial=Partial(reasons) if reasons else None,
        offset_unit=unit,
        index=index,
    )
