"""How do RAW folders become a release?

Shards of the input go through the steps in a pool of processes; then duplicates and the order of the release are settled over all
files; then shards are sorted into runs, and runs merged into the parts of the release. Every piece of this is a file in
`RELEASE.part`, under a name made of the input, the settings and the program: a run that was killed goes on with what is there, and
one of other input or settings starts clean. The same input, settings and date give the same bytes.

Not here: collecting (`curation.collect`), what is asked of a file (`curation.steps`), where files go (`curation.layout`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from curation.cards import write_card
from curation.collect import Progress
from curation.context import Context, Reports
from curation.decontamination import Benchmarks
from curation.global_stage import LAYOUT, VERDICTS, Input, settle
from curation.layout import Layout
from curation.licences import licence_files
from curation.lineage import Account, Lineage
from curation.map_stage import MEMORY_BYTES, SURVEY, MapTask, decide, survey
from curation.near_duplicates.clusters import Earlier
from curation.near_duplicates.tables import SIGNATURES
from curation.near_duplicates.texts import Contents, KeptTexts, NumberedTexts, RedactedTexts
from curation.origin import Reading
from curation.release_facts import Choices, Described, counts_of, description, stated, work_key
from curation.release_folder import RELEASE, REPOSITORIES, put_manifest, resumable_folder, sha256
from curation.removals import Removals
from curation.running import Engine, Workers, job_count, pool_of
from curation.settings import Settings
from curation.shards import Shard, shards, sound_files
from curation.terms import TERMS
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
_LEGAL_ROWS = 256
_ADVICE = "collect more, or change the settings ([licenses] unlicensed = true keeps files for which no licence is stated)"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Curated:
    """What was made: the manifest, and what each step took, gave and cost."""

    manifest: dict[str, Any]
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: its input, choices, folder to work in, pool, and who watches."""

    files: list[Path]
    tables: list[Path]
    shards: list[Shard]
    choices: Choices
    previous: Release | None
    work: Path
    pool: Workers
    progress: Progress | None

    def place(self, stage: str, shard: Shard, suffix: str = ".parquet") -> Path:
        return self.work / stage / f"{shard.number:06d}{suffix}"


def curate(
    raws: Sequence[str | Path],
    target: Path,
    described: Described,
    choices: Choices,
    *,
    jobs: int | None = None,
    engine: Engine = "processes",
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
    pieces = shards(list(files), int(choices.settings.shards.mb * 1e6))
    key = work_key([*files.values(), *tables.values()], choices, described.previous)
    with resumable_folder(target, key, force) as work, pool_of(engine, workers, _memory(choices.settings)) as pool:
        for stage in ("survey", "decisions", "runs"):
            (work / stage).mkdir(exist_ok=True)
        run = _Run(list(files), list(tables), pieces, choices, described.previous, work, pool, progress)
        manifest, lineage = _released(run, described, folders, account)
    target.with_name(f"{target.name}.costs.json").write_text(json.dumps(lineage.costs(), indent=2) + "\n", "utf-8")
    return Curated(manifest, lineage)


def _released(run: _Run, described: Described, folders: Sequence[Release], account: Reading) -> tuple[dict[str, Any], Lineage]:
    """Does all the stages; what they leave in the folder RELEASE is whole."""
    lineage, reports = _decided(run)
    settled = settle(
        Input(
            run.shards,
            [run.place("decisions", shard) for shard in run.shards],
            _texts(run),
            _repositories(run.tables),
            _earlier(run.previous),
        ),
        run.work,
        run.choices.settings.near_duplicates,
        int(run.choices.settings.write.part_mb * 1e6),
    )
    lineage.add(settled.lineage)
    if not settled.layout.parts:
        raise InputError(f"no file is left of {lineage.of('read').rows_in} read{_reasons(lineage)}; {_ADVICE}")
    hashes = _write(run, settled.layout, lineage)
    report = {"steps": lineage.counts(), "removed": settled.removed, **reports.to_json()}
    hashes |= _write_tables(run.work, report, described.terms)
    sources = [source for folder in folders for source in folder.manifest.get("sources", [])]
    names = [part.name for part in settled.layout.parts]
    values = {
        **description(described),
        "sources": sources,
        "settings": stated(run.choices),
        "counts": counts_of(lineage, settled.layout, run.work / RELEASE),
        "skipped": dict(sorted(account.skipped.items())),
        "files": names,
        "deduplicated_files": [part.deduplicated_name for part in settled.layout.parts if part.deduplicated_name in hashes],
        "hashes": hashes,
    }
    manifest = put_manifest(run.work / RELEASE, values)
    write_card(Release.open(run.work / RELEASE), run.work / RELEASE, described.card)  # its hash is in no manifest: it may be rewritten
    return manifest, lineage


def _decided(run: _Run) -> tuple[Lineage, Reports]:
    """The map stage: licence files first, then every shard through the steps."""
    context, lineage, reports = run.work / "context", Lineage(), Reports()
    surveys = [MapTask(shard, context, run.place("survey", shard)) for shard in run.shards]
    for part in _watched(run.pool.run(survey, surveys), run.progress, "looking for licences", lambda done: done.of(SURVEY)):
        lineage.add(part)
    if not context.is_file():
        _context(run).write(context)
    tasks = [MapTask(shard, context, run.place("decisions", shard)) for shard in run.shards]
    for counted in _watched(run.pool.run(decide, tasks), run.progress, "deciding", lambda done: done.lineage.of("read")):
        lineage.add(counted.lineage)
        reports.merge(counted.reports)
    return lineage, reports


def _context(run: _Run) -> Context:
    return Context(
        run.choices.settings,
        licence_files(_batches([run.place("survey", shard) for shard in run.shards], _LEGAL_ROWS)),
        Removals.read(run.choices.removals) if run.choices.removals else Removals(),
        Benchmarks.read(run.choices.benchmarks) if run.choices.benchmarks else None,
    )


def _texts(run: _Run) -> Contents:
    """The texts of the input as they are released."""
    texts = NumberedTexts(tuple(run.files))
    if not run.choices.settings.redaction.function:
        return texts
    return RedactedTexts(tuple(run.place("decisions", shard) for shard in run.shards), texts)


def _earlier(previous: Release | None) -> Earlier | None:
    """What near-duplicates are compared with; nothing where the release before has no signatures, as the first ones had not."""
    if previous is None or not (previous.path / SIGNATURES).is_file():
        return None
    files = tuple(previous.path / name for name in previous.manifest["files"])
    return Earlier(previous.path / SIGNATURES, KeptTexts(previous.path / SIGNATURES, files))


def _write(run: _Run, layout: Layout, lineage: Lineage) -> dict[str, str]:
    """Shards to runs, runs to parts; returns the hashes of the files written."""
    tasks = [
        RunTask(shard, run.place("decisions", shard), run.work / VERDICTS, run.work / LAYOUT, run.place("runs", shard, ".arrow"))
        for shard in run.shards
    ]
    runs = list(_watched(run.pool.run(write_run, tasks), run.progress, "sorting", _account))
    group_bytes = int(run.choices.settings.write.group_mb * 1e6)
    pieces = pieces_of_parts(runs, len(layout.parts))
    parts = [PartTask(part, found, run.work / RELEASE, group_bytes) for part, found in zip(layout.parts, pieces, strict=True)]
    written = list(_watched(run.pool.run(write_part, parts), run.progress, "writing", _account))
    for stage, accounts in (("sort", runs), ("write", written)):
        for each in accounts:
            lineage.of(stage).add(each.account)
    return dict(sorted(pair for part in written for pair in part.hashes.items()))


def _write_tables(work: Path, report: dict[str, Any], terms: str) -> dict[str, str]:
    """What stands beside the parts; returns the hashes."""
    release = work / RELEASE
    for name in (REPOSITORIES, SIGNATURES):
        shutil.copyfile(work / name, release / name)
    (release / LINEAGE).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (release / TERMS).write_text(terms, "utf-8")
    return {name: sha256(release / name) for name in (REPOSITORIES, SIGNATURES, LINEAGE, TERMS)}


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


def _reasons(lineage: Lineage) -> str:
    listed = ", ".join(
        f"{count} by {name} ({reason})" for name, account in lineage.steps.items() for reason, count in sorted(account.dropped.items())
    )
    return f" (dropped: {listed})" if listed else ""


def _repositories(tables: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for batch in _batches(tables, _REPOSITORY_ROWS):
        yield from batch.to_pylist()


def _batches(paths: Sequence[Path], rows: int) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=rows, use_threads=False)
