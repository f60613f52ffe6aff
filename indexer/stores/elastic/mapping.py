"""What does a document look like in the cluster? The mapping of an index, and the form of fingerprints as terms.

Fields: `exact`, `renamed`, terms of the fingerprints of both channels; `sides`, short hashes of an exact fingerprint with one of
its two contexts; `words`, `parts`, `path_words` as in the local full text; `language license repository owner path` in lower case;
`facet_*` as written; `kept`, row and text (see that module). There is no `_source`.

Not here: how documents get there (`writer`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import CONTEXT_BITS
from indexer.stores.elastic.kept import KEPT

FORMAT_VERSION = 4  # 1 had no repositories, 2 longer terms in `sides`, 3 kept texts in `_source`
META = "wherefrom"
FACETS = {"language": "facet_language", "license": "facet_license", "owner": "facet_owner"}
RIGHT, LEFT, ANY = 0, 1, 2  # On disk: what the context of a term of `sides` is of; ANY: the document has more places than are kept
_ANY_CONTEXT = 0xFFFF

# On disk: a term is a number, the highest digit first. The digits are those that Lucene packs into six bits each where terms of a block
# differ; what they have in common is stored once, so the first three digits are few and the last six as many as there are.
_DIGITS = np.array([*range(0x21, 0x3F), *range(0x5F, 0x7F)], np.uint8)
_VALUE_RADICES, _SIDE_RADICES = (18, 18, 18, 62, 62, 62, 62, 62, 62), (18, 62, 62)
_SIDE_BITS = 16

_SIDE = {"type": "text", "analyzer": "whitespace", "index_options": "docs", "norms": False}
_TERMS = _SIDE | {"index_options": "freqs", "similarity": "places"}  # how many places a document has of it, at most 4
SATURATION = 3.0  # a fingerprint scores idf * (SATURATION + 1) * places / (places + SATURATION)
SIMILARITIES = {"places": {"type": "BM25", "k1": SATURATION, "b": 0.0}}
_KEYWORD = {"type": "keyword", "doc_values": False, "norms": False}
_FACET = {"type": "keyword", "index": False}

# On disk: a change here needs FORMAT_VERSION + 1
_PROPERTIES: dict[str, Any] = {
    "number": {"type": "long"},
    "content_id": _KEYWORD,
    "repository_key": {"type": "long"},
    "owner_key": {"type": "long"},
    "exact": _TERMS,
    "renamed": _TERMS,
    "sides": _SIDE,
    "words": {"type": "text", "analyzer": "whitespace"},
    "parts": {"type": "text", "analyzer": "whitespace", "index_options": "freqs"},
    "path_words": {"type": "text", "analyzer": "whitespace"},
    "path_as_written": _KEYWORD,
    **dict.fromkeys(("language", "license", "repository", "owner", "path"), _KEYWORD),
    **dict.fromkeys(FACETS.values(), _FACET),
    KEPT: {"type": "binary", "doc_values": True},
}


def mapping(meta: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a new index; `meta` says what it is an index of."""
    return {"dynamic": "strict", "_source": {"enabled": False}, "properties": _PROPERTIES, "_meta": {META: meta}}


def terms_of(values: NDArray[np.uint64]) -> list[str]:
    """Fingerprints of 48 bits as terms. [0, 65] -> ["!!!!!!!!!", "!!!!!!!\"$"]"""
    return joined_terms(values).split()


def joined_terms(values: NDArray[np.uint64], radices: tuple[int, ...] = _VALUE_RADICES) -> str:
    """The same as one text, a space after each."""
    out, left = np.full((len(values), len(radices) + 1), ord(" "), np.uint8), values
    for place in range(len(radices) - 1, -1, -1):
        left, digit = np.divmod(left, np.uint64(radices[place]))
        out[:, place] = _DIGITS[digit]
    return out.tobytes().decode("ascii")


def sides_of(keys: NDArray[np.uint64]) -> str:
    """Keys (fingerprint << 16 | contexts) of a document as the terms of `sides`, each once."""
    values, right, left = _split(keys)
    any_place = keys & np.uint64(_ANY_CONTEXT) == np.uint64(_ANY_CONTEXT)
    sides = [_side(values, RIGHT, right), _side(values, LEFT, left), _side(values[any_place], ANY, right[any_place])]
    return joined_terms(np.unique(np.concatenate(sides)), _SIDE_RADICES)


def agreeing_sides(key: int) -> list[str]:
    """The terms of documents in which a fingerprint of the text may be part of a run of the guaranteed length."""
    values, right, left = _split(np.array([key], np.uint64))
    sides = [_side(values, ANY, np.array([255], np.uint64))]
    sides += [_side(values, RIGHT, right)] if right[0] else []  # 0: the text ends there
    sides += [_side(values, LEFT, left)] if left[0] else []
    return joined_terms(np.concatenate(sides), _SIDE_RADICES).split()


def _split(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], ...]:
    byte = np.uint64(255)
    return keys >> np.uint64(CONTEXT_BITS), (keys >> np.uint64(8)) & byte, keys & byte


def _side(values: NDArray[np.uint64], side: int, contexts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hashes of 16 bits, as they only tell apart documents that hold the fingerprint: of those with 1,000 others one in thirty agrees by
    chance, and is a candidate that verification drops. Hashes of 36 bits took .29 a byte of text more."""
    mixed = (values << np.uint64(10) | np.uint64(side << 8) | contexts) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed ^ mixed >> np.uint64(32)) * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(64 - _SIDE_BITS)


def signed(key: int) -> int:
    """A hash of 64 bits as the cluster's numbers, which have a sign."""
    return key - (1 << 64) if key >> 63 else key


def new_meta(name: str, version: str, date: str, generation: int) -> dict[str, Any]:
    """What is known of a generation before its first document."""
    return {"format": FORMAT_VERSION, "spec": SPEC.name, "name": name, "version": version, "date": date, "generation": generation}


def meta_of(client: Elasticsearch, index: str) -> dict[str, Any]:
    """What is written down of a generation; empty where nothing of ours is."""
    return meta_in(client.indices.get_mapping(index=index)[index]["mappings"])


def meta_in(mappings: dict[str, Any]) -> dict[str, Any]:
    """What a mapping says of a generation; empty where nothing of ours is."""
    found = mappings.get("_meta", {}).get(META)
    return found if isinstance(found, dict) else {}


def altered_fields(mappings: dict[str, Any]) -> list[str]:
    """The fields of ours that a mapping lacks or has otherwise: searching them would find nothing, without an error."""
    have = mappings.get("properties", {})
    return [name for name, wanted in _PROPERTIES.items() if _kind(have.get(name, {})) != _kind(wanted)]


def _kind(field: dict[str, Any]) -> tuple[Any, ...]:
    return field.get("type", "object" if field else None), field.get("analyzer")
