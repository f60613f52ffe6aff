"""The command that audits: `wherefrom audit PATH...`.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 the policy says no, 2 input, 3 the index,
4 incomplete.

Not here: what is done (`search_api.audit.audit`), the reports (`search_api.audit.reports`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.errors import InputError, UnusableIndex, WherefromError

if TYPE_CHECKING:
    from search_api.audit.audit import Outcome, Request
    from search_api.audit.scan import Progress
    from search_api.audit.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Audits."""


@app.command()
def audit(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders, archives.")],
    *,
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="LOCATION", help="A folder or a server's URL. Default: WHEREFROM_INDEX, else the index made last."),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FORMAT=FILE",
            help="Also write a report; repeatable; FILE - is standard output. FORMAT: text, json, csv, html, markdown, gitlab, sarif, spdx,"
            " spdx3, cyclonedx, notice, baseline.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings and policy. Default: wherefrom.toml, else [tool.wherefrom] in pyproject.toml."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Findings known before, as --report baseline=FILE wrote them.")
    ] = None,
    diff: Annotated[str | None, typer.Option(metavar="REV", help="Only lines that changed since this git revision.")] = None,
    staged: Annotated[bool, typer.Option("--staged", help="Only lines that the next git commit changes.")] = False,
    use: Annotated[
        str | None, typer.Option(metavar="USE", help="How the project is used: internal, saas or distributed (the default).")
    ] = None,
    project_license: Annotated[
        str | None, typer.Option(metavar="ID", help="The project's licence. Default: what its manifests or LICENSE say.")
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Credit every source in the files, with SPDX snippet tags around each finding.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, metavar="N", help="How many cores to use. Default: all.")] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where answers are kept between runs. Default: the user's cache folder.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no answers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as one JSON document and nothing else.")] = False,
) -> None:
    """Which parts of a project come from elsewhere, and what follows from it. Exit code 1: the policy says no, 4: incomplete.

    Example: wherefrom audit . --report sarif=audit.sarif --report notice=NOTICE --baseline baseline.json
    """
    from search_api.audit.reports.write import Wanted, wanted, write

    if staged and diff is not None:
        raise InputError("--staged and --diff: give one of them")
    if fix and staged:
        raise InputError("--fix changes files, --staged looks at what git holds: give one of them")
    reports = wanted(report or [])
    request = _request(paths, policy, baseline, use, project_license, cache, no_cache, jobs, diff, staged)
    outcome = _run(index, request)
    if fix:
        _fix(outcome)
    on_stdout = [one for one in reports if one.file is None]
    write(outcome, [*reports, *([Wanted("json", None)] if as_json else [])])
    if not as_json and not on_stdout:
        _print(outcome)
    if outcome.audit.exit_code:
        raise typer.Exit(outcome.audit.exit_code)


def _request(
    paths: list[Path],
    policy: Path | None,
    baseline: Path | None,
    use: str | None,
    project_license: str | None,
    cache: Path | None,
    no_cache: bool,
    jobs: int | None,
    diff: str | None,
    staged: bool,
) -> Request:
    from search_api.audit import baseline as baselines
    from search_api.audit.audit import Request, now_of
    from search_api.audit.cache import default_folder

    settings = _settings(policy, use, project_license)
    file = baseline or (Path(settings.file or "").parent / settings.baseline if settings.baseline else None)
    return Request(
        paths=tuple(paths),
        settings=settings,
        revision=diff,
        staged=staged,
        jobs=jobs or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else jobs or os.cpu_count() or 1,
        cache_folder=None if no_cache else cache or default_folder(os.environ),
        baseline=baselines.read(file) if file else {},
        now=now_of(os.environ.get("SOURCE_DATE_EPOCH")),
    )


def _settings(file: Path | None, use: str | None, project_license: str | None) -> Settings:
    """Those of the file given, else of the working folder; what the command line says comes first."""
    from search_api.audit import settings
    from search_api.audit.model import USES

    found = file or settings.find(Path.cwd())
    read = settings.read(found) if found else settings.Settings()
    if use is not None and use not in USES:
        raise InputError(f"--use {use}: wanted one of {', '.join(USES)}")
    if project_license is not None:
        project_license = settings.known_expression(project_license, "--project-license")
    return replace(read, use=use or read.use, project_license=project_license or read.project_license)


def _run(index: str | None, request: Request) -> Outcome:
    import wherefrom
    from indexer.location import default_location
    from search_api.audit.audit import run

    done = 0
    try:
        with wherefrom.open(index or default_location(os.environ)) as opened, _progress() as progress:
            try:
                return run(opened, request, progress)
            finally:
                done = progress.files
    except WherefromError as error:
        if done and error.exit_code == 3 and not isinstance(error, UnusableIndex) and request.cache_folder:
            raise type(error)(f"{error}\nwherefrom: {done} files were done and are kept; run the same command again to go on") from None
        raise


@contextmanager
def _progress() -> Iterator[Progress]:
    """A line on standard error that says how many files are done."""
    from rich.console import Console

    from search_api.audit.scan import Progress

    console = Console(stderr=True)
    with console.status("auditing") as status:

        def done(progress: Progress) -> None:
            if progress.files % 10 == 0:
                status.update(f"auditing: {progress.files:,} files, {progress.cached:,} of them answered before")

        yield Progress(done)


def _fix(outcome: Outcome) -> None:
    from rich.console import Console

    from search_api.audit.fix import fix

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in fix(outcome):
        console.print(line, markup=False)


def _print(outcome: Outcome) -> None:
    from rich.console import Console

    from search_api.audit.reports.terminal import lines

    console = Console(highlight=False, soft_wrap=True)
    for line in lines(outcome.audit):
        console.print(line)
