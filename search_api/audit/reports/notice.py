"""An audit as a NOTICE file: each source's licence, copyright lines, the files that hold its code, and the licence texts.

The next audit reads it back: what it names counts as credited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.licence_texts import copyright_lines
from indexer.errors import DocumentNotFound
from search_api.audit.audit import Corpus, Outcome
from search_api.audit.model import Audit, Component, Finding
from search_api.audit.reports.about import index_line

_HEAD = "This software contains or is derived from the following third-party code."
_RULE = "-" * 72
_HEAD_CHARACTERS = 4000
_MOST_FILES = 50


def render(outcome: Outcome) -> str:
    """The file's text; it says so where nothing was found."""
    audit = outcome.audit
    by_id = audit.by_id()
    found = [(component, [by_id[id_] for id_ in component.findings]) for component in sorted(audit.components, key=lambda one: one.id)]
    if not found:
        return f"No third-party code was found ({index_line(audit)}).\n"
    paragraphs = ["\n".join(_paragraph(component, findings, outcome.corpus)) for component, findings in found]
    texts = list(_texts([component for component, _ in found], outcome.corpus))
    return "\n\n".join([_HEAD, *paragraphs, *texts, _ending(audit)]) + "\n"


def _ending(audit: Audit) -> str:
    incomplete = "".join(f"\nIncomplete: {problem}." for problem in audit.problems)
    return f"{_RULE}\nMade by {audit.tool} with {index_line(audit)}.{incomplete}"


def _paragraph(component: Component, findings: Sequence[Finding], corpus: Corpus) -> Iterator[str]:
    yield _one_line(f"{component.repository} {component.commit or ''}")
    expressions = dict.fromkeys(finding.license_expression or "none stated" for finding in findings)
    several = len(expressions) > 1
    stated = " AND ".join(f"({one})" if several and " OR " in one else one for one in expressions)
    yield f"  Licence: {_one_line(stated)}"
    for label, value in (("Project", component.project_url), ("Package", component.purl)):
        if value:
            yield f"  {label}: {_one_line(value)}"
    yield from (f"  {_one_line(line)}" for line in _copyrights(component, findings, corpus))
    yield "  Files:"
    places = list(dict.fromkeys(_place(finding) for finding in sorted(findings, key=lambda one: (one.path, one.start_line))))
    yield from (f"    {_one_line(place)}" for place in places[:_MOST_FILES])
    if len(places) > _MOST_FILES:
        yield f"    and {len(places) - _MOST_FILES} more"


def _place(finding: Finding) -> str:
    if finding.scope == "folder":
        return f"{finding.path}/, {len(finding.covers)} files"
    return finding.path if finding.scope == "file" else f"{finding.path}, lines {finding.start_line}-{finding.end_line}"


def _copyrights(component: Component, findings: Sequence[Finding], corpus: Corpus) -> list[str]:
    """The repository's copyright lines, and those of the files themselves."""
    lines = list(corpus.legal(component.repository).copyright_lines)
    for document_id in dict.fromkeys(finding.sources[0].document_id for finding in findings if finding.sources):
        try:
            lines += copyright_lines([corpus.document(document_id).content[:_HEAD_CHARACTERS]])
        except DocumentNotFound:
            continue
    return list(dict.fromkeys(lines))


def _texts(components: Sequence[Component], corpus: Corpus) -> Iterator[str]:
    """Licence and notice texts, each once, under the names of all who have it."""
    owners: dict[str, list[str]] = {}
    for component in components:
        legal = corpus.legal(component.repository)
        if not (legal.license_texts or legal.notice_texts):
            yield f"{_RULE}\nThe licence text of {component.repository} is not in the index; see {component.project_url or 'its project'}."
            continue
        for text in (*legal.license_texts, *legal.notice_texts):
            owners.setdefault(text.text.strip(), []).append(f"{component.repository}, {text.path}")
    for content, names in owners.items():
        yield f"{_RULE}\nFrom {'; '.join(dict.fromkeys(map(_one_line, names)))}\n\n{content}"


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
