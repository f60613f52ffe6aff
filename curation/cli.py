"""`wherefrom collect` and `steward`: what do they take, show and print?

Not here: `wherefrom curate` (`curation.curate_cli`), the work itself (`curation.collect`, `curation.datasets`, `curation.steward`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from curation.shared_cli import SOURCE_HELP, Force, Json, SkipBad, print_json, print_manifest, shown_progress, today

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

Sources = Annotated[list[str], typer.Argument(metavar="SOURCE...", help=SOURCE_HELP)]


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
    key: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the steward's folder of dataset:FOLDER is; by default FOLDER.steward.")
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
                dataset, sources, output, date=today(os.environ), reading=reading, steward=steward, key=key, force=force, progress=progress
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
