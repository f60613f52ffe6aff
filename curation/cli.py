"""`wherefrom collect`, `steward`, `index`, `remove` and `merge`: what do they take, show and print?

Not here: `wherefrom curate` (`curation.curate_cli`), the work itself (`curation.collect`, `curation.pipeline`,
`indexer.stores.local.removal`, `indexer.merge`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from indexer.errors import InputError

if TYPE_CHECKING:
    from curation.origin import Reading

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

_SOURCE_HELP = (
    "dir:PATH git:PATH|URL repositories:[N:]LIST python-env[:PATH] sdist:FILE wheel:FILE npm:FILE debian:PACKAGE archive:FILE"
    " parquet:GLOB stack:GLOB"
)
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE...", help=_SOURCE_HELP)]
_SECONDS_BETWEEN_LINES = 30.0  # of progress, where a file or a pipe keeps them all
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what stands there, once the new one is complete.")]
Location = Annotated[str, typer.Argument(metavar="LOCATION", help="The index: a folder or es+https://HOST:9200/NAME.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Name unreadable input on standard error, count it, and go on without it.")]

Progress = Callable[[int, int, str], None]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@app.command(epilog="Example: wherefrom collect python-env dir:src -o raw")
def collect(
    sources: Sources,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="RAW", help="The folder to make.")],
    *,
    force: Force = False,
    skip_bad: SkipBad = False,
    dataset: Annotated[
        Literal["files", "repositories", "issues", "commits", "notebooks"],
        typer.Option(
            help="What to gather: repositories and issues come from gharchive:GLOB, commits from git:PATH|URL and bigquery:GLOB,"
            " notebooks from the sources of files; each also from dataset:FOLDER, one collected earlier, for --removals."
        ),
    ] = "files",
    steward: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the key from number to account goes; by default RAW.steward.")
    ] = None,
    contents: Annotated[
        str | None, typer.Option(metavar="FOLDER|URL", help="Where the blobs stand that The Stack v2 names: by id, plain or gzip.")
    ] = None,
    removals: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON Lines of what was asked to be left out: repositories, owners, contents, authors."),
    ] = None,
    clone_seconds: Annotated[
        float, typer.Option(min=1, help="How long cloning one repository, or downloading one package, may take.")
    ] = 600.0,
    clone_mb: Annotated[
        float, typer.Option(min=1, help="How many MB the clone of one repository, or one package, may have on disk.")
    ] = 2000.0,
    as_json: Json = False,
) -> None:
    """Gather source files, with licence and provenance, into a folder."""
    from curation.collect import collect as run
    from curation.origin import CloneLimits, Reading
    from curation.removals import NOBODY, Removals
    from curation.sources.blob_store import blob_store

    left_out = Removals.read(removals) if removals else NOBODY
    with shown_progress() as (progress, warn):
        store = blob_store(contents) if contents else None
        reading = Reading(skip_bad, warn, clone=CloneLimits(clone_seconds, int(clone_mb * 1e6)), contents=store, removals=left_out)
        if dataset == "files":
            manifest = run(sources, output, date=today(os.environ), reading=reading, force=force, progress=progress)
        else:
            from curation.datasets import collect_dataset

            manifest = collect_dataset(
                dataset, sources, output, date=today(os.environ), reading=reading, steward=steward, force=force, progress=progress
            )
    print_manifest(output, manifest, as_json)


@app.command(epilog="Example: wherefrom steward issues.steward ada --why 'asked to be left out'")
def steward(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The steward's folder of a dataset of issues or commits.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="A login, or a commit author's name or address; case does not matter.")],
    *,
    why: Annotated[str, typer.Option(metavar="TEXT", help="What it is needed for; goes to the access log.")],
    as_json: Json = False,
) -> None:
    """Tell under which numbers an account appears in what was collected; each look is logged."""
    from curation.steward import places_of

    found = list(places_of(folder, account, why))
    if as_json:
        return print_json({"location": str(folder), "places": [{"place": alias.place, "number": alias.number} for alias in found]})
    for alias in found:
        print(f"{alias.place} {alias.number}")
    if not found:
        print(f"wherefrom: {folder}: holds no such account", file=sys.stderr)


@app.command(epilog="Example: wherefrom index release-1 -o demo.index; later: wherefrom index dir:more -o demo.index --add")
def index(
    inputs: Annotated[list[str], typer.Argument(metavar="RELEASE|SOURCE...", help=f"A release's folder, or {_SOURCE_HELP}")],
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="LOCATION", help="The index to make, or to add to: a folder or es+https://HOST:9200/NAME."),
    ],
    *,
    name: Annotated[str | None, typer.Option(help="The index's name; by default the release's, or the location's.")] = None,
    version: Annotated[str | None, typer.Option(metavar="V", help="Its version; by default the release's, or today's date.")] = None,
    add: Annotated[bool, typer.Option("--add", help="Add to the index that stands there; what it holds already is left out.")] = False,
    no_merge: Annotated[
        bool, typer.Option("--no-merge", help="With --add: leave small segments, or parts of a cluster's filter, as they are.")
    ] = False,
    engine: Annotated[
        Literal["processes", "ray"] | None,
        typer.Option(
            help="Load releases into a cluster from many workers: processes of this machine, or Ray's machines, which share TMPDIR."
        ),
    ] = None,
    force: Force = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Build an index from releases or straight from sources; it becomes your default index."""
    from curation.origin import Reading
    from curation.pipeline import index_sources
    from indexer.location import remember_location

    _check_add(add, no_merge, force=force, name=name, engine=engine)
    date = today(os.environ)
    with shown_progress() as (progress, warn):
        reading = Reading(skip_bad, warn)
        if add:
            return _add(inputs, output, version, date, reading, no_merge, as_json, progress)
        made = index_sources(
            inputs, output, name=name, version=version, date=date, reading=reading, force=force, engine=engine, progress=progress
        )
    remember_location(output, os.environ)
    report = made.report
    if as_json:
        sizes = {"documents": report.documents, "text_bytes": report.text_bytes, "index_bytes": report.index_bytes}
        described = {"location": output, "name": made.name, "version": made.version, "date": date}
        return print_json({**described, **sizes, "seconds": round(report.seconds, 2), "skipped": made.skipped})
    print(
        f"{output}: {report.documents:,} files, {_mb(report.text_bytes)} of text in an index of {_mb(report.index_bytes)},"
        f" made in {report.seconds:.1f} s{_skipped(made.skipped)}"
    )


def _check_add(add: bool, no_merge: bool, *, force: bool, name: str | None, engine: str | None) -> None:
    given = [option for option, is_given in (("--force", force), ("--name", name), ("--engine", engine)) if is_given]
    if add and given:
        raise InputError(f"--add with {given[0]}: an addition keeps the index and its name; leave one of them out")
    if no_merge and not add:
        raise InputError("--no-merge without --add: a new index has one segment, nothing is merged; leave it out")


def _add(
    inputs: list[str], output: str, version: str | None, date: str, reading: Reading, no_merge: bool, as_json: bool, progress: Progress
) -> None:
    from curation.pipeline import add_sources

    added = add_sources(inputs, output, version=version, date=date, reading=reading, merge_small=not no_merge, progress=progress)
    report = added.report
    if as_json:
        return print_json({"location": output, **_fields(report), "skipped": added.skipped})
    known = f", {report.known:,} were there already" if report.known else ""
    merged = f", {report.merged_segments} small segments merged" if report.merged_segments else ""
    print(
        f"{output}: {report.documents:,} files added, {_mb(report.text_bytes)} of text{known}{merged};"
        f" the index takes {_mb(report.index_bytes)}, {report.seconds:.1f} s{_skipped(added.skipped)}"
    )


@app.command(epilog="Example: wherefrom remove demo.index --repository pypi/rich --owner someone")
def remove(
    location: Location,
    *,
    repository: Annotated[list[str], typer.Option(metavar="NAME", help="Every file of this repository; case does not matter.")] = [],  # noqa: B006
    owner: Annotated[list[str], typer.Option(metavar="NAME", help="Every file of this owner; case does not matter.")] = [],  # noqa: B006
    document: Annotated[list[str], typer.Option(metavar="ID", help="This file, by its document_id.")] = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Take documents out of an index, for every answer at once; options may be repeated. `merge` frees their space."""
    from curation.pipeline import remove_documents

    with shown_progress() as (progress, _):
        report = remove_documents(location, repositories=repository, owners=owner, documents=document, progress=progress)
    if as_json:
        return print_json({"location": location, **_fields(report)})
    for name in report.not_found:
        print(f"wherefrom: {location}: holds no document of {name}", file=sys.stderr)
    print(f"{location}: {report.documents:,} files removed, {report.documents_left:,} left, {report.seconds:.1f} s")


@app.command(epilog="Example: wherefrom merge demo.index")
def merge(location: Location, *, as_json: Json = False) -> None:
    """Rewrite the segments of an index as one without removed documents, in a folder one of at most 4 GB of text; it goes on answering.

    In a cluster the filter is made anew where it has several parts, where documents were removed, or where it is damaged.
    """
    from curation.pipeline import merge_index

    with shown_progress() as (progress, _):
        report = merge_index(location, progress=progress)
    if as_json:
        return print_json({"location": location, **_fields(report)})
    if not report.merged_segments:
        return print(f"{location}: merged already, without removed documents; nothing to do")
    print(
        f"{location}: {report.merged_segments} segments merged, {report.purged_documents:,} removed files purged,"
        f" {report.documents:,} left; {_mb(report.index_bytes_before)} became {_mb(report.index_bytes)}, {report.seconds:.1f} s"
    )


def today(environment: Mapping[str, str]) -> str:
    """The date to write down, ISO 8601, UTC: that of SOURCE_DATE_EPOCH where it is set, as reproducible builds do."""
    stated = environment.get("SOURCE_DATE_EPOCH")
    try:
        return datetime.fromtimestamp(int(stated) if stated else time.time(), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        raise InputError(f"SOURCE_DATE_EPOCH={stated!r}: wanted seconds since 1970, such as 1767225600; unset or correct it") from None


@contextmanager
def shown_progress() -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """A live line on standard error, and a way to print warnings above it; a line every half minute where that is no terminal."""
    from rich.progress import Progress as Display
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    begun = reported = said = time.monotonic()
    size_then = size_now = 0
    current = ""
    with Display(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        task = display.add_task("starting", total=None)

        def show(documents: int, size: int, stage: str) -> None:
            nonlocal begun, reported, said, current, size_then, size_now
            if stage != current:  # it has lasted since the stage before last said something
                begun, current, size_then = reported, stage, size_now if size >= size_now else 0
            reported, size_now = time.monotonic(), size
            rate = (size - size_then) / 1e6 / max(reported - begun, 0.001)
            done = f": {documents:,} files" + (f", {_mb(size)}" if size else "") + (f", {rate:.1f} MB/s" if rate else "")
            display.update(task, description=stage + done)
            if not console.is_terminal and reported - said >= _SECONDS_BETWEEN_LINES:
                said = reported
                console.print(stage + done, markup=False)

        def warn(message: str) -> None:
            shown = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", message)  # names of files may hold anything
            console.print(f"wherefrom: skipped: {shown}", markup=False)

        yield show, warn


def print_manifest(folder: Path, manifest: dict[str, Any], as_json: bool) -> None:
    """What a folder that was made holds, in a line, or all of its manifest."""
    if as_json:
        print_json({"location": str(folder), **manifest})
        return
    counts = manifest["counts"]
    if "rows" in counts:
        return print(f"{folder}: {counts['rows']:,} {manifest['kind']}{_skipped(manifest['skipped'])}")
    line = f"{folder}: {counts['documents']:,} files, {_mb(counts['text_bytes'])}, {counts['repositories']:,} repositories"
    for step, dropped in counts.get("dropped", {}).items():
        line += f"; {dropped:,} dropped by {step.replace('_', ' ')}"
    print(line + _skipped(manifest.get("skipped", {})) + _listed("noted", manifest.get("noted", {})))


def _fields(report: Any) -> dict[str, Any]:
    fields = dataclasses.asdict(report)
    return fields | {"seconds": round(fields["seconds"], 2)}


def print_json(value: dict[str, Any]) -> None:
    """One document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _skipped(reasons: dict[str, int]) -> str:
    return _listed("skipped", reasons)


def _listed(what: str, reasons: dict[str, int]) -> str:
    listed = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons.items())
    return f"; {what}: {listed}" if listed else ""


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
