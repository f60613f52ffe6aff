"""How do RAW folders become a release?

Shards of the input go through the steps in a pool of processes; then duplicates and the order of the release are settled over all
files; then shards are sorted into runs, and runs merged into the parts of the release. Every piece of this is a file in
`RELEASE.part`, under a name made of the input, the settings and the program: a run that was killed goes on with what is there, and
one of other input or settings starts clean. The same input, settings and date give the same bytes.

Not here: collecting (`curation.collect`), what is asked of a file (`curation.steps`), where files go (`curation.layout`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from curation.collect import Progress
from curation.global_stage import LAYOUT, VERDICTS, settle
from curation.layout import Layout
from curation.lineage import Account, Lineage
from curation.map_stage import MEMORY_BYTES, MapTask, decide
from curation.origin import Reading
from curation.release_folder import MANIFEST, RELEASE, REPOSITORIES, put_manifest, resumable_folder, sha256
from curation.running import Pool, job_count
from curation.settings import Settings
from curation.shards import Shard, shards, sound_files
from curation.terms import DEFAULT_TERMS, TERMS
from curation.write_stage import (
    RUN_MEMORY_BYTES,
    PartTask,
    Run,
    RunTask,
    WrittenPart,
    part_memory_bytes,
    pieces_of_parts,
    write_part,
    write_run,
)
from indexer.corpus import Release
from indexer.errors import InputError

LINEAGE = "lineage.json"
_REPOSITORY_ROWS = 64
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Described:
    """What a release says of itself."""

    name: str
    version: str
    date: str
    previous: Release | None = None
    terms: str = DEFAULT_TERMS


@dataclass(frozen=True, slots=True)
class Curated:
    """What was made: the manifest, and what each step took, gave and cost."""

    manifest: dict[str, Any]
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: its shards, settings, folder to work in, pool, and who watches."""

    shards: list[Shard]
    settings: Settings
    work: Path
    pool: Pool
    progress: Progress | None

    def place(self, stage: str, shard: Shard, suffix: str) -> Path:
        return self.work / stage / f"{shard.number:06d}{suffix}"


def curate(
    raws: Sequence[str | Path],
    target: Path,
    described: Described,
    settings: Settings,
    *,
    jobs: int | None = None,
    reading: Reading | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Curated:
    """Writes a release of some RAW folders. Memory stays flat.

    Raises IndexNotFound, IndexCorrupt for a RAW folder that is none or damaged, InputError where nothing is left, WorkerLost, OutOfSpace.
    """
    account = reading or Reading()
    workers = job_count(jobs)
    folders = [Release.open(raw) for raw in raws]
    for folder in folders:
        folder.refuse_withdrawn()
    sound = [sound_files(folder, account) for folder in folders]
    files, tables = ({path: digest for found in sound for path, digest in found[which].items()} for which in (0, 1))
    pieces = shards(list(files), int(settings.shards.mb * 1e6))
    key = _key([*files.values(), *tables.values()], settings)
    with resumable_folder(target, key, force) as work, Pool(workers, _memory(settings)) as pool:
        for stage in ("decisions", "runs"):
            (work / stage).mkdir(exist_ok=True)
        run = _Run(pieces, settings, work, pool, progress)
        manifest, lineage = _released(run, list(tables), described, folders, account)
    target.with_name(f"{target.name}.costs.json").write_text(json.dumps(lineage.costs(), indent=2) + "\n", "utf-8")
    return Curated(manifest, lineage)


def _released(
    run: _Run, tables: Sequence[Path], described: Described, folders: Sequence[Release], account: Reading
) -> tuple[dict[str, Any], Lineage]:
    """Does all the stages; what they leave in the folder RELEASE is whole."""
    lineage = Lineage()
    for part in _map(run):
        lineage.add(part)
    settled = settle(
        run.shards,
        [run.place("decisions", shard, ".parquet") for shard in run.shards],
        _repositories(tables),
        run.work,
        int(run.settings.write.part_mb * 1e6),
    )
    lineage.add(settled.lineage)
    layout = settled.layout
    if not layout.parts:
        raise InputError(f"no file is left of {lineage.of('read').rows_in} read{_reasons(lineage)}; collect more, or change the settings")
    written = _write(run, layout, lineage)
    release = run.work / RELEASE
    shutil.copyfile(run.work / REPOSITORIES, release / REPOSITORIES)
    report = {"steps": lineage.counts(), "removed": settled.removed}
    (release / LINEAGE).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (release / TERMS).write_text(described.terms, "utf-8")
    hashes = dict(sorted((part.name, part.sha256) for part in written))
    hashes |= {name: sha256(release / name) for name in (REPOSITORIES, LINEAGE, TERMS)}
    sources = [source for folder in folders for source in folder.manifest.get("sources", [])]
    values = {
        **_description(described),
        "sources": sources,
        "settings": run.settings.as_json(),
        "counts": _counts(lineage, layout, release),
        "skipped": dict(sorted(account.skipped.items())),
        "files": [part.name for part in layout.parts],
        "hashes": hashes,
    }
    return put_manifest(release, values), lineage


def _map(run: _Run) -> Iterator[Lineage]:
    tasks = [MapTask(shard, run.settings, run.place("decisions", shard, ".parquet")) for shard in run.shards]
    return _watched(run.pool.run(decide, tasks), run.progress, "deciding", lambda done: done.of("read"))


def _write(run: _Run, layout: Layout, lineage: Lineage) -> list[WrittenPart]:
    """Shards to runs, runs to parts; returns the parts in their order."""
    tasks = [
        RunTask(
            shard, run.place("decisions", shard, ".parquet"), run.work / VERDICTS, run.work / LAYOUT, run.place("runs", shard, ".arrow")
        )
        for shard in run.shards
    ]
    runs = list(_watched(run.pool.run(write_run, tasks), run.progress, "sorting", _account))
    group_bytes = int(run.settings.write.group_mb * 1e6)
    pieces = pieces_of_parts(runs, len(layout.parts))
    parts = [PartTask(part, found, run.work / RELEASE / part.name, group_bytes) for part, found in zip(layout.parts, pieces, strict=True)]
    written = list(_watched(run.pool.run(write_part, parts), run.progress, "writing", _account))
    for stage, accounts in (("sort", runs), ("write", written)):
        for each in accounts:
            lineage.of(stage).add(each.account)
    return written


def _memory(settings: Settings) -> int:
    """What a process may need at most, whichever stage it works for."""
    return max(MEMORY_BYTES, RUN_MEMORY_BYTES, part_memory_bytes(int(settings.write.part_mb * 1e6)))


def _account(done: Run | WrittenPart) -> Account:
    return done.account


def _watched(results: Iterable[Result], progress: Progress | None, stage: str, account: Callable[[Result], Account]) -> Iterator[Result]:
    """The results unchanged, each reported."""
    files = n_bytes = 0
    for result in results:
        files, n_bytes = files + account(result).rows_in, n_bytes + account(result).bytes_in
        if progress:
            progress(files, n_bytes, stage)
        yield result


def _description(described: Described) -> dict[str, Any]:
    previous = described.previous
    return {
        "kind": "release",
        "name": described.name,
        "version": described.version,
        "date": described.date,
        "previous_version": previous.manifest.get("version") if previous else None,
        "previous_manifest_sha256": sha256(previous.path / MANIFEST) if previous else None,
    }


def _counts(lineage: Lineage, layout: Layout, release: Path) -> dict[str, Any]:
    dropped = {name: sum(account.dropped.values()) for name, account in lineage.steps.items() if account.dropped.total()}
    return {
        "read": lineage.of("read").rows_in,
        "dropped": dropped,
        "documents": sum(part.documents for part in layout.parts),
        "text_bytes": sum(part.text_bytes for part in layout.parts),
        "repositories": pq.read_metadata(release / REPOSITORIES).num_rows,
        "languages": layout.languages(),
    }


def _reasons(lineage: Lineage) -> str:
    listed = ", ".join(
        f"{count} by {name} ({reason})" for name, account in lineage.steps.items() for reason, count in sorted(account.dropped.items())
    )
    return f" (dropped: {listed})" if listed else ""


def _repositories(tables: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for table in tables:
        with pq.ParquetFile(table) as file:
            for batch in file.iter_batches(batch_size=_REPOSITORY_ROWS, use_threads=False):
                yield from batch.to_pylist()


def _key(input_hashes: Sequence[str], settings: Settings) -> str:
    """A name for everything that decides what the stages leave: the input by its hashes, the settings, the program."""
    text = json.dumps([input_hashes, settings.as_json(), _program()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@lru_cache(1)
def _program() -> str:
    """A digest of what makes bytes here: our own modules, and the version of the library that writes them."""
    digest = hashlib.sha256(pa.__version__.encode())
    for folder in (Path(__file__).parent, Path(__file__).parents[1] / "indexer"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
