"""Which settings turn tokens into fingerprints? They are a one-way door: the spec's name is in every file and checked on open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of fingerprint: `k` tokens hashed together, one chosen in every `window` k-grams.

    Every shared run of `guarantee` tokens holds one. `reach` tokens on either side give a context byte each: of the
    `window - 1` further tokens that such a run has, at least `reach` stand on one side.
    """

    name: str
    k: int
    window: int
    reach: int
    renamed: bool

    @property
    def guarantee(self) -> int:
        """Tokens a shared run needs to hold at least one fingerprint."""
        return self.k + self.window - 1

    @property
    def guarantee_two(self) -> int:
        """Tokens a shared run needs to hold at least two fingerprints that follow each other."""
        return self.k + 2 * self.window - 1


@dataclass(frozen=True, slots=True)
class FingerprintSpec:
    """Both channels under one name."""

    name: str
    exact: Channel
    renamed: Channel


# On disk: any change to tokens, keywords, hashes or these numbers needs another name.
SPEC = FingerprintSpec(
    name="wherefrom-1:exact-8-13,renamed-16-10",
    exact=Channel("exact", k=8, window=13, reach=6, renamed=False),
    renamed=Channel("renamed", k=16, window=10, reach=5, renamed=True),
)
