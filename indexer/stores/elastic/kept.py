"""How does a document keep its row and text in the cluster? As one zstd frame in a column of its own, in no `_source`.

So what is read of a text is that text alone: stored fields would unpack a block of 240 KB for each. The frame has its own checksum.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any

import orjson
import zstandard

from indexer.corpus import FILES_SCHEMA
from indexer.errors import IndexCorrupt
from indexer.segment.prepare import NOT_IN_ROWS

KEPT = "kept"
_LEVEL = 3  # .277 of the text, with the row; 6 saves .018 and takes three times as long
# On disk: the order of a row's values
COLUMNS = (*(name for name in FILES_SCHEMA.names if name not in NOT_IN_ROWS), "document_id")
Json = dict[str, Any]
WITH_KEPT: Json = {"stored_fields": "_none_", "docvalue_fields": [KEPT]}
_CONTEXTS = threading.local()  # a context is for one thread


@dataclass(frozen=True, slots=True)
class Kept:
    """A document's row and its text in UTF-8."""

    row: Json
    text: bytes

    @property
    def content(self) -> str:
        """The text."""
        return self.text.decode()


def packed(row: Json, text: bytes) -> str:
    """The value of the field: base64 of a frame that holds the row's values, a line, and the text."""
    packer: zstandard.ZstdCompressor | None = getattr(_CONTEXTS, "packer", None)
    if packer is None:
        packer = _CONTEXTS.packer = zstandard.ZstdCompressor(_LEVEL, write_checksum=True)
    line = orjson.dumps([row[name] for name in COLUMNS])
    return b64encode(packer.compress(line + b"\n" + text)).decode("ascii")


def kept_of(hit: Json) -> Kept:
    """What a hit that was asked for WITH_KEPT keeps. About 10 µs for 10 KB. Raises IndexCorrupt where it is damaged."""
    unpacker: zstandard.ZstdDecompressor | None = getattr(_CONTEXTS, "unpacker", None)
    if unpacker is None:
        unpacker = _CONTEXTS.unpacker = zstandard.ZstdDecompressor()
    try:
        line, _, text = unpacker.decompress(b64decode(hit["fields"][KEPT][0])).partition(b"\n")
        return Kept(dict(zip(COLUMNS, orjson.loads(line), strict=True)), text)
    except (KeyError, ValueError, NotBase64, zstandard.ZstdError) as error:
        raise IndexCorrupt(f"{hit['_index']}: a text is damaged ({error}); wherefrom verify names it; rebuild the index") from error
