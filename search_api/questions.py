"""What can be asked over HTTP? The request bodies and query strings of every route.

Field names are the keywords of the methods of `Index`. Texts may hold lone surrogates and NUL: they are answered.

Not here: what comes back (`search_api.schemas`), how bytes become values (`search_api.bodies`).
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from indexer import answers
from indexer.answers import OffsetUnit, SpanKind, Use

_VERSION = "Version of the dataset that is asked about; another one than this server's is answered 404."
MOST_TOKENS = 1 << 31  # no text has as many
EXAMPLE_TEXT = "def clamp(value, low, high):\n    return max(low, min(high, value))\n"


def _text(value: Any) -> str:
    """Any string as it is; pydantic's own check refuses lone surrogates, which editors do send."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a string")
    return value


Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
RepositoryText = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "examples": ["pypi/click"]})]
QueryText = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "examples": ['"def main(" lang:Python']})]


class Question(BaseModel):
    """A body of /v1: an unknown field is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Exclusion(Question):
    """Documents to leave out, such as one's own: those of which everything given is true."""

    owner: Text | None = Field(default=None, description="Of this owner; upper and lower case are one.", examples=["example-org"])
    repository: Text | None = Field(
        default=None, description="Of this repository; upper and lower case are one.", examples=["example-org/app"]
    )
    path: Text | None = Field(default=None, description="This file, or all files below this folder.", examples=["src/vendor"])
    content_id: Text | None = Field(
        default=None, description="With this content: its git blob SHA-1, hex.", examples=["94a9ed024d3859793618152ea559a168bbcbb5e2"]
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.value() == answers.Exclusion():
            raise PydanticCustomError("empty_exclusion", "Give at least one of owner, repository, path, content_id")
        return self

    def value(self) -> answers.Exclusion:
        """What the engine takes."""
        return answers.Exclusion(self.owner, self.repository, self.path, self.content_id)


class MembershipQuestion(Question):
    """Is this text in the corpus?"""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": EXAMPLE_TEXT}]})

    text: Text = Field(description="The code asked about.", examples=[EXAMPLE_TEXT])
    offset_unit: OffsetUnit = Field(
        default="utf-32",
        description="Unit of every offset in the answer: bytes, UTF-16 code units or code points.",
        examples=["utf-16"],
    )
    min_tokens: int | None = Field(
        default=None,
        ge=1,
        le=MOST_TOKENS,
        description="How many tokens the longest run must reach for `member`; the index's measured default where null.",
        examples=[50],
    )


class AttributionQuestion(Question):
    """Where does this text come from?"""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": EXAMPLE_TEXT, "limit": 3, "offset_unit": "utf-16"}]})

    text: Text = Field(description="The code asked about.", examples=[EXAMPLE_TEXT])
    offset_unit: OffsetUnit = Field(
        default="utf-32",
        description="Unit of every offset in the answer: bytes, UTF-16 code units or code points.",
        examples=["utf-16"],
    )
    limit: int = Field(
        default=10, ge=1, le=100, description="Largest number of sources; copies are folded and do not count.", examples=[10]
    )
    kinds: list[SpanKind] | None = Field(
        default=None, min_length=1, description="Kinds of span to look for; every kind where null.", examples=[["exact", "renamed"]]
    )
    sensitivity: float = Field(
        default=0.5, ge=0, le=1, description="Moves the threshold of `significant`: higher reports more.", examples=[0.5]
    )
    use: Use | None = Field(
        default=None, description="How the project is used: `obligations` says what the licences ask for then.", examples=["distributed"]
    )
    project_license: Text | None = Field(
        default=None,
        description="The project's own licence, an SPDX expression: `obligations` says which sources do not go with it.",
        examples=["Apache-2.0"],
    )
    exclude: list[Exclusion] = Field(
        default=[],
        max_length=100,
        description="The answer is that of a corpus without these documents.",
        examples=[[{"owner": "example-org"}]],
    )
    timeout_ms: int | None = Field(
        default=None,
        ge=1,
        description="Time for this answer in milliseconds; the server's own limit holds as well.",
        examples=[2000],
    )


class SearchQuestion(Question):
    """A full-text query, with filters beside it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"q": '"def main(" lang:Python', "limit": 5}]})

    q: QueryText = Field(
        description='Words, "literal text", /regular expression/, prefix*, -exclusion, and the fields language: license: repository: '
        "owner: path: (lang: and repo: for short)."
    )
    language: Text | None = Field(default=None, description="Only files of this language.", examples=["Python"])
    license: Text | None = Field(default=None, description="Only files under this SPDX licence id.", examples=["MIT"])
    repository: Text | None = Field(default=None, description="Only files of this repository.", examples=["pypi/click"])
    owner: Text | None = Field(default=None, description="Only files of this owner.", examples=["pallets"])
    limit: int = Field(default=10, ge=1, le=100, description="Hits a page.", examples=[10])
    cursor: Text | None = Field(
        default=None,
        description="`cursor` of the page before.",
        examples=["WzEwLCAxMi41LCA4MTEsICIwZjFlMmQzYzRiNWE2OTc4ODc5NmE1YjQiLCBbXSwgMSwgWyJkZWYgbWFpbiBsYW5nOlB5dGhvbiJdXQ=="],
    )


class SearchQuery(SearchQuestion):
    """The same as a query string, where numbers arrive as text."""

    model_config = ConfigDict(strict=False)


class RepositoriesQuery(BaseModel):
    """Which repositories to list."""

    model_config = ConfigDict(extra="forbid")

    owner: Text | None = Field(default=None, description="Only repositories of this owner.", examples=["pallets"])
    version: Text | None = Field(default=None, description=_VERSION, examples=["1.0"])
    limit: int = Field(default=100, ge=1, le=1000, description="Repositories a page.", examples=[100])
    cursor: Text | None = Field(default=None, description="`cursor` of the page before.", examples=["WzEwLCAxLCAiZGVmIG1haW4iXQ=="])


class FilesQuery(BaseModel):
    """Which repository's files to list."""

    model_config = ConfigDict(extra="forbid")

    repository: RepositoryText = Field(description="The repository; upper and lower case are one.", examples=["pypi/click"])
    version: Text | None = Field(default=None, description=_VERSION, examples=["1.0"])
    limit: int = Field(default=100, ge=1, le=1000, description="Files a page.", examples=[100])
    cursor: Text | None = Field(default=None, description="`cursor` of the page before.", examples=["WzEwLCAxLCAiZGVmIG1haW4iXQ=="])


class LegalQuery(BaseModel):
    """Which repository's legal texts to give."""

    model_config = ConfigDict(extra="forbid")

    repository: RepositoryText = Field(description="The repository; upper and lower case are one.", examples=["pypi/click"])
    version: Text | None = Field(default=None, description=_VERSION, examples=["1.0"])


class FingerprintsQuestion(Question):
    """Who holds these fingerprints? For clients that keep the text to themselves."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"fingerprints": [68970136713131, 277063498301], "spec": "wherefrom-1:exact-8-13,renamed-16-10"}]}
    )

    fingerprints: list[Annotated[int, Field(ge=0, lt=1 << 48)]] = Field(
        min_length=1,
        max_length=10_000,
        description="Fingerprints of the exact channel, 48 bits each: those that the filter may contain.",
        examples=[[68970136713131]],
    )
    spec: Text | None = Field(
        default=None,
        description="How they were made; another spec than the index's is refused, for nothing would be found.",
        examples=["wherefrom-1:exact-8-13,renamed-16-10"],
    )
    limit: int = Field(default=20, ge=1, le=200, description="Largest number of candidates.", examples=[20])


class MembershipLine(MembershipQuestion):
    """A line of /v1/membership/batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "src/a.py", "text": EXAMPLE_TEXT}]})

    id: Text | int = Field(description="Given back with the answer.", examples=["src/a.py"])


class AttributionLine(AttributionQuestion):
    """A line of /v1/attribution/batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "src/a.py", "text": EXAMPLE_TEXT, "limit": 3}]})

    id: Text | int = Field(description="Given back with the answer.", examples=["src/a.py"])


class OverlapQuestion(BaseModel):
    """The body that Data Portraits clients send; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"document": EXAMPLE_TEXT}]})

    document: Text = Field(description="The code around the cursor.", examples=[EXAMPLE_TEXT])


class PortraitQuestion(OverlapQuestion):
    """One document to be compared with the corpus."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"document": EXAMPLE_TEXT, "seq_id": 1}]})

    seq_id: Any = Field(default=None, description="Given back as it came.", examples=[1])


class QuipQuestion(BaseModel):
    """Documents whose quoted share is asked for."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"documents": [EXAMPLE_TEXT]}]})

    documents: list[Text] = Field(description="The texts, at most 100.", max_length=100, examples=[[EXAMPLE_TEXT]])
    format_quotes: bool = Field(
        default=False, description="Whether each report gets `quote_text`, the document with quotes in [brackets].", examples=[True]
    )
