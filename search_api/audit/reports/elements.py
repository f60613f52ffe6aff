"""What do SPDX and CycloneDX documents have in common? Names of elements derived from content, files, licences that those formats take."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from indexer.licences.categories import normalize
from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Finding
from search_api.audit.scan import Scanned

PROJECT = "the audited project"
HOME = "https://wherefrom.example"


def name_of(*parts: str) -> str:
    """A short name for something, the same for the same parts."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def document_name(audit: Audit) -> str:
    """A name for the document, the same for the same result."""
    return name_of(
        audit.created, audit.tool, audit.index.name, audit.index.version, *(finding.id + finding.standing for finding in audit.findings)
    )


@cache
def listed(expression: str | None) -> str | None:
    """The expression, where all it names is on SPDX's list; else None, as these formats want a licence's text with every other name."""
    known = normalize(expression or "")
    if known in (None, "NONE", "NOASSERTION") or "LicenseRef-" in known or "DocumentRef-" in known:
        return None
    return None if _spdx().validate(known).errors else known


@cache
def _spdx() -> Any:
    from license_expression import get_spdx_licensing  # noqa: PLC0415 - 60 ms that other reports save

    return get_spdx_licensing()


def parsed(expression: str) -> Any:
    """The tree of a listed expression."""
    return _spdx().parse(expression)


def files(outcome: Outcome) -> Iterator[tuple[str, Scanned, list[Finding]]]:
    """(path, file, its findings) of every file with findings, in order; a folder's finding stands with each file it covers."""
    by_path: dict[str, list[Finding]] = {}
    for finding in outcome.audit.findings:
        for path in [cover.path for cover in finding.covers] or [finding.path]:
            by_path.setdefault(path, []).append(finding)
    for path in sorted(by_path):
        yield path, outcome.texts[path], by_path[path]


def remark(finding: Finding) -> str:
    """Where a finding comes from, and how sure that is."""
    source = finding.sources[0] if finding.sources else None
    there = f"{source.path}, lines {source.start_line}-{source.end_line}, {source.swhid or source.url}" if source else "not listed"
    stated = finding.license_expression or "none"
    return f"{finding.kind}, {finding.tokens} tokens, from {finding.component}: {there}; licence stated: {stated}; {finding.standing}"
