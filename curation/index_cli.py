"""`wherefrom index`, `remove` and `merge`: what do they take, show and print?

Not here: the work itself (`curation.pipeline`), the commands that gather and release (`curation.cli`, `curation.release_cli`).
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curation.shared_cli import SOURCE_HELP, Force, Json, Progress, SkipBad, mb, print_json, shown_progress, skipped, today
from indexer.errors import InputError

if TYPE_CHECKING:
    from curation.origin import Reading

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

Location = Annotated[str, typer.Argument(metavar="LOCATION", help="The index: a folder or es+https://HOST:9200/NAME.")]


@app.command(epilog="Example: wherefrom index release-1 -o demo.index; later: wherefrom index dir:more -o demo.index --add")
def index(
    inputs: Annotated[list[str], typer.Argument(metavar="RELEASE|SOURCE...", help=f"A release's folder, or {SOURCE_HELP}")],
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
        f"{output}: {report.documents:,} files, {mb(report.text_bytes)} of text in an index of {mb(report.index_bytes)},"
        f" made in {report.seconds:.1f} s{skipped(made.skipped)}"
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
        f"{output}: {report.documents:,} files added, {mb(report.text_bytes)} of text{known}{merged};"
        f" the index takes {mb(report.index_bytes)}, {report.seconds:.1f} s{skipped(added.skipped)}"
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
        f" {report.documents:,} left; {mb(report.index_bytes_before)} became {mb(report.index_bytes)}, {report.seconds:.1f} s"
    )


def _fields(report: Any) -> dict[str, Any]:
    fields = dataclasses.asdict(report)
    return fields | {"seconds": round(fields["seconds"], 2)}
