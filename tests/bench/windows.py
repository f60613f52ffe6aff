"""Which files hold a whole snippet, white space aside? An index of all windows of five non-blank lines.

This is the workload's own truth, kept apart from every engine that is measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

WINDOW_LINES = 5
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
Hashes = npt.NDArray[np.uint64]


def solid_lines(text: str) -> list[str]:
    """Non-blank lines, each run of white space one blank. "a\\t b \\n\\nc" -> ["a b", "c"]"""
    return [line for line in (" ".join(raw.split()) for raw in text.split("\n")) if line]


def window_hashes(text: str) -> Hashes:
    """One 64-bit hash for each five non-blank lines in a row, in text order."""
    lines = np.array([xxhash.xxh3_64_intdigest(line.encode()) for line in solid_lines(text)], dtype=np.uint64)
    n_windows = max(0, len(lines) - WINDOW_LINES + 1)
    mixed = np.zeros(n_windows, dtype=np.uint64)
    for offset in range(WINDOW_LINES):
        mixed = (mixed + lines[offset : offset + n_windows]) * _MULTIPLIER
        mixed ^= mixed >> np.uint64(32)
    return mixed


@dataclass(frozen=True, slots=True)
class WindowTable:
    """Every window of the corpus: sorted hashes, and the file each stands in."""

    hashes: Hashes
    files: npt.NDArray[np.int32]

    @classmethod
    def build(cls, texts: Iterable[tuple[int, str]]) -> WindowTable:
        """From (file id, text); each file counts a window once."""
        per_file = [(file, np.unique(window_hashes(text))) for file, text in texts]
        hashes = np.concatenate([windows for _, windows in per_file])
        files = np.concatenate([np.full(len(windows), file, np.int32) for file, windows in per_file])
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], files[order])

    def holds_any(self, text: str) -> bool:
        """Does any window of the text stand in the corpus?"""
        windows = window_hashes(text)
        places = np.minimum(np.searchsorted(self.hashes, windows), len(self.hashes) - 1)
        return bool((self.hashes[places] == windows).any())

    def files_with_all(self, text: str) -> list[int]:
        """Files that hold every window of a text cut from one of them, ascending."""
        left: set[int] | None = None
        for window in np.unique(window_hashes(text)):
            first, last = np.searchsorted(self.hashes, window, "left"), np.searchsorted(self.hashes, window, "right")
            holders = set(self.files[first:last].tolist())
            left = holders if left is None else left & holders
            if len(left) <= 1:  # the file it was cut from: nothing more can go
                break
        return sorted(left or ())
