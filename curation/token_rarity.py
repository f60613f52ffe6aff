"""How rare is a token in source code? By a table of how many files hold it, whatever their language.

`token_frequencies.txt` counts the most common tokens, in lower case, in 24,527 files of 178 packages in 27 languages (half of the
benchmarks' corpus). It is fixed: what is rare does not depend on what is looked through, so a file is judged alike in every run
and in every shard. `python -m tests.bench.decontamination --frequencies` writes it anew.

Not here: what rarity decides (`curation.decontamination`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.text.tokens import tokenize

TABLE = Path(__file__).with_name("token_frequencies.txt")


def bits(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """log2(files / files that hold the token) for hashes of tokens in lower case; of a token not listed, as of the rarest listed."""
    known, values = _table()
    places = np.searchsorted(known, hashes).clip(max=len(known) - 1)
    found: NDArray[np.float64] = np.where(known[places] == hashes, values[places], values.max())
    return found


@cache
def _table() -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    first, *lines = TABLE.read_text("utf-8").rstrip("\n").split("\n")
    words, counts = zip(*(line.split("\t") for line in lines), strict=True)
    hashes = tokenize(np.frombuffer(" ".join(words).encode(), np.uint8)).hashes
    order = np.argsort(hashes)
    return hashes[order], np.log2(int(first) / np.array(counts, np.float64))[order]
