"""How do the shingle sets of the files that met another come to lie in one file on disk?

Not here: how they are compared (`curation.near_duplicates.joining`).
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from curation.near_duplicates.nodes import Gathered
from curation.near_duplicates.settings import NearDuplicateSettings
from curation.near_duplicates.signing import shingle_sets
from curation.near_duplicates.texts import Contents


def write_sets(file: BinaryIO, contents: Contents, met: NDArray[np.int64], gathered: Gathered, settings: NearDuplicateSettings) -> int:
    """Appends the sets of the nodes `met`, whose texts `contents` knows by their numbers, and writes down where each starts.

    Nodes whose text is gone end with no shingles, so that they are like nothing. Returns how many texts were read.
    """
    nodes, order = gathered.nodes, np.argsort(gathered.numbers[met], kind="stable")
    met, numbers = met[order], gathered.numbers[met][order]
    nodes.sizes[met] = 0
    n = 0
    for found, texts in contents(numbers):
        mine = met[np.searchsorted(numbers, found)]
        n += len(mine)
        first = 0
        for hashes, offsets in shingle_sets(texts, settings):
            own = mine[first : first + len(offsets) - 1]
            nodes.starts[own] = file.tell() // 8 + offsets[:-1]
            nodes.sizes[own] = np.diff(offsets)
            file.write(hashes.tobytes())
            first += len(own)
    return n
