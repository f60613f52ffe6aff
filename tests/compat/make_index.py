"""Writes `tests/compat/index_vN`, the index that every later version must open, and the examples of FORMAT.md.

    python -m tests.compat.make_index          writes index_v1 anew: only before its format is released

Once released, a folder index_vN stays as it is for ever; a new format gets a new folder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from indexer.answers import to_json
from indexer.build import build_index
from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.index import Index
from tests.reference.segment import Container, entry

HERE = Path(__file__).resolve().parent
INDEX = HERE / "index_v1"
ANSWERS = HERE / "index_v1.answers.json"

AREA = '''def area(width, height):
    """Of a rectangle, in square metres. \u2602"""
    if width < 0 or height < 0:
        raise ValueError('negative')
    return width * height * 1.0
'''
SHARED = "for each in range(total): queue.append(each * step + offset)  # shared by all\n"


def rows() -> list[dict[str, Any]]:
    """A document and one that holds it, an empty one, and ten that share a line, so that every encoding occurs."""
    own = {
        "content": AREA,
        "repository": "example/area",
        "path": "area.py",
        "language": "Python",
        "license_expression": "MIT",
        "commit": "1.0",
    }
    empty = {"content": "", "repository": "example/area", "path": "empty.py", "language": "Python"}
    shared = [
        {
            "content": f"start_{i} = {i}\r\n{SHARED}print(start_{i}, 'done')\r",
            "repository": f"example/shared{i % 4}",
            "path": f"s{i}.py",
            "language": "Python",
        }
        for i in range(10)
    ]
    more = own | {"content": f"{AREA}print(area(2, 3))\n", "repository": "example/more", "path": "more.py", "commit": "2.0"}
    return [own, empty, more, *shared]


def repositories() -> list[pa.RecordBatch]:
    """The table of repositories."""
    named = [
        dict.fromkeys(REPOSITORIES_SCHEMA.names)
        | {"repository": name, "owner": "example", "licenses": ["MIT"], "license_type": "permissive"}
        for name in ("example/area", *(f"example/shared{i}" for i in range(4)))
    ]
    return pa.Table.from_pylist(named, schema=REPOSITORIES_SCHEMA).to_batches()  # type: ignore[no-any-return]


def answers(index: Index) -> dict[str, Any]:
    """What the index says to some questions, without what a better ranking may change."""
    asked = {"area": AREA, "shared": f"x = 1\n{SHARED}", "neither": "nothing = [of, this] + stands(there) - at[all]\n" * 4}
    said: dict[str, Any] = {"info": to_json(index.info), "repositories": to_json(index.repositories())["repositories"]}
    for name, text in asked.items():
        answer = index.attribute(text)
        said[name] = {
            "status": answer.status,
            "spans": [[span.start, span.end, span.start_line, span.end_line, span.kind, span.files] for span in answer.spans],
            "documents": sorted({place.document_id for source in answer.sources for place in (source, *source.copies)}),
            "member": index.membership(text * 2).member,
        }
    said["documents"] = [to_json(index.document(one)) for one in said["area"]["documents"] + said["shared"]["documents"][:2]]
    said["search"] = {
        query: sorted(hit.document_id for hit in index.search(query, limit=20).hits)
        for query in ("queue", '"square metres"', "repository:area")
    }
    return said


def examples() -> dict[str, str]:
    """The bytes that FORMAT.md shows, by name, in hex."""
    data = (INDEX / "segment-000001").read_bytes()
    file = Container.parse(data)
    lists = file.section("exact.lists")
    shown = {"header": data[:24], "header json": data[24:74]}
    shown["doc.first_token"] = file.section("doc.first_token")[:40]
    shown["doc.block_offset"] = file.section("doc.block_offset")[:16]
    shown["doc.flags"] = file.section("doc.flags")[:3]
    single, short, long = (next(value for value in _values(file) if kind(file, value) == wanted) for wanted in ("single", "short", "long"))
    for name, value in (("single", single), ("short", short), ("long", long)):
        shown[f"{name} fingerprint"] = value.to_bytes(6, "big")
        bucket = value >> 48 - file.header["channels"]["exact"]["bits"]
        shown[f"{name} directory"] = file.section("exact.directory")[bucket * 4 : bucket * 4 + 8]
        words = file.section("exact.entries")
        remainder = value & (1 << 48 - file.header["channels"]["exact"]["bits"]) - 1
        payload_bits = 16 + file.header["channels"]["exact"]["bits"]
        shown[f"{name} entry"] = next(
            words[i : i + 8] for i in range(0, len(words), 8) if int.from_bytes(words[i : i + 8], "little") >> payload_bits == remainder
        )
    for name, value in (("short", short), ("long", long)):
        at = (entry(file, "exact", value) or 0) >> 1
        shown[f"{name} list"] = lists[at : at + 3 + lists[at + 2]]
    bloom = Container.parse((INDEX / "segment-000001.filter").read_bytes())
    shown["filter block"] = bloom.section("blocks")[:32]
    return {name: value.hex(" ") for name, value in shown.items()}


def _values(file: Container) -> list[int]:
    """The fingerprints of the exact channel, ascending."""
    bits = file.header["channels"]["exact"]["bits"]
    found = []
    for bucket in range(1 << bits):
        for e in range(file.number("exact.directory", bucket, 4), file.number("exact.directory", bucket + 1, 4)):
            found.append(bucket << 48 - bits | file.number("exact.entries", e) >> 16 + bits)
    return found


def kind(file: Container, value: int) -> str:
    """Which encoding a fingerprint's postings have."""
    payload = entry(file, "exact", value) or 0
    if payload & 1 == 0:
        return "single"
    return "long" if file.section("exact.lists")[payload >> 1] > 8 else "short"


def main() -> None:
    """Writes the folder and its answers; prints the examples."""
    shutil.rmtree(INDEX, ignore_errors=True)
    build_index(
        INDEX,
        [conform(batch) for batch in pa.Table.from_pylist(rows()).to_batches()],
        repositories=repositories(),
        name="compat",
        version="1",
        date="2026-11-22",
    )
    (INDEX / "lock").unlink()
    ANSWERS.write_text(json.dumps(answers(Index.open(INDEX)), indent=1, ensure_ascii=False) + "\n")
    for lock in INDEX.rglob(".*.lock"):
        lock.unlink()
    width = max(map(len, examples()))
    for name, value in examples().items():
        print(f"    {name:{width}}  {value}")


if __name__ == "__main__":
    main()
