"""How is the API served? A uvicorn server that logs no addresses, no bodies and no query strings.

Not here: what is served (`search_api.app`), the command (`ui.cli`).
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from indexer.errors import InputError
from search_api.settings import Settings

_SWITCH_S = 0.0005
_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
    "loggers": {
        "wherefrom": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


def server(app: ASGIApp, settings: Settings, *, log_config: dict[str, Any] | None = _LOGGING) -> uvicorn.Server:
    """A server for the app, not yet running: `.run()` blocks until it is told to stop. One line a request on standard error.

    From here on, threads of this process that compute let others in after half a millisecond instead of five: the event loop waits
    for each of its turns.
    """
    sys.setswitchinterval(_SWITCH_S)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            access_log=False,  # uvicorn's line holds the query string; ours is in search_api.observe
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            log_config=log_config,
            timeout_graceful_shutdown=10,
        )
    )


def announced(app: ASGIApp, settings: Settings, path: str) -> None:
    """Serves until it is told to stop; standard output gets one line, the address. Raises InputError for a port that is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends small pieces at once only where the protocol is named; otherwise each answer waits 40 ms now and then
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((settings.host, settings.port))
            bound.listen()
        except OSError as error:
            place = f"{settings.host}:{settings.port}"
            raise InputError(f"{place}: cannot listen there ({error.strerror}); choose another --host or --port") from None
        host, port = bound.getsockname()[:2]
        print(f"http://{f'[{host}]' if ':' in host else host}:{port}{path}", flush=True)  # noqa: T201 - what the command is asked for
        server(app, settings).run(sockets=[bound])
