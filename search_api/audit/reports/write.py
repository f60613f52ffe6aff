"""Which reports are there, and how are they written? FORMAT=FILE, each from the same audit.

A report is written whole or not at all: to FILE.part, then renamed. `-` is standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from indexer.errors import InputError
from search_api.audit.audit import Outcome

# format -> the module whose `render` takes an Outcome; loaded when asked for, since some load large libraries
FORMATS = {
    "text": "terminal",
    "json": "json_report",
    "csv": "csv_report",
    "html": "html",
    "markdown": "markdown",
    "gitlab": "gitlab",
    "sarif": "sarif",
    "spdx": "spdx2",
    "spdx3": "spdx3",
    "cyclonedx": "cyclonedx",
    "notice": "notice",
    "baseline": "baseline_report",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One report: its format, and the file it goes to; None: standard output."""

    format: str
    file: Path | None


def wanted(options: Sequence[str]) -> list[Wanted]:
    """The reports that options name. Raises InputError for an unknown format and for a folder that is not there."""
    found = []
    for option in options:
        name, equals, file = option.partition("=")
        if name not in FORMATS or not equals or not file:
            raise InputError(f"--report {option}: wanted FORMAT=FILE, FORMAT one of {', '.join(FORMATS)}")
        if file != "-" and not Path(file).parent.is_dir():
            raise InputError(f"--report {option}: no folder {Path(file).parent}; make it first")
        found.append(Wanted(name, None if file == "-" else Path(file)))
    return found


def write(outcome: Outcome, reports: Sequence[Wanted]) -> None:
    """Writes every report. Raises InputError where a file cannot be written."""
    for one in reports:
        text: str = import_module(f"search_api.audit.reports.{FORMATS[one.format]}").render(outcome)
        if one.file is None:
            sys.stdout.write(text)
            continue
        part = one.file.with_name(one.file.name + ".part")
        try:
            part.write_bytes(text.encode("utf-8", "surrogateescape"))
            part.replace(one.file)
        except OSError as error:
            raise InputError(f"--report {one.format}={one.file}: cannot be written ({error.strerror})") from None
