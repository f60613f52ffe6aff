"""Which source does a SOURCE string of the command line name?

Not here: what each kind reads (its own module beside this one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from curation.origin import Reading, Source, SourceFile
from curation.sources.debian import debian
from curation.sources.folder import folder
from curation.sources.git import git
from curation.sources.listed import listed
from curation.sources.package_archive import package_archive
from curation.sources.parquet import parquet
from curation.sources.plain_archive import plain_archive
from curation.sources.python_environment import python_environment
from curation.sources.stack import stack
from indexer.errors import InputError

KINDS = (
    "dir:PATH git:PATH|URL repositories:[N:]LIST python-env[:PATH] sdist:FILE wheel:FILE npm:FILE debian:PACKAGE archive:FILE"
    " parquet:GLOB stack:GLOB"
)

_MAKERS: dict[str, Callable[[str], Source]] = {
    "dir": folder,
    "git": git,
    "repositories": listed,
    "sdist": partial(package_archive, "sdist"),
    "wheel": partial(package_archive, "wheel"),
    "npm": partial(package_archive, "npm"),
    "debian": debian,
    "archive": plain_archive,
    "parquet": parquet,
    "stack": stack,
}


def source(name: str) -> Source:
    """The source a string names. Raises InputError for an unknown kind or a place that is not there."""
    kind, colon, location = name.partition(":")
    if kind == "python-env":
        return python_environment(location or None)
    if not location:
        raise InputError(f"{name}: not a source; wanted one of {KINDS}" + ("" if colon else f" (a folder of code is dir:{name})"))
    if make := _MAKERS.get(kind):
        return make(location)
    raise InputError(f"{name}: unknown kind of source {kind!r}; wanted one of {KINDS}")


def all_files(sources: Sequence[Source], reading: Reading) -> Iterator[SourceFile]:
    """The files of all sources, one source after the other; what cannot be read is raised, or named and skipped."""
    for one in sources:
        try:
            yield from one(reading)
        except InputError as error:
            reading.bad(error)
