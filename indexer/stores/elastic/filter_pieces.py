"""How does a membership filter lie in a cluster? In pieces, in an index beside its generation, with a manifest.

`NAME-f000001` belongs to `NAME-g000001`: it is complete before the alias names the generation, and goes with it. A document is a piece of
PIECE_BYTES, binary; the document `manifest` names the pieces' numbers, checksums and the SHA-256 of each part, and is replaced last, in one
step, whenever the filter changes. A part is a filter by itself, of the documents of one build or addition, as a folder has one a segment.
The pieces of one writing carry its key in their ids, so that two never mix.

Not here: having a filter on this machine (`filter_copy`).
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elasticsearch import Elasticsearch

from indexer.bloom.filter import BLOCK_BYTES
from indexer.errors import IndexCorrupt, IndexNotFound, IndexTooNew, SpecMismatch
from indexer.fingerprint.spec import SPEC
from indexer.stores.elastic.bulk import every_id, load
from indexer.stores.elastic.cluster import errors_of, get_many
from indexer.stores.elastic.settings import Place

# On disk: a change of any of these needs FORMAT + 1
FORMAT = 2  # 1 had one part, which did not say of which documents
PIECE_BYTES = 2 << 20
MANIFEST = "manifest"
_PROPERTIES: dict[str, Any] = {
    "data": {"type": "binary"},
    "manifest": {"type": "object", "enabled": False},
}
_SHARD_BYTES = 24 << 30  # of filter
_AT_ONCE = 4  # pieces in one answer


@dataclass(frozen=True, slots=True)
class Part:
    """A filter of the documents numbered from `first` on, up to the next part's. `pieces`: the CRC-32 of each; `key` tells the pieces
    of one writing from another's."""

    first: int
    n_keys: int
    n_blocks: int
    pieces: tuple[int, ...]
    sha256: str
    key: str

    @property
    def bytes(self) -> int:
        """Of the filter."""
        return self.n_blocks * BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a filter in a cluster is. `generation`: the last one of which it has all documents; `removed`: how many of the documents
    removed from it are forgotten."""

    format: int
    spec: str
    generation: int
    removed: int
    piece_bytes: int
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """Of all parts."""
        return sum(part.bytes for part in self.parts)


def beside(index: str) -> str:
    """The index of the filter of a generation. "demo-g000003" -> "demo-f000003" """
    return re.sub(r"-g([0-9]+)$", r"-f\1", index)


def write(client: Elasticsearch, place: Place, index: str, blocks: Iterable[bytes], *, first: int, n_keys: int, n_blocks: int) -> Part:
    """Puts a filter, given as bytes in stretches of any size, beside a generation; nobody reads it before a manifest names it.
    Memory: some pieces."""
    where = beside(index)
    if not client.indices.exists(index=where):
        settings = {"number_of_shards": 1 + n_blocks * BLOCK_BYTES // _SHARD_BYTES, "number_of_replicas": 0, "codec": "best_compression"}
        client.indices.create(index=where, mappings={"dynamic": "strict", "properties": _PROPERTIES}, settings=settings)
    key, crcs, digest = secrets.token_hex(6), list[int](), hashlib.sha256()

    def pieces() -> Iterator[dict[str, Any]]:
        for number, piece in enumerate(_cut(blocks)):
            crcs.append(zlib.crc32(piece))
            digest.update(piece)
            yield {"_op_type": "index", "_id": _id(key, number), "data": base64.b64encode(piece).decode("ascii")}

    load(client, where, place, pieces())
    return Part(first, n_keys, n_blocks, tuple(crcs), digest.hexdigest(), key)


def name_parts(client: Elasticsearch, place: Place, index: str, parts: Sequence[Part], *, generation: int, removed: int) -> Manifest:
    """Makes these parts the filter, in one step."""
    where, manifest = beside(index), Manifest(FORMAT, SPEC.name, generation, removed, PIECE_BYTES, tuple(parts))
    client.indices.put_settings(index=where, settings={"number_of_replicas": place.replicas})
    client.index(index=where, id=MANIFEST, document={"manifest": asdict(manifest)})
    client.indices.refresh(index=where)
    return manifest


def forget_others(client: Elasticsearch, place: Place, index: str, manifest: Manifest) -> None:
    """Removes the pieces that the manifest does not name."""
    where = beside(index)
    wanted = {MANIFEST, *(_id(part.key, number) for part in manifest.parts for number in range(len(part.pieces)))}
    found = every_id(client, where, {"match_all": {}})
    load(client, where, place, ({"_op_type": "delete", "_id": each} for each in found if each not in wanted))
    client.indices.refresh(index=where)


def manifest_of(client: Elasticsearch, place: Place, index: str) -> Manifest:
    """What lies beside a generation. Raises IndexNotFound, IndexTooNew, SpecMismatch, IndexCorrupt, BackendUnavailable."""
    where, again = f"{place.location}: {beside(index)}", f"make it anew with wherefrom merge {place.location}"
    with errors_of(place):
        answer = client.options(ignore_status=404).get(index=beside(index), id=MANIFEST)
    if not answer.get("found"):
        raise IndexNotFound(f"{where}: no filter; {again}")
    values = answer["_source"]["manifest"]
    if values.get("format") != FORMAT:
        raise IndexTooNew(f"{where}: filter format {values.get('format')!r}, this reader takes {FORMAT}; upgrade wherefrom, or {again}")
    try:
        parts = tuple(Part(**(part | {"pieces": tuple(part["pieces"])})) for part in values["parts"])
        manifest = Manifest(**(values | {"parts": parts}))
    except (TypeError, KeyError) as error:
        raise IndexCorrupt(f"{where}: its manifest is not one ({error!r}); {again}") from None
    if manifest.spec != SPEC.name:
        raise SpecMismatch(f"{where}: fingerprints of {manifest.spec}, this reader makes {SPEC.name}; build anew with wherefrom index")
    return manifest


def read(client: Elasticsearch, place: Place, index: str, part: Part) -> Iterator[bytes]:
    """The pieces of a filter in order, each compared with its checksum, and all with that of the whole. Raises IndexCorrupt."""
    digest = hashlib.sha256()
    for number, piece, problem in _every(client, place, index, part):
        if problem:
            raise IndexCorrupt(f"{problem}; make it anew with wherefrom merge {place.location}")
        assert piece is not None, number
        digest.update(piece)
        yield piece
    if digest.hexdigest() != part.sha256:
        raise IndexCorrupt(f"{_unlike(place, index)}; make it anew with wherefrom merge {place.location}")


def problems(client: Elasticsearch, place: Place, index: str, manifest: Manifest) -> Iterator[tuple[int, str | None]]:
    """The size of each piece, and what is wrong with it. Reads all."""
    for part in manifest.parts:
        digest, sound = hashlib.sha256(), True
        for _, piece, problem in _every(client, place, index, part):
            sound = sound and problem is None
            digest.update(piece or b"")
            yield len(piece or b""), problem
        if sound and digest.hexdigest() != part.sha256:
            yield 0, _unlike(place, index)


def _every(client: Elasticsearch, place: Place, index: str, part: Part) -> Iterator[tuple[int, bytes | None, str | None]]:
    """Each piece, or what is wrong with it."""
    for first in range(0, len(part.pieces), _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, len(part.pieces)))
        found = get_many(client, place, beside(index), [_id(part.key, number) for number in numbers])
        for number in numbers:
            source = found.get(_id(part.key, number))
            where = f"{place.location}: {beside(index)}: piece {number}" + (f" of what was added at {part.first}" if part.first else "")
            if source is None:
                yield number, None, f"{where} is missing"
                continue
            piece = base64.b64decode(source.get("data", ""))
            yield number, piece, None if zlib.crc32(piece) == part.pieces[number] else f"{where} fails its checksum"


def _unlike(place: Place, index: str) -> str:
    return f"{place.location}: {beside(index)}: its pieces together are not what was written"


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of PIECE_BYTES; the last may be shorter."""
    waiting = bytearray()
    for more in blocks:
        waiting += more
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)


def _id(key: str, number: int) -> str:
    return f"{key}-{number:06d}"
