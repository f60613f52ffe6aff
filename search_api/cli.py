"""The commands that ask questions: check, trace, search, inspect, verify.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 found, 2 input, 3 index, 4 incomplete.

Not here: how answers look (`search_api.terminal`), the commands that build and serve (`curation.index_cli`, `ui.cli`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from indexer.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from indexer.answers import Membership, Use
    from indexer.index import Index
    from indexer.stores.elastic.index import ClusterIndex
    from search_api.client import Client

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="LOCATION",
        help="A folder, es+https://HOST:9200/NAME or a server's URL. Default: WHEREFROM_INDEX, else the index made last.",
    ),
]
FilterOption = Annotated[
    Path | None,
    typer.Option("--filter", metavar="FILE", help="Instead of an index: a file that filter export or filter import wrote."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON document and nothing else.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE|-", help="A file of any encoding, or - for standard input.")]
LocationArgument = Annotated[str, typer.Argument(metavar="LOCATION", help="A folder, es+https://HOST:9200/NAME or a server's URL.")]


@app.command()
def check(
    file: FileArgument,
    *,
    index: IndexOption = None,
    filter_file: FilterOption = None,
    max_age_days: Annotated[float | None, typer.Option(min=0, metavar="DAYS", help="With --filter: exit code 4 if it is older.")] = None,
    min_tokens: Annotated[int | None, typer.Option(min=1, help="How many tokens in a row make a member; the index has a default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Is this code in the corpus? Exit code 1: yes, 0: no, 4: too short, incomplete, or the filter is too old.

    With --filter the answer comes from one file, offline: the code stays on this machine.

    Example: wherefrom check snippet.py --min-tokens 50
    """
    if max_age_days is not None and not filter_file:
        raise InputError("--max-age-days is about a filter; give one with --filter, or leave it out")
    text = _read(file)
    if filter_file:
        answer, too_old = _check_offline(text, filter_file, index, min_tokens, max_age_days)
    else:
        with _open(index) as opened:
            answer, too_old = opened.membership(text, min_tokens=min_tokens), False
    from search_api import terminal

    _print(answer, as_json, terminal.membership(answer))
    _leave("partial" if too_old else answer.status, found=answer.member)


@app.command()
def trace(
    file: FileArgument,
    *,
    index: IndexOption = None,
    filter_file: Annotated[
        Path | None,
        typer.Option(
            "--filter", metavar="FILE", help="Keep the code here: send the server only those hashes that this filter may contain."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Largest number of sources.")] = 10,
    use: Annotated[
        str | None, typer.Option(metavar="USE", help="internal, saas or distributed: say what the licences ask for then.")
    ] = None,
    project_license: Annotated[
        str | None, typer.Option(metavar="ID", help="The project's own licence: say which sources do not go with it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Where does this code come from? Exit code 1: a significant span was found, 0: none, 4: too short or incomplete.

    With --filter, a file that `filter fetch` wrote, only hashes are sent and the sources' texts are compared here: exact spans alone, with
    nothing said of how common they are.

    Example: wherefrom trace snippet.py --index https://wherefrom.example
    """
    text = _read(file)
    if filter_file:
        _trace_privately(text, filter_file, index, as_json)
        return
    with _open(index) as opened:
        answer = opened.attribute(text, limit=limit, use=cast("Use | None", use), project_license=project_license)
        server = _server(opened.location)
    from search_api import terminal

    _print(answer, as_json, terminal.attribution(answer, server))
    _leave(answer.status, found=any(span.significant for span in answer.spans))


def _trace_privately(text: bytes, file: Path, index: str | None, as_json: bool) -> None:
    from indexer.bloom.portable import PortableFilter
    from search_api import terminal
    from search_api.private import attribute_privately

    with _open(index) as opened, PortableFilter.open(file) as portable:
        answer = attribute_privately(opened, portable, text)
    _print(answer, as_json, terminal.private(answer))
    _leave(answer.status, found=bool(answer.spans))


def _server(location: str) -> str | None:
    """The URL that relative links belong to."""
    return location if location.startswith(("http://", "https://")) else None


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help='Words, "literal text", /regex/, prefix*, -exclusion, lang:Python.')],
    *,
    language: Annotated[str | None, typer.Option(help="Only files of this language.")] = None,
    license: Annotated[str | None, typer.Option(help="Only files under this SPDX licence id.")] = None,  # noqa: A002
    repository: Annotated[str | None, typer.Option(help="Only files of this repository.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only files of this owner.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Hits to show.")] = 10,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Full-text search over the corpus.

    Example: wherefrom search '"def main(" lang:Python' --license MIT
    """
    with _open(index) as opened:
        page = opened.search(query, language=language, license=license, repository=repository, owner=owner, limit=limit, cursor=cursor)
        server = _server(opened.location)
    from search_api import terminal

    _print(page, as_json, terminal.search(page, server))


@app.command()
def inspect(location: LocationArgument, *, as_json: JsonOption = False) -> None:
    """What an index holds and how large its parts are.

    Example: wherefrom inspect demo.index
    """
    with _open(location) as opened:
        description = opened.describe()
    from search_api import terminal

    _print(description, as_json, terminal.inspection(description))


@app.command()
def verify(location: LocationArgument, *, as_json: JsonOption = False) -> None:
    """Read every byte of an index and check it. Exit code 3: problems, which are listed.

    Example: wherefrom verify demo.index
    """
    from rich.console import Console

    with _open(location) as opened, Console(stderr=True).status(f"reading {location}"):
        result = opened.verify()
    from search_api import terminal

    _print(result, as_json, terminal.verification(result, location))
    if result.problems:
        raise typer.Exit(3)


def _open(location: str | None) -> Index | ClusterIndex | Client:
    import wherefrom
    from indexer.location import default_location

    return wherefrom.open(location or default_location(os.environ), key=os.environ.get("WHEREFROM_KEY"))


def _check_offline(
    text: bytes, file: Path, index: str | None, min_tokens: int | None, max_age_days: float | None
) -> tuple[Membership, bool]:
    """The answer of a filter file, and whether the file is older than allowed, which standard error then says."""
    if index:
        raise InputError(f"--index {index} and --filter {file}: give one of them")
    from datetime import UTC, datetime

    from indexer.bloom.portable import PortableFilter, age_in_days

    with PortableFilter.open(file) as portable:
        answer = portable.membership(text, min_tokens=min_tokens)
        age, as_of = age_in_days(portable.info, datetime.now(UTC)), portable.info.as_of
    if max_age_days is None or (age is not None and age <= max_age_days):
        return answer, False
    stated = "does not say of when it is" if age is None else f"states the corpus of {as_of}, {age:.1f} days ago"
    print(f"wherefrom: {file} {stated}; at most {max_age_days:g} days were allowed: fetch or export a newer one", file=sys.stderr)
    return answer, True


def _read(file: str) -> bytes:
    """The bytes of a file or of standard input. Raises InputError."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); give a file, or - for standard input") from None


def _print(value: Any, as_json: bool, lines: Iterable[Text]) -> None:
    """The value as JSON, or the lines; colours only where standard output is a terminal."""
    if as_json:
        from indexer.answers import to_json

        print(json.dumps(to_json(value), indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line)


def _leave(status: str, *, found: bool) -> None:
    """Ends the command with the highest exit code that applies."""
    code = 4 if status in ("partial", "too_short") else 1 if found else 0
    if code:
        raise typer.Exit(code)
