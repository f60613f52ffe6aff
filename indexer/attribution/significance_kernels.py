"""The loop that spreads the rarity of fingerprints over the tokens of a text; `indexer.attribution.significance` is the face."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def weigh(positions, half, holders, fresh, scale, floor, unseen, factor):
    """Running sums, float64 (tokens + 1,), of rarity x freshness x factor.

    positions int64 (prints,): the token each fingerprint begins at, `half` of its length before its middle. The rarity of a token
    lies between those of the fingerprints before and after it that the index holds (`holders` > 0): max(floor, 1 - scale log holders).
    """
    sums = np.zeros(len(fresh) + 1, np.float64)
    after = 0
    while after < len(holders) and holders[after] == 0:
        after += 1
    before, middle, next_middle, rare, next_rare = -1, 0.0, 0.0, unseen, unseen
    if after < len(holders):
        next_middle, next_rare = positions[after] + half, max(floor, 1.0 - scale * np.log(holders[after]))
    for t in range(len(fresh)):
        while after < len(holders) and t >= next_middle:
            before, middle, rare = after, next_middle, next_rare
            after += 1
            while after < len(holders) and holders[after] == 0:
                after += 1
            if after < len(holders):
                next_middle, next_rare = positions[after] + half, max(floor, 1.0 - scale * np.log(holders[after]))
        if before < 0:
            value = next_rare
        elif after >= len(holders):
            value = rare
        else:
            value = rare + (next_rare - rare) * (t - middle) / (next_middle - middle)
        sums[t + 1] = sums[t] + fresh[t] * value * factor
    return sums
