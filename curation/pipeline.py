"""How do sources and releases become an index, in one stream?

Not here: what an index is (`indexer.build`), the command around this (`curation.index_cli`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from curation.batches import batches
from curation.collect import counted, not_empty
from curation.ledger import Ledger
from curation.origin import Reading, Source
from curation.release_folder import MANIFEST, check_hashes, make_folder
from curation.running import Engine
from curation.sources.naming import all_files, source
from curation.steward import log_look
from indexer.add import AddReport, add_documents
from indexer.build import BuildReport, build_index
from indexer.corpus import Release
from indexer.disk import disk_errors
from indexer.errors import IndexNotFound, InputError, UnusableIndex
from indexer.location import kind_of
from indexer.merge import MergeReport, merge
from indexer.stores.local.manifest import LOCK, Manifest, check_ours
from indexer.stores.local.removal import RemovalReport
from indexer.stores.local.removal import remove as remove_from_folder

Progress = Callable[[int, int, str], None]  # documents, bytes of text, stage
Report = TypeVar("Report", BuildReport, AddReport)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What was built, under which name, and what was skipped by reason."""

    report: BuildReport
    name: str
    version: str
    skipped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Added:
    """What was added, and what was skipped by reason."""

    report: AddReport
    skipped: dict[str, int]


def index_sources(
    inputs: Sequence[str],
    location: str | Path,
    *,
    name: str | None = None,
    version: str | None = None,
    date: str,
    reading: Reading | None = None,
    full_text: bool = True,
    force: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Indexed:
    """Builds an index of releases (folders with a manifest) and SOURCE strings, in their order.

    Name and version default to those of a single release, else to the location's name and the date. An index that stands at
    the location is replaced with `force` only, and answers until then. With an `engine` releases get into a cluster from many workers.
    Raises InputError where an input cannot be read or
    holds nothing, or the location is taken, IndexLocked, OutOfSpace.
    """
    account = reading or Reading()
    where = str(location)
    is_cluster = kind_of(where) == "elasticsearch"
    if is_cluster:
        _check_free_in_cluster(where, force)
    else:
        _check_free(where, force)
    if engine and not is_cluster:
        raise InputError(
            f"{where}: --engine {engine} is for clusters, es+https://HOST:9200/NAME; an index in a folder is built on all cores"
        )
    opened = [_open(each) for each in inputs]
    manifest = opened[0].manifest if len(opened) == 1 and isinstance(opened[0], Release) else {}
    name = name or str(manifest.get("name") or Path(location).stem)
    version = version or str(manifest.get("version") or date)
    if is_cluster:
        build = _here if engine is None else partial(_by_workers, engine)
        report = _twice_if_changed(build, where, opened, inputs, account, name=name, version=version, date=date, progress=progress)
        return Indexed(report, name, version, dict(sorted(account.skipped.items())))
    with _made(Path(location)), disk_errors(Path(location)), _rows(opened, inputs, account) as (rows, ledger):
        report = build_index(
            location,
            rows,
            repositories=ledger.batches(),
            name=name,
            version=version,
            date=date,
            full_text=full_text,
            progress=progress,
        )
    return Indexed(report, name, version, dict(sorted(account.skipped.items())))


def _twice_if_changed(
    build: Callable[..., Report],
    location: str,
    opened: Sequence[Release | Source],
    inputs: Sequence[str],
    account: Reading,
    **options: Any,
) -> Report:
    """Loads a cluster; once more, from the beginning, where what an interrupted run had loaded was of another input."""
    from indexer.stores.elastic.unfinished import InputChanged  # noqa: PLC0415 - the client is an extra

    try:
        return build(location, opened, inputs, account, **options)
    except InputChanged:
        account.skipped.clear()
    return build(location, opened, inputs, account, **options)


def _here(location: str, opened: Sequence[Release | Source], inputs: Sequence[str], account: Reading, **options: Any) -> BuildReport:
    from indexer.stores.elastic.writer import build_cluster_index  # noqa: PLC0415 - the client is an extra

    with _rows(opened, inputs, account) as (rows, ledger):
        return build_cluster_index(location, rows, repositories=ledger.batches(), **options)


def _by_workers(
    engine: Engine, location: str, opened: Sequence[Release | Source], inputs: Sequence[str], account: Reading, **options: Any
) -> BuildReport:
    from curation.cluster_loading import load_by_workers  # noqa: PLC0415 - the client is an extra

    releases = [each for each in opened if isinstance(each, Release)]
    if len(releases) < len(opened):
        raise InputError(f"{', '.join(inputs)}: --engine {engine} reads releases; make one with wherefrom collect and curate")
    with _rows(releases, inputs, account) as (_, ledger):
        return load_by_workers(engine, location, releases, ledger, **options)


def add_sources(
    inputs: Sequence[str],
    location: str | Path,
    *,
    version: str | None = None,
    date: str,
    reading: Reading | None = None,
    merge_small: bool = True,
    progress: Progress | None = None,
) -> Added:
    """Adds releases and SOURCE strings to the index at the location, but for the documents that it holds.

    Raises InputError where an input cannot be read or holds nothing, UnusableIndex where no index stands there, IndexLocked, OutOfSpace,
    BackendUnavailable.
    """
    account = reading or Reading()
    if kind_of(str(location)) == "elasticsearch":
        _open_cluster(str(location))
        opened = [_open(each) for each in inputs]
        options = {"version": version, "date": date, "merge_small": merge_small, "progress": progress}
        report = _twice_if_changed(_add_to_cluster, str(location), opened, inputs, account, **options)
        return Added(report, dict(sorted(account.skipped.items())))
    check_folder(str(location))
    Manifest.read(Path(location))
    opened = [_open(each) for each in inputs]
    with disk_errors(Path(location)), _rows(opened, inputs, account) as (rows, ledger):
        report = add_documents(
            location, rows, repositories=ledger.batches(), version=version, date=date, merge_small=merge_small, progress=progress
        )
    return Added(report, dict(sorted(account.skipped.items())))


def _add_to_cluster(
    location: str, opened: Sequence[Release | Source], inputs: Sequence[str], account: Reading, **options: Any
) -> AddReport:
    with _rows(opened, inputs, account) as (rows, ledger):
        return add_documents(location, rows, repositories=ledger.batches(), **options)


def remove_documents(
    location: str, *, repositories: Sequence[str], owners: Sequence[str], documents: Sequence[str], progress: Progress | None = None
) -> RemovalReport:
    """Takes documents out of the index in a folder or a cluster. Raises InputError, UnusableIndex, OutOfSpace, BackendUnavailable."""
    if kind_of(location) == "elasticsearch":
        from indexer.stores.elastic.removal import remove  # noqa: PLC0415 - its client is an extra

        return remove(location, repositories=repositories, owners=owners, documents=documents, progress=progress)
    check_folder(location)
    return remove_from_folder(location, repositories=repositories, owners=owners, documents=documents, progress=progress)


def merge_index(location: str, *, progress: Progress | None = None) -> MergeReport:
    """Frees the space of removed documents in a folder or a cluster. Raises UnusableIndex, OutOfSpace, InputError, BackendUnavailable."""
    if kind_of(location) == "elasticsearch":
        from indexer.stores.elastic.merging import merge as merge_in_cluster  # noqa: PLC0415 - its client is an extra

        return merge_in_cluster(location, progress=progress)
    check_folder(location)
    return merge(location, progress=progress)


@contextmanager
def _rows(opened: Sequence[Release | Source], inputs: Sequence[str], account: Reading) -> Iterator[tuple[Iterator[pa.RecordBatch], Ledger]]:
    """The documents of all inputs, and the ledger that knows their repositories once all have passed."""
    with tempfile.TemporaryDirectory(prefix="wherefrom-index-") as scratch, Ledger(Path(scratch, "ledger")) as ledger:
        for release in (each for each in opened if isinstance(each, Release)):
            check_hashes(release)
            ledger.describe(row for batch in release.repositories().to_batches() for row in batch.to_pylist())
        yield not_empty(counted(_batches(opened, ledger, account), ledger), inputs, account), ledger


def check_folder(location: str) -> None:
    """Raises InputError for a location that is no folder: others cannot be written to this way."""
    if kind_of(location) != "folder":
        raise InputError(f"{location}: this is done to indexes in folders only; name a folder, or build anew with wherefrom index --force")


def _check_free(location: str, force: bool) -> None:
    """An index is replaced only with `force`, a folder of anything else never; what a killed build left is no obstacle."""
    check_folder(location)
    folder = Path(location)
    check_ours(folder)
    try:
        Manifest.read(folder)
    except IndexNotFound:
        return
    except UnusableIndex:
        pass  # an index, if a damaged or foreign one
    if not force:
        raise InputError(f"{location}: an index stands there; choose another place, or replace it with --force")


def _check_free_in_cluster(location: str, force: bool) -> None:
    """The same for a name in a cluster."""
    try:
        _open_cluster(location)
    except IndexNotFound:
        return
    except UnusableIndex:
        pass
    if not force:
        raise InputError(f"{location}: an index stands there; choose another name, or replace it with --force")


def _open_cluster(location: str) -> None:
    """Raises UnusableIndex, BackendUnavailable where no index can be opened."""
    from indexer.stores.elastic.index import ClusterIndex  # noqa: PLC0415 - its client is an extra

    ClusterIndex.open(location).close()


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder is there; it is taken away again where this run made it and did not fill it."""
    is_new = not folder.exists()
    make_folder(folder)
    try:
        yield
    except BaseException:
        if is_new and folder.is_dir() and not any(entry.name != LOCK for entry in folder.iterdir()):
            shutil.rmtree(folder)
        raise


def _open(name: str) -> Release | Source:
    if (Path(name) / MANIFEST).is_file():
        release = Release.open(name)
        release.refuse_withdrawn()
        log_look(release, "index")
        return release
    if Path(name).is_dir():
        raise InputError(f"{name}: no release here (no {MANIFEST}); a folder of code is dir:{name}")
    return source(name)


def _batches(opened: Sequence[Release | Source], ledger: Ledger, reading: Reading) -> Iterator[pa.RecordBatch]:
    for each in opened:
        if isinstance(each, Release):
            yield from each.batches()
        else:
            yield from batches(ledger.watch(all_files([each], reading)), reading)
