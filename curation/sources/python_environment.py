"""Which source files do the Python packages installed here consist of?

    python-env            the running interpreter's environment
    python-env:.venv      a virtual environment, a prefix, or a site-packages folder

Repository `pypi/NAME`, commit the version. Files come from each distribution's RECORD, so code that nobody installed
(editable projects, stray modules) is left out.

Not here: licence and owner out of metadata (`curation.metadata`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from curation.languages import is_binary_name
from curation.licence_texts import is_legal_name, legal_texts
from curation.metadata import canonical_name, python_origin
from curation.origin import Origin, Reading, Source, SourceFile
from curation.sources.folder import read_file
from indexer.errors import InputError

_PACKAGE_FOLDERS = ("lib/python*/site-packages", "lib64/python*/site-packages", "lib/python*/dist-packages", "Lib/site-packages")
_METADATA_FOLDER = re.compile(r"^[^/]*\.(dist|egg)-info/")


def python_environment(location: str | None) -> Source:
    """The source for an environment; None for the running interpreter's. Raises InputError where no package is installed."""
    folders = _package_folders(location)

    def files(reading: Reading) -> Iterator[SourceFile]:
        taken: set[Path] = set()
        for distribution in _installed(folders):
            yield from _files(distribution, taken, reading)

    return files


def _package_folders(location: str | None) -> list[str]:
    if location is None:
        return [entry for entry in sys.path if entry and Path(entry).is_dir()]
    root = Path(location)
    if not root.is_dir():
        raise InputError(f"python-env:{location}: no such folder; name a virtual environment or a site-packages folder")
    found = sorted({folder.resolve() for pattern in _PACKAGE_FOLDERS for folder in root.glob(pattern)}) or [root]
    if not any(next(folder.glob(pattern), None) for folder in found for pattern in ("*.dist-info", "*.egg-info")):
        raise InputError(f"python-env:{location}: no packages there (no *.dist-info); name a virtual environment or a site-packages folder")
    return [str(folder) for folder in found]


def _installed(folders: list[str]) -> list[Distribution]:
    """One distribution a name, as Python would import it: the first on the path; in alphabetical order."""
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=folders):
        if "Name" in distribution.metadata and "Version" in distribution.metadata:
            found.setdefault(canonical_name(distribution.name), distribution)
    return [found[name] for name in sorted(found)]


def _files(distribution: Distribution, taken: set[Path], reading: Reading) -> Iterator[SourceFile]:
    if distribution.files is None:
        reading.skip("package_without_record")
        return
    origin = _origin(distribution)
    for entry in distribution.files:
        path = PurePosixPath(entry).as_posix()
        if _METADATA_FOLDER.match(path):
            continue
        place = Path(str(entry.locate()))
        if path.startswith(("../", "/")):
            reading.skip("outside_the_package")  # scripts and data files that an installer put elsewhere
        elif is_binary_name(path):
            reading.skip("binary")
        elif place in taken:
            reading.skip("claimed_twice")
        else:
            taken.add(place)
            content = read_file(place, reading)
            if content is not None:
                yield SourceFile(origin, path, content)


def _origin(distribution: Distribution) -> Origin:
    texts = legal_texts(_legal_files(distribution))
    return python_origin(distribution.metadata, texts, "python-env")  # type: ignore[arg-type]  # a Message in fact


def _legal_files(distribution: Distribution) -> Iterator[tuple[str, bytes]]:
    unseen = Reading(skip_bad=True)  # a licence file that is gone is no reason to stop
    for entry in distribution.files or ():
        path = PurePosixPath(entry).as_posix()
        if _METADATA_FOLDER.match(path) and is_legal_name(path):
            content = read_file(Path(str(entry.locate())), unseen)
            if content is not None:
                yield _METADATA_FOLDER.sub("", path), content
