"""Is damage to any file of an index always an error, and never a wrong or a missing answer?"""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.answers import to_json
from indexer.build import build_index
from indexer.errors import DocumentNotFound, IndexCorrupt, IndexNotFound, IndexTooNew, SpecMismatch, UnusableIndex
from indexer.index import Index
from tests.indexer.conftest import RealIndex, batches_of, package_rows

FLIPS = int(os.environ.get("TEST_FLIPS", "300"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real index with every kind of file; tests damage copies of it."""
    import pyarrow as pa

    from indexer.corpus import REPOSITORIES_SCHEMA

    folder = tmp_path_factory.mktemp("sound") / "sound.index"
    rows = [row | {"stars": i, "first_seen": None} for i, row in enumerate([*package_rows("h11"), *package_rows("pluggy")])]
    named = [
        {name: None for name in REPOSITORIES_SCHEMA.names} | {"repository": name, "owner": "pypi", "licenses": ["MIT"], "files": 5}
        for name in ("pypi/h11", "pypi/pluggy")
    ]
    tables = pa.Table.from_pylist(named, schema=REPOSITORIES_SCHEMA).to_batches()
    build_index(folder, batches_of(rows), repositories=tables, name="sound", version="1", date="2024-06-07")
    return folder


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "copy.index"))


def files_of(folder: Path) -> list[Path]:
    """Every file that the index reads; the lock holds nothing."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock" and not path.name.endswith(".lock"))


Question = Callable[[Index], Any]


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    """What a user may ask, over every part of the index."""
    rows = [*package_rows("h11"), *package_rows("pluggy")]
    texts = [row["content"][len(row["content"]) // 3 :][:3000] for row in rows if len(row["content"]) > 300][::4]

    def document(index: Index, text: str) -> Any:
        found = index.attribute(text, limit=1).sources
        return found and index.document(found[0].document_id)

    return {
        "info": lambda index: index.info,
        "attribute": lambda index: [index.attribute(text) for text in texts],
        "membership": lambda index: [index.membership(text) for text in texts],
        "document": lambda index: [document(index, text) for text in texts],
        "search": lambda index: [index.search(query) for query in ("hook", "event state", '"def register"', "conn*", "repository:h11 data")],
        "repositories": lambda index: index.repositories(),
    }


def ask(index: Index, question: Question) -> Any:
    return to_json(question(index))


def silent_wrongs(folder: Path, questions: dict[str, Question], answers: dict[str, Any]) -> Iterator[str]:
    """Questions that a damaged index answers, but not as a sound one; and errors of no documented kind."""
    try:
        index = Index.open(folder)
    except UnusableIndex:
        return
    except Exception as error:
        yield f"open: {type(error).__name__}: {error}"
        return
    for name, question in questions.items():
        try:
            if ask(index, question) != answers[name]:
                yield f"{name}: another answer"
        except UnusableIndex:
            pass
        except Exception as error:
            yield f"{name}: {type(error).__name__}: {error}"


def unnoticed(folder: Path) -> Iterator[str]:
    """What `verify` says of a damaged index: nothing at all, or no error of a documented kind."""
    try:
        if not Index.open(folder).verify().problems:
            yield "verify: no problem found"
    except UnusableIndex:
        pass
    except Exception as error:
        yield f"verify: {type(error).__name__}: {error}"


@pytest.fixture(scope="module")
def answers(sound: Path, questions: dict[str, Question]) -> dict[str, Any]:
    index = Index.open(sound)
    found = {name: ask(index, question) for name, question in questions.items()}
    assert all(answer["status"] == "found" for answer in found["attribute"])
    assert found["search"][0]["total"] and found["repositories"]["total"] == 2
    return found


def test_a_flipped_bit_is_found_and_never_a_wrong_answer(
    sound: Path, copy: Path, questions: dict[str, Question], answers: dict[str, Any]
) -> None:
    chance, wrong = random.Random(17), []
    files = files_of(copy)
    for _ in range(FLIPS):
        file = chance.choice(files)
        data = bytearray(file.read_bytes())
        if not data:
            continue
        bit = chance.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        for problem in (*unnoticed(copy), *silent_wrongs(copy, questions, answers)):
            wrong.append(f"{file.relative_to(copy)} byte {bit // 8} bit {bit % 8}: {problem}")
        shutil.copyfile(sound / file.relative_to(copy), file)
    assert not wrong, f"{len(wrong)} of {FLIPS} flips: " + "\n".join(sorted(wrong)[:60])


def section_ends(file: Path) -> list[int]:
    """Where the parts of a container end, or some places of another file."""
    data = file.read_bytes()
    if data[:8] != b"WHEREFRM":
        return []
    length = struct.unpack("<I", data[12:16])[0]
    sections = json.loads(data[24 : 24 + length])["sections"].values()
    return [24, 4096, *(begin for begin, _ in sections), *(begin + size for begin, size in sections)]


def test_a_truncated_file_is_found_and_never_a_wrong_answer(
    sound: Path, copy: Path, questions: dict[str, Question], answers: dict[str, Any]
) -> None:
    chance, wrong = random.Random(18), []
    for file in files_of(copy):
        data = file.read_bytes()
        places = {place for place in section_ends(file) if place < len(data)}
        for place in sorted(places | {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(4))}):
            file.write_bytes(data[:place])
            for problem in (*unnoticed(copy), *silent_wrongs(copy, questions, answers)):
                wrong.append(f"{file.relative_to(copy)} cut to {place} of {len(data)}: {problem}")
        shutil.copyfile(sound / file.relative_to(copy), file)
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:40])


def test_a_missing_file_is_named(copy: Path, questions: dict[str, Question], answers: dict[str, Any]) -> None:
    wrong = []
    for file in files_of(copy):
        data = file.read_bytes()
        file.unlink()
        for problem in (*unnoticed(copy), *silent_wrongs(copy, questions, answers)):
            wrong.append(f"{file.relative_to(copy)}: {problem}")
        file.write_bytes(data)
    assert not wrong, "\n".join(wrong)


def test_a_sound_index_has_no_problems(sound: Path) -> None:
    checked = Index.open(sound).verify()
    assert checked.problems == ()
    assert checked.documents == Index.open(sound).info.documents


def rewrite_header(file: Path, **changes: Any) -> None:
    """A container's header with other values and the right checksum, as a later program may have written it."""
    data = bytearray(file.read_bytes())
    version, length = struct.unpack("<II", data[8:16])
    header = json.loads(data[24 : 24 + length]) | {name: value for name, value in changes.items() if name != "version"}
    text = json.dumps(header).encode()
    data[:4096] = struct.pack("<8sIIII", b"WHEREFRM", changes.get("version", version), len(text), zlib.crc32(text), 0).ljust(24) + text.ljust(4072, b"\0")
    file.write_bytes(data)


@pytest.mark.parametrize("name", ["segment-000001", "segment-000001.filter"])
def test_a_later_version_is_refused(copy: Path, name: str) -> None:
    rewrite_header(copy / name, version=2)
    with pytest.raises(IndexTooNew, match=rf"{name}: version 2, this reader takes 1\.\.1; upgrade"):
        Index.open(copy)


@pytest.mark.parametrize("name", ["segment-000001", "segment-000001.filter"])
def test_another_spec_is_refused(copy: Path, name: str) -> None:
    rewrite_header(copy / name, spec="wherefrom-0:exact-5-5")
    with pytest.raises(SpecMismatch, match="wherefrom-0:exact-5-5"):
        Index.open(copy)


def edit_manifest(folder: Path, **changes: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_manifest_of_a_later_version_or_another_spec_is_refused(copy: Path) -> None:
    info = json.loads((copy / "manifest.json").read_text())["info"]
    edit_manifest(copy, info=info | {"spec": "wherefrom-0:exact-5-5"})
    with pytest.raises((SpecMismatch, IndexCorrupt)):
        Index.open(copy)
    edit_manifest(copy, info=info, format=2)
    with pytest.raises(IndexTooNew, match="upgrade"):
        Index.open(copy)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', '{"kind": "wherefrom-index"}', '{"kind": "wherefrom-index", "format": "1"}',
             '{"kind": "wherefrom-index", "format": 1, "info": {}}', "\udcff"],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises((IndexCorrupt, IndexNotFound), match=r"manifest\.json"):
        Index.open(copy)


def test_nothing_at_the_place_says_how_to_build(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(IndexNotFound, match="build one with: wherefrom index"):
            Index.open(place)


def test_a_filter_in_the_place_of_a_segment_is_refused(copy: Path) -> None:
    shutil.copyfile(copy / "segment-000001.filter", copy / "segment-000001")
    with pytest.raises(IndexCorrupt, match="holds a filter, wanted a segment"):
        Index.open(copy)


def test_an_unknown_document_is_said(sound: Path) -> None:
    index = Index.open(sound)
    for name in ("", "0" * 24, "f" * 24, "x" * 24, "0" * 23, "-" + "0" * 23, " " * 24, "é" * 24):
        with pytest.raises(DocumentNotFound):
            index.document(name)


def resident_bytes(file: Path) -> int:
    """How much of a file this process has mapped in."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            ours = line.endswith(str(file))
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def test_opening_reads_no_section(real: RealIndex) -> None:
    index = Index.open(real.location)
    snapshot = index._snapshot
    for opened in (*snapshot.segments, *snapshot.filters):
        assert not opened.file.touched.any()
    copy = real.location.with_name("fresh.index")
    shutil.copytree(real.location, copy, dirs_exist_ok=True)
    kept = Index.open(copy)
    assert resident_bytes(copy / "segment-000001") < 256 * 1024 < (copy / "segment-000001").stat().st_size // 10
    assert kept.info.documents == len(real.rows)
