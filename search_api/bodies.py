"""How does a request become values? UTF-8 and JSON checked here, lone surrogates let through, media types enforced.

Not here: which fields a request has (`search_api.questions`), who may ask (`search_api.admission`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from search_api.problems import NOT_ACCEPTABLE, NOT_JSON, NOT_UTF8, UNSUPPORTED_MEDIA_TYPE, Problem
from search_api.sending import Answer

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """A request whose JSON is read by us."""

    async def json(self) -> Any:
        """The body's value. Raises Problem 400; of duplicate keys the last counts."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class ApiRoute(APIRoute):
    """A route that checks media types and encodings before FastAPI reads anything."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler behind our checks."""
        handle = super().get_route_handler()
        answers_json = self.response_class is Answer

        async def checked(request: Request) -> Response:
            check_query_string(request)
            if answers_json:
                check_accept(request.headers.get("accept", "*/*"))
            if self.body_field is not None:
                check_body_type(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return checked


class GuardedRoute(ApiRoute):
    """A route that answers those alone whom the app's admission lets in; nothing of the request is read before."""

    def get_route_handler(self) -> Handler:
        """The handler behind the door."""
        handle = super().get_route_handler()

        async def admitted(request: Request) -> Response:
            request.app.state.admission.admit(request)
            return await handle(request)

        return admitted


def parse_json(body: bytes) -> Any:
    """The value of a JSON document in UTF-8, a byte order mark allowed. Raises Problem 400."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(NOT_UTF8, f"byte {error.start} of the body is not UTF-8 ({error.reason}); send UTF-8") from None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Problem(NOT_JSON, f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise Problem(NOT_JSON, "the document is nested too deeply") from None
    except ValueError:  # an integer of thousands of digits, or NaN
        raise Problem(NOT_JSON, "a number is not one that JSON allows, or is too long") from None


def _refuse_constant(_: str) -> float:
    raise ValueError


def check_query_string(request: Request) -> None:
    """Raises Problem 400 where the query string is not UTF-8 once unquoted."""
    raw: bytes = request.scope.get("query_string", b"")
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(NOT_UTF8, "the query string is not UTF-8 once its %-escapes are read") from None


def check_body_type(request: Request, allowed: Sequence[str] = ("application/json",)) -> None:
    """Raises Problem 415 unless the body is plain and of an allowed media type; without a Content-Type it is taken for that."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "Content-Encoding is not supported; send the body as it is")
    media_type = request.headers.get("content-type", allowed[0]).partition(";")[0].strip().lower()
    is_json = allowed[0] == "application/json" and media_type.startswith("application/") and media_type.endswith("+json")
    if media_type not in allowed and not is_json:
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE, f"the Content-Type is not {' or '.join(allowed)}", headers={"Accept-Post": ", ".join(allowed)}
        )


def check_accept(accept: str, offered: str = "application/json") -> None:
    """Raises Problem 406 where an Accept header leaves no room for the media type that a route answers with."""
    family = offered.partition("/")[0] + "/*"
    for entry in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        refused = any(parameter in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters)
        if media_type in ("", "*/*", family, offered) and not refused:
            return
    raise Problem(NOT_ACCEPTABLE, f"this route answers with {offered}, which the Accept header excludes")
