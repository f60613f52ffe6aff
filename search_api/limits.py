"""How large may a request be? A limit on the body that holds for every route and mounted app, chunked uploads too.

Not here: how many questions may run at once (`search_api.workers`).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.problems import TOO_LARGE, Problem, response


class BodyLimit:
    """ASGI middleware: a body over `max_bytes` is answered 413, whatever the app inside would say."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        counted = _CountedBody(receive, send, self.max_bytes)
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            counted.exceeded = True
        else:
            await counted.run(self.app, scope)
        if counted.exceeded and not counted.started:
            if headers.get("expect", "").lower() != "100-continue":  # such a client waits for leave to send: the answer is no
                await counted.drain()
            await response(_too_large(self.max_bytes))(scope, receive, send)


class _CountedBody:
    """The two ends of one request: counts what comes in, holds back what the app says once it is too much."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._received = 0
        self._complete = False
        self.exceeded = False
        self.started = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self.receive, self.send)
        except Exception:  # whatever an app makes of a body that ends early; the limit is what the client is told
            if not self.exceeded:
                raise

    async def receive(self) -> Message:
        message = await self._receive()
        self._count(message)
        if self._received > self._max_bytes:
            self.exceeded = True
            raise _too_large(self._max_bytes)
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.started:
            return
        self.started = self.started or message["type"] == "http.response.start"
        await self._send(message)

    async def drain(self) -> None:
        """Reads on for as much again: a client that hears nothing until it has sent all would see a reset connection, not the answer."""
        while not self._complete and self._received <= 2 * self._max_bytes:
            self._count(await self._receive())

    def _count(self, message: Message) -> None:
        self._received += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)


def _too_large(max_bytes: int) -> Problem:
    return Problem(TOO_LARGE, f"the body is larger than {max_bytes} bytes, the limit of this server; send less", max_bytes=max_bytes)
