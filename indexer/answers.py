"""What does an answer hold? The value types that Python returns, HTTP sends as JSON and commands print with `--json`.

Field names are the JSON names. Offsets are half-open and counted in `offset_unit`; lines are 1-based and inclusive.
This module imports the standard library only, so that a client without the engine can use it.

Not here: how answers are found (`indexer.attribution`), how they travel (`search_api.schemas`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["found", "none", "too_short", "partial"]
OffsetUnit = Literal["utf-8", "utf-16", "utf-32"]
SpanKind = Literal["exact", "renamed"]
SourceKind = Literal["exact", "renamed", "edited"]
Use = Literal["internal", "saas", "distributed"]
LicenseType = Literal["permissive", "weak_copyleft", "copyleft", "other", "none"]

OFFSET_UNITS: tuple[OffsetUnit, ...] = ("utf-8", "utf-16", "utf-32")
GUARANTEE_TOKENS = 20  # attribution finds every shared run of this many tokens
GUARANTEE_TOKENS_RENAMED = 25  # the same in the renamed stream
GUARANTEE_TOKENS_MEMBERSHIP = 33  # membership finds every shared run of this many tokens

CANDIDATE_PLACES = 512  # candidates are told of this many places of a fingerprint; of a common one there are more


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """Which index answered. `generation` grows by one with every commit; `date` is ISO 8601."""

    name: str
    version: str
    date: str
    generation: int
    spec: str
    documents: int


@dataclass(frozen=True, slots=True)
class Partial:
    """Why an answer may be incomplete: names of the limits that were reached."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Documents that an attribution is to leave out, such as one's own: those of which everything given here is true.

    Owner and repository match regardless of case; `path` names a file, or a folder with all that is below it.
    """

    owner: str | None = None
    repository: str | None = None
    path: str | None = None
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """A half-open range of the text asked about."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Membership:
    """Is this text in the corpus, by the Bloom filter alone?

    `member`: the longest run of consecutive hits reaches over at least `min_tokens` tokens. `longest_run` is in tokens,
    `coverage` the share of the text's tokens inside runs, `false_positive_rate` that of this whole answer.
    """

    status: Status
    tokens: int
    guarantee_tokens: int
    member: bool
    longest_run: int
    coverage: float
    spans: tuple[Extent, ...]
    false_positive_rate: float
    offset_unit: OffsetUnit
    index: IndexInfo


@dataclass(frozen=True, slots=True)
class Span:
    """One maximal verified stretch of the text asked about.

    `files`, `repositories` and `owners` count who holds all of its fingerprints; with `capped` they are lower bounds.
    `sources` are positions in `Attribution.sources`, best first.
    """

    start: int
    end: int
    start_line: int
    end_line: int
    tokens: int
    kind: SpanKind
    score: float
    significant: bool
    files: int
    repositories: int
    owners: int
    capped: bool
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Where one span stands in a source: `span` is its position in `Attribution.spans`, lines are the source's.

    `names` maps the source's identifiers to the text's where kind is `renamed`.
    """

    span: int
    start_line: int
    end_line: int
    kind: SpanKind
    similarity: float
    names: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A document that holds verified spans; `start_line..end_line` is the hull of one chain of them.

    `url` is pinned to the commit and line range; `copies` are near-identical places folded under this one,
    `copies_total` counts them all.
    """

    document_id: str
    repository: str
    owner: str | None
    path: str
    commit: str | None
    start_line: int
    end_line: int
    language: str | None
    licenses: tuple[str, ...]
    license_expression: str | None
    license_type: LicenseType
    url: str
    project_url: str | None
    swhid: str | None
    purl: str | None
    kind: SourceKind
    similarity: float
    score: float
    matches: tuple[Match, ...]
    copies: tuple[Source, ...] = ()
    copies_total: int = 0


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where does this text come from? Verified spans in text order, sources in rank order.

    `score` is the significance of the best source, 0 for nothing; `obligations` are sentences, `notice` is paste-ready.
    """

    status: Status
    tokens: int
    guarantee_tokens: int
    score: float
    coverage: float
    spans: tuple[Span, ...]
    sources: tuple[Source, ...]
    obligations: tuple[str, ...]
    notice: str
    partial: Partial | None
    offset_unit: OffsetUnit
    index: IndexInfo


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the corpus: its id and the columns of a release row."""

    document_id: str
    content_id: str
    content: str
    size: int
    encoding: str | None
    language: str | None
    repository: str
    owner: str | None
    path: str
    commit: str | None
    licenses: tuple[str, ...]
    license_expression: str | None
    license_evidence: str | None
    license_type: LicenseType
    purl: str | None
    url: str | None
    project_url: str | None
    stars: int | None
    forks: int | None
    is_fork: bool | None
    is_vendored: bool | None
    is_generated: bool | None
    is_test: bool | None
    cluster_id: str | None
    first_seen: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some lines of a hit; `highlights` are code point ranges within `text`."""

    text: str
    start_line: int
    end_line: int
    highlights: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """Another file with the same content as a hit."""

    document_id: str
    repository: str
    path: str
    license_expression: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that a search found; `url` leads to the file, pinned where the host allows it.

    Files with the same content are one hit: `copies` are some of the others that the page came upon, `copies_total` counts these.
    """

    document_id: str
    content_id: str
    repository: str
    owner: str | None
    path: str
    commit: str | None
    language: str | None
    licenses: tuple[str, ...]
    license_expression: str | None
    license_type: LicenseType
    size: int
    url: str
    project_url: str | None
    score: float
    snippets: tuple[Snippet, ...]
    copies: tuple[Copy, ...] = ()
    copies_total: int = 0


@dataclass(frozen=True, slots=True)
class HitGroup:
    """The hits of one repository: positions in `SearchPage.hits`, best first."""

    repository: str
    hits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many of the documents found have this value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a full-text search, best first. `total` counts files, copies too, and is a lower bound where `total_capped`.

    `cursor` asks for the next page, which begins behind the last document of this one, also when the index has changed meanwhile.
    `groups` are the hits by repository, that of the best hit first.
    """

    query: str
    total: int
    total_capped: bool
    hits: tuple[Hit, ...]
    groups: tuple[HitGroup, ...]
    facets: dict[str, tuple[FacetCount, ...]]
    cursor: str | None
    hint: str | None
    attribution: Attribution | None
    partial: Partial | None
    index: IndexInfo


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of the corpus and how many live files of it the index holds."""

    repository: str
    owner: str | None
    commit: str | None
    licenses: tuple[str, ...]
    license_expression: str | None
    license_type: LicenseType
    project_url: str | None
    files: int


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """Repositories in alphabetical order; `cursor` asks for the next page."""

    repositories: tuple[Repository, ...]
    total: int
    cursor: str | None
    index: IndexInfo


@dataclass(frozen=True, slots=True)
class File:
    """One file of a repository, without its content."""

    document_id: str
    content_id: str
    repository: str
    owner: str | None
    path: str
    commit: str | None
    language: str | None
    licenses: tuple[str, ...]
    license_expression: str | None
    license_type: LicenseType
    size: int
    url: str
    project_url: str | None


@dataclass(frozen=True, slots=True)
class FilePage:
    """Files of one repository in the index's own order; `cursor` asks for the next page."""

    files: tuple[File, ...]
    total: int
    cursor: str | None
    index: IndexInfo


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that holds some of the fingerprints asked about; `fingerprints` are their positions in the question."""

    file: File
    fingerprints: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who may be the source of a text of which only fingerprints are known, best first: guesses, to be verified by whoever has the text.

    `counts`: for each fingerprint of the question, in how many places the corpus holds it; in a cluster, in how many files.
    """

    candidates: tuple[Candidate, ...]
    counts: tuple[int, ...]
    partial: Partial | None
    index: IndexInfo


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` read and found: `problems` is empty for a sound index, each names the file and the place."""

    files: int
    bytes: int
    documents: int
    problems: tuple[str, ...]


def to_json(value: Any) -> Any:
    """Plain lists, dicts and scalars of an answer. Extent(0, 5) -> {"start": 0, "end": 5}"""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value
