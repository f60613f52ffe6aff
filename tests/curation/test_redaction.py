import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.collect import collect
from curation.curate import curate
from curation.origin import Reading
from curation.redaction import redactor
from curation.release_diff import release_diff
from curation.release_facts import Choices, Described
from curation.removals import Removals
from curation.settings import settings_of
from indexer.corpus import FILES_SCHEMA, Release, content_id
from indexer.errors import InputError

REDACTOR = '''
"""E-mail addresses in comments of Python files become a word."""
import re
import pyarrow as pa

COMMENT = re.compile(r"#.*")
ADDRESS = re.compile(r"[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+")

def addresses(batch: pa.RecordBatch) -> pa.RecordBatch:
    def cleaned(text: str) -> str | None:
        if "# withhold" in text:
            return None
        return COMMENT.sub(lambda found: ADDRESS.sub("ADDRESS", found[0]), text)
    texts = pa.array(map(cleaned, batch.column("content").to_pylist()), pa.string())
    return batch.set_column(batch.schema.get_field_index("content"), "content", texts)

def fails(batch):
    raise ValueError(batch.column("content")[0])

def shorter(batch):
    return batch.slice(1)

def numbers(batch):
    return batch.set_column(batch.schema.get_field_index("content"), "content", pa.array([1j.real] * batch.num_rows))

word = "no function"
'''
BODY = "\n".join(f"value_{n} = compute({n}, scale={n % 7})" for n in range(80)) + "\n"


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a redactor in a module of its own for this test."""
    module = f"redactor_{crc32(bytes(tmp_path)):08x}"
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / f"{module}.py").write_text(REDACTOR)
    monkeypatch.syspath_prepend(str(tmp_path / "ours"))
    return module


def raw(folder: Path, **texts: str) -> Path:
    names = [(f"o/{name}", "m.py", text) for name, text in texts.items()]
    rows = [
        dict.fromkeys(FILES_SCHEMA.names) | {"repository": repository, "path": path, "content": text} for repository, path, text in names
    ]
    pq.write_table(pa.Table.from_pylist(rows, FILES_SCHEMA), folder.with_suffix(".parquet"))
    collect([f"parquet:{folder.with_suffix('.parquet')}"], folder, date="2026-01-02", reading=Reading())
    return folder


def released(source: Path, target: Path, function: str, removals: Path | None = None, **options: Any) -> list[dict[str, Any]]:
    choices = Choices(settings_of({"redaction": {"function": function}, "licenses": {"unlicensed": True}}), removals)
    curate([source], target, Described("demo", target.name, "2026-01-03"), choices, **{"jobs": 1} | options)
    return [row for batch in Release.open(target).batches() for row in batch.to_pylist()]


def id_of(text: str) -> str:
    return content_id(text.encode())


ADA, CLEAN = f"# by ada@example.org\n{BODY}", f"# by ADDRESS\n{BODY}"


def test_the_original_and_the_released_hash_are_both_kept(function: str, tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", mail=ADA, none="x = 'ada@example.org'\n" * 9, gone="# withhold\n" + BODY)
    rows = {row["repository"]: row for row in released(source, tmp_path / "release", f"{function}:addresses")}
    assert sorted(rows) == ["o/mail", "o/none"]
    mail, none = rows["o/mail"], rows["o/none"]
    assert (mail["content"], mail["content_id"], mail["original_content_id"]) == (CLEAN, id_of(CLEAN), id_of(ADA))
    assert mail["size"] == len(CLEAN)
    assert (none["content_id"], none["original_content_id"]) == (id_of(none["content"]), None)
    lineage = json.loads((tmp_path / "release" / "lineage.json").read_text())
    assert lineage["redaction"] == {"files": 2, "bytes_before": len(ADA) + len(BODY) + 11, "bytes_after": len(CLEAN)}
    step = next(step for step in lineage["steps"] if step["step"] == "redaction")
    assert (step["rows_in"], step["rows_out"], step["dropped"]) == (3, 2, {"withheld": 1})
    stated = Release.open(tmp_path / "release").manifest["settings"]["redaction"]
    assert (stated["function"], len(stated["module_sha256"])) == (f"{function}:addresses", 64)


def test_files_that_are_the_same_once_redacted_are_one(function: str, tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", one=ADA, two=ADA.replace("ada", "eve"))
    rows = released(source, tmp_path / "release", f"{function}:addresses")
    assert [(row["repository"], row["content"]) for row in rows] == [("o/one", CLEAN)]


def test_near_duplicates_are_found_among_the_released_texts(function: str, tmp_path: Path) -> None:
    """One with forty addresses is near only to what is left of it."""
    mails = "".join(f"# {'.'.join(f'w{n}x{m}' for m in range(30))}@example.org\n" for n in range(40))
    source = raw(tmp_path / "raw", one=mails + BODY, two="# ADDRESS\n" * 40 + BODY + "last = 1\n")
    rows = released(source, tmp_path / "release", f"{function}:addresses")
    assert len({row["cluster_id"] for row in rows}) == 1 < len(rows)
    before = released(source, tmp_path / "plain", "")
    assert len({row["cluster_id"] for row in before}) == 2


@pytest.mark.parametrize("which", [ADA, CLEAN])
def test_either_id_takes_a_file_out(which: str, function: str, tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", mail=ADA, other="y = 1\n" * 9)
    (tmp_path / "r.jsonl").write_text(json.dumps({"content_id": id_of(which)}))
    rows = released(source, tmp_path / "release", f"{function}:addresses", tmp_path / "r.jsonl")
    assert [row["repository"] for row in rows] == ["o/other"]


@pytest.mark.parametrize("which", [ADA, CLEAN])
def test_either_id_takes_it_out_of_what_is_made_of_the_release_too(which: str, function: str, tmp_path: Path) -> None:
    released(raw(tmp_path / "raw", mail=ADA, other="y = 1\n" * 9), tmp_path / "first", f"{function}:addresses")
    again = {row["repository"]: row for row in released(tmp_path / "first", tmp_path / "again", f"{function}:addresses")}
    assert again["o/mail"]["original_content_id"] == id_of(ADA)
    (tmp_path / "r.jsonl").write_text(json.dumps({"content_id": id_of(which)}))
    assert [row["repository"] for row in released(tmp_path / "first", tmp_path / "second", "", tmp_path / "r.jsonl")] == ["o/other"]
    reading = Reading(removals=Removals.read(tmp_path / "r.jsonl"))
    collect([f"parquet:{tmp_path}/first/data"], tmp_path / "collected", date="2026-01-02", reading=reading)
    assert reading.skipped == {"removed_content_id": 1}


def test_a_diff_tells_redacted_files_from_changed_ones(function: str, tmp_path: Path) -> None:
    source = raw(tmp_path / "raw", mail=ADA, other="y = 1\n" * 9)
    released(source, tmp_path / "plain", "")
    released(source, tmp_path / "release", f"{function}:addresses")
    kinds: list[tuple[str, str]] = []
    diff = release_diff(
        Release.open(tmp_path / "plain"), Release.open(tmp_path / "release"), lambda change: kinds.append((change.kind, change.repository))
    )
    assert kinds == [("redacted", "o/mail")]
    assert (diff.files["changed"], diff.files["redacted"], diff.totals["redacted"]) == (0, 1, (0, 1))
    old = tmp_path / "plain" / "data" / "python" / "part-00000.parquet"
    pq.write_table(pq.read_table(old).drop_columns(["original_content_id"]), old)  # as a release of old
    old_release = Release.open(tmp_path / "plain")
    assert release_diff(old_release, Release.open(tmp_path / "release")).files["redacted"] == 1
    assert {row["original_content_id"] for batch in old_release.batches() for row in batch.to_pylist()} == {None}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "ended with ValueError; correct it"),
        ("shorter", "gave something else than a record batch of as many rows"),
        ("numbers", "gave `content` of double, wanted text"),
        ("word", "is no function"),
        ("none", "cannot be had"),
    ],
)
def test_a_redactor_that_does_not_keep_its_word_is_named(name: str, message: str, function: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"redaction\.function: '{function}:{name}' .*({message})") as error:
        released(raw(tmp_path / "raw", mail=ADA), tmp_path / "release", f"{function}:{name}")
    assert "ada@" not in str(error.value)
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize("name", ["nowhere:x", "json", "", ".x:y"])
def test_a_name_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"redaction\.function"):
        redactor(name)


def test_the_settings_file_names_it_for_processes_too(function: str, tmp_path: Path, wherefrom: Callable[..., Any]) -> None:
    texts = {f"r{n}": ADA.replace("value", f"v{n}") for n in range(8)}
    raw(tmp_path / "raw", **texts)
    (tmp_path / "s.toml").write_text(
        f'[redaction]\nfunction = "{function}:addresses"\n[licenses]\nunlicensed = true\n[shards]\nmb = 0.003\n'
    )
    made = wherefrom(
        *("curate", "raw", "-o", "release", "--version", "1", "--settings", "s.toml", "--jobs", "2", "--name", "demo"),
        PYTHONPATH=f"{Path(__file__).parents[2]}:{tmp_path}/ours",
        SOURCE_DATE_EPOCH="1767225600",
    )
    assert made.returncode == 0, made.stderr
    rows = [row for batch in Release.open(tmp_path / "release").batches() for row in batch.to_pylist()]
    assert {row["content"].partition("\n")[0] for row in rows} == {"# by ADDRESS"}
    assert len(rows) == len({row["original_content_id"] for row in rows}) == 8
