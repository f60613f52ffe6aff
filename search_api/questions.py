"""What can be asked over HTTP? The request bodies and query strings of every route.

Field names are the keywords of the methods of `Index`. Texts may hold lone surrogates and NUL: they are answered.

Not here: what comes back (`search_api.schemas`), how bytes become values (`search_api.bodies`).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from indexer.answers import OffsetUnit, SpanKind

EXAMPLE_TEXT = "def clamp(value, low, high):\n    return max(low, min(high, value))\n"


def _text(value: Any) -> str:
    """Any string as it is; pydantic's own check refuses lone surrogates, which editors do send."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a string")
    return value


Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
QueryText = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "examples": ['"def main(" lang:Python']})]


class Question(BaseModel):
    """A body of /v1: an unknown field is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", strict=True)


class MembershipQuestion(Question):
    """Is this text in the corpus?"""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": EXAMPLE_TEXT}]})

    text: Text = Field(description="The code asked about.")
    offset_unit: OffsetUnit = Field(
        default="utf-32", description="Unit of every offset in the answer: bytes, UTF-16 code units or code points."
    )
    min_tokens: int | None = Field(
        default=None, ge=1, description="How many tokens the longest run must reach for `member`; the index's measured default where null."
    )


class AttributionQuestion(Question):
    """Where does this text come from?"""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": EXAMPLE_TEXT, "limit": 3, "offset_unit": "utf-16"}]})

    text: Text = Field(description="The code asked about.")
    offset_unit: OffsetUnit = Field(
        default="utf-32", description="Unit of every offset in the answer: bytes, UTF-16 code units or code points."
    )
    limit: int = Field(default=10, ge=1, le=100, description="Largest number of sources; copies are folded and do not count.")
    kinds: list[SpanKind] | None = Field(default=None, min_length=1, description="Kinds of span to look for; every kind where null.")
    sensitivity: float = Field(default=0.5, ge=0, le=1, description="Moves the threshold of `significant`: higher reports more.")
    timeout_ms: int | None = Field(
        default=None, ge=1, description="Time for this answer in milliseconds; the server's own limit holds as well."
    )


class SearchQuestion(Question):
    """A full-text query, with filters beside it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"q": '"def main(" lang:Python', "limit": 5}]})

    q: QueryText = Field(
        description='Words, "literal text", prefix*, -exclusion, and the fields language: license: repository: owner: path: '
        "(lang: and repo: for short)."
    )
    language: Text | None = Field(default=None, description="Only files of this language.")
    license: Text | None = Field(default=None, description="Only files under this SPDX licence id.")
    repository: Text | None = Field(default=None, description="Only files of this repository.")
    owner: Text | None = Field(default=None, description="Only files of this owner.")
    limit: int = Field(default=10, ge=1, le=100, description="Hits a page.")
    cursor: Text | None = Field(default=None, description="`cursor` of the page before.")


class SearchQuery(SearchQuestion):
    """The same as a query string, where numbers arrive as text."""

    model_config = ConfigDict(strict=False)


class RepositoriesQuery(BaseModel):
    """Which repositories to list."""

    model_config = ConfigDict(extra="forbid")

    owner: Text | None = Field(default=None, description="Only repositories of this owner.")
    limit: int = Field(default=100, ge=1, le=1000, description="Repositories a page.")
    cursor: Text | None = Field(default=None, description="`cursor` of the page before.")


class OverlapQuestion(BaseModel):
    """The body that Data Portraits clients send; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"document": EXAMPLE_TEXT}]})

    document: Text = Field(description="The code around the cursor.")


class PortraitQuestion(OverlapQuestion):
    """One document to be compared with the corpus."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"document": EXAMPLE_TEXT, "seq_id": 1}]})

    seq_id: Any = Field(default=None, description="Given back as it came.")


class QuipQuestion(BaseModel):
    """Documents whose quoted share is asked for."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"documents": [EXAMPLE_TEXT]}]})

    documents: list[Text] = Field(description="The texts, at most 100.", max_length=100)
    format_quotes: bool = Field(default=False, description="Whether each report gets `quote_text`, the document with quotes in [brackets].")
