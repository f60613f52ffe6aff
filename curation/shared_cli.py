"""What do the commands of curation share: options, the date, progress on standard error, results on standard output?

Not here: the commands (`curation.cli`, `curation.curate_cli`, `curation.release_cli`, `curation.index_cli`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from indexer.errors import InputError

SOURCE_HELP = (
    "dir:PATH git:PATH|URL repositories:[N:]LIST python-env[:PATH] sdist:FILE wheel:FILE npm:FILE debian:PACKAGE archive:FILE"
    " parquet:GLOB stack:GLOB"
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what stands there, once the new one is complete.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Name unreadable input on standard error, count it, and go on without it.")]
Progress = Callable[[int, int, str], None]

_SECONDS_BETWEEN_LINES = 30.0  # of progress, where a file or a pipe keeps them all
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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
            done = f": {documents:,} files" + (f", {mb(size)}" if size else "") + (f", {rate:.1f} MB/s" if rate else "")
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
        return print(f"{folder}: {counts['rows']:,} {manifest['kind']}{skipped(manifest['skipped'])}")
    line = f"{folder}: {counts['documents']:,} files, {mb(counts['text_bytes'])}, {counts['repositories']:,} repositories"
    for step, dropped in counts.get("dropped", {}).items():
        line += f"; {dropped:,} dropped by {step.replace('_', ' ')}"
    print(line + skipped(manifest.get("skipped", {})) + _listed("noted", manifest.get("noted", {})))


def print_json(value: dict[str, Any]) -> None:
    """One document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def skipped(reasons: dict[str, int]) -> str:
    """What was skipped, as the end of a line. {"too_large": 2} -> "; skipped: 2 too large" """
    return _listed("skipped", reasons)


def _listed(what: str, reasons: dict[str, int]) -> str:
    listed = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons.items())
    return f"; {what}: {listed}" if listed else ""


def mb(n_bytes: int) -> str:
    """2_500_000 -> "2.5 MB" """
    return f"{n_bytes / 1e6:,.1f} MB"
