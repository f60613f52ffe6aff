"""What an audit finds in a project, and what stays the same when project and index change."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from indexer.build import build_index
from indexer.corpus import conform
from indexer.index import Index
from search_api.audit import baseline
from search_api.audit.audit import Outcome
from search_api.audit.legal_text import is_licence_header
from search_api.audit.model import Finding
from search_api.audit.settings import Own, Settings

Audit = Callable[..., Outcome]
GPL = "example/wrapping"


def by_path(outcome: Outcome) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in outcome.audit.findings:
        found.setdefault(finding.path, []).append(finding)
    return found


def test_copies_are_found_where_they_are_with_their_licences(outcome: Outcome, content: Callable[[str], str]) -> None:
    found = by_path(outcome)
    assert set(found) == {"src/parsing.py", "src/reading.py", "src/filling.py", "vendor/rich"}
    (whole,) = found["src/parsing.py"]
    assert (whole.scope, whole.sources[0].path, whole.license_expression) == ("file", "click/parser.py", "BSD-3-Clause")
    assert whole.covers[0].identical and whole.start_line == 1 and whole.end_line == len(content("click/parser.py").splitlines())
    (stretch,) = found["src/reading.py"]
    assert (stretch.scope, stretch.sources[0].path) == ("span", "httpx/_decoders.py")
    assert stretch.start_line in (30, 31, 32) and 108 <= stretch.end_line <= 111
    assert abs((stretch.sources[0].end_line - stretch.sources[0].start_line) - (stretch.end_line - stretch.start_line)) <= 1


def test_renamed_and_reformatted_gpl_code_is_found(outcome: Outcome) -> None:
    found = by_path(outcome)["src/filling.py"]
    assert {finding.component for finding in found} == {f"{GPL}@{'a' * 40}"}
    assert {finding.license_type for finding in found} == {"copyleft"}
    assert any(finding.kind == "renamed" and finding.sources[0].names for finding in found)


def test_a_vendored_package_is_one_finding_with_its_purl(outcome: Outcome, project: Path) -> None:
    (vendored,) = by_path(outcome)["vendor/rich"]
    assert vendored.scope == "folder"
    assert (vendored.sources[0].purl or "").startswith("pkg:pypi/rich@")
    files = list((project / "vendor").rglob("*.py"))
    assert len(vendored.covers) >= 0.9 * len(files) > 30
    assert all(cover.identical for cover in vendored.covers)


def test_own_code_gives_nothing(outcome: Outcome) -> None:
    states = {file.path: file.state for file in outcome.audit.files}
    assert states["src/own.py"] == "none" and states["src/parsing.py"] == "found"


def test_components_hold_every_finding_once_and_rare_ones_first(outcome: Outcome) -> None:
    audit = outcome.audit
    listed = [id_ for component in audit.components for id_ in component.findings]
    assert sorted(listed) == sorted(finding.id for finding in audit.findings)
    assert len(set(listed)) == len(listed)
    rarest = [min(audit.by_id()[id_].files for id_ in component.findings) for component in audit.components]
    assert rarest == sorted(rarest)


def test_lines_put_above_and_a_rebuilt_index_reopen_nothing(
    outcome: Outcome, project: Path, audit: Audit, rebuilt_location: str, tmp_path: Path, put: Callable[[Path, str], None]
) -> None:
    for file in project.rglob("*.py"):
        above = "".join(f"# line {number} of fifty\n" for number in range(50))
        put(tmp_path / file.relative_to(project), above + file.read_text("utf-8"))
    known = tmp_path / "baseline.json"
    known.write_text(baseline.write(outcome.audit))
    with Index.open(rebuilt_location) as rebuilt:
        again = audit(tmp_path, index=rebuilt, baseline=baseline.read(known), paths=("src", "vendor"))
    assert [finding.path for finding in again.audit.open_findings] == []
    assert {finding.path for finding in again.audit.findings} >= {"src/parsing.py", "src/reading.py", "src/filling.py"}


def test_two_equal_stretches_in_one_file_have_two_identities(
    audit: Audit, tmp_path: Path, content: Callable[[str], str], made_up: Callable[..., str], put: Callable[[Path, str], None]
) -> None:
    stretch = "".join(content("click/parser.py").splitlines(keepends=True)[100:140])
    put(tmp_path / "twice.py", stretch + made_up(20) + stretch)
    found = audit(tmp_path).audit.findings
    assert len({finding.tokens_sha256 for finding in found}) == 1 < len(found) == len({finding.id for finding in found})


@pytest.mark.parametrize(
    "own",
    [
        Own(owners=("Example",)),
        Own(repositories=(GPL.upper(),)),
        Own(paths=("src/filling.py",)),
    ],
    ids=["owner", "repository", "path"],
)
def test_own_code_is_left_out(project: Path, audit: Audit, own: Own) -> None:
    assert "src/filling.py" not in by_path(audit(project, Settings(own=own), paths=("src/filling.py",)))


def test_own_code_is_left_out_by_its_content(audit: Audit, tmp_path: Path, content: Callable[[str], str], put: Any) -> None:
    put(tmp_path / "a.py", content("click/parser.py"))
    (found,) = audit(tmp_path).audit.findings
    blob = (found.sources[0].swhid or "").removeprefix("swh:1:cnt:").partition(";")[0]
    assert audit(tmp_path, Settings(own=Own(content_ids=(blob,)))).audit.findings == ()


def test_own_code_is_inferred_from_manifests_and_remotes(
    audit: Audit, tmp_path: Path, git: Callable[..., str], content: Any, put: Any
) -> None:
    put(tmp_path / "a.py", content("httpx/_decoders.py"))
    put(tmp_path / "b.py", content("src/wrapping.py"))
    put(tmp_path / "pyproject.toml", '[project]\nname = "HTTPX"\n')
    git("remote", "add", "origin", "git@github.com:example/wrapping.git")
    assert audit(tmp_path).audit.findings == ()
    assert set(by_path(audit(tmp_path, Settings(own=Own(infer=False))))) == {"a.py", "b.py"}


def test_a_later_copy_of_our_code_elsewhere_is_ours_and_an_earlier_one_is_not(
    corpus_rows: list[dict[str, Any]], audit: Audit, tmp_path: Path, put: Any
) -> None:
    ours = next(row for row in corpus_rows if row["repository"] == GPL)
    copied = "".join(str(ours["content"]).splitlines(keepends=True)[60:140])
    for year, expected in ((2020, 0), (2010, 1)):
        seen = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
        theirs = ours | {"repository": "other/copy", "owner": "other", "content": copied, "path": "x.py", "first_seen": seen}
        folder = tmp_path / str(year)
        batch = conform(pa.RecordBatch.from_pylist([ours, theirs]))
        build_index(folder / "i.index", [batch], name="i", version="1", date="2024-06-07", full_text=False)
        put(folder / "p" / "a.py", str(ours["content"]))
        with Index.open(folder / "i.index") as index:
            found = audit(folder / "p", Settings(own=Own(repositories=(GPL,))), index=index).audit.findings
        assert {finding.component.partition("@")[0] for finding in found} == ({"other/copy"} if expected else set())


def test_latin_1_and_utf_16_files_are_scanned_and_their_bytes_counted(audit: Audit, tmp_path: Path, content: Any) -> None:
    text = "# caf\xe9 \xfc\n" + "".join(content("click/parser.py").splitlines(keepends=True)[100:160])
    for name, encoded in (("latin.py", text.encode("latin-1")), ("wide.py", text.encode("utf-16"))):
        (tmp_path / name).write_bytes(encoded)
    found = audit(tmp_path).audit.findings
    assert {finding.path for finding in found} == {"latin.py", "wide.py"}
    for finding in found:
        codec, mark = ("latin-1", 0) if finding.path == "latin.py" else ("utf-16-le", 2)
        data = (tmp_path / finding.path).read_bytes()
        assert finding.scope == "file" or finding.start_byte >= mark
        assert data[finding.start_byte : finding.end_byte].decode(codec).removeprefix("\ufeff") in text


def test_licence_headers_are_nobodys_code(made_up: Callable[..., str]) -> None:
    header = (
        "# Licensed under the Apache License, Version 2.0 (the 'License'); you may not use this file except in compliance with\n"
        "# the License. Unless required by applicable law, software distributed under the License is distributed on an 'AS IS' BASIS\n"
    )
    assert is_licence_header(header)
    assert not is_licence_header(made_up(10))
    assert not is_licence_header("def license(self, copyright):\n    return self.warranty[copyright](self.license)\n" * 3)


def test_only_what_the_settings_count_is_found(outcome: Outcome, project: Path, audit: Audit) -> None:
    strict = audit(project, Settings(min_tokens=10_000, max_files=100), paths=("src",))
    assert strict.audit.findings == ()
    few = {finding.id for finding in audit(project, Settings(max_files=1), paths=("src",)).audit.findings}
    assert few <= {finding.id for finding in outcome.audit.findings}


def test_the_values_are_plain_and_frozen(outcome: Outcome) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.audit.findings[0].path = "x"  # type: ignore[misc]


def test_what_our_own_code_took_from_elsewhere_is_found_where_ours_is_in_the_index_too(
    corpus_rows: list[dict[str, Any]], audit: Audit, tmp_path: Path, made_up: Callable[..., str], put: Any
) -> None:
    """Our file explains itself wholly: asked without it, the index names who was first."""
    theirs = next(row for row in corpus_rows if row["repository"] == GPL)
    taken = "".join(str(theirs["content"]).splitlines(keepends=True)[60:140])
    text = made_up(30) + taken + made_up(30, 7)
    ours = {"repository": "acme/tool", "owner": "acme", "path": "tool.py", "content": text}
    batch = conform(pa.RecordBatch.from_pylist([theirs | {"first_seen": None}, theirs | {"first_seen": None} | ours]))
    build_index(tmp_path / "i.index", [batch], name="i", version="1", date="2024-06-07", full_text=False)
    put(tmp_path / "p" / "tool.py", text)
    with Index.open(tmp_path / "i.index") as index:
        (found,) = audit(tmp_path / "p", Settings(own=Own(repositories=("acme/tool",))), index=index).audit.findings
    assert found.component.startswith(GPL) and 28 <= found.start_line <= 32
