"""An audit as one HTML file that needs nothing else: a table to sort and filter, and each finding's code beside its source.

Not here: the other forms (`search_api.audit.reports`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from indexer.errors import DocumentNotFound
from search_api.audit.audit import Outcome
from search_api.audit.model import Finding
from search_api.audit.reports import about
from search_api.audit.text import Text

MOST_SHOWN = 500  # findings with their code
MOST_LINES = 80  # of one finding


@dataclass(frozen=True, slots=True)
class Row:
    """A line of ours beside one of the source; numbers are None past the end of either."""

    number: int | None
    line: str
    other_number: int | None
    other: str


def render(outcome: Outcome) -> str:
    """The page. Whatever comes from the corpus or the project is escaped."""
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    findings = outcome.audit.findings
    code = {finding.id: rows for finding in islice(findings, MOST_SHOWN) if (rows := list(_rows(finding, outcome)))}
    return environment.get_template("audit.html").render(
        audit=outcome.audit, about=about.lines(outcome.audit), held=about.held, code=code, without_code=max(0, len(findings) - MOST_SHOWN)
    )


def _rows(finding: Finding, outcome: Outcome) -> Iterator[Row]:
    """The code of a stretch, as far as both sides can be had; "" where one cannot."""
    if finding.scope != "span" or not finding.sources or finding.path not in outcome.texts:
        return
    source = finding.sources[0]
    mine = Text.of(outcome.texts[finding.path].text).lines(finding.start_line, finding.end_line)
    try:
        theirs = Text.of(outcome.corpus.document(source.document_id).content).lines(source.start_line, source.end_line)
    except DocumentNotFound:
        theirs = []
    pairs = zip_longest(enumerate(mine, finding.start_line), enumerate(theirs, source.start_line))
    for ours, other in islice(pairs, MOST_LINES):
        yield Row(*(ours or (None, "")), *(other or (None, "")))
