"""What does every report say of itself? Which index answered, how much was looked at, and why it may be incomplete."""

from __future__ import annotations

from search_api.audit.model import Audit, Finding


def index_line(audit: Audit) -> str:
    """The index and its age."""
    info, age = audit.index, audit.index_age_days
    made = f"{info.date} ({'age unknown' if age is None else f'{age} days old'})"
    return f"index {info.name}, version {info.version}, of {made}, {info.documents:,} documents"


def coverage_line(audit: Audit) -> str:
    """How many files were in which state."""
    counts = audit.counts
    return (
        f"{counts.files} files: {counts.found} with findings, {counts.none} without, {counts.too_short} too short to tell, "
        f"{counts.partial} scanned in part, {counts.not_scanned} not scanned; {counts.ignored} ignored"
    )


def lines(audit: Audit) -> list[str]:
    """All of it; the lines that begin with "incomplete" only where something is."""
    said = [index_line(audit), coverage_line(audit), f"use {audit.use}, project licence {audit.project_license or 'not known'}"]
    return [*said, *(f"note: {warning}" for warning in audit.warnings), *(f"incomplete: {problem}" for problem in audit.problems)]


def sentence(finding: Finding) -> str:
    """A finding in one sentence. "Lines 3-40 are exactly in pypi/x@1 a.py lines 1-38, MIT (permissive); not credited." """
    what = {
        "span": f"Lines {finding.start_line}-{finding.end_line}",
        "file": "This whole file",
        "folder": f"{len(finding.covers)} whole files of this folder",
    }
    source = finding.sources[0] if finding.sources else None
    there = f"{finding.component}, {source.path} lines {source.start_line}-{source.end_line}" if source else "a source that was not listed"
    licence = f"{finding.license_expression or 'no licence known'} ({finding.license_type.replace('_', ' ')})"
    how = "with names changed" if finding.kind == "renamed" else "exactly"
    return f"{what[finding.scope]}: found {how} in {there}; {licence}; {finding.credit.replace('_', ' ')}; held by {held(finding)}."


def held(finding: Finding) -> str:
    """How common a finding is."""
    return f"{'over ' if finding.capped else ''}{finding.files} file{'' if finding.files == 1 and not finding.capped else 's'} of the index"


def first_path(finding: Finding) -> str:
    """A file that stands for a finding: its own, or the first of a folder."""
    return finding.covers[0].path if finding.scope == "folder" and finding.covers else finding.path
