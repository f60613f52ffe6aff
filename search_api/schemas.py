"""What comes back over HTTP? The response bodies, field for field the value types of `indexer.answers`.

These models document the API (OpenAPI); answers themselves are written by `indexer.answers.to_json`. A test compares the fields.

Not here: what can be asked (`search_api.questions`), the Data Portraits shapes (`search_api.compat`).
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from indexer.answers import LicenseType, OffsetUnit, SourceKind, SpanKind, Status

_STATUS = "`found`, `none`, `too_short` (fewer tokens than `guarantee_tokens`) or `partial`. Only `none` means clean."
_START = "Start, counted in `offset_unit` from 0."
_END = "End (the first place after it), counted in `offset_unit`."
_START_LINE = "First line, from 1."
_END_LINE = "Last line, inclusive."


class IndexInfo(BaseModel):
    """Which index answered."""

    name: str = Field(description="Name of the index.", examples=["demo"])
    version: str = Field(description="Version of the dataset in it.", examples=["1.0"])
    date: str = Field(description="Date of the dataset, ISO 8601.", examples=["2026-11-01"])
    generation: int = Field(description="Grows by one with every commit.", examples=[1])
    spec: str = Field(description="Name of the fingerprint spec.")
    documents: int = Field(description="Live documents.", examples=[51234])


class Partial(BaseModel):
    """Why an answer may be incomplete."""

    reasons: list[str] = Field(description="Names of the limits that were reached.")


class Extent(BaseModel):
    """A half-open range of the text asked about."""

    start: int = Field(description=_START, examples=[0])
    end: int = Field(description=_END, examples=[120])


class Membership(BaseModel):
    """Is this text in the corpus?"""

    status: Status = Field(description=_STATUS)
    tokens: int = Field(description="Tokens of the text.", examples=[57])
    guarantee_tokens: int = Field(description="Every shared run of this many tokens is found.", examples=[33])
    member: bool = Field(description="The longest run reaches over at least `min_tokens` tokens.", examples=[True])
    longest_run: int = Field(description="Longest run of consecutive hits, in tokens.", examples=[57])
    coverage: float = Field(description="Share of the text's tokens inside runs.", examples=[1.0])
    spans: list[Extent] = Field(description="The runs, in text order.")
    false_positive_rate: float = Field(description="Chance that this whole answer is `found` for a text not there.", examples=[1e-6])
    offset_unit: OffsetUnit = Field(description="Unit of every offset here.")
    index: IndexInfo


class Span(BaseModel):
    """One maximal verified stretch of the text asked about."""

    start: int = Field(description=_START)
    end: int = Field(description=_END)
    start_line: int = Field(description=_START_LINE)
    end_line: int = Field(description=_END_LINE)
    tokens: int = Field(description="Length in tokens.")
    kind: SpanKind = Field(description="`exact`, or `renamed` where identifiers map one to one.")
    score: float = Field(description="Significance.")
    significant: bool = Field(description="Whether the score passes the threshold that `sensitivity` moves.")
    files: int = Field(description="Files that hold all of the span's fingerprints.")
    repositories: int = Field(description="Repositories that hold them.")
    owners: int = Field(description="Owners that hold them.")
    capped: bool = Field(description="The three counts are lower bounds.")
    sources: list[int] = Field(description="Positions in `sources`, best first.")


class Match(BaseModel):
    """Where one span stands in a source."""

    span: int = Field(description="Position in `spans`.")
    start_line: int = Field(description="First line in the source, from 1.")
    end_line: int = Field(description="Last line in the source, inclusive.")
    kind: SpanKind = Field(description="Kind of this match.")
    similarity: float = Field(description="Share of tokens that are the same, 0 to 1.")
    names: dict[str, str] | None = Field(default=None, description="The source's identifiers and the text's, where kind is `renamed`.")


class Source(BaseModel):
    """A document that holds verified spans."""

    document_id: str = Field(description="Stable id; /v1/documents/{id} has the file.", examples=["0f1e2d3c4b5a69788796a5b4"])
    repository: str = Field(description="`owner/name`, or `pypi/NAME` and the like for packages.", examples=["pypi/click"])
    owner: str | None = Field(description="Owner.")
    path: str = Field(description="Path in the repository.", examples=["click/core.py"])
    commit: str | None = Field(description="Commit, or a package's version.", examples=["8.1.7"])
    start_line: int = Field(description="First line of the hull of the matches.")
    end_line: int = Field(description="Last line of the hull.")
    language: str | None = Field(description="Language.")
    licenses: list[str] = Field(description="SPDX licence ids.", examples=[["BSD-3-Clause"]])
    license_expression: str | None = Field(description="SPDX expression.")
    license_type: LicenseType = Field(description="What kind of licence it is.")
    url: str = Field(description="Link to the lines, pinned to the commit.")
    project_url: str | None = Field(description="The project's own page.")
    swhid: str | None = Field(description="Software Heritage id of the content, with the lines.")
    purl: str | None = Field(description="Package URL.")
    kind: SourceKind = Field(description="`exact`, `renamed`, or `edited`: several spans with changes between them.")
    similarity: float = Field(description="Share of tokens that are the same, 0 to 1.")
    score: float = Field(description="Significance; sources are in rank order.")
    matches: list[Match] = Field(description="One entry a span.")
    copies: list[Source] = Field(default=[], description="Near-identical places folded under this one.")
    copies_total: int = Field(default=0, description="How many copies there are in all.")


class Attribution(BaseModel):
    """Where does this text come from?"""

    status: Status = Field(description=_STATUS)
    tokens: int = Field(description="Tokens of the text.")
    guarantee_tokens: int = Field(description="Every shared run of this many tokens is found.", examples=[20])
    score: float = Field(description="Significance of the best source, 0 for nothing.")
    coverage: float = Field(description="Share of the text's tokens inside spans.")
    spans: list[Span] = Field(description="Verified spans in text order.")
    sources: list[Source] = Field(description="Sources in rank order.")
    obligations: list[str] = Field(description="What the licences ask for, a sentence each.")
    notice: str = Field(description="Paste-ready notice text.")
    partial: Partial | None = Field(description="Set where the answer may be incomplete.")
    offset_unit: OffsetUnit = Field(description="Unit of every offset here.")
    index: IndexInfo


class Document(BaseModel):
    """One file of the corpus."""

    document_id: str = Field(description="Stable id, from repository, path and content.")
    content_id: str = Field(description="Git blob SHA-1 of the content, hex.")
    content: str = Field(description="The file's text.")
    size: int = Field(description="Size in bytes.")
    encoding: str | None = Field(description="Encoding it was read from.")
    language: str | None = Field(description="Language.")
    repository: str = Field(description="Repository.")
    owner: str | None = Field(description="Owner.")
    path: str = Field(description="Path in the repository.")
    commit: str | None = Field(description="Commit, or a package's version.")
    licenses: list[str] = Field(description="SPDX licence ids.")
    license_expression: str | None = Field(description="SPDX expression.")
    license_evidence: str | None = Field(description="Where the licence was read: tag, header, license_file, package or repository.")
    license_type: LicenseType = Field(description="What kind of licence it is.")
    purl: str | None = Field(description="Package URL.")
    url: str | None = Field(description="Link to the file, pinned to the commit.")
    project_url: str | None = Field(description="The project's own page.")
    stars: int | None = Field(description="Stars of the repository.")
    forks: int | None = Field(description="Forks of the repository.")
    is_fork: bool | None = Field(description="The repository is a fork.")
    is_vendored: bool | None = Field(description="Third-party code inside the repository.")
    is_generated: bool | None = Field(description="Made by a program.")
    is_test: bool | None = Field(description="Test code.")
    cluster_id: str | None = Field(description="Files of one near-duplicate cluster share it.")
    first_seen: str | None = Field(description="Earliest known date, ISO 8601.")
    source: str | None = Field(description="Where the dataset took it from.")


class Snippet(BaseModel):
    """Some lines of a hit."""

    text: str = Field(description="The lines.")
    start_line: int = Field(description=_START_LINE)
    end_line: int = Field(description=_END_LINE)
    highlights: list[Extent] = Field(description="What matched, as code point ranges within `text`.")


class Hit(BaseModel):
    """One document that a search found."""

    document_id: str = Field(description="Stable id; /v1/documents/{id} has the file.")
    repository: str = Field(description="Repository.")
    owner: str | None = Field(description="Owner.")
    path: str = Field(description="Path in the repository.")
    commit: str | None = Field(description="Commit, or a package's version.")
    language: str | None = Field(description="Language.")
    licenses: list[str] = Field(description="SPDX licence ids.")
    license_expression: str | None = Field(description="SPDX expression.")
    license_type: LicenseType = Field(description="What kind of licence it is.")
    size: int = Field(description="Size in bytes.")
    url: str = Field(description="Link to the file, pinned where the host allows it.")
    project_url: str | None = Field(description="The project's own page.")
    score: float = Field(description="BM25 score.")
    snippets: list[Snippet] = Field(description="Lines that matched.")


class FacetCount(BaseModel):
    """How many of the documents found have this value."""

    value: str = Field(description="The value.")
    count: int = Field(description="Documents.")


class SearchPage(BaseModel):
    """One page of a full-text search."""

    query: str = Field(description="The query as it was understood.")
    total: int = Field(description="Documents found.")
    total_capped: bool = Field(description="`total` is a lower bound.")
    hits: list[Hit] = Field(description="Best first.")
    facets: dict[str, list[FacetCount]] = Field(description="Counts by field.")
    cursor: str | None = Field(description="Asks for the next page; null on the last.")
    hint: str | None = Field(description="A remark on the query.")
    attribution: Attribution | None = Field(description="Where a query looks like code: its attribution.")
    partial: Partial | None = Field(description="Set where the answer may be incomplete.")
    index: IndexInfo


class Repository(BaseModel):
    """One repository of the corpus."""

    repository: str = Field(description="Name.")
    owner: str | None = Field(description="Owner.")
    commit: str | None = Field(description="Commit, or a package's version.")
    licenses: list[str] = Field(description="SPDX licence ids.")
    license_expression: str | None = Field(description="SPDX expression.")
    license_type: LicenseType = Field(description="What kind of licence it is.")
    project_url: str | None = Field(description="The project's own page.")
    files: int = Field(description="Live files in the index.")


class RepositoryPage(BaseModel):
    """Repositories in alphabetical order."""

    repositories: list[Repository] = Field(description="One page of them.")
    total: int = Field(description="How many there are in all.")
    cursor: str | None = Field(description="Asks for the next page; null on the last.")
    index: IndexInfo


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Its name, with positions: `kinds.0`.", examples=["limit"])
    message: str = Field(description="What is wrong.")


class ProblemDocument(BaseModel):
    """A failed request (RFC 9457)."""

    type: str = Field(description="Relative URI of the problem type, explained there.", examples=["/problems/invalid-request"])
    title: str = Field(description="The type in words.", examples=["Invalid request"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What happened this time.", examples=["limit: Input should be greater than or equal to 1"])
    errors: list[FieldError] | None = Field(default=None, description="Of invalid-request: each field.")
    column: int | None = Field(default=None, description="Of invalid-query: where, 1-based.")
    max_bytes: int | None = Field(default=None, description="Of too-large: the limit.")
    instance: str | None = Field(default=None, description="Of internal: id of the log entry.")


class Health(BaseModel):
    """Whether the server lives, or is ready."""

    status: str = Field(description="`ok`.", examples=["ok"])
