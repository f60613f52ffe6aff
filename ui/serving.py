"""How does a server take its port, say that it is ready, and end? Ctrl-C and SIGTERM let open requests finish.

Not here: what is served (`ui.app`), how requests are logged (`search_api.server`).
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from indexer.errors import InputError
from search_api.server import server
from search_api.settings import Settings


def listen(settings: Settings) -> socket.socket:
    """A socket bound to the host and port of the settings. Raises InputError where that cannot be had."""
    place = f"{settings.host}:{settings.port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"{place}: no such address ({error.strerror}); choose one of this machine with --host") from None
    # asyncio sends small pieces at once only where the protocol is named; otherwise each answer waits 40 ms now and then
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()  # two servers may both bind with SO_REUSEADDR; only one may listen
    except OSError as error:
        bound.close()
        raise InputError(f"{place}: cannot listen there ({error.strerror}); choose another --port; 0 takes any free one") from None
    return bound


def run(app: ASGIApp, settings: Settings, bound: socket.socket, *, ready: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; `ready` gets the address once requests are answered."""
    running = server(app, settings)
    with _signals_end_quietly():
        asyncio.run(_run(running, bound, ready))


async def _run(running: uvicorn.Server, bound: socket.socket, ready: Callable[[str], None]) -> None:
    serving = asyncio.create_task(running.serve(sockets=[bound]))
    while not running.started and not serving.done():
        await asyncio.sleep(0.01)
    if running.started:
        ready(_url(bound))
    await serving


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """uvicorn ends gracefully and then raises the signal once more for whoever handled it before: nobody needs to."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
