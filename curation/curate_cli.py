"""`wherefrom curate`: what does it take, show and print?

Not here: the work itself (`curation.curate`), the commands around it (`curation.cli`).
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curation.shared_cli import Force, Json, SkipBad, print_json, print_manifest, shown_progress, today
from indexer.errors import InputError

if TYPE_CHECKING:
    from curation.licences import Policy
    from curation.lineage import Lineage
    from curation.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def about() -> None:
    """Make releases."""


@app.command(epilog="Example: wherefrom curate raw -o release-1 --version 1.0 --licenses permissive")
def curate(
    raws: Annotated[list[Path], typer.Argument(metavar="RAW...", help="Folders that `wherefrom collect` made.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="RELEASE", help="The folder to make.")],
    *,
    version: Annotated[str, typer.Option(metavar="V", help="The release's version.")],
    name: Annotated[str | None, typer.Option(help="The release's name; by default the folder's.")] = None,
    licenses: Annotated[
        Literal["any", "permissive", "no-attribution-clause"] | None,
        typer.Option(
            help="Which licences files may have; wins over the settings file, else any. Files without one are left out unless it says "
            "unlicensed = true under [licenses]."
        ),
    ] = None,
    settings: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file with a table of settings for each step.")] = None,
    removals: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON Lines of what was asked to be left out.")] = None,
    decontaminate: Annotated[
        list[Path], typer.Option(metavar="FILE", help="A benchmark as JSON Lines, whose problems no file may hold; may be repeated.")
    ] = [],  # noqa: B006
    terms: Annotated[Path | None, typer.Option(metavar="FILE", help="The terms of use, Markdown; by default our own text.")] = None,
    opt_out: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Whom people ask to be left out, for the card: a name, an address, a URL.")
    ] = None,
    previous: Annotated[Path | None, typer.Option(metavar="RELEASE", help="The release that this one follows.")] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="How many processes work; by default one a core.")] = None,
    engine: Annotated[
        Literal["processes", "ray"],
        typer.Option(help="What runs the work: processes of this machine, or Ray, here or on the cluster that RAY_ADDRESS names."),
    ] = "processes",
    force: Force = False,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Make a release: each content once, sorted, by language, with a manifest, a lineage and a card (README.md).

    A run that was stopped goes on where it was. What it cost goes to RELEASE.costs.json, beside the release. `release card` writes
    the card anew, with other words."""
    from curation.cards import CardSettings
    from curation.curate import curate as run
    from curation.origin import Reading
    from curation.release_facts import Choices, Described
    from curation.terms import DEFAULT_TERMS
    from indexer.corpus import Release

    described = Described(
        name or output.resolve().name,
        version,
        today(os.environ),
        Release.open(previous) if previous else None,
        _text(terms) if terms else DEFAULT_TERMS,
        CardSettings(opt_out=opt_out) if opt_out else CardSettings(),
    )
    with shown_progress() as (progress, warn):
        made = run(
            raws,
            output,
            described,
            Choices(_chosen(settings, licenses), removals, tuple(decontaminate)),
            jobs=jobs,
            engine=engine,
            reading=Reading(skip_bad, warn),
            force=force,
            progress=progress,
        )
    if as_json:
        return print_json({"location": str(output), **made.manifest, "costs": made.lineage.costs()})
    print_manifest(output, made.manifest, as_json)
    print(_lineage_table(made.lineage))


def _chosen(file: Path | None, licenses: Policy | None) -> Settings:
    from curation.settings import read_settings, settings_of

    settings = read_settings(file) if file else settings_of({})
    return dataclasses.replace(settings, licenses=dataclasses.replace(settings.licenses, policy=licenses)) if licenses else settings


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as UTF-8 ({error}); name a text file") from error


def _lineage_table(lineage: Lineage) -> str:
    """A line for each step: what went in and out, what it cost, why files were dropped."""
    lines = [f"{'step':18}{'in':>12}{'out':>12}{'seconds':>10}{'MB/s':>8}{'peak MB':>9}  dropped"]
    for counts, costs in zip(lineage.counts(), lineage.costs(), strict=True):
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in counts["dropped"].items())
        lines.append(
            f"{counts['step']:18}{counts['rows_in']:12,}{counts['rows_out']:12,}"
            f"{costs['seconds']:10.1f}{costs['mb_per_second']:8.1f}{costs['peak_mb']:9,}  {dropped}".rstrip()
        )
    return "\n".join(lines)
