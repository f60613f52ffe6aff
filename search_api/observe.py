"""What does the server say about its requests? One log line and one metric each, by path template; never text, never a query string.

Not here: the page that shows the metrics (`search_api.routes.operations`).
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.problems import INTERNAL, Problem, response

_access = logging.getLogger("wherefrom.access")
_faults = logging.getLogger("wherefrom.server")
WAS_HEAD = "wherefrom.was_head"  # in the scope of a HEAD request, for routes whose body costs much
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The numbers of one app, in a registry of its own so that two apps can live in one process."""

    def __init__(self, pending: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("wherefrom_http_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "wherefrom_http_request_seconds", "Time to the end of the response.", labels[:2], buckets=_BUCKETS, registry=self.registry
        )
        self.pending = Gauge("wherefrom_engine_pending", "Questions that the engine works on or that wait for it.", registry=self.registry)
        self.pending.set_function(pending)
        self.faults = Counter("wherefrom_faults", "Requests that failed by a fault of the server.", registry=self.registry)

    def fault(self, error: Exception, route: str) -> Problem:
        """Counts a fault, logs where it happened, and gives the problem that a client is told.

        The error's message is left out of both: it may quote somebody's code.
        """
        incident = str(uuid.uuid4())
        self.faults.inc()
        lines = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__))
        _faults.error("fault %s: %s in %s%s", incident, type(error).__name__, route, lines)
        return Problem(INTERNAL, f"the server failed; its log has the place under {incident}", instance=f"urn:uuid:{incident}")


class Observe:
    """ASGI middleware: counts, times and logs each request, and turns an unforeseen exception into a problem."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = _Seen(send)
        began = time.perf_counter()
        try:
            await self.app(scope, receive, seen.send)
        except Exception as error:  # the outermost place: a fault is counted and answered, its message stays inside
            await self._fail(error, scope, receive, seen)
        finally:
            self._record(scope, seen.status, time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _method(scope), _template(scope)
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.seconds.labels(method, route).observe(seconds)
        _access.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, seen: _Seen) -> None:
        problem = self.metrics.fault(error, f"{_method(scope)} {_template(scope)}")
        if seen.started:
            raise RuntimeError(f"response broken off: {problem.detail}") from None
        await response(problem)(scope, receive, seen.send)


class _Seen:
    """Passes a response on, remembers its status, adds the headers that every response has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.setdefault("x-content-type-options", "nosniff")
            headers.setdefault("referrer-policy", "no-referrer")
        await self._send(message)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "OTHER"


def _template(scope: Scope) -> str:
    """The path as the route declares it: an id or a mistyped path never becomes a label or a log line."""
    return str(getattr(scope.get("route"), "path_format", "unmatched"))


class HeadAsGet:
    """ASGI middleware: HEAD is answered by the GET route; the server below drops the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", WAS_HEAD: True}
        await self.app(scope, receive, send)
