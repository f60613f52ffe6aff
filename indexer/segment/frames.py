"""How are stored texts and rows packed? As zstd frames, each by itself.

Every thread keeps its contexts: making one takes as long as unpacking a block of rows.
"""

from __future__ import annotations

import threading

import zstandard

_KEPT = threading.local()  # contexts are for one thread each


def pack(data: bytes | bytearray | memoryview, level: int) -> bytes:
    """One frame, which states its size unpacked."""
    packer: zstandard.ZstdCompressor | None = getattr(_KEPT, f"packer{level}", None)
    if packer is None:
        packer = zstandard.ZstdCompressor(level)
        setattr(_KEPT, f"packer{level}", packer)
    return packer.compress(data)


def unpack(frame: bytes, size: int) -> bytes:
    """The `size` bytes of a frame. Raises ValueError for what is no frame of so many."""
    unpacker: zstandard.ZstdDecompressor | None = getattr(_KEPT, "unpacker", None)
    if unpacker is None:
        unpacker = _KEPT.unpacker = zstandard.ZstdDecompressor()
    try:
        if zstandard.frame_content_size(frame) != size:
            raise ValueError(f"a frame of {len(frame)} bytes does not state {size} bytes")
        return unpacker.decompress(frame)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
