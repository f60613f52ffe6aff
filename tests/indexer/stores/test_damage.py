"""Is damage to any file of an index always an error, and never a wrong or a missing answer?"""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build_index
from indexer.errors import DocumentNotFound, IndexCorrupt, IndexNotFound, IndexTooNew, SpecMismatch
from indexer.index import Index
from tests.indexer.conftest import RealIndex, batches_of, package_rows

ROOT = Path(__file__).resolve().parents[3]
FLIPS = int(os.environ.get("TEST_FLIPS", "60"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real index with every kind of file; tests damage copies of it."""
    import pyarrow as pa

    from indexer.corpus import REPOSITORIES_SCHEMA

    folder = tmp_path_factory.mktemp("sound") / "sound.index"
    rows = [row | {"stars": i, "first_seen": None} for i, row in enumerate([*package_rows("h11"), *package_rows("pluggy")])]
    named = [
        dict.fromkeys(REPOSITORIES_SCHEMA.names) | {"repository": name, "owner": "pypi", "licenses": ["MIT"], "files": 5}
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


Ask = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """What the witness process says of a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.indexer.stores.witness"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environment
    )

    def question(folder: Path) -> dict[str, str]:
        assert process.stdin and process.stdout
        process.stdin.write(f"{folder}\n")
        process.stdin.flush()
        answer: dict[str, str] = json.loads(process.stdout.readline())
        return answer

    yield question
    process.communicate()
    assert process.returncode == 0


@pytest.fixture(scope="module")
def answers(sound: Path, ask: Ask) -> dict[str, str]:
    """What the sound index says: digests, none of them an error."""
    said = ask(sound)
    assert set(said) == {"verify", "info", "attribute", "membership", "document", "search", "repositories"}
    assert all(len(value) == 40 for value in said.values()), said
    return said


def wrongs(said: dict[str, str], answers: dict[str, str]) -> list[str]:
    """What a damaged index must not do: pass `verify`, answer otherwise than a sound one, fail in no documented way, end the process."""
    found = [f"{name}: {value}" for name, value in said.items() if value not in ("refused", answers.get(name))]
    return found + (["verify: no problem found"] if said.get("verify") == answers["verify"] else [])


def test_a_flipped_bit_is_found_and_never_a_wrong_answer(sound: Path, copy: Path, ask: Ask, answers: dict[str, str]) -> None:
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
        for problem in wrongs(ask(copy), answers):
            wrong.append(f"{file.relative_to(copy)} byte {bit // 8} bit {bit % 8}: {problem}")
        shutil.copyfile(sound / file.relative_to(copy), file)
    assert not wrong, f"{len(wrong)} problems after {FLIPS} flips: " + "\n".join(sorted(wrong)[:60])


def section_ends(file: Path) -> list[int]:
    """Where the parts of a container end, or some places of another file."""
    data = file.read_bytes()
    if data[:8] != b"WHEREFRM":
        return []
    length = struct.unpack("<I", data[12:16])[0]
    sections = json.loads(data[24 : 24 + length])["sections"].values()
    return [24, 4096, *(begin for begin, _ in sections), *(begin + size for begin, size in sections)]


def test_a_truncated_file_is_found_and_never_a_wrong_answer(sound: Path, copy: Path, ask: Ask, answers: dict[str, str]) -> None:
    chance, wrong = random.Random(18), []
    for file in files_of(copy):
        data = file.read_bytes()
        places = {place for place in section_ends(file) if place < len(data)}
        for place in sorted(places | {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(4))}):
            file.write_bytes(data[:place])
            for problem in wrongs(ask(copy), answers):
                wrong.append(f"{file.relative_to(copy)} cut to {place} of {len(data)}: {problem}")
        shutil.copyfile(sound / file.relative_to(copy), file)
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:40])


def test_a_missing_file_is_named(copy: Path, ask: Ask, answers: dict[str, str]) -> None:
    wrong = []
    for file in files_of(copy):
        data = file.read_bytes()
        file.unlink()
        for problem in wrongs(ask(copy), answers):
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
    data[:4096] = struct.pack("<8sIIII", b"WHEREFRM", changes.get("version", version), len(text), zlib.crc32(text), 0).ljust(
        24
    ) + text.ljust(4072, b"\0")
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
