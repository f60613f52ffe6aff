"""How is the API served? A uvicorn server that logs no addresses, no bodies and no query strings.

Not here: what is served (`search_api.app`), the command (`ui.cli`).
"""

from __future__ import annotations

import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from indexer.errors import InputError
from search_api.settings import Settings

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
    """A server for the app, not yet running: `.run()` blocks until it is told to stop. One line a request on standard error."""
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
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        bound = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise InputError(
            f"{settings.host}:{settings.port}: cannot listen there ({error.strerror}); choose another --host or --port"
        ) from None
    host, port = bound.getsockname()[:2]
    print(f"http://{f'[{host}]' if ':' in host else host}:{port}{path}", flush=True)  # noqa: T201 - what the command is asked for
    server(app, settings).run(sockets=[bound])
