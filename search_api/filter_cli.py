"""The commands about the filter as a file of its own: filter fetch, filter export, filter import, filter info.

Not here: asking a filter (`wherefrom check --filter`, in `search_api.cli`), its bytes (indexer/bloom/FORMAT.md).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.answers import IndexInfo, to_json
from indexer.errors import IndexCorrupt, InputError

if TYPE_CHECKING:
    from indexer.bloom.portable import FilterInfo
    from indexer.stored import StoredIndex

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
commands = typer.Typer(no_args_is_help=True)
app.add_typer(commands, name="filter")


class Format(StrEnum):
    """What an exported file is: Wherefrom's own, or pybloom-live's."""

    WHEREFROM = "wherefrom"
    PYBLOOM = "pybloom"


OutOption = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write; a file of this name is replaced.")]
IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index", metavar="LOCATION", help="A folder or es+https://HOST:9200/NAME. Default: WHEREFROM_INDEX, else the index made last."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON document and nothing else.")]


@commands.callback()
def about() -> None:
    """The membership filter as one file: test code against a corpus offline, so that the code never leaves the machine.

    Example: wherefrom filter export -o corpus.filter, then: wherefrom check snippet.py --filter corpus.filter
    """


@commands.command("fetch")
def fetch(
    server: Annotated[str, typer.Argument(metavar="URL", help="A running server.")],
    *,
    output: OutOption,
    as_json: JsonOption = False,
) -> None:
    """Download the filter of a server; run again after a break, it goes on where it ended, and fetches nothing where nothing is newer.

    WHEREFROM_KEY is the API key, where the server wants one.

    Example: wherefrom filter fetch https://wherefrom.example -o corpus.filter
    """
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    from indexer.bloom.portable import PortableFilter
    from search_api.client import Client

    bar = Progress(*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=Console(stderr=True), transient=True)
    with Client.open(server, key=os.environ.get("WHEREFROM_KEY")) as client, bar:
        task = bar.add_task(str(output))
        is_new = client.fetch_filter(output, lambda done, of: bar.update(task, completed=done, total=of))
    with PortableFilter.open(output) as portable:
        _print({**_described(portable.info, output), "fetched": is_new}, as_json)


@commands.command("export")
def export(
    *,
    output: OutOption,
    index: IndexOption = None,
    form: Annotated[
        Format,
        typer.Option("--format", metavar="FORMAT", help="wherefrom: answers as the index does; pybloom: for the package pybloom-live."),
    ] = Format.WHEREFROM,
    as_json: JsonOption = False,
) -> None:
    """Write the filter of an index as one file.

    A pybloom file holds the fingerprints as decimal strings; indexer/bloom/standalone.py, one file of plain Python, makes the same
    fingerprints of any text. FILE.json beside it says which index it came from.

    Example: wherefrom filter export --index demo.index -o corpus.filter
    """
    with _open(index) as opened:
        as_of = _now().isoformat(timespec="seconds")
        if form is Format.PYBLOOM:
            from indexer.bloom.export import export_pybloom
            from indexer.index import Index

            if not isinstance(opened, Index):
                raise InputError(
                    f"{opened.location}: a pybloom file is made of a folder's index; leave --format out, or index into a folder"
                )
            shape = export_pybloom(opened._snapshot.segments, opened.info, as_of, output)
            _print({"file": str(output), "keys": shape.count, "error_rate": shape.error_rate, "as_of": as_of}, as_json)
        else:
            _print(_described(opened.export_filter(output, as_of), output), as_json)


@commands.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="BloomFilter or ScalableBloomFilter files of pybloom-live.")],
    *,
    output: OutOption,
    name: Annotated[str | None, typer.Option(help="What to call the corpus. Default: as FILE.json says, else the file's name.")] = None,
    version: Annotated[str | None, typer.Option(help="Which version of it. Default: as FILE.json says.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Up to when it is complete, ISO 8601. Default: as FILE.json says.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a filter that `check --filter` reads of files that pybloom-live wrote, whose keys are fingerprints as decimal strings.

    The files are only read, and nothing in them is executed or unpickled; sizes that do not agree are refused. What they hold is taken on
    trust: such a file has no checksums, and without FILE.json beside it nothing says of which corpus or spec it is.

    Example: wherefrom filter import corpus.bloom -o corpus.filter --name corpus --as-of 2026-11-01
    """
    from indexer.bloom.export import import_pybloom, origin_of
    from indexer.bloom.standalone import SPEC_NAME

    origins = [origin_of(file) for file in files]
    first, _ = next((origin for origin in origins if origin), (IndexInfo(files[0].stem, "unknown", "unknown", 0, SPEC_NAME, 0), None))
    stated = [origin[1] if origin else None for origin in origins]
    known = None if None in stated else min(moment for moment in stated if moment)  # together they are as old as the oldest
    index = replace(first, name=name or first.name, version=version or first.version)
    _print(_described(import_pybloom(files, output, index, _moment(as_of) if as_of else known), output), as_json)


@commands.command("info")
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that filter export or filter import wrote.")],
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte and check it. Exit code 3: it is damaged.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Of which index a filter is, from when, how large and how exact.

    Example: wherefrom filter info corpus.filter --verify
    """
    from indexer.bloom.portable import PortableFilter

    with PortableFilter.open(file) as portable:
        problems = portable.verify() if verify else []
        if problems:
            raise IndexCorrupt("\n".join([*problems, "fetch the file again, or export it anew with wherefrom filter export"]))
        _print(_described(portable.info, file) | ({"verified": True} if verify else {}), as_json)


def _open(location: str | None) -> StoredIndex:
    from indexer.location import default_location
    from indexer.stored import open_stored

    return open_stored(location or default_location(os.environ))


def _now() -> datetime:
    """The present, or SOURCE_DATE_EPOCH for files that are the same each time."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise InputError(f"--as-of is {text!r}; it takes a date or time as ISO 8601 writes it, such as 2026-11-01") from None


def _described(info: FilterInfo, file: Path) -> dict[str, Any]:
    described: dict[str, Any] = to_json(info)
    return {"file": str(file), **described.pop("index"), **described}


def _print(values: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(values, indent=2) if as_json else "\n".join(_lines(values)))


def _lines(values: dict[str, Any]) -> Iterator[str]:
    from search_api.terminal import safe

    width = max(map(len, values))
    for name, value in values.items():
        yield f"{name:{width}}  {f'{value:,}' if isinstance(value, int) and value is not True else safe(str(value))}"
