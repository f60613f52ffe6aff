"""Which files stand in an archive that is no package: a release's tarball, a zip of a folder?

    archive:project-1.2.tar.gz     repository: the one folder at its top, else the archive's name

The archive is read twice: in full first, so that a damaged one gives no rows, then for its files.

Not here: packages with metadata (`curation.sources.package_archive`), reading archives safely (`curation.sources.archive`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from curation.licence_texts import is_legal_name, legal_texts
from curation.origin import Origin, Reading, Source, SourceFile
from curation.package_licences import files_licence
from curation.sources.archive import members, reason_to_skip
from indexer.errors import InputError

_SUFFIXES = re.compile(r"(?:\.tar)?\.(?:gz|bz2|xz|tgz|tbz2|txz|tar|zip|crate)$", re.IGNORECASE)


def plain_archive(location: str) -> Source:
    """The source for one archive. Raises InputError where there is no such file."""
    archive = Path(location)
    if not archive.is_file():
        raise InputError(f"archive:{location}: no such file")

    def files(reading: Reading) -> Iterator[SourceFile]:
        root, origin = _survey(archive)
        taken: set[str] = set()
        for member in members(archive, reading):
            path = member.path.removeprefix(root)
            if reason := reason_to_skip(member, path in taken):
                reading.skip(reason)
                continue
            taken.add(path)
            yield SourceFile(origin, path, member.read())

    return files


def _survey(archive: Path) -> tuple[str, Origin]:
    """The folder that all paths begin with ("" for none) and what is known of the whole. Reads everything that will be used."""
    tops: set[str] = set()
    legal: list[tuple[str, bytes]] = []
    for member in members(archive, Reading()):
        if len(tops) < 2:
            tops.add(member.path.partition("/")[0] if "/" in member.path else "")
        if reason_to_skip(member, False) is None:
            content = member.read()
            if is_legal_name(member.path) and member.path.count("/") <= 2:
                legal.append((member.path, content))
    root = f"{min(tops)}/" if len(tops) == 1 and "" not in tops else ""
    inner = ((path.removeprefix(root), content) for path, content in legal)
    texts = legal_texts((path, content) for path, content in inner if "/" not in path.removeprefix("LICENSES/"))
    name = root.rstrip("/") or _SUFFIXES.sub("", archive.name)
    return root, Origin(repository=name, source="archive", licence=files_licence(texts), texts=texts)
