"""What becomes of an index whose building is killed, starved of disk, raced by a second writer, or fed strange documents?"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pytest

from indexer.build import build_index
from indexer.errors import IndexLocked, IndexNotFound, InputError, OutOfSpace, WherefromError
from indexer.index import Index
from tests.indexer import builder
from tests.indexer.conftest import batches_of, build
from tests.indexer.killing import writing_process

KILLS = int(os.environ.get("TEST_KILLS", "24"))
ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def whole(generation: int, *, full_text: bool = True) -> set[str]:
    """The files of one complete generation and nothing else."""
    number = f"{generation:06d}"
    text = {f"text-{number}"} if full_text else set()
    return {"lock", "manifest.json", f"segment-{number}", f"segment-{number}.filter", f"repositories-{number}.parquet"} | text


@pytest.fixture(scope="module")
def farm() -> Iterator[Callable[[str], str]]:
    """Tells the writing process a line, gives its answer."""
    with writing_process("tests.indexer.builder") as ask:
        yield ask


def assert_answers(folder: Path, generation: int) -> None:
    """The index is sound and answers with this generation's documents alone."""
    index = Index.open(folder)
    assert index.info.version == str(generation)
    assert index.verify().problems == ()
    row = builder.generation_rows(generation)[7]
    answer = index.attribute(row["content"])
    assert (answer.status, answer.sources[0].repository, answer.coverage) == ("found", "o/r7", 1.0)
    assert index.membership(row["content"]).member
    assert index.search(f"value_{generation}_7_3").hits[0].repository == "o/r7"


def test_a_build_killed_at_any_moment_leaves_the_last_generation(tmp_path: Path, farm: Callable[[str], str]) -> None:
    folder = tmp_path / "killed.index"
    builder.build_generation(folder, 1)
    kind, events, seconds = farm(f"{folder} 2 whole").split()
    assert kind == "done"
    chance = random.Random(5)
    last, killed = 2, 0
    moments = [f"audit {n}" for n in sorted({*chance.sample(range(1, int(events)), KILLS // 2), *range(int(events) - 12, int(events), 2)})]
    moments += [f"after {chance.uniform(0, float(seconds)):.4f}" for _ in range(KILLS // 3)]
    for number, moment in enumerate(moments, start=3):
        said = farm(f"{folder} {number} {moment}")
        assert said == "killed" or said.startswith("done"), f"{moment}: {said}"
        killed += said == "killed"
        if Index.open(folder).info.version == str(number):  # the manifest was swapped before the end came
            last = number
        assert_answers(folder, last)
    assert killed >= len(moments) // 2
    assert farm(f"{folder} 900 whole").startswith("done")
    assert_answers(folder, 900)
    assert names(folder) == whole(Index.open(folder).info.generation)


def test_a_first_build_killed_leaves_no_index_and_can_be_repeated(tmp_path: Path, farm: Callable[[str], str]) -> None:
    folder = tmp_path / "new.index"
    assert farm(f"{folder} 1 audit 300") == "killed"
    with pytest.raises(IndexNotFound):
        Index.open(folder)
    assert farm(f"{folder} 1 whole").startswith("done")
    assert_answers(folder, 1)
    assert names(folder) == whole(1)


def test_a_second_writer_is_refused_while_one_writes(tmp_path: Path) -> None:
    folder = tmp_path / "one.index"
    builder.build_generation(folder, 1)
    refused = []

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in batches_of(builder.generation_rows(2)):
            with pytest.raises(IndexLocked, match="another process"):
                builder.build_generation(folder, 3)
            assert_answers(folder, 1)  # readers go on
            refused.append(True)
            yield batch

    build_index(folder, batches(), name="g", version="2", date="2024-06-07")
    assert refused
    assert_answers(folder, 2)


def test_a_reader_keeps_its_generation_and_follows_when_told(tmp_path: Path) -> None:
    folder = tmp_path / "followed.index"
    builder.build_generation(folder, 1)
    index = Index.open(folder)
    builder.build_generation(folder, 2)
    old, new = (builder.generation_rows(generation)[7]["content"] for generation in (1, 2))
    assert index.attribute(old).coverage == 1.0 and index.info.version == "1"
    index.refresh()
    assert index.attribute(new).coverage == 1.0 and index.info.version == "2"


def test_a_source_that_fails_leaves_the_previous_index(tmp_path: Path) -> None:
    folder = tmp_path / "kept.index"
    builder.build_generation(folder, 1)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from batches_of(builder.generation_rows(2))
        raise InputError("the source broke")

    with pytest.raises(InputError, match="the source broke"):
        build_index(folder, batches(), name="g", version="2", date="2024-06-07")
    assert_answers(folder, 1)
    assert names(folder) == whole(1)


def test_a_failed_build_leaves_an_index_of_a_later_version_alone(tmp_path: Path) -> None:
    folder = tmp_path / "later.index"
    builder.build_generation(folder, 1)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    before = names(folder)

    def batches() -> Iterator[pa.RecordBatch]:
        raise InputError("the source broke")
        yield

    with pytest.raises(WherefromError):
        build_index(folder, batches(), name="g", version="2", date="2024-06-07")
    assert names(folder) == before


@pytest.mark.parametrize("name", ["manifest.json", "text-notes.txt", "segment-of-mine", "repositories-list.txt"])
def test_a_folder_that_holds_other_peoples_files_keeps_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"mine": true}')
    try:
        build(tmp_path, builder.generation_rows(1))
    except WherefromError as error:
        assert str(tmp_path) in str(error)
    assert (tmp_path / name).read_text() == '{"mine": true}'


@pytest.mark.parametrize("name", ["segment-000001", "text-000001", "spill-abcdefgh"])
def test_names_like_ours_without_a_lock_are_not_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="something other than an index"):
        build(tmp_path, builder.generation_rows(1))
    assert names(tmp_path) == {name}


def test_a_release_is_not_built_over(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"kind": "wherefrom-release"}')
    (tmp_path / "repositories.parquet").write_text("mine")
    with pytest.raises(InputError, match=r"something other than an index \(manifest\.json, repositories\.parquet\)"):
        build(tmp_path, builder.generation_rows(1))
    assert names(tmp_path) == {"manifest.json", "repositories.parquet"}


@pytest.mark.parametrize("manifest", ['{"kind": "wherefrom-index", "format": 99}', '{"kind": "wherefrom-index", "format": 1}', "{"])
def test_an_index_that_cannot_be_read_stays_until_the_new_one_stands(tmp_path: Path, manifest: str) -> None:
    builder.build_generation(tmp_path, 1)
    (tmp_path / "manifest.json").write_text(manifest)
    before, seen = names(tmp_path), []

    def batches() -> Iterator[pa.RecordBatch]:
        seen.append(names(tmp_path) >= before)
        yield from batches_of(builder.generation_rows(2))

    build_index(tmp_path, batches(), name="g", version="2", date="2024-06-07")
    assert seen == [True]
    assert_answers(tmp_path, 2)
    assert names(tmp_path) == whole(2)


def test_a_rebuild_keeps_what_is_not_of_the_index(tmp_path: Path) -> None:
    builder.build_generation(tmp_path, 1)
    for name in ("README.md", "segment-of-mine", "text-1"):
        (tmp_path / name).write_text("mine")
    builder.build_generation(tmp_path, 2)
    assert names(tmp_path) == whole(2) | {"README.md", "segment-of-mine", "text-1"}


@pytest.fixture
def small_disk(tmp_path: Path, missing: Callable[[str, str], NoReturn]) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True, check=False).returncode:
        missing("the right to mount a small file system", "sudo make test")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def noise_rows(megabytes: int) -> Iterator[pa.RecordBatch]:
    """Text that does not compress, a batch a quarter megabyte."""
    chance = random.Random(9)
    for i in range(megabytes * 4):
        content = " ".join(f"{chance.getrandbits(40):x}" for _ in range(24_000))
        yield from batches_of([{"content": content, "repository": f"o/r{i}", "path": "noise.txt"}])


@pytest.mark.parametrize("full_text", [False, True], ids=["without full text", "with full text"])
@pytest.mark.parametrize("free", [100_000, 1_000_000, 3_000_000, 5_000_000])
def test_a_full_disk_leaves_the_previous_index_and_nothing_half_written(small_disk: Path, full_text: bool, free: int) -> None:
    folder = small_disk / "full.index"
    builder.build_generation(folder, 1)
    space = os.statvfs(folder)
    (small_disk / "ballast").write_bytes(bytes(space.f_bavail * space.f_frsize - free))
    with pytest.raises(OutOfSpace, match="no space left"):
        build_index(folder, noise_rows(8), name="g", version="2", date="2024-06-07", full_text=full_text)
    assert names(folder) == whole(1)
    assert_answers(folder, 1)


def test_a_full_disk_leaves_no_half_of_a_first_index(small_disk: Path) -> None:
    with pytest.raises(OutOfSpace):
        build_index(small_disk / "new.index", noise_rows(12), name="g", version="2", date="2024-06-07")
    assert names(small_disk / "new.index") <= {"lock"}


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from indexer.errors import WherefromError
from tests.indexer.test_building import noise_rows
from indexer.build import build_index
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
try:
    build_index(Path(sys.argv[1]), noise_rows(8), name="g", version="2", date="2024-06-07", full_text=False)
except WherefromError as error:
    print(type(error).__name__)
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True, cwd=ROOT, env=environment)


def test_a_file_size_limit_is_out_of_space_too(tmp_path: Path) -> None:
    folder = tmp_path / "limited.index"
    builder.build_generation(folder, 1)
    said = python(_LIMITED, str(folder))
    assert names(folder) == whole(1)
    assert_answers(folder, 1)
    assert said.stdout == "OutOfSpace\n", said.stderr[-600:]


_MEMORY = """
import sys
from pathlib import Path
import resource
import indexer.build as building
from tests.indexer.test_building import noise_rows
building.BATCH_BYTES = 1 << 19
building.build_index(Path(sys.argv[1]), noise_rows(int(sys.argv[2])), name="g", version="2", date="2024-06-07", full_text=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_peak_memory_stays_flat_as_the_input_grows(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (4, 20):
        done = python(_MEMORY, str(tmp_path / str(megabytes)), str(megabytes))
        assert done.returncode == 0, done.stderr[-600:]
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 20 * 1024, f"kilobytes with 4 and with 20 MB of text: {peaks}"


EVERY_PLANE = "".join(chr(plane << 16 | low) for plane in range(17) for low in range(0x100, 0xD000, 0x111))
STRANGE = {
    "empty": "",
    "white space alone": " \n\t\u00a0\r\n" * 10,
    "one line of 5 MB": "x = (1, 2) + y; " * 330_000,
    "one token of 1 MB": "a" * 1_000_000,
    "the same token 200,000 times": "x " * 200_000,
    "random bytes": random.Random(1).randbytes(300_000).decode("latin-1"),
    "NUL bytes": "a\x00b = \x00\x00 c(\x00)\n" * 500,
    "every plane": EVERY_PLANE,
    "line ends of all kinds": "a = 1\r\nb = 2\rc = 3\n\r\n" * 3000,
    "unclosed quotes": 'x = \'abc\n"""\n`' * 4000,
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_document_is_stored_and_given_back(tmp_path: Path, name: str) -> None:
    plain = "def plain(one, two):\n    return [one * two for three in range(one) if three != two and four(three)]\n" * 3
    contents = [plain, STRANGE[name], plain.replace("one", "uno")]
    index = build(
        tmp_path / "strange.index", [{"content": c, "repository": f"o/r{i}", "path": "f"} for i, c in enumerate(contents)], full_text=True
    )
    assert index.verify().problems == ()
    segment = index._snapshot.segments[0]
    assert [index.document(segment.row(doc)["document_id"]).content for doc in range(3)] == contents
    assert index.attribute(contents[2]).sources[0].repository == "o/r2"
    assert index.membership(contents[2]).member


def test_no_documents_make_an_index_that_answers(tmp_path: Path) -> None:
    index = build(tmp_path / "none.index", [], full_text=True)
    text = "a = b + c * d - e / f % g ** h // i | j & k ^ l << m >> n" * 3
    assert (index.attribute(text).status, index.membership(text).status, index.search("a").total) == ("none", "none", 0)
    assert index.repositories().total == 0 and index.verify().problems == () and index.info.documents == 0


def test_only_empty_documents(tmp_path: Path) -> None:
    index = build(tmp_path / "empty.index", [{"content": "", "repository": "o/r", "path": str(i)} for i in range(300)], full_text=True)
    segment = index._snapshot.segments[0]
    assert {index.document(segment.row(doc)["document_id"]).content for doc in range(300)} == {""}


def test_the_same_document_twice_is_found_and_read(tmp_path: Path) -> None:
    row = builder.generation_rows(1)[0]
    index = build(tmp_path / "twice.index", [row, row, builder.generation_rows(1)[1], row])
    answer = index.attribute(row["content"])
    assert index.document(answer.sources[0].document_id).content == row["content"]
    assert (answer.spans[0].repositories, answer.coverage) == (1, 1.0)


def test_few_fingerprints_among_many_tokens(tmp_path: Path) -> None:
    """Positions grow with the tokens, the directory with the fingerprints: neither may cut the other short."""
    text = "def f(alpha, beta):\n    return alpha * beta + gamma(delta, epsilon) - zeta[eta] ** theta // iota\n"
    index = build(
        tmp_path / "sparse.index",
        [{"content": "x " * 8_600_000, "repository": "o/a", "path": "a"}, {"content": text, "repository": "o/b", "path": "b"}],
    )
    assert [source.repository for source in index.attribute(text).sources] == ["o/b"]


@pytest.mark.parametrize("column", ["repository", "path"])
def test_a_row_without_its_place_is_refused_by_name(tmp_path: Path, column: str) -> None:
    rows: list[dict[str, Any]] = builder.generation_rows(1)[:2]
    rows[1] = rows[1] | {column: None}
    with pytest.raises(InputError, match=column):
        build(tmp_path / "null.index", rows)


def test_a_low_limit_of_open_files_is_enough_or_said(tmp_path: Path) -> None:
    """macOS gives a process 256 by default."""
    code = """
import resource, sys
from pathlib import Path
from tests.indexer import builder
from tests.indexer.killing import writing_process
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
builder.build_generation(Path(sys.argv[1]), 1)
"""
    done = python(code, str(tmp_path / "few.index"))
    assert done.returncode == 0, done.stderr[-300:]
    assert_answers(tmp_path / "few.index", 1)
    shutil.rmtree(tmp_path / "few.index")
