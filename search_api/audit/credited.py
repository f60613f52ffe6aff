"""Is a finding credited, and rightly? Snippet tags around it, a file's own tag, a licence file in its folder, a NOTICE that names it.

Not here: how snippet tags are written and read (`search_api.audit.credit`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curation.decoding import decode
from curation.licence_detection import licence_of_text
from curation.licence_texts import is_licence_name, is_notice_name, tagged_licence
from indexer.licences.categories import alternatives, normalize
from search_api.audit import credit
from search_api.audit.files import shown
from search_api.audit.model import Credit, Finding

_LICENCE_LINE = re.compile(r"licen[sc]e(?:s|d under)?\s*[:=]\s*(\S[^\n]*)", re.IGNORECASE)
_MOST_BYTES = 2_000_000


@dataclass(slots=True)
class Credits:
    """What a project says of others' code: snippet blocks by file, file tags, licence and notice files by path."""

    blocks: dict[str, list[credit.Block]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)

    def read(self, path: str, text: str) -> None:
        """Takes note of one file of the project."""
        if found := credit.blocks(text):
            self.blocks[path] = found
        if tag := tagged_licence(text):
            self.tags[path] = tag
        if is_licence_name(path) and (licence := licence_of_text(text)):
            self.licences[path] = licence
        if is_notice_name(path):
            self.notices[path] = text

    def read_folders(self, folders: Iterable[Path]) -> None:
        """The legal files of some folders, where only part of them is scanned."""
        for folder in folders:
            for file in sorted(folder.iterdir()) if folder.is_dir() else ():
                if (is_notice_name(file.name) or is_licence_name(file.name)) and file.is_file() and file.stat().st_size < _MOST_BYTES:
                    decoded = decode(file.read_bytes())
                    self.read(shown(file), decoded.text if decoded else "")

    def of(self, finding: Finding) -> tuple[Credit, str | None]:
        """Whether a finding is credited, and where; a right credit counts before a wrong one."""
        wrong = None
        for where, expression in self._stated(finding):
            if expression is None or _agrees(expression, finding, is_text=where in self.licences):
                return "credited", where
            wrong = wrong or f"{where} says {expression}"
        return ("credited_wrongly", wrong) if wrong else ("not_credited", None)

    def _stated(self, finding: Finding) -> Iterator[tuple[str, str | None]]:
        """(where, the licence it states, None for none) of every credit that is about a finding."""
        for block in self.blocks.get(finding.path, ()):
            if block.start_line <= finding.start_line and finding.end_line <= block.end_line:
                yield f"{finding.path}#L{block.start_line}-L{block.end_line}", " AND ".join(block.licenses) or "no licence"
        if finding.scope == "file" and (tag := self.tags.get(finding.path)):
            yield finding.path, tag
        if finding.scope == "folder":
            prefix = "" if finding.path == "." else finding.path + "/"
            yield from ((path, licence) for path, licence in sorted(self.licences.items()) if prefix and path.startswith(prefix))
        for path, text in sorted(self.notices.items()):
            folder = path.rpartition("/")[0]
            if not folder or finding.path.startswith(folder + "/"):
                yield from ((path, licence) for licence in _named_in(text, finding))


def _agrees(expression: str, finding: Finding, *, is_text: bool) -> bool:
    """Whether a credit states a licence that a source has, one of its choices, or all that several sources have.

    A licence's text is the same for `only` and `or later`.
    """
    stated = normalize(expression)
    if stated is None:
        return False
    held = {_plain(name, is_text) for choice in alternatives(stated) for name in choice}
    wanted = [normalize(one) for one in (finding.license_expression, *finding.licenses) if one]
    choices = [{_plain(name, is_text) for name in choice} for one in wanted if one for choice in alternatives(one)]
    return stated in wanted or any(choice <= held for choice in choices)


def _plain(name: str, is_text: bool) -> str:
    return name.removesuffix("-only").removesuffix("-or-later") if is_text else name


def _named_in(notice: str, finding: Finding) -> Iterator[str | None]:
    """The licences that a notice states in the paragraphs that name the finding's source."""
    for paragraph in re.split(r"\n[ \t]*\n", notice.replace("\r\n", "\n")):
        if _names(paragraph, finding):
            stated = _LICENCE_LINE.search(paragraph)
            yield stated[1].strip() if stated else None


def _names(paragraph: str, finding: Finding) -> bool:
    """Whether a text names the repository, package or project of a source as a whole word."""
    if not finding.sources:
        return False
    best = finding.sources[0]
    names: Sequence[str | None] = (best.repository, (best.purl or "").partition("@")[0], best.project_url)
    return any(name and re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)", paragraph) for name in names)
