"""Which fingerprints does a token stream have? Winnowed k-grams (Schleimer, Wilkerson, Aiken 2003).

A fingerprint is one 48-bit value, mixed once more after winnowing: minima are not uniform, and filters and directories need
uniform keys. Two context bytes travel with it so that a long posting list can be narrowed without reading text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.fingerprint import kernels
from indexer.fingerprint.spec import Channel
from indexer.text.tokens import Renamed, Tokens

CONTEXT_BITS = 16
_ALL = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints of one channel, in text order.

    `keys` uint64 (n,): fingerprint << 16 | right context << 8 | left context; `positions` int64 (n,): the exact token at which the
    k-gram begins; `stream` int64 (n,): the same in the channel's own stream; `windows` int64 (n,): where in the stream the first
    window begins that it is the minimum of; `offsets` int64 (documents + 1,).
    """

    keys: NDArray[np.uint64]
    positions: NDArray[np.int64]
    stream: NDArray[np.int64]
    windows: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def values(self) -> NDArray[np.uint64]:
        """The 48-bit fingerprints without their context."""
        return self.keys >> np.uint64(CONTEXT_BITS)


def fingerprint_exact(tokens: Tokens, channel: Channel, *, capped: bool, asked: NDArray[np.uint64] | None = None) -> Fingerprints:
    """The exact channel; with `capped` at most 4 positions of a fingerprint in a document, as an index stores them. `asked`: of these
    48-bit fingerprints, distinct, alone, in two thirds of the time."""
    return _fingerprint(tokens.hashes, tokens.token_offsets, None, channel, capped, asked)


def fingerprint_renamed(renamed: Renamed, channel: Channel, *, capped: bool, asked: NDArray[np.uint64] | None = None) -> Fingerprints:
    """The renamed channel; positions are those of the exact tokens at which its k-grams begin."""
    return _fingerprint(renamed.codes, renamed.offsets, renamed.tokens, channel, capped, asked)


def _fingerprint(
    codes: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    to_exact: NDArray[np.int32] | None,
    channel: Channel,
    capped: bool,
    asked: NDArray[np.uint64] | None,
) -> Fingerprints:
    if asked is not None and not len(asked):
        none = np.empty(0, np.int64)
        return Fingerprints(np.empty(0, np.uint64), none, none, none, np.zeros(len(offsets), np.int64))
    longest = int(np.max(np.diff(offsets))) if len(offsets) > 1 else 0
    size = 1 << (2 * longest).bit_length() if capped else 1
    keys, positions, windows = np.empty(len(codes), np.uint64), np.empty(len(codes), np.int64), np.empty(len(codes), np.int64)
    out_offsets = np.empty(len(offsets), np.int64)
    scratch, chosen, chosen_windows = np.empty(longest, np.uint64), np.empty(longest, np.int64), np.empty(longest, np.int64)
    wanted = _ALL if asked is None else kernels.table_of(asked)
    n = kernels.fingerprint(
        codes, offsets, channel.k, channel.window, channel.reach, channel.renamed, capped, wanted, scratch, chosen, chosen_windows,
        np.full(size, -1), keys, positions, windows, out_offsets,
    )  # fmt: skip
    stream = positions[:n]
    exact = stream if to_exact is None else to_exact[stream].astype(np.int64)
    return Fingerprints(keys[:n], exact, stream, windows[:n], out_offsets)
