"""How are findings credited in the files themselves? SPDX snippet tags around each, written into the working files.

Folders of whole files are left alone: a vendored library is credited by its licence file, or by a NOTICE.

Not here: the tags (`search_api.audit.credit`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curation.licence_texts import copyright_lines
from indexer.errors import DocumentNotFound, InputError
from indexer.licences.categories import normalize
from search_api.audit import credit
from search_api.audit.audit import Corpus, Outcome
from search_api.audit.credit import Credit, Placement
from search_api.audit.files import Entry
from search_api.audit.model import Finding
from search_api.audit.scan import Scanned

_NEAR = 10  # lines between two stretches of one source that are credited together
_HEAD = 4000  # characters of a file in which its copyright lines stand
_MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class _Stretch:
    start_line: int
    end_line: int
    component: str
    credits: tuple[Credit, ...]


def fix(outcome: Outcome) -> Iterator[str]:
    """Credits every open finding that is not; says what was done to each file, or why nothing was."""
    by_path: dict[str, list[Finding]] = {}
    for finding in outcome.audit.open_findings:
        if finding.credit != "credited" and finding.scope != "folder":
            by_path.setdefault(finding.path, []).append(finding)
        elif finding.credit != "credited":
            what = f"{finding.path}: {len(finding.covers)} whole files of {finding.component}"
            yield f"{what}; keep its licence file there, or credit it in a NOTICE file"
    for path, findings in sorted(by_path.items()):
        yield from _fix_file(path, findings, outcome.texts[path], outcome.corpus)


def credit_of(finding: Finding, corpus: Corpus) -> Credit:
    """What tags say of a finding's source. Raises InputError where nobody knows its licence."""
    if not finding.sources:
        raise InputError(f"{finding.path}: the source of lines {finding.start_line}-{finding.end_line} was not listed")
    source = finding.sources[0]
    expression = normalize(finding.license_expression or "")
    if expression in (None, "NONE", "NOASSERTION"):
        raise InputError(f"{finding.path}: the licence of {finding.component} is not known; a person has to find it out")
    place = f"{finding.component}:{source.path}#L{source.start_line}-L{source.end_line}"
    link = source.url if source.url.startswith("http") else source.project_url
    return Credit(str(expression), _copyrights(source.document_id, source.repository, corpus), f"from {place}{f' {link}' if link else ''}")


def _copyrights(document_id: str, repository: str, corpus: Corpus) -> tuple[str, ...]:
    """The file's own copyright lines, else its repository's."""
    try:
        lines = copyright_lines([corpus.document(document_id).content[:_HEAD]])
    except DocumentNotFound:
        lines = []
    return tuple((lines or corpus.legal(repository).copyright_lines)[:_MOST_LINES])


def _fix_file(path: str, findings: Sequence[Finding], scanned: Scanned, corpus: Corpus) -> Iterator[str]:
    file = scanned.entry.file if isinstance(scanned.entry, Entry) else None
    if file is None:
        yield f"{path}: not a file that can be changed; credit its sources in a NOTICE file"
        return
    stretches = []
    for finding in findings:
        try:
            stretches.append(_Stretch(finding.start_line, finding.end_line, finding.component, (credit_of(finding, corpus),)))
        except InputError as error:
            yield str(error)
    try:
        placements = _placed(scanned.text, path, stretches)
    except InputError as error:
        yield str(error)
        return
    if placements:
        part = file.with_name(file.name + ".part")
        part.write_bytes(scanned.encoded(credit.put(scanned.text, placements)))
        shutil.copymode(file, part)
        part.replace(file)
        yield f"{path}: credited lines {', '.join(f'{one.begin}-{one.end}' for one in placements)}"


def _placed(text: str, path: str, stretches: Sequence[_Stretch]) -> list[Placement]:
    """Where the tags go, none crossing another or a block that is there: what would cross becomes one."""
    there = [_Stretch(block.start_line, block.end_line, "", ()) for block in credit.blocks(text)]
    todo = _joined(stretches)
    while True:
        placements = [credit.place(text, path, one.start_line, one.end_line, one.credits) for one in todo]
        widened = [_Stretch(place.begin, place.end, one.component, one.credits) for place, one in zip(placements, todo, strict=True)]
        united = _joined([_around(one, there) for one in widened])
        if united == todo:
            return placements
        todo = united


def _joined(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """Stretches that overlap, or are near and of one source, as one."""
    out: list[_Stretch] = []
    for one in sorted(stretches, key=lambda one: (one.start_line, one.end_line)):
        last = out[-1] if out else None
        if last and (one.start_line <= last.end_line or (one.component == last.component and one.start_line <= last.end_line + _NEAR)):
            component = last.component if last.component == one.component else ""
            out[-1] = _Stretch(
                last.start_line, max(last.end_line, one.end_line), component, tuple(dict.fromkeys((*last.credits, *one.credits)))
            )
        else:
            out.append(one)
    return out


def _around(one: _Stretch, blocks: Sequence[_Stretch]) -> _Stretch:
    """The stretch, widened to blocks that it would cross."""
    begin, end = one.start_line, one.end_line
    for block in blocks:
        apart = block.end_line < begin or end < block.start_line
        nested = (begin <= block.start_line and block.end_line <= end) or (block.start_line < begin and end < block.end_line)
        if not apart and not nested:
            begin, end = min(begin, block.start_line), max(end, block.end_line)
    return _Stretch(begin, end, one.component, one.credits)
