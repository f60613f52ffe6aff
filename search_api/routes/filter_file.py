"""The route of the filter's file: whole, or from where a broken-off download ended.

Not here: making the file (`search_api.filter_file`).
"""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from search_api.bodies import GuardedRoute, check_accept
from search_api.filter_file import FilterFile, ServedFilter
from search_api.observe import WAS_HEAD
from search_api.problems import RANGE_NOT_SATISFIABLE, Problem
from search_api.routes.engine import NOT_MODIFIED, Engine, problems
from search_api.sending import matches

router = APIRouter(route_class=GuardedRoute, tags=["corpus"])
MEDIA_TYPE = "application/octet-stream"
_BYTES = {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}, "example": "WHEREFRM..."}}}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@router.get(
    "/v1/filter",
    response_class=FileResponse,
    responses={
        200: {"description": "The file", **_BYTES},
        206: {"description": "The bytes that Range names", **_BYTES},
        **NOT_MODIFIED,
        **problems(400, 401, 404, 406, 413, 416, 429, 503, 504),
    },
)
async def filter_file(request: Request, engine: Engine) -> Response:
    """The membership filter as one file, to test code offline: `wherefrom check --filter`.

    Range with If-Range goes on where a download ended; If-None-Match asks whether there is a newer one. The first request for a
    generation waits until the file is made.
    """
    check_accept(request.headers.get("accept", "*/*"), MEDIA_TYPE)
    served: ServedFilter = request.app.state.filter
    file = await engine.ask(served.get)
    headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Accept-Ranges": "bytes"}
    if matches(request.headers.get("if-none-match", ""), file.tag):
        return Response(status_code=304, headers=headers)
    if request.scope.get(WAS_HEAD):
        return Response(headers={**headers, "Content-Length": str(file.size), "Content-Type": MEDIA_TYPE})
    _keep_one_range(request, file)
    return FileResponse(file.path, headers=headers, media_type=MEDIA_TYPE)


def _keep_one_range(request: Request, file: FilterFile) -> None:
    """Leaves a Range in the request only if it is one range of bytes of this very file. Raises Problem 416.

    What else the header may say, several ranges for one, may be ignored (RFC 9110, 14.2); the answer is then the whole file.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    first, last = asked.groups() if asked else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)) or request.headers.get("if-range", file.tag) != file.tag:
        request.scope["headers"] = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    elif (first and int(first) >= file.size) or (not first and int(last) == 0):
        headers = {"Content-Range": f"bytes */{file.size}"}
        raise Problem(RANGE_NOT_SATISFIABLE, f"the file has {file.size} bytes", headers=headers)
