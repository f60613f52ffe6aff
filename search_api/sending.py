"""How does an answer leave? As JSON in ASCII, made and compressed in the thread that found it, some with an ETag.

Lone surrogates of the text asked about travel as escapes, so every answer is valid UTF-8. ETags are weak: the same answer may travel
compressed or not.

Not here: what stands in an answer (`search_api.schemas`), the filter's file (`search_api.routes.filter_file`).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

COMPRESSED_FROM = 1024  # bytes; smaller bodies gain nothing
_LEVEL = 5


def encoded(value: Any) -> bytes:
    """Compact JSON in ASCII."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


class Answer(JSONResponse):
    """A JSON body; the response class that routes declare."""

    def render(self, content: Any) -> bytes:
        """The bytes of the body."""
        return content if isinstance(content, bytes) else encoded(content)


def send(value: Any, request: Request, *, tagged: bool = False) -> Response:
    """The response with this value; `tagged` ones can be asked for with If-None-Match. Any thread; time in proportion to the body."""
    body = encoded(value)
    if not tagged:
        return compressed(Answer(body), request)
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}  # kept, and compared each time: documents can be removed
    if matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
    return compressed(Answer(body, headers=headers), request)


def compressed(response: Response, request: Request) -> Response:
    """The response, its body in gzip where the client takes that and it is worth it."""
    response.headers["Vary"] = "Accept-Encoding"
    body = bytes(response.body)
    if len(body) >= COMPRESSED_FROM and accepts_gzip(request.headers.get("accept-encoding", "")):
        response.body = gzip.compress(body, _LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header takes gzip. "br, gzip;q=0.5" -> True, "gzip;q=0" -> False, "" -> False"""
    weights = {}
    for entry in header.lower().split(","):
        coding, _, parameter = entry.partition(";")
        weights[coding.strip()] = not _is_zero(parameter)
    return weights.get("gzip", weights.get("*", False))


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.replace(" ", "").partition("=")
    return name == "q" and value.strip("0") in ("", ".")


def matches(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names the tag, compared weakly. '"a", W/"b"' and W/"a" -> True"""
    wanted = tag.removeprefix("W/")
    return header.strip() == "*" or any(entry.strip().removeprefix("W/") == wanted for entry in header.split(","))
