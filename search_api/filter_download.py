"""How does the filter of a server come to this machine? In one file, going on where a broken-off download ended.

`OUT.part` holds what has come so far and `OUT.part.etag` of which file it is; a server whose filter has changed since sends it from
the start. The finished file is verified before it takes its place; `OUT.etag` then asks for a newer one.

Not here: what the server does (`search_api.routes.filter_file`), asking the file (`indexer.bloom.portable`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from indexer.bloom.portable import PortableFilter
from indexer.disk import disk_errors
from indexer.errors import BackendUnavailable, IndexCorrupt, InputError, WherefromError
from search_api.exchange import Retries, error_of, failure_of

_PATH = "/v1/filter"
Progress = Callable[[int, int], None]


def fetch(http: httpx.Client, location: str, retries: Retries, out: Path, progress: Progress | None) -> bool:
    """Writes the filter to `out`; False where it is there already and current. Raises as `Client.fetch_filter` says."""
    if not out.parent.is_dir():
        raise InputError(f"{out}: cannot be written, its folder is not there; give a file in a folder that is there")
    part = out.with_name(f"{out.name}.part")
    attempt, have = 0, _size(part)
    while True:
        try:
            status = _transfer(http, location, out, part, progress)
            break
        except (httpx.HTTPError, _Busy) as error:
            if _size(part) > have:  # a line that breaks now and then gets there all the same
                attempt, have = 0, _size(part)
            wait_s = retries.wait_s(attempt, error.response if isinstance(error, _Busy) else None)
            if wait_s is None:
                raise _final(error, location) from None
            time.sleep(wait_s)
            attempt += 1
    if status == 304:
        return False
    _verify(part, location)
    part.replace(out)
    _etag_file(part).replace(_etag_file(out))
    return True


def _etag_file(of: Path) -> Path:
    return of.with_name(f"{of.name}.etag")


def _etag(of: Path) -> str:
    """The server's name for the bytes of a file; "" where the file or its name is not there."""
    return _etag_file(of).read_text("ascii") if of.is_file() and _etag_file(of).is_file() else ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


class _Busy(Exception):
    """The server answered 429 or 503."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response


def _final(error: httpx.HTTPError | _Busy, location: str) -> WherefromError:
    if isinstance(error, _Busy):
        return error_of(error.response.status_code, error.response.content, location)
    return failure_of(error, location)


def _transfer(http: httpx.Client, location: str, out: Path, part: Path, progress: Progress | None) -> int:
    """One attempt; the response's status."""
    have = _size(part) if _etag(part) else 0
    headers = {"Accept": "application/octet-stream"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": _etag(part)}
    elif _etag(out):
        headers["If-None-Match"] = _etag(out)
    with http.stream("GET", _PATH, headers=headers) as response:
        if response.status_code == 416 and have:  # all of it is here: only the renaming was left
            return 206
        if response.status_code in (200, 206):
            with disk_errors(out):
                _save(response, part, have, progress)
        elif response.status_code != 304:
            response.read()
            if response.status_code in (429, 503):
                raise _Busy(response)
            raise error_of(response.status_code, response.content, location)
        return response.status_code


def _save(response: httpx.Response, part: Path, have: int, progress: Progress | None) -> None:
    goes_on = response.status_code == 206
    at = have if goes_on else 0
    of = at + int(response.headers.get("content-length", 0))
    if not goes_on:
        part.unlink(missing_ok=True)
        _etag_file(part).write_text(response.headers.get("etag", ""), "ascii")
    with open(part, "ab") as file:
        for chunk in response.iter_bytes(1 << 18):
            file.write(chunk)
            at += len(chunk)
            if progress:
                progress(at, of)
    if at != of:
        raise BackendUnavailable(f"{response.url}: {at} of {of} bytes came; run the command again, it goes on from there")


def _verify(part: Path, location: str) -> None:
    """Raises IndexCorrupt, and begins from the start the next time, where the file is not what the server exported."""
    try:
        with PortableFilter.open(part) as portable:
            problems = portable.verify()
    except WherefromError:
        part.unlink()
        raise
    if problems:
        part.unlink()
        raise IndexCorrupt(f"{location}{_PATH}: {problems[0]}; fetch it again")
