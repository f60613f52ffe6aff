"""How is the API served? A uvicorn server that logs no addresses, no bodies and no query strings.

Not here: what is served (`search_api.app`), the command (`ui.cli`).
"""

from __future__ import annotations

from typing import Any

import uvicorn
from starlette.types import ASGIApp

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
