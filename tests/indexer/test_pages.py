"""Does a file of pages appear whole or not at all, and is what cannot be written said clearly?"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from indexer.bloom.pages import KIND, PageFile
from indexer.disk import disk_errors, part_of, write_whole
from indexer.errors import InputError, OutOfSpace
from indexer.fingerprint.spec import SPEC
from indexer.pages import PAGE, PageWriter
from indexer.segment import kernels
from indexer.segment.format import SectionFile
from indexer.stores.local.manifest import remove_leftovers


def write(path: Path, header: dict[str, object]) -> int:
    with PageWriter(path, KIND) as writer:
        writer.add("numbers", np.arange(3000, dtype="<u4").data)
        writer.add("none", np.zeros((0, 2), "<u8").data)
        writer.begin("text")
        for word in (b"one ", b"two"):
            writer.write(word)
        return writer.finish(header)


def test_both_readers_read_what_the_one_writer_wrote(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write(path, {"spec": SPEC.name}) == path.stat().st_size
    compiled, plain = SectionFile.open(path, KIND, SPEC.name), PageFile.open(path)
    assert compiled.header == plain.header and compiled.verify() == [] == list(plain.damaged_pages())
    for name, content in (("numbers", np.arange(3000, dtype="<u4").tobytes()), ("none", b""), ("text", b"one two")):
        begin, end = plain.section(name)
        assert compiled.read(name, 0, end - begin) == plain.read(begin, end) == content and begin % PAGE == 0
    assert PAGE == 1 << kernels.PAGE_SHIFT


def test_a_header_beyond_its_page_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"header takes \d+ bytes, 4072 fit; give the index a shorter name"):
        write(tmp_path / "file", {"name": "x" * PAGE})
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_leaves_has_a_name_that_the_next_one_knows(tmp_path: Path) -> None:
    for name in ("segment-000001", "segment-000001.filter", "segment-000001.removed-000002", "manifest.json"):
        part_of(tmp_path / name).write_bytes(b"half")
    part_of(tmp_path / "notes.txt").write_bytes(b"not ours")
    remove_leftovers(tmp_path, set())
    assert [path.name for path in tmp_path.iterdir()] == [part_of(tmp_path / "notes.txt").name]


def test_a_file_stays_as_it_was_when_writing_it_anew_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"be", b"fore")

    def full(_: int) -> None:
        raise OSError(errno.EDQUOT, "quota")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutOfSpace, match="no space left"):
        write_whole(path, b"after")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"before")]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "full"), "no space left"),
        (OSError(errno.EFBIG, "large"), "file size limit"),
        (ValueError("An IO error occurred: 'No space left on device (os error 28)'"), "no space left"),
        (ValueError("An IO error occurred: 'File too large (os error 27)'"), "file size limit"),
        (sqlite3.OperationalError("database or disk is full"), "no space left"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_full_disk_is_one_error_whichever_library_meets_it(error: Exception, words: str) -> None:
    with pytest.raises(OutOfSpace, match=f"here.*{words}") as raised, disk_errors(Path("here")):
        raise error
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "No space left"), ValueError("no"), InputError("disk is full")])
def test_any_other_error_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, disk_errors(Path("here")):
        raise error
    assert raised.value is error
