"""What is asked about? A text with its tokens, k-grams and fingerprints worked out once.

Not here: the full-text query language (`indexer.query`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.attribution import query_kernels as kernels
from indexer.fingerprint.spec import SPEC, Channel
from indexer.fingerprint.winnow import CONTEXT_BITS
from indexer.text.tokens import byte_classes, encode, keyword_table


@dataclass(frozen=True, slots=True)
class Stream:
    """The exact or the renamed stream of a text.

    All its k-grams: `grams` uint64 (k-grams,); `heads` and `following` int32 chain the positions of equal ones. Its fingerprints and
    their equals in the same windows, in text order: `keys` uint64 (prints,), fingerprint << 16 | contexts; `positions` int64
    (prints,), where in the stream each begins; `windows` int64 (prints,), the first window that each is the minimum of, for an equal
    that of the next; `first` int64 (prints,), the first one of its value.
    """

    channel: Channel
    grams: NDArray[np.uint64]
    heads: NDArray[np.int32]
    following: NDArray[np.int32]
    keys: NDArray[np.uint64]
    positions: NDArray[np.int64]
    windows: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def values(self) -> NDArray[np.uint64]:
        """The 48-bit fingerprints without their contexts."""
        return self.keys >> np.uint64(CONTEXT_BITS)


class Prints(NamedTuple):
    """The fingerprints of both streams and their equals, those of the exact one first.

    `keys` uint64, `tokens` int64, where in the text each begins, `first` int64, the first one of its value in its stream (prints,).
    """

    keys: NDArray[np.uint64]
    tokens: NDArray[np.int64]
    first: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Query:
    """A text and everything about it that does not depend on an index.

    `starts`, `ends` int32 (tokens,): bytes of `data`; `hashes` uint64 (tokens,); `fresh` float64 (tokens,): the weight of a token for
    how often the text has it; `codes` uint64 (elements,): the renamed stream; `code_tokens` int32 (elements,): where each begins.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    hashes: NDArray[np.uint64]
    fresh: NDArray[np.float64]
    codes: NDArray[np.uint64]
    code_tokens: NDArray[np.int32]
    exact: Stream
    renamed: Stream
    prints: Prints

    @classmethod
    def of(cls, text: str | bytes) -> Query:
        """Tokens, k-grams and fingerprints of a text; about 30 µs for 40 lines."""
        data = np.frombuffer(as_utf8(text), np.uint8)
        shapes = [(channel.k, channel.window, channel.reach, int(channel.renamed)) for channel in (SPEC.exact, SPEC.renamed)]
        starts, ends, hashes, fresh, codes, tokens, exact, renamed, prints = kernels.read(data, byte_classes(), keyword_table(), *shapes)
        streams = Stream(SPEC.exact, *exact), Stream(SPEC.renamed, *renamed)
        return cls(data, starts, ends, hashes, fresh, codes, tokens, *streams, Prints(*prints))

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self, tokens: NDArray[np.int64]) -> list[str]:
        """Some tokens as text."""
        data, bounds = self.data, zip(self.starts[tokens].tolist(), self.ends[tokens].tolist(), strict=True)
        return [data[begin:end].tobytes().decode("utf-8", "replace") for begin, end in bounds]


def as_utf8(text: str | bytes) -> bytes:
    """The text as UTF-8. Bytes that are not UTF-8 are read as UTF-16 where a byte order mark says so, else as Latin-1."""
    if isinstance(text, str):
        return encode(text)
    try:
        text.decode("utf-8")
        return text
    except UnicodeDecodeError:
        pass
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16", "replace").encode("utf-8", "surrogatepass")
    return text.decode("latin-1").encode("utf-8")
