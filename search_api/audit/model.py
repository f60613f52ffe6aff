"""What does an audit hold? The values that every report is made of; field names are the JSON names.

Lines and columns are 1-based and inclusive of the line; columns and offsets count code points and are half-open; byte offsets
count the file's own bytes, half-open. Paths are POSIX paths relative to the folder the audit was started in.

Not here: how they are found (`search_api.audit.audit`), how they look (`search_api.audit.reports`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from indexer.answers import IndexInfo, LicenseType, SourceKind, SpanKind, Use

FORMAT = 1  # of the JSON report and the baseline; a change that breaks readers counts up

State = Literal["found", "none", "too_short", "partial", "not_scanned"]
Scope = Literal["span", "file", "folder"]
Level = Literal["not_judged", "allowed", "flagged", "denied"]
Compatibility = Literal["not_asked", "compatible", "check", "unknown", "incompatible"]
Credit = Literal["credited", "credited_wrongly", "not_credited"]
Standing = Literal["new", "baselined", "suppressed"]

USES: tuple[Use, ...] = ("internal", "saas", "distributed")
LEVELS: tuple[Level, ...] = ("not_judged", "allowed", "flagged", "denied")  # the last is the worst


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of the project. `reasons` say why it is partial or was not scanned; `common_spans` counts what is idiom only."""

    path: str
    state: State
    reasons: tuple[str, ...]
    bytes: int
    tokens: int
    common_spans: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding stands in the corpus. `names` maps the source's identifiers to ours where some were changed."""

    document_id: str
    repository: str
    owner: str | None
    path: str
    commit: str | None
    start_line: int
    end_line: int
    language: str | None
    license_expression: str | None
    license_type: LicenseType
    url: str
    project_url: str | None
    swhid: str | None
    purl: str | None
    kind: SourceKind
    similarity: float
    names: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CoveredFile:
    """A whole file that a finding of scope `file` or `folder` stands for. `identical`: byte for byte."""

    path: str
    source_path: str
    identical: bool
    license_expression: str | None


@dataclass(frozen=True, slots=True)
class Obligation:
    """What a licence asks for under the use stated. `source` says whose reading of the licence this is."""

    license: str
    condition: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding is not counted, and until when (ISO date, inclusive)."""

    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch, file or folder of the project that stands in the corpus too.

    `id` derives from path, tokens and ordinal alone, so it survives a refreshed index and lines inserted above. `sources` are best
    first, the likely original leading; `sources_total` counts copies too. `licenses` are all expressions found among them.
    `stands_for` are the ids of the stretches that a whole file or folder takes together: a baseline knows those too.
    """

    id: str
    scope: Scope
    path: str
    start_line: int
    end_line: int
    start_column: int
    end_column: int
    start_byte: int
    end_byte: int
    tokens: int
    tokens_sha256: str
    kind: SpanKind
    score: float
    files: int
    repositories: int
    owners: int
    capped: bool
    component: str
    sources: tuple[Place, ...]
    sources_total: int
    license_expression: str | None
    license_type: LicenseType
    licenses: tuple[str, ...]
    covers: tuple[CoveredFile, ...] = ()
    stands_for: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    compatibility: Compatibility = "not_asked"
    credit: Credit = "not_credited"
    credited_in: str | None = None
    level: Level = "not_judged"
    level_reasons: tuple[str, ...] = ()
    standing: Standing = "new"
    suppression: Suppression | None = None

    @property
    def is_certain(self) -> bool:
        """Whether all sources agree on one licence."""
        return len(self.licenses) <= 1


@dataclass(frozen=True, slots=True)
class Component:
    """Where findings come from: one repository or package at one version. `id` is what findings carry as `component`."""

    id: str
    repository: str
    commit: str | None
    purl: str | None
    project_url: str | None
    license_expression: str | None
    license_type: LicenseType
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many files were in which state, and how many were left to .gitignore or the settings."""

    files: int
    found: int
    none: int
    too_short: int
    partial: int
    not_scanned: int
    ignored: int
    bytes_scanned: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The whole result. `problems` are why it must not be taken for complete; empty: every file was scanned to the end.

    `scope` says which part of the project was asked about: `all`, `diff REV` or `staged`.
    """

    format: int
    tool: str
    created: str
    scope: str
    use: Use
    project_license: str | None
    policy: bool
    index: IndexInfo
    index_age_days: int | None
    counts: Counts
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    exit_code: int
    components: tuple[Component, ...]
    findings: tuple[Finding, ...]
    files: tuple[FileReport, ...]

    def by_id(self) -> dict[str, Finding]:
        """The findings by their ids."""
        return {finding.id: finding for finding in self.findings}

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Those that no baseline and no suppression answers for."""
        return tuple(finding for finding in self.findings if finding.standing == "new")
