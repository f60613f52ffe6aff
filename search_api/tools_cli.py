"""The commands that other programs speak to: mcp for coding agents, lsp for editors.

Standard output belongs to the protocol; everything else goes to standard error.

Not here: the tools (`search_api.mcp`), what editors see (`search_api.lsp`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.errors import InputError

if TYPE_CHECKING:
    from indexer.stored import StoredIndex
    from search_api.client import Client

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="LOCATION",
        help="A folder, a cluster's es+https://HOST/NAME or a server's URL. Default: WHEREFROM_INDEX, else the index made last.",
    ),
]


@app.command()
def mcp(
    *,
    index: IndexOption = None,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP at /mcp instead of standard input and output.")] = False,
    host: Annotated[str | None, typer.Option(metavar="H", help="With --http: address to listen on. Default: WHEREFROM_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=65535, help="With --http: port; 0: any free one. Default: WHEREFROM_PORT.")
    ] = None,
) -> None:
    """Tools for coding agents, by the Model Context Protocol: check_membership, trace_code, search_code, get_document, audit_files.

    audit_files takes contents; on standard input and output also paths, inside the roots that the client names. Over HTTP the
    server's settings hold: keys, limits, sizes. WHEREFROM_KEY is the key for --index URL.

    Example: wherefrom mcp --index demo.index
    """
    if not http and (host is not None or port is not None):
        raise InputError("--host and --port are for --http; give it too, or leave them out")
    from search_api.mcp import make_server

    with _open(index) as opened:
        server = make_server(opened, is_local=not http)
        if not http:
            server.run()
            return
        from search_api.mcp_http import PATH, http_app
        from search_api.server import announced
        from search_api.settings import Settings

        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = Settings(**given)  # type: ignore[arg-type]
        announced(http_app(server, settings), settings, PATH)


@app.command()
def lsp(*, index: IndexOption = None) -> None:
    """A language server for editors, on standard input and output: diagnostics when a file is saved, sources and licences
    on hover, and an action that credits a source with SPDX snippet tags.

    The text of a saved file goes to the index, wherever that is. WHEREFROM_KEY is the key for --index URL.

    Example: wherefrom lsp --index demo.index
    """
    import logging

    from search_api.lsp import make_server

    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # its log quotes messages, and so the text of files
    with _open(index) as opened:
        make_server(opened).start_io()


def _open(location: str | None) -> StoredIndex | Client:
    import wherefrom
    from indexer.location import default_location

    return wherefrom.open(location or default_location(os.environ), key=os.environ.get("WHEREFROM_KEY"))
