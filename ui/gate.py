"""Which of Gradio's routes does the page need? An allow-list in front of them: uploads, files, proxies, queues and recordings do not exist.

The Content-Security-Policy lets a browser speak to this server alone, whatever a later Gradio would like to fetch. Gradio's
HTML component compiles its template in the browser, hence 'unsafe-eval'; the template is ours and constant, answers are data.

Not here: the limits of size and number, which hold for every route (`search_api.limits`, `search_api.workers`).
"""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.problems import NOT_FOUND, Problem, response

_READ = re.compile(r"/(?:|config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|assets/.+|static/.+)")
_ASK = "/gradio_api/run/predict"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'none'"
)


class Gate:
    """ASGI middleware around Gradio's app: what is not on the list is answered 404, and every answer carries the policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; websockets are closed."""
        if scope["type"] == "lifespan" or _is_needed(scope):
            await self.app(scope, receive, _with_policy(send))
        elif scope["type"] == "http":
            await response(Problem(NOT_FOUND, NOT_FOUND.meaning))(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})


def _is_needed(scope: Scope) -> bool:
    path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
    if scope["type"] != "http":
        return False
    if scope["method"] in ("GET", "HEAD"):
        return _READ.fullmatch(path) is not None
    return bool(scope["method"] == "POST" and path == _ASK)


def _with_policy(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("content-security-policy", POLICY)
        await send(message)

    return sending
