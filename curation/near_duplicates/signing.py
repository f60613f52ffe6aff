"""What is a file's MinHash signature, and which shingles does it stand for?

Not here: what is done with them (`curation.near_duplicates.clusters`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.near_duplicates import signing_kernels
from curation.near_duplicates.settings import NearDuplicateSettings

SCRATCH_BYTES = 16_000_000  # of text whose shingles are held at once, where no single text is longer


@dataclass(frozen=True, slots=True)
class Signatures:
    """`hashvalues` uint32 (n, permutations), all ones where there is no shingle; `shingles` int32 (n,), how many distinct ones a text has.

    A row is a MinHash of datasketch: `MinHash(hashvalues=row, seed=settings.seed, scheme="affine32")`.
    """

    hashvalues: NDArray[np.uint32]
    shingles: NDArray[np.int32]


def signatures(batch: pa.RecordBatch, settings: NearDuplicateSettings) -> Signatures:
    """Signatures of the column `content`, row by row. Some thousands a second; the first call of a process loads datasketch, 1.5 s."""
    multipliers, summands = permutations(settings)
    hashvalues = np.empty((batch.num_rows, settings.permutations), np.uint32)
    counts = np.empty(batch.num_rows, np.int32)
    first = 0
    for shingles, offsets in shingle_sets(batch.column("content"), settings):
        end = first + len(offsets) - 1
        signing_kernels.sign(shingles, offsets, multipliers, summands, hashvalues[first:end])
        counts[first:end] = np.diff(offsets)
        first = end
    return Signatures(hashvalues, counts)


def shingle_sets(texts: pa.Array, settings: NearDuplicateSettings) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """Pieces of (hashes, offsets) in the order of the texts: those of text i of a piece are hashes[offsets[i]:offsets[i+1]], ascending.

    With 64 bits the chance that two files of a thousand shingles each confuse any is 5e-14. The signature uses the lower half.
    """
    data, offsets = bytes_of(texts)
    begin = 0
    while begin < len(texts):
        end = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + SCRATCH_BYTES, "right")) - 1)
        piece = offsets[begin : end + 1]
        out = np.empty((int(piece[-1] - piece[0]) + len(piece)) // 2 + 1, np.uint64)  # a word and what ends it take two bytes
        out_offsets = np.empty(len(piece), np.int64)
        n = signing_kernels.shingle_sets(data, piece, settings.ngram, settings.min_tokens, out, out_offsets)
        yield out[:n], out_offsets
        begin = end


def band_keys(hashvalues: NDArray[np.uint32], settings: NearDuplicateSettings) -> NDArray[np.uint64]:
    """One key for each signature and band, uint64 (n, bands); equal keys are equal bands."""
    keys = np.empty((len(hashvalues), settings.bands), np.uint64)
    signing_kernels.band_keys(hashvalues, settings.bands, settings.rows, keys)
    return keys


@cache
def permutations(settings: NearDuplicateSettings) -> Any:
    """datasketch's own permutations, uint32 (2, permutations): multipliers and summands."""
    from datasketch import MinHash  # noqa: PLC0415 - it takes 1.5 s to load, with scipy

    return MinHash(num_perm=settings.permutations, seed=settings.seed, scheme="affine32").permutations


def bytes_of(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 of all texts, and where each begins and ends in it; nothing is copied where the type is large_string."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), bounds
