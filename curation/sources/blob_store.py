"""Where do the contents of The Stack v2 come from, whose files name blobs only?

A store is a folder or a URL under which each blob stands by its id (`ID`, `ID.gz` or `ab/ID` in a folder), plain or gzip.
Whatever comes is held to its id, the SHA-1 of its git object.

Not here: the rows that name blobs (`curation.sources.stack`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx

from curation.origin import MAX_FILE_BYTES, without_secrets
from indexer.corpus import content_id
from indexer.errors import BackendUnavailable, InputError

Contents = Callable[[str], bytes | None]
_ID = re.compile(r"[0-9a-f]{40}")
_TIMEOUT_S = 30.0
_ATTEMPTS = 3
_GONE = (403, 404, 410)  # some stores answer 403 for what they do not have


def blob_store(location: str) -> Contents:
    """A function from blob id to bytes, None where the store lacks it or has other bytes.

    Raises InputError where there is no such folder; the function raises BackendUnavailable where a server does not answer.
    """
    is_url = location.startswith(("https://", "http://"))
    if not is_url and not Path(location).is_dir():
        raise InputError(f"--contents {location}: no such folder; name a folder of blobs, or the URL under which they stand")
    fetch = _from_url(location) if is_url else _from_folder(Path(location))

    def contents(blob: str) -> bytes | None:
        packed = fetch(blob) if _ID.fullmatch(blob) else None
        if packed is None:
            return None
        for content in (packed, _unpacked(packed)):
            if content is not None and content_id(content) == blob:
                return content
        return None

    return contents


def _from_folder(folder: Path) -> Contents:
    def fetch(blob: str) -> bytes | None:
        for path in (folder / blob, folder / f"{blob}.gz", folder / blob[:2] / blob, folder / blob[:2] / f"{blob}.gz"):
            if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
                return path.read_bytes()
        return None

    return fetch


def _from_url(base: str) -> Contents:
    client = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True, headers={"Accept-Encoding": "identity"})

    def fetch(blob: str) -> bytes | None:
        failure = ""
        for _ in range(_ATTEMPTS):
            try:
                with client.stream("GET", f"{base.rstrip('/')}/{blob}") as response:
                    if response.status_code in _GONE:
                        return None
                    if response.is_success:
                        return _bounded(response)
                    failure = f"answers {response.status_code}"
            except httpx.HTTPError as error:
                failure = str(error) or type(error).__name__
        raise BackendUnavailable(f"{without_secrets(base)}: {failure}, {_ATTEMPTS} times; try again later, or name a folder")

    return fetch


def _bounded(response: httpx.Response) -> bytes | None:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_FILE_BYTES:
            return None
    return bytes(body)


def _unpacked(packed: bytes) -> bytes | None:
    """The bytes inside a gzip file, None where it is none, is damaged or holds more than a file may."""
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(packed, MAX_FILE_BYTES + 1)
    except zlib.error:
        return None
    return content if stream.eof and len(content) <= MAX_FILE_BYTES else None
