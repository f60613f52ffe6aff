"""Which fingerprints does a text have? The whole rule in one file of plain Python: copy it, it needs the standard library alone.

With it anybody can test code against an exported filter, and the code never leaves the machine:

    from pybloom_live import BloomFilter
    from standalone import as_text, fingerprints, longest_run, tokens

    with open("corpus.bloom", "rb") as file:                # wherefrom filter export --format pybloom -o corpus.bloom
        corpus = BloomFilter.fromfile(file)                 # its keys are fingerprints as decimal strings
    text = as_text(open("snippet.py", "rb").read())
    found = fingerprints(text)
    hits = [str(value) in corpus for value, _, _ in found]
    print(longest_run(hits, found, len(tokens(text))))      # 33 or more: in the corpus

The rule, spec `wherefrom-1:exact-8-13,renamed-16-10`, exact channel:

1. A token is a maximal run of letters, digits, `_` and characters from U+0080 on, or one other character; white space separates.
2. A token's hash is FNV-1a over its UTF-8 bytes, finished by splitmix64's mixer.
3. Eight token hashes in a row, c[0] + c[1] B + ... + c[7] B^7 modulo 2^64, mixed, are a k-gram's hash.
4. Winnowing (Schleimer, Wilkerson, Aiken 2003) chooses the least hash of every 13 k-grams in a row.
5. A chosen hash, multiplied, mixed and shifted right by 16, is a fingerprint of 48 bits.

Every run of 33 tokens that two texts share holds two fingerprints that follow each other. Language-neutral test vectors stand in
tests/golden/vectors.json.

Not here: the fast kernels (`indexer.text`, `indexer.fingerprint`), which a test compares with this; reading a filter file of
Wherefrom's own format (`indexer.bloom.portable`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SPEC_NAME = "wherefrom-1:exact-8-13,renamed-16-10"
K = 8  # tokens of a k-gram
WINDOW = 13  # k-grams of which one is chosen
MIN_TOKENS = K + 2 * WINDOW - 1  # a shared run of this many tokens is always found

_MASK = (1 << 64) - 1
_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = 0xF1DE83E19937733D  # modulo 2^64
_LAST_POWER = pow(_BASE, K - 1, 1 << 64)
_REMIX = 0xD6E8FEB86659FD93
_SPACES = " \t\n\v\f\r\u0085\u00a0\u1680\u180e\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
_TOKEN = re.compile(rf"(?:[0-9A-Za-z_]|[^\x00-\x7f{_SPACES}])+|[^{_SPACES}]")


def as_text(data: bytes) -> str:
    """A file's text. Bytes that are not UTF-8 are read as UTF-16 where a byte order mark says so, else as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return data.decode("utf-16", "replace") if data.startswith((b"\xff\xfe", b"\xfe\xff")) else data.decode("latin-1")


def tokens(text: str) -> list[tuple[int, int]]:
    """Where each token begins and ends, in characters. "x =y" -> [(0, 1), (2, 3), (3, 4)]"""
    return [match.span() for match in _TOKEN.finditer(text)]


def fingerprints(text: str) -> list[tuple[int, int, int]]:
    """(48-bit fingerprint, number of the token at which its k-gram begins, number of the token at which the first window begins
    that it is the least of) of each chosen k-gram, in text order. O(characters)"""
    hashes = _kgram_hashes(_token_hashes(text))
    return [(_mix(hashes[i] * _REMIX & _MASK) >> 16, i, window) for i, window in _winnow(hashes)]


def longest_run(hits: Sequence[bool], found: Sequence[tuple[int, int, int]], n_tokens: int) -> int:
    """How many tokens the longest stretch of the text that may be in the corpus has; 0 for none.

    `hits` says of each of the `fingerprints` found whether the filter holds it. Two hits or more in a row make a stretch; it may
    reach over every window that one of them is the least of: to the end of the window before the first of the next miss.
    """
    best, first = 0, 0
    for i in range(len(found) + 1):
        if i < len(found) and hits[i]:
            continue
        if i - first >= 2:
            end = found[i][2] + WINDOW + K - 2 if i < len(found) else n_tokens
            best = max(best, end - found[first][2])
        first = i + 1
    return best


def _mix(x: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _MASK
    return x ^ x >> 31


def _token_hashes(text: str) -> list[int]:
    known: dict[str, int] = {}
    out = []
    for token in _TOKEN.findall(text):
        value = known.get(token)
        if value is None:
            value = 0xCBF29CE484222325
            for byte in token.encode("utf-8", "surrogatepass"):
                value = (value ^ byte) * 0x100000001B3 & _MASK
            value = known[token] = _mix(value)
        out.append(value)
    return out


def _kgram_hashes(codes: list[int]) -> list[int]:
    """The hash of the k-gram at each token, rolled: H' = (H - c[0]) / B + c[K] B^(K-1)."""
    if len(codes) < K:
        return []
    rolled = sum(code * pow(_BASE, j, 1 << 64) for j, code in enumerate(codes[:K])) & _MASK
    out = [_mix(rolled)]
    for leaving, coming in zip(codes, codes[K:], strict=False):
        rolled = ((rolled - leaving) * _BASE_INVERSE + coming * _LAST_POWER) & _MASK
        out.append(_mix(rolled))
    return out


def _winnow(hashes: list[int]) -> list[tuple[int, int]]:
    """(position of the least of WINDOW hashes, the first window that it is the least of); a tie keeps the choice before while it
    lasts, else takes the rightmost. Fewer than WINDOW hashes are one window.
    """
    out: list[tuple[int, int]] = []
    chosen = -1
    for end in range(min(WINDOW, len(hashes)), len(hashes) + 1) if hashes else ():
        begin = max(0, end - WINDOW)
        if chosen < begin:
            least = min(hashes[begin:end])
            chosen = next(i for i in range(end - 1, begin - 1, -1) if hashes[i] == least)
        elif hashes[end - 1] < hashes[chosen]:
            chosen = end - 1
        else:
            continue
        out.append((chosen, begin))
    return out
