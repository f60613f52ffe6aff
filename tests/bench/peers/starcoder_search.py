"""What would StarCoder's Dataset Search find? Its scheme, over the same documents in the same Elasticsearch.

Trigrams of characters, letters folded to lower-case ASCII; a query is cut to 200 characters, then looked at for quotes: quoted it is a
phrase of trigrams, else any of them, scored by BM25. After the published mapping of bigcode-project/search.

What had to differ: the distribution that tests use has no `ngram` tokenizer, so the trigrams are made here and sent as words, white
space in them as other characters; and one shard takes the place of thirty.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from elasticsearch import Elasticsearch, helpers

from tests.bench.corpus import Row

MOST_CHARACTERS = 200
INDEX = "starcoder-search"
_SPACES = {code: 0xE000 + code for code in range(0x21)}  # private use: characters of words to the whitespace analyser
_BULK_BYTES = 4_000_000

_MAPPING: dict[str, Any] = {
    "_source": {"excludes": ["content"]},
    "properties": {
        "content": {"type": "text", "analyzer": "whitespace"},
        "language": {"type": "keyword"},
        "username": {"type": "keyword"},
        "repository": {"type": "object", "enabled": False},
        "path": {"type": "object", "enabled": False},
    },
}


def trigrams(text: str) -> str:
    """The trigrams of a text in a row, a space between. "A bc" -> "a b" and " bc", with another character for the white space."""
    folded = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in folded if not unicodedata.combining(char)).translate(_SPACES)
    return " ".join(map("".join, zip(plain, plain[1:], plain[2:], strict=False)))


def build(client: Elasticsearch, rows: Sequence[Row]) -> None:
    """Indexes the files."""
    client.indices.create(index=INDEX, mappings=_MAPPING, settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1})
    patient = client.options(request_timeout=300)
    helpers.bulk(patient, _actions(rows), max_chunk_bytes=_BULK_BYTES)
    patient.indices.refresh(index=INDEX)


def _actions(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for row in rows:
        owner = row.repo.partition("/")[0]
        yield {
            "_index": INDEX,
            "content": trigrams(row.content),
            "language": row.lang,
            "username": owner,
            "repository": {"name": row.repo},
            "path": {"name": row.path},
        }


def search(client: Elasticsearch, query: str) -> list[tuple[str, str]]:
    """The first ten files, best first."""
    text = query[:MOST_CHARACTERS]
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    words = trigrams(text.strip('"').replace('\\"', '"'))
    clause = {"match_phrase": {"content": words}} if quoted else {"match": {"content": words}}
    found = client.search(index=INDEX, query=clause, size=10)["hits"]["hits"]
    return [(hit["_source"]["repository"]["name"], hit["_source"]["path"]["name"]) for hit in found]
