"""What must an implementation in another language get? Prints vectors.json from the naive twins: `python -m tests.golden.vectors`.

64-bit values are hexadecimal strings, since many readers of JSON keep 53 bits; fingerprints have 48 and are numbers. Token offsets are
code points. A fingerprint is [value, code at which its k-gram begins, code at which the first window begins that it is the least of].
The `filter` holds every second exact fingerprint of the first case and all of the second.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from indexer.bloom.membership import runs
from indexer.fingerprint.spec import SPEC, Channel
from indexer.text.keywords import KEYWORDS
from tests.reference import bloom
from tests.reference.fingerprints import Print, fingerprints
from tests.reference.tokens import hashes, renamed, tokens

TARGET = Path(__file__).with_name("vectors.json")
N_BLOCKS = 8
CASES = {
    "python": (
        "def read_header(stream, limit=1024):\n    # at most `limit` bytes\n    line = stream.readline(limit + 1)\n"
        "    if len(line) > limit:\n        raise ValueError(f'line of {len(line)} bytes')\n"
        "    return line.rstrip(b'\\r\\n').decode('latin-1'), 0x1F, 3.14e-10\n"
    ),
    "c": "static int sum(const int *a, size_t n) {\r\n\tint s = 0; // total\r\n"
    "\tfor (size_t i = 0; i < n; i++) s += a[i];\r\n\treturn s;\r\n}\r\n"
    'printf("%d \\"quoted\\" %s\\n", sum(v, 3), "open\n',
    "spaces": "a\u00a0b\u200bc\u3000d\ufeffe\u2028f\u0085g\u180eh\u205fi j\tk\vl\fm\rn\u2060o p q r s t u v w x y z " * 2,
    "characters": "größe = 'naïve' + \"日本語\" * λ_1; 名前(\U0001f600, \U0001f680x) -> ½ + é\u0301 \u00a9 ₿ ${a} `b` 1_000 0b1 a1b2 _ __x "
    * 2,
    "lone surrogate": "x = '\ud800' + y[\udfff] ; z = \ud83d + 1 ; w = f(x, y, z, x, y, z, x, y, z) ; w = f(x, y, z)",
    "repeats": "0, " * 40,
    "ties": "f(a, b); g(a, b); " * 8,
    "short": "import os",
    "empty": "",
}


def vectors() -> dict[str, Any]:
    """Everything that the file holds."""
    values = {name: [one.value for one in _prints(hashes(text), SPEC.exact)] for name, text in CASES.items()}
    blocks = bytearray(32 * N_BLOCKS)
    for value in values["python"][::2] + values["c"]:
        bloom.insert(blocks, value)
    return {
        "spec": SPEC.name,
        "filter": {"layout": "split-block", "blocks": N_BLOCKS, "bytes": bytes(blocks).hex()},
        "cases": [_case(name, text, bytes(blocks)) for name, text in CASES.items()],
    }


def _case(name: str, text: str, blocks: bytes) -> dict[str, Any]:
    exact, other = hashes(text), renamed(text, frozenset(KEYWORDS))
    prints = _prints(exact, SPEC.exact)
    hits = [bloom.may_contain(blocks, one.value) for one in prints]
    found = runs(hits, [one.position for one in prints], [one.window for one in prints], len(exact), SPEC.exact)
    return {
        "name": name,
        "text": text,
        "tokens": [[token.start, token.end] for token in tokens(text)],
        "exact": {"hashes": [f"{value:016x}" for value in exact], "fingerprints": [as_list(one) for one in prints]},
        "renamed": {
            "codes": [f"{one.code:016x}" for one in other],
            "tokens": [one.token for one in other],
            "fingerprints": [as_list(one) for one in _prints([one.code for one in other], SPEC.renamed)],
        },
        "filter": {
            "bits": [bloom.bits_of(one.value, N_BLOCKS) for one in prints],
            "may_contain": hits,
            "longest_run": max((run.reach for run in found), default=0),
        },
    }


def as_list(one: Print) -> list[int]:
    """Value, the code at which its k-gram begins, the code at which its first window begins."""
    return [one.value, one.position, one.window]


def _prints(codes: list[int], channel: Channel) -> list[Print]:
    return fingerprints(codes, channel.k, channel.window, channel.reach, renamed=channel.renamed, capped=False)


def as_json(value: Any, indent: str = "") -> str:
    """JSON with one line a field; lists of scalars and pairs stay on theirs."""
    inner = indent + " "
    if isinstance(value, dict):
        fields = [f"{inner}{json.dumps(name)}: {as_json(item, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(inner + as_json(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value)


if __name__ == "__main__":
    print(as_json(vectors()))
