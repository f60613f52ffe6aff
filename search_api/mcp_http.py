"""How are the MCP tools served over HTTP? The SDK's own transport behind the API's limits: size, keys, requests a minute, logs.

Not here: the tools (`search_api.mcp`), the server below (`search_api.server`).
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from mcp.server.mcpserver import MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.admission import Admission
from search_api.limits import BodyLimit
from search_api.observe import Metrics, Observe
from search_api.problems import Problem, response
from search_api.settings import Settings

PATH = "/mcp"


def http_app(server: MCPServer[Any], settings: Settings) -> ASGIApp:
    """The tools at /mcp. Each request stands for itself: servers side by side need no common memory.

    On a loopback address the SDK answers requests for that address alone, so that no page of another site reaches it through the
    browser.
    """
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=settings.max_body_bytes,
        host=settings.host,
    )
    app = BodyLimit(_Door(app, Admission(settings)), settings.max_body_bytes)
    return Observe(app, Metrics(lambda: 0))


class _Door:
    """ASGI middleware: the admission of the API."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            try:
                self._admission.admit(Request(scope))
            except Problem as problem:
                await response(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)
