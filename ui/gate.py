"""Which of Gradio's routes does the page need? An allow-list in front of them: uploads, files, proxies, queues and recordings do not exist.

Of the one route that asks, only questions as the page sends them come through: for others Gradio prints tracebacks that quote them.

The Content-Security-Policy lets a browser speak to this server alone, whatever a later Gradio would like to fetch. Gradio's
HTML component compiles its template in the browser, hence 'unsafe-eval'; the template is ours and constant, answers are data.

Not here: the limits of size and number, which hold for every route (`search_api.limits`, `search_api.workers`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.problems import INVALID_REQUEST, NOT_FOUND, Problem, response

_READ = re.compile(r"/(?:|config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|assets/.+|static/.+)")
_ASK = "/gradio_api/run/predict"
_FIELDS = {"data", "fn_index", "session_hash", "trigger_id", "event_data"}
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'none'"
)


class Gate:
    """ASGI middleware around Gradio's app: what is not on the list is answered 404, and every answer carries the policy.

    `events` holds, for each event of the page, how many values it takes; each is a string or null.
    """

    def __init__(self, app: ASGIApp, events: Mapping[int, int]) -> None:
        self.app = app
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; websockets are closed."""
        if scope["type"] == "lifespan" or _is_read(scope):
            await self.app(scope, receive, _with_policy(send))
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "POST" and _path(scope) == _ASK:
            await self._ask(scope, receive, send)
        else:
            await response(Problem(NOT_FOUND, NOT_FOUND.meaning))(scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if not self._is_question(body):
            await response(Problem(INVALID_REQUEST, "this is not a question that the page asks; programs use /v1", errors=[]))(
                scope, receive, send
            )
            return
        unread = [body]

        async def again() -> Message:
            return {"type": "http.request", "body": unread.pop(), "more_body": False} if unread else await receive()

        await self.app(scope, again, _with_policy(send))

    def _is_question(self, body: bytes) -> bool:
        try:
            asked: Any = json.loads(body)
        except (ValueError, RecursionError):
            return False
        if not isinstance(asked, dict) or not asked.keys() <= _FIELDS or type(asked.get("fn_index")) is not int:
            return False
        values = asked.get("data")
        if not isinstance(values, list) or len(values) != self.events.get(asked["fn_index"]):
            return False
        return all(value is None or isinstance(value, str) for value in values)


async def _body(receive: Receive) -> bytes:
    """The whole body; its size is limited before it comes here."""
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(str(scope.get("root_path", "")))


def _is_read(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _READ.fullmatch(_path(scope)) is not None


def _with_policy(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("content-security-policy", POLICY)
        await send(message)

    return sending
