"""An audit as Markdown, short enough for a comment on a merge request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from search_api.audit.audit import Outcome
from search_api.audit.model import Audit, Component, Finding
from search_api.audit.reports.about import held, lines

MOST_ROWS = 50


def render(outcome: Outcome) -> str:
    """Headline, a table of the first findings by component, what they ask for, and what was looked at."""
    return "\n".join(_lines(outcome.audit)) + "\n"


def _lines(audit: Audit) -> Iterator[str]:
    found = audit.open_findings
    verdict = (
        "incomplete" if audit.problems else "the policy says no" if audit.exit_code == 1 else "nothing new" if not found else "see below"
    )
    yield f"## Where does this code come from? {len(found)} finding{'' if len(found) == 1 else 's'}: {verdict}\n"
    if found:
        yield "| finding | from | licence | verdict | credit | held by |"
        yield "|---|---|---|---|---|---|"
        yield from (_row(finding) for finding in found[:MOST_ROWS])
        if len(found) > MOST_ROWS:
            yield f"\nand {len(found) - MOST_ROWS} more; the JSON and HTML reports have all."
        yield from _obligations(audit.components, found)
    yield ""
    yield from (f"- {_plain(line)}" for line in lines(audit))


def _row(finding: Finding) -> str:
    lines_ = (
        f":{finding.start_line}-{finding.end_line}"
        if finding.scope == "span"
        else f" ({len(finding.covers)} files)"
        if finding.scope == "folder"
        else ""
    )
    source = finding.sources[0] if finding.sources else None
    place = _plain(f"{finding.component} {source.path}#L{source.start_line}-L{source.end_line}" if source else "not listed")
    link = f"[{place}]({source.url.replace(' ', '%20').replace(')', '%29')})" if source and source.url.startswith("http") else place
    cells = [
        _plain(finding.path + lines_),
        link,
        _plain(finding.license_expression or "none known"),
        finding.level.replace("_", " "),
        finding.credit.replace("_", " "),
        held(finding),
    ]
    return f"| {' | '.join(cells)} |"


def _obligations(components: Sequence[Component], found: Sequence[Finding]) -> Iterator[str]:
    duties = dict.fromkeys((duty.license, duty.text) for finding in found for duty in finding.obligations)
    if duties:
        yield "\n**What the licences ask for**\n"
        yield from (f"- {_plain(name)}: {text}" for name, text in duties)


def _plain(text: str) -> str:
    """The text as Markdown shows it literally: names from a corpus must not draw here."""
    return re.sub(r"([\\`*_{}\[\]<>()#|!@~$])", r"\\\1", " ".join(text.split()))
