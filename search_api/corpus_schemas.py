"""What do answers about the corpus hold over HTTP? Documents, files, repositories, search pages, candidates.

Field for field the value types of `indexer.answers`; a test compares them.

Not here: answers about a text (`search_api.schemas`).
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from indexer.answers import LicenseType
from search_api.schemas import Attribution, Extent, IndexInfo, Partial


class Document(BaseModel):
    """One file of the corpus."""

    document_id: str = Field(description="Stable id, from repository, path and content.", examples=["0f1e2d3c4b5a69788796a5b4"])
    content_id: str = Field(description="Git blob SHA-1 of the content, hex.", examples=["94a9ed024d3859793618152ea559a168bbcbb5e2"])
    content: str = Field(description="The file's text.", examples=["import os\n"])
    size: int = Field(description="Size in bytes.", examples=[10])
    encoding: str | None = Field(description="Encoding it was read from.", examples=["utf-8"])
    language: str | None = Field(description="Language.", examples=["Python"])
    repository: str = Field(description="Repository.", examples=["pypi/click"])
    owner: str | None = Field(description="Owner.", examples=["pallets"])
    path: str = Field(description="Path in the repository.", examples=["click/core.py"])
    commit: str | None = Field(description="Commit, or a package's version.", examples=["8.1.7"])
    licenses: list[str] = Field(description="SPDX licence ids.", examples=[["BSD-3-Clause"]])
    license_expression: str | None = Field(description="SPDX expression.", examples=["BSD-3-Clause"])
    license_evidence: str | None = Field(
        description="Where the licence was read: tag, header, license_file, package or repository.", examples=["package"]
    )
    license_type: LicenseType = Field(description="What kind of licence it is.", examples=["permissive"])
    purl: str | None = Field(description="Package URL.", examples=["pkg:pypi/click@8.1.7"])
    url: str | None = Field(description="Link to the file, pinned to the commit.", examples=[None])
    project_url: str | None = Field(description="The project's own page.", examples=["https://palletsprojects.com/p/click/"])
    stars: int | None = Field(description="Stars of the repository.", examples=[15000])
    forks: int | None = Field(description="Forks of the repository.", examples=[1400])
    is_fork: bool | None = Field(description="The repository is a fork.", examples=[False])
    is_vendored: bool | None = Field(description="Third-party code inside the repository.", examples=[False])
    is_generated: bool | None = Field(description="Made by a program.", examples=[False])
    is_test: bool | None = Field(description="Test code.", examples=[False])
    cluster_id: str | None = Field(description="Files of one near-duplicate cluster share it.", examples=["c81"])
    first_seen: str | None = Field(description="Earliest known date, ISO 8601.", examples=["2014-04-24T00:00:00+00:00"])
    source: str | None = Field(description="Where the dataset took it from.", examples=["python-env"])


class Snippet(BaseModel):
    """Some lines of a hit."""

    text: str = Field(description="The lines.", examples=["def main():\n"])
    start_line: int = Field(description="First line, from 1.", examples=[10])
    end_line: int = Field(description="Last line, inclusive.", examples=[10])
    highlights: list[Extent] = Field(description="What matched, as code point ranges within `text`.", examples=[[{"start": 4, "end": 8}]])


class Copy(BaseModel):
    """Another file with the same content as a hit."""

    document_id: str = Field(description="Stable id; /v1/documents/{id} has the file.", examples=["1e2d3c4b5a69788796a5b4c3"])
    repository: str = Field(description="Repository.", examples=["pypi/flask"])
    path: str = Field(description="Path in the repository.", examples=["flask/_vendor/core.py"])
    license_expression: str | None = Field(description="SPDX expression.", examples=["BSD-3-Clause"])
    url: str = Field(description="Link to the file, pinned where the host allows it.", examples=["/documents/1e2d3c4b5a69788796a5b4c3"])


class Hit(BaseModel):
    """One document that a search found; files with the same content are one hit."""

    document_id: str = Field(description="Stable id; /v1/documents/{id} has the file.", examples=["0f1e2d3c4b5a69788796a5b4"])
    content_id: str = Field(
        description="Id of the content, the same for equal files.", examples=["9daeafb9864cf43055ae93beb0afd6c7d144bfa4"]
    )
    repository: str = Field(description="Repository.", examples=["pypi/click"])
    owner: str | None = Field(description="Owner.", examples=["pallets"])
    path: str = Field(description="Path in the repository.", examples=["click/core.py"])
    commit: str | None = Field(description="Commit, or a package's version.", examples=["8.1.7"])
    language: str | None = Field(description="Language.", examples=["Python"])
    licenses: list[str] = Field(description="SPDX licence ids.", examples=[["BSD-3-Clause"]])
    license_expression: str | None = Field(description="SPDX expression.", examples=["BSD-3-Clause"])
    license_type: LicenseType = Field(description="What kind of licence it is.", examples=["permissive"])
    size: int = Field(description="Size in bytes.", examples=[10])
    url: str = Field(description="Link to the file, pinned where the host allows it.", examples=["/documents/0f1e2d3c4b5a69788796a5b4"])
    project_url: str | None = Field(description="The project's own page.", examples=["https://palletsprojects.com/p/click/"])
    score: float = Field(description="BM25 score.", examples=[12.5])
    snippets: list[Snippet] = Field(description="Lines that matched.", examples=[[]])
    copies: list[Copy] = Field(description="Some of the other files with this content that rank on this page.", examples=[[]])
    copies_total: int = Field(description="How many of them rank on this page.", examples=[0])


class HitGroup(BaseModel):
    """The hits of one repository."""

    repository: str = Field(description="Repository.", examples=["pypi/click"])
    hits: list[int] = Field(description="Positions in `hits`, best first.", examples=[[0, 2]])


class FacetCount(BaseModel):
    """How many of the documents found have this value."""

    value: str = Field(description="The value.", examples=["Python"])
    count: int = Field(description="Documents.", examples=[812])


class SearchPage(BaseModel):
    """One page of a full-text search."""

    query: str = Field(description="The query as it was understood.", examples=["def main lang:Python"])
    total: int = Field(description="Files found, copies too.", examples=[812])
    total_capped: bool = Field(description="`total` is a lower bound.", examples=[False])
    hits: list[Hit] = Field(description="Best first.", examples=[[]])
    groups: list[HitGroup] = Field(description="The hits by repository, that of the best hit first.", examples=[[]])
    facets: dict[str, list[FacetCount]] = Field(
        description="Counts by field.", examples=[{"language": [{"value": "Python", "count": 812}]}]
    )
    cursor: str | None = Field(
        description="Asks for the next page; null on the last.",
        examples=["WzEwLCAxMi41LCA4MTEsICIwZjFlMmQzYzRiNWE2OTc4ODc5NmE1YjQiLCBbXSwgMSwgWyJkZWYgbWFpbiBsYW5nOlB5dGhvbiJdXQ=="],
    )
    hint: str | None = Field(description="Why there are no hits but an attribution.", examples=[None])
    attribution: Attribution | None = Field(description="Where several lines of code, which are no query, come from.", examples=[None])
    partial: Partial | None = Field(description="Set where the answer may be incomplete.", examples=[None])
    index: IndexInfo


class Repository(BaseModel):
    """One repository of the corpus."""

    repository: str = Field(description="Name.", examples=["pypi/click"])
    owner: str | None = Field(description="Owner.", examples=["pallets"])
    commit: str | None = Field(description="Commit, or a package's version.", examples=["8.1.7"])
    licenses: list[str] = Field(description="SPDX licence ids.", examples=[["BSD-3-Clause"]])
    license_expression: str | None = Field(description="SPDX expression.", examples=["BSD-3-Clause"])
    license_type: LicenseType = Field(description="What kind of licence it is.", examples=["permissive"])
    project_url: str | None = Field(description="The project's own page.", examples=["https://palletsprojects.com/p/click/"])
    files: int = Field(description="Live files in the index.", examples=[16])


class RepositoryPage(BaseModel):
    """Repositories in alphabetical order."""

    repositories: list[Repository] = Field(description="One page of them.", examples=[[]])
    total: int = Field(description="How many there are in all.", examples=[412])
    cursor: str | None = Field(description="Asks for the next page; null on the last.", examples=["WzEwMCwgMSwgIiJd"])
    index: IndexInfo


class File(BaseModel):
    """One file of a repository, without its content."""

    document_id: str = Field(description="Stable id; /v1/documents/{id} has the file.", examples=["0f1e2d3c4b5a69788796a5b4"])
    content_id: str = Field(description="Git blob SHA-1 of the content, hex.", examples=["94a9ed024d3859793618152ea559a168bbcbb5e2"])
    repository: str = Field(description="Repository.", examples=["pypi/click"])
    owner: str | None = Field(description="Owner.", examples=["pallets"])
    path: str = Field(description="Path in the repository.", examples=["click/core.py"])
    commit: str | None = Field(description="Commit, or a package's version.", examples=["8.1.7"])
    language: str | None = Field(description="Language.", examples=["Python"])
    licenses: list[str] = Field(description="SPDX licence ids.", examples=[["BSD-3-Clause"]])
    license_expression: str | None = Field(description="SPDX expression.", examples=["BSD-3-Clause"])
    license_type: LicenseType = Field(description="What kind of licence it is.", examples=["permissive"])
    size: int = Field(description="Size in bytes.", examples=[110712])
    url: str = Field(description="Link to the file, pinned where the host allows it.", examples=["/documents/0f1e2d3c4b5a69788796a5b4"])
    project_url: str | None = Field(description="The project's own page.", examples=["https://palletsprojects.com/p/click/"])


class FilePage(BaseModel):
    """Files of one repository."""

    files: list[File] = Field(description="One page of them, in the index's own order.", examples=[[]])
    total: int = Field(description="How many there are in all.", examples=[16])
    cursor: str | None = Field(description="Asks for the next page; null on the last.", examples=["WzEwMCwgMSwgInB5cGkvY2xpY2siXQ=="])
    index: IndexInfo


class NamedText(BaseModel):
    """One file of a repository's legal texts."""

    path: str = Field(description="Path in the repository, or in its package.", examples=["LICENSE.txt"])
    text: str = Field(description="The file's text.", examples=["Copyright 2014 Pallets\n"])


class Legal(BaseModel):
    """What must be passed on with a repository's code, as far as the corpus holds it."""

    license_texts: list[NamedText] = Field(description="Its licence files.", examples=[[]])
    notice_texts: list[NamedText] = Field(description="Its notice files.", examples=[[]])
    copyright_lines: list[str] = Field(description="Its copyright lines.", examples=[["Copyright 2014 Pallets"]])


class Candidate(BaseModel):
    """A file that holds some of the fingerprints asked about."""

    file: File
    fingerprints: list[int] = Field(description="Which: positions in the question.", examples=[[0, 1, 2]])


class Candidates(BaseModel):
    """Who may be the source of a text of which only fingerprints are known: guesses, for whoever has the text to verify."""

    candidates: list[Candidate] = Field(
        description="Best first; together they hold every fingerprint that the corpus holds.", examples=[[]]
    )
    counts: list[int] = Field(
        description="For each fingerprint, in how many places the corpus holds it; 0: the filter was wrong.", examples=[[3, 1, 0]]
    )
    partial: Partial | None = Field(description="Set where there may be more: `limit`, `postings`.", examples=[None])
    index: IndexInfo
