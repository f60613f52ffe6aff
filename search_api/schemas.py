"""What do answers about a text hold over HTTP? The response bodies, field for field the value types of `indexer.answers`.

These models document the API (OpenAPI); answers themselves are written by `indexer.answers.to_json`. A test compares the fields.

Not here: answers about the corpus (`search_api.corpus_schemas`), what can be asked (`search_api.questions`), the Data Portraits shapes
(`search_api.compat`).
"""

from __future__ import annotations

from typing import Literal

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
    spec: str = Field(description="Name of the fingerprint spec.", examples=["wherefrom-1:exact-8-13,renamed-16-10"])
    documents: int = Field(description="Live documents.", examples=[51234])


class Partial(BaseModel):
    """Why an answer may be incomplete."""

    reasons: list[str] = Field(
        description="Limits that were reached: candidates, postings, runs, exclude, timeout_ms; of a search, literals, timeout_ms.",
        examples=[["timeout_ms"]],
    )


class Extent(BaseModel):
    """A half-open range of the text asked about."""

    start: int = Field(description=_START, examples=[0])
    end: int = Field(description=_END, examples=[120])


class Membership(BaseModel):
    """Is this text in the corpus?"""

    status: Status = Field(description=_STATUS, examples=["found"])
    tokens: int = Field(description="Tokens of the text.", examples=[57])
    guarantee_tokens: int = Field(description="Every shared run of this many tokens is found.", examples=[33])
    member: bool = Field(description="The longest run reaches over at least `min_tokens` tokens.", examples=[True])
    longest_run: int = Field(description="Longest run of consecutive hits, in tokens.", examples=[57])
    coverage: float = Field(description="Share of the text's tokens inside runs.", examples=[1.0])
    spans: list[Extent] = Field(description="The runs, in text order.", examples=[[{"start": 0, "end": 120}]])
    false_positive_rate: float = Field(description="Chance that this whole answer is `found` for a text not there.", examples=[1e-6])
    offset_unit: OffsetUnit = Field(description="Unit of every offset here.", examples=["utf-32"])
    index: IndexInfo


class Span(BaseModel):
    """One maximal verified stretch of the text asked about."""

    start: int = Field(description=_START, examples=[0])
    end: int = Field(description=_END, examples=[120])
    start_line: int = Field(description=_START_LINE, examples=[1])
    end_line: int = Field(description=_END_LINE, examples=[4])
    tokens: int = Field(description="Length in tokens.", examples=[57])
    kind: SpanKind = Field(description="`exact`, or `renamed` where identifiers map one to one.", examples=["exact"])
    score: float = Field(description="Significance.", examples=[38.2])
    significant: bool = Field(description="Whether the score passes the threshold that `sensitivity` moves.", examples=[True])
    files: int = Field(description="Files that hold all of the span's fingerprints.", examples=[3])
    repositories: int = Field(description="Repositories that hold them.", examples=[2])
    owners: int = Field(description="Owners that hold them.", examples=[2])
    capped: bool = Field(description="The three counts are lower bounds.", examples=[False])
    sources: list[int] = Field(description="Positions in `sources`, best first.", examples=[[0]])


class Match(BaseModel):
    """Where one span stands in a source."""

    span: int = Field(description="Position in `spans`.", examples=[0])
    start_line: int = Field(description="First line in the source, from 1.", examples=[120])
    end_line: int = Field(description="Last line in the source, inclusive.", examples=[123])
    kind: SpanKind = Field(description="Kind of this match.", examples=["renamed"])
    similarity: float = Field(description="Share of tokens that are the same, 0 to 1.", examples=[0.98])
    names: dict[str, str] | None = Field(
        default=None, description="The source's identifiers and the text's, where kind is `renamed`.", examples=[{"value": "x"}]
    )


class Source(BaseModel):
    """A document that holds verified spans."""

    document_id: str = Field(description="Stable id; /v1/documents/{id} has the file.", examples=["0f1e2d3c4b5a69788796a5b4"])
    repository: str = Field(description="`owner/name`, or `pypi/NAME` and the like for packages.", examples=["pypi/click"])
    owner: str | None = Field(description="Owner.", examples=["pallets"])
    path: str = Field(description="Path in the repository.", examples=["click/core.py"])
    commit: str | None = Field(description="Commit, or a package's version.", examples=["8.1.7"])
    start_line: int = Field(description="First line of the hull of the matches.", examples=[120])
    end_line: int = Field(description="Last line of the hull.", examples=[131])
    language: str | None = Field(description="Language.", examples=["Python"])
    licenses: list[str] = Field(description="SPDX licence ids.", examples=[["BSD-3-Clause"]])
    license_expression: str | None = Field(description="SPDX expression.", examples=["BSD-3-Clause"])
    license_type: LicenseType = Field(description="What kind of licence it is.", examples=["permissive"])
    url: str = Field(description="Link to the lines, pinned to the commit.", examples=["/documents/0f1e2d3c4b5a69788796a5b4#L120-L131"])
    project_url: str | None = Field(description="The project's own page.", examples=["https://palletsprojects.com/p/click/"])
    swhid: str | None = Field(
        description="Software Heritage id of the content, with the lines.",
        examples=["swh:1:cnt:94a9ed024d3859793618152ea559a168bbcbb5e2;lines=120-131"],
    )
    purl: str | None = Field(description="Package URL.", examples=["pkg:pypi/click@8.1.7"])
    kind: SourceKind = Field(description="`exact`, `renamed`, or `edited`: several spans with changes between them.", examples=["edited"])
    similarity: float = Field(description="Share of tokens that are the same, 0 to 1.", examples=[0.97])
    score: float = Field(description="Significance; sources are in rank order.", examples=[38.2])
    matches: list[Match] = Field(description="One entry a span.", examples=[[]])
    copies: list[Source] = Field(default=[], description="Near-identical places folded under this one.", examples=[[]])
    copies_total: int = Field(default=0, description="How many copies there are in all.", examples=[2])


class Attribution(BaseModel):
    """Where does this text come from?"""

    status: Status = Field(description=_STATUS, examples=["found"])
    tokens: int = Field(description="Tokens of the text.", examples=[57])
    guarantee_tokens: int = Field(description="Every shared run of this many tokens is found.", examples=[20])
    score: float = Field(description="Significance of the best source, 0 for nothing.", examples=[38.2])
    coverage: float = Field(description="Share of the text's tokens inside spans.", examples=[0.92])
    spans: list[Span] = Field(description="Verified spans in text order.", examples=[[]])
    sources: list[Source] = Field(description="Sources in rank order.", examples=[[]])
    obligations: list[str] = Field(
        description="What the licences ask for, a sentence each.",
        examples=[["Keep the copyright notice and the licence text of BSD-3-Clause with the code."]],
    )
    notice: str = Field(
        description="Paste-ready notice text.", examples=["This software contains or is derived from the following third-party code.\n"]
    )
    partial: Partial | None = Field(description="Set where the answer may be incomplete.", examples=[None])
    offset_unit: OffsetUnit = Field(description="Unit of every offset here.", examples=["utf-32"])
    index: IndexInfo


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Its name, with positions: `kinds.0`.", examples=["limit"])
    message: str = Field(description="What is wrong.", examples=["Input should be greater than or equal to 1"])


class ProblemDocument(BaseModel):
    """A failed request (RFC 9457)."""

    type: str = Field(description="Relative URI of the problem type, explained there.", examples=["/problems/invalid-request"])
    title: str = Field(description="The type in words.", examples=["Invalid request"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What happened this time.", examples=["limit: Input should be greater than or equal to 1"])
    errors: list[FieldError] | None = Field(
        default=None,
        description="Of invalid-request: each field.",
        examples=[[{"field": "limit", "message": "Input should be greater than or equal to 1"}]],
    )
    column: int | None = Field(default=None, description="Of invalid-query: where, 1-based.", examples=[6])
    max_bytes: int | None = Field(default=None, description="Of too-large: the limit.", examples=[10485760])
    instance: str | None = Field(
        default=None, description="Of internal: id of the log entry.", examples=["urn:uuid:123e4567-e89b-42d3-a456-426614174000"]
    )


class Health(BaseModel):
    """Whether the server lives, or is ready."""

    status: str = Field(description="`ok`.", examples=["ok"])


class MembershipAnswerLine(Membership):
    """The answer to one line of a batch; a line that cannot be answered has `problem` instead."""

    id: str | int = Field(description="As it came.", examples=["src/a.py"])


class AttributionAnswerLine(Attribution):
    """The answer to one line of a batch; a line that cannot be answered has `problem` instead."""

    id: str | int = Field(description="As it came.", examples=["src/a.py"])


class ProblemLine(BaseModel):
    """A line of a batch that could not be answered."""

    id: str | int | None = Field(description="As it came; null where the line has none that can be read.", examples=["src/a.py"])
    line: int = Field(description="Which line of the request it is, from 1.", examples=[2])
    problem: ProblemDocument


class BatchEnd(BaseModel):
    """The last line of a batch: an answer without it was cut off."""

    end: Literal[True] = Field(description="Marks the last line.", examples=[True])
    received: int = Field(description="Lines of the request, empty ones left out.", examples=[3])
    answered: int = Field(description="Lines that got an answer and no problem.", examples=[3])


class SchemaList(BaseModel):
    """The JSON Schemas that this server publishes."""

    schemas: dict[str, str] = Field(description="Name -> where it is.", examples=[{"Attribution": "/v1/schemas/Attribution"}])
