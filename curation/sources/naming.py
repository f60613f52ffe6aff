"""Which source does a SOURCE string of the command line name?

Not here: what each kind reads (its own module beside this one).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.origin import Reading, Source, SourceFile
from curation.sources.folder import folder
from curation.sources.git import git
from curation.sources.package_archive import package_archive
from curation.sources.parquet import parquet
from curation.sources.python_environment import python_environment
from curation.sources.stack import stack
from indexer.errors import InputError

KINDS = "dir:PATH git:PATH|URL python-env[:PATH] sdist:FILE wheel:FILE npm:FILE parquet:GLOB stack:GLOB"


def source(name: str) -> Source:
    """The source a string names. Raises InputError for an unknown kind or a place that is not there."""
    kind, colon, location = name.partition(":")
    if kind == "python-env":
        return python_environment(location or None)
    if not location:
        raise InputError(f"{name}: not a source; wanted one of {KINDS}" + ("" if colon else f" (a folder of code is dir:{name})"))
    match kind:
        case "dir":
            return folder(location)
        case "git":
            return git(location)
        case "sdist" | "wheel" | "npm":
            return package_archive(kind, location)
        case "parquet":
            return parquet(location)
        case "stack":
            return stack(location)
    raise InputError(f"{name}: unknown kind of source {kind!r}; wanted one of {KINDS}")


def all_files(sources: Sequence[Source], reading: Reading) -> Iterator[SourceFile]:
    """The files of all sources, one source after the other; what cannot be read is raised, or named and skipped."""
    for one in sources:
        try:
            yield from one(reading)
        except InputError as error:
            reading.bad(error)
