"""An audit as a table: a row about the audit, one a finding, one for every file that was not scanned to its end."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Finding
from search_api.audit.reports import about

COLUMNS = (
    "state path start_line end_line scope kind tokens files level standing credit license_expression license_type compatibility"
    " repository commit source_path source_start_line source_end_line source_url purl obligations reasons id"
).split()
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(outcome: Outcome) -> str:
    """The table with a head, fields quoted where needed, lines ended by CRLF (RFC 4180)."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    for row in _rows(outcome.audit):
        writer.writerow({name: _plain(value) for name, value in row.items()})
    return out.getvalue()


def _rows(audit: Audit) -> Iterator[dict[str, object]]:
    yield {"state": "audit", "reasons": "; ".join(about.lines(audit))}
    for finding in audit.findings:
        yield _row(finding)
    for file in audit.files:
        if file.state in ("partial", "too_short", "not_scanned"):
            yield {"state": file.state, "path": file.path, "tokens": file.tokens, "reasons": "; ".join(file.reasons)}


def _row(finding: Finding) -> dict[str, object]:
    named = (
        "path start_line end_line scope kind tokens files level standing credit license_expression license_type compatibility id"
    ).split()
    row = {"state": "found", **{name: getattr(finding, name) for name in named}}
    row |= {"obligations": "; ".join(dict.fromkeys(duty.text for duty in finding.obligations)), "reasons": "; ".join(finding.level_reasons)}
    if finding.sources:
        best = finding.sources[0]
        row |= {"repository": best.repository, "commit": best.commit, "source_path": best.path, "source_url": best.url, "purl": best.purl}
        row |= {"source_start_line": best.start_line, "source_end_line": best.end_line}
    return row


def _plain(value: object) -> object:
    """The value as no spreadsheet takes it for a formula, without line ends."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = " ".join(value.split())
    return f"'{text}" if text.startswith(_FORMULA) else text
