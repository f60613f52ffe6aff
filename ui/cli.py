"""The commands that serve: `wherefrom serve` and `wherefrom demo`.

Standard output gets one line, the address, when the server answers. Exit codes: 0 done, 2 input, 3 index.

Not here: the server (`search_api.server`), the page (`ui.app`), the demo's index (`ui.demo`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from search_api.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

HostOption = Annotated[
    str | None, typer.Option("--host", metavar="H", help="Address to listen on. Default: WHEREFROM_HOST, else 127.0.0.1.")
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", metavar="N", min=0, max=65535, help="Port to listen on; 0: any free one. Default: WHEREFROM_PORT, else 8000."),
]


@app.command()
def serve(
    *,
    index: Annotated[
        str | None,
        typer.Option(
            "--index",
            metavar="LOCATION",
            help="A folder or es+http(s)://HOST:PORT/NAME. Default: WHEREFROM_INDEX, else the index made last.",
        ),
    ] = None,
    host: HostOption = None,
    port: PortOption = None,
    no_page: Annotated[bool, typer.Option("--no-page", help="The API alone.")] = False,
) -> None:
    """API and page on one port, until Ctrl-C.

    Example: wherefrom serve --index demo.index --port 8080
    """
    from indexer.location import default_location

    _serve(index or default_location(os.environ), _settings(host, port), with_page=not no_page)


@app.command()
def demo(
    *,
    host: HostOption = None,
    port: PortOption = None,
    index_folder: Annotated[
        Path | None,
        typer.Option("--index-folder", metavar="DIR", help="The index. Default: wherefrom/demo.index in your data folder."),
    ] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Build the index and end.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build anew, even if the index is current or not the demo's.")] = False,
) -> None:
    """Build a real index from the open-source packages installed here, make it the default, serve API and page.

    A second start takes the index as it is while the same packages are installed.

    Example: wherefrom demo --port 8080
    """
    from indexer.location import remember_location
    from ui.demo import default_folder, is_current

    settings = _settings(host, port)
    folder = index_folder or default_folder(os.environ)
    if rebuild or not is_current(folder):
        _build(folder, force=rebuild or index_folder is None)
    remember_location(str(folder), os.environ)
    if no_serve:
        print(folder)
    else:
        _serve(str(folder), settings, with_page=True)


def _build(folder: Path, *, force: bool) -> None:
    from curation.shared_cli import shown_progress, today
    from ui.demo import build

    _say(f"building an index of the packages installed here, in {folder}: about a minute")
    with shown_progress() as (progress, _):
        _say(build(folder, today(os.environ), force=force, progress=progress))


def _settings(host: str | None, port: int | None) -> Settings:
    """The environment's settings, options first."""
    from pydantic import ValidationError

    from search_api.settings import Settings

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(f"WHEREFROM_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise InputError(f"{wrong}; correct or unset it") from None


def _serve(location: str, settings: Settings, *, with_page: bool) -> None:
    """Serves until a signal. The port is taken first: whoever has to wait for the rest should not wait for nothing."""
    from indexer.stored import open_stored
    from ui.serving import listen, run

    with listen(settings) as socket, open_stored(location) as index:
        run(_app(index, settings, with_page=with_page), settings, socket, ready=lambda url: print(url, flush=True))


def _app(index: object, settings: Settings, *, with_page: bool) -> FastAPI:
    if with_page:
        _say("starting the page")
        from ui.app import create_page_app

        return create_page_app(index, settings)  # type: ignore[arg-type]
    from search_api.app import create_app

    return create_app(index, settings)  # type: ignore[arg-type]


def _say(line: str) -> None:
    print(f"wherefrom: {line}", file=sys.stderr, flush=True)
