"""What is said about a release: its card loads as a dataset, its preview escapes, its differences are those that were made."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.cards import CardSettings, card, write_card
from curation.charts import bars
from curation.preview import PreviewSettings, preview
from curation.release_diff import Change, release_diff, told
from curation.release_folder import REPOSITORIES, put_manifest
from curation.release_statistics import editions
from indexer.corpus import FILES_SCHEMA, REPOSITORIES_SCHEMA, Release, content_id
from indexer.errors import InputError
from tests.limits import HANG_SECONDS

Row = dict[str, Any]
Make = Callable[..., Release]


def row(path: str, content: str, repository: str = "o/a", language: str | None = "Python", expression: str = "MIT") -> Row:
    return {
        **dict.fromkeys(FILES_SCHEMA.names),
        **{"content_id": content_id(content.encode()), "content": content, "size": len(content.encode()), "language": language},
        **{"repository": repository, "owner": "o", "path": path, "license_expression": expression, "license_type": "permissive"},
    }


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """make("1.0", rows) -> a release as `wherefrom curate` lays it out, with the rows of an edition without near-duplicates."""

    def release(version: str, rows: list[Row], deduplicated: list[Row] | None = None) -> Release:
        folder = tmp_path / f"release-{version}"
        folder.mkdir()
        names = write(folder, "data", rows)
        hashes = dict.fromkeys([*names, *write(folder, "data-deduplicated", deduplicated or [])], "0")
        pq.write_table(pa.Table.from_pylist([], schema=REPOSITORIES_SCHEMA), folder / REPOSITORIES)
        values = {"kind": "release", "name": "demo", "version": version, "date": "2026-01-03", "previous_version": None}
        made = {"counts": {"repositories": 2}, "settings": {"licenses": "any"}, "sources": ["dir:a|b"], "files": names, "hashes": hashes}
        put_manifest(folder, values | made)
        return Release.open(folder)

    def write(folder: Path, edition: str, rows: list[Row]) -> list[str]:
        by_folder: dict[str, list[Row]] = {}
        for each in rows:
            by_folder.setdefault(FOLDERS.get(each["language"]) or each["language"].lower(), []).append(each)
        names = [f"{edition}/{language}/part-00000.parquet" for language in sorted(by_folder)]
        for name, language in zip(names, sorted(by_folder), strict=True):
            (folder / name).parent.mkdir(parents=True)
            pq.write_table(pa.Table.from_pylist(by_folder[language], schema=FILES_SCHEMA), folder / name, row_group_size=2)
        return names

    return release


FOLDERS = {"C#": "c-sharp", "<b>": "b", None: "unknown"}
ROWS = [
    *(row(f"{i}.py", f"x = {i}\n") for i in range(5)),
    row("a.c", "int x;\n", language="C", expression="Apache-2.0"),
    row("a.cs", "class A {}\n", language="C#"),
    row("notes", "so\n", language=None, expression="NONE"),
]


def test_a_release_loads_by_language_and_edition_offline(make: Make, tmp_path: Path) -> None:
    release = make("1.0", ROWS, ROWS[:2])
    write_card(release, release.path)
    program = f"""
import json, socket
def refuse(*_, **__): raise AssertionError("the network was asked")
socket.getaddrinfo = socket.create_connection = refuse
from datasets import get_dataset_config_names, load_dataset
folder = {str(release.path)!r}
told = {{name: load_dataset(folder, name, split="train")["path"][:] for name in get_dataset_config_names(folder)}}
told["none"] = load_dataset(folder, split="train")["path"][:]
print(json.dumps(told))
"""
    environment = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    python = [f"{i}.py" for i in range(5)]
    everything = ["a.c", "a.cs", *python, "notes"]
    assert {name: sorted(paths) for name, paths in json.loads(done.stdout).items()} == {
        **{
            "default": sorted(everything),
            "none": sorted(everything),
            "python": python,
            "c": ["a.c"],
            "c-sharp": ["a.cs"],
            "unknown": ["notes"],
        },
        **{"deduplicated": python[:2], "python-deduplicated": python[:2]},
    }


def test_the_card_counts_what_is_there_and_says_how_to_opt_out(make: Make) -> None:
    release = make("1.0", ROWS, ROWS[:2])
    (release.path / "TERMS.md").write_text("terms")
    steps = [{"step": "filters", "rows_in": 9, "rows_out": 8, "dropped": {"long_lines": 1}}]
    (release.path / "lineage.json").write_text(json.dumps({"steps": steps}))
    text = card(release, CardSettings(opt_out="https://example.org/opt-out"))["README.md"]
    for line in (
        "| Python | 5 | 30 bytes | 62.5% |",
        "| C# | 1 | 11 bytes | 12.5% |",
        "| unknown | 1 | 3 bytes | 12.5% |",
        "| Apache-2.0 | 1 | 7 bytes | 12.5% |",
        "| filters | 9 | 8 | long_lines 1 |",
        "Ask https://example.org/opt-out.",
        "[TERMS.md](TERMS.md)",
        "2 files, 12 bytes",
        "- `dir:a\\|b`",
        "- n<1K",
    ):
        assert line in text


def test_equal_releases_have_equal_cards_and_previews(make: Make) -> None:
    release = make("1.0", ROWS)
    assert card(release) == card(Release.open(release.path))
    assert list(preview(release)) == list(preview(Release.open(release.path)))


def test_a_card_does_not_change_what_has_a_hash(make: Make, tmp_path: Path) -> None:
    release = make("1.0", ROWS)
    release.manifest["hashes"]["README.md"] = "0"
    with pytest.raises(InputError, match=r"hash of its README\.md; .* --output"):
        write_card(release, release.path)
    names = write_card(release, tmp_path / "elsewhere")
    assert sorted(names) == sorted(str(path.relative_to(tmp_path / "elsewhere")) for path in (tmp_path / "elsewhere").rglob("*.*"))


def test_names_from_files_stay_text_in_card_and_plots(make: Make) -> None:
    texts = card(make("1.0", [row("a", "x", language="<b>", expression="MIT](http://x)|\n# y")]))
    assert "<b>" not in "".join(texts.values())
    assert "| &lt;b> | 1 | 1 bytes | 100.0% |" in texts["README.md"]
    for name, text in texts.items():
        if name.endswith(".svg"):
            ElementTree.fromstring(text)


def test_bars_are_as_long_as_their_values() -> None:
    root = ElementTree.fromstring(bars("t", [("a", 100, "100"), ("b", 50, "50"), ("c", 0, "0")]))
    drawn = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]
    assert [int(each.get("width", "")) for each in drawn] == [420, 210, 1]


def test_a_preview_shows_a_sample_escaped_and_without_script(make: Make) -> None:
    hostile = row("<script>.py", "</pre><script>alert(1)</script>\n") | {"url": "javascript:alert(1)"}
    pages = dict(preview(make("1.0", [*ROWS, hostile, row("long.py", "y\n" * 500)])))
    assert set(pages) == {"preview/index.html", *(f"preview/{name}.html" for name in ("python", "c", "c-sharp", "unknown"))}
    shown = pages["preview/python.html"]
    assert "<script" not in shown
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "javascript:" not in shown
    assert "default-src 'none'" in shown
    assert shown.count("y\n") == 199
    assert "… cut here." in shown
    assert 'href="python.html"' in pages["preview/index.html"]
    assert 'href="unknown.html"' in shown
    assert 'href="c-sharp.html"' in shown


def test_a_sample_is_small_and_stays_when_others_come(make: Make) -> None:
    rows = [row(f"{i}.py", f"x = {i}\n") for i in range(60)]
    few = PreviewSettings(files_a_language=5)
    first, second = (dict(preview(make(version, rows[:n]), few))["preview/python.html"] for version, n in (("1.0", 55), ("1.1", 60)))
    shown = [{line for line in page.splitlines() if line.startswith(("<h2>", "<nav>")) or "<h2>" in line} for page in (first, second)]
    assert [page.count("<h2>") for page in (first, second)] == [5, 5]
    assert len(shown[0] & shown[1]) >= 2


def test_editions_of_what_was_collected_are_one(make: Make) -> None:
    release = make("1.0", ROWS)
    release.manifest.update(files=["files/part-00000.parquet"], hashes={})
    assert editions(release) == {"files": {"": ["files/part-00000.parquet"]}}


def test_a_diff_tells_each_change_once(make: Make) -> None:
    same, gone, old, new, come = (row(f"{name}.py", name) for name in ("same", "gone", "old", "new", "come"))
    changed = new | {"path": "old.py"}
    relicensed = row("r.py", "r")
    before = make("1.0", [same, gone, old, relicensed])
    after = make("1.1", [same, changed, relicensed | {"license_expression": "0BSD"}, come | {"language": "C", "repository": "o/b"}])
    seen: list[Change] = []
    diff = release_diff(before, after, seen.append)
    assert seen == [
        Change("removed", "o/a", "gone.py", (gone["content_id"], "MIT"), None),
        Change("changed", "o/a", "old.py", (old["content_id"], "MIT"), (new["content_id"], "MIT")),
        Change("relicensed", "o/a", "r.py", (relicensed["content_id"], "MIT"), (relicensed["content_id"], "0BSD")),
        Change("added", "o/b", "come.py", None, (come["content_id"], "MIT")),
    ]
    assert diff.files == {"added": 1, "removed": 1, "changed": 1, "redacted": 0, "relicensed": 1, "same": 1}
    assert diff.totals == {"files": (4, 4), "redacted": (0, 0), "bytes": (12, 12), "repositories": (1, 2)}
    assert (diff.languages, diff.licenses) == ({"Python": (4, 3), "C": (0, 1)}, {"MIT": (4, 3), "0BSD": (0, 1)})
    assert told(diff).startswith("demo 1.0 -> demo 1.1\n  1 files added\n")


def test_versions_of_one_package_are_paired_not_multiplied(make: Make) -> None:
    before = make("1.0", [row("a.py", f"{i}") for i in range(3)])
    after = make("1.1", [row("a.py", f"{i}") for i in range(2, 7)])
    assert release_diff(before, after).files == {"added": 2, "removed": 0, "changed": 2, "redacted": 0, "relicensed": 0, "same": 1}


def test_a_release_does_not_differ_from_itself(make: Make) -> None:
    release = make("1.0", ROWS)
    diff = release_diff(release, release)
    assert diff.files == {"added": 0, "removed": 0, "changed": 0, "redacted": 0, "relicensed": 0, "same": len(ROWS)}
    assert (diff.languages, diff.licenses) == ({}, {})


def test_the_commands_write_and_tell(make: Make, wherefrom: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    make("1.0", ROWS)
    make("1.1", ROWS[1:])
    done = wherefrom("release", "card", "release-1.0", "--opt-out", "the desk")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ask the desk." in (tmp_path / "release-1.0" / "README.md").read_text()
    assert (tmp_path / "release-1.0" / "preview" / "index.html").is_file()
    done = wherefrom("release", "diff", "release-1.0", "release-1.1", "--changes", "changes.jsonl", "--json")
    assert json.loads(done.stdout)["files"]["removed"] == 1
    assert [json.loads(line)["path"] for line in (tmp_path / "changes.jsonl").read_text().splitlines()] == ["0.py"]
    assert wherefrom("release", "diff", "release-1.0", "nowhere").returncode == 3
