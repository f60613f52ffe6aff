"""Every report: valid by its own format's validator, the same bytes for the same input, honest, and safe to open."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
import pytest

from indexer.errors import InputError
from search_api.app import create_app
from search_api.audit.audit import Corpus, Outcome, Request, run
from search_api.audit.model import Finding
from search_api.audit.reports import json_report, sarif
from search_api.audit.reports.write import FORMATS, wanted, write
from search_api.audit.settings import Policy, Settings
from search_api.client import Client
from search_api.settings import Settings as ServerSettings
from tests.limits import HANG_SECONDS

Audit = Callable[..., Outcome]
VALIDATORS = Path(sys.prefix) / "validators"
SCHEMA = Path(__file__).parents[3] / "docs" / "audit.schema.json"


def rendered(outcome: Outcome, name: str) -> str:
    return str(importlib.import_module(f"search_api.audit.reports.{FORMATS[name]}").render(outcome))


@pytest.fixture(scope="module")
def hostile(corpus: Any, tmp_path_factory: pytest.TempPathFactory, content: Any, made_up: Any) -> Outcome:
    """Names that would draw, run or break lines if a report let them."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("<img src=x onerror=alert(1)>.py", "=cmd|' !A1.py", "a b%|`*.py"):
        stretch = "".join(content("click/parser.py").splitlines(keepends=True)[120:200])
        (folder / name).write_text(made_up(30) + stretch + "# </script><script>alert(1)</script>\n")
    before = Path.cwd()
    os.chdir(folder)
    try:
        return run(corpus, Request((Path(),)))
    finally:
        os.chdir(before)


@pytest.mark.parametrize("name", FORMATS)
def test_equal_input_gives_equal_bytes(project: Path, audit: Audit, outcome: Outcome, name: str) -> None:
    assert rendered(audit(project), name) == rendered(outcome, name)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"baseline"}))
def test_every_report_names_the_index_and_says_what_was_not_looked_at(project: Path, audit: Audit, name: str) -> None:
    settings = Settings(max_file_bytes=5000, max_index_age_days=3)
    text = rendered(audit(project, settings), name)
    for said in ("packages", "2024-06-07", "24 days old", "could not be scanned"):
        assert said in text, said


def test_json_keeps_to_the_published_schema(outcome: Outcome, hostile: Outcome) -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == json_report.schema(), "write it anew: python -m search_api.audit.reports.json_report"
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    for one in (outcome, hostile):
        assert list(validator.iter_errors(json.loads(rendered(one, "json")))) == []
    broken = json.loads(rendered(outcome, "json"))
    del broken["findings"][0]["license_type"]
    assert not validator.is_valid(broken)


def sarif_problems(log: str, tmp_path: Path, missing: Callable[[str, str], NoReturn]) -> list[str]:
    """What Microsoft's validator says, rules of GitHub's code scanning included."""
    program = VALIDATORS / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    if not program.is_file():
        missing("the SARIF validator", "make validators")
    (tmp_path / "a.sarif").write_text(log, "utf-8")
    command = [str(program), "validate", str(tmp_path / "a.sarif"), "--rule-kind", "Sarif;Ghas"]
    command += ["--output", str(tmp_path / "said.sarif"), "--log", "ForceOverwrite"]
    plain = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False, env=plain)
    said = json.loads((tmp_path / "said.sarif").read_text("utf-8-sig"))["runs"][0]
    results = [f"{result['ruleId']} {result.get('level', 'warning')}" for result in said.get("results", ())]
    return results or ([] if done.returncode == 0 else [done.stdout + done.stderr])


def test_sarif_is_valid_and_fit_for_code_scanning(outcome: Outcome, hostile: Outcome, tmp_path: Path, missing: Any) -> None:
    for one in (outcome, hostile):
        assert sarif_problems(rendered(one, "sarif"), tmp_path, missing) == []
    broken = json.loads(rendered(outcome, "sarif"))
    broken["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert sarif_problems(json.dumps(broken), tmp_path, missing) != []


def test_sarif_leaves_out_what_is_answered_and_states_what_is_cut(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 2)
    run = json.loads(rendered(outcome, "sarif"))["runs"][0]
    assert len(run["results"]) == 2
    assert any("of which the 2 rarest" in note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"])
    assert {result["partialFingerprints"]["primaryLocationLineHash"].split(":")[0] for result in run["results"]} <= set(
        outcome.audit.by_id()
    )


def test_spdx_2_is_valid_and_its_byte_ranges_are_right(outcome: Outcome, hostile: Outcome, tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    for one in (outcome, hostile):
        file = tmp_path / "a.spdx.json"
        file.write_text(rendered(one, "spdx"), "utf-8")
        document = parse_file(str(file))
        assert [problem.validation_message for problem in validate_full_spdx_document(document)] == []
    snippets = {snippet.spdx_id: snippet for snippet in document.snippets}
    for finding in hostile.audit.findings:
        snippet = snippets[f"SPDXRef-Snippet-{finding.id}"]
        assert (snippet.byte_range[0] - 1, snippet.byte_range[1]) == (finding.start_byte, finding.end_byte)


def test_spdx_3_is_valid(outcome: Outcome, hostile: Outcome, missing: Any) -> None:
    jar = next(VALIDATORS.glob("spdx-v3jsonld-store-*.jar"), None) or missing("the SPDX 3.0.1 schema", "make validators")
    with zipfile.ZipFile(jar) as archive:
        validator = jsonschema_rs.validator_for(json.loads(archive.read("resources/schema-v3.0.1.json")))
    for one in (outcome, hostile):
        document = json.loads(rendered(one, "spdx3"))
        assert [error.message[:300] for error in validator.iter_errors(document)] == []
    document["@graph"] = [element | ({"nonsense": 1} if element["type"] == "software_File" else {}) for element in document["@graph"]]
    assert not validator.is_valid(document)


def test_cyclonedx_is_valid_and_has_every_occurrence(outcome: Outcome, hostile: Outcome) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    for one in (outcome, hostile):
        text = rendered(one, "cyclonedx")
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        places = [place for component in json.loads(text)["components"] for place in component["evidence"]["occurrences"]]
        assert len(places) == sum(max(1, len(finding.covers)) for finding in one.audit.findings)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"occurrences"', '"occurences"')) is not None


def test_csv_cannot_hold_a_formula_and_has_a_row_for_everything(hostile: Outcome) -> None:
    rows = list(csv.DictReader(io.StringIO(rendered(hostile, "csv"))))
    assert [row["path"] for row in rows if row["path"].startswith(("=", "+", "-", "@"))] == []
    assert sum(row["state"] == "found" for row in rows) == len(hostile.audit.findings) >= 3
    assert rows[0]["state"] == "audit"


def test_markdown_shows_names_literally(hostile: Outcome) -> None:
    text = rendered(hostile, "markdown")
    assert re.search(r"(?<!\\)<img", text) is None
    assert all(line.count("|") - line.count("\\|") == 7 for line in text.splitlines() if line.startswith("|") and "---" not in line)


def test_gitlab_entries_have_what_gitlab_reads(outcome: Outcome, project: Path, audit: Audit) -> None:
    entries = json.loads(rendered(outcome, "gitlab"))
    assert len(entries) == len(outcome.audit.findings) == len({entry["fingerprint"] for entry in entries})
    for entry in entries:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert (project / entry["location"]["path"]).is_file() and entry["location"]["lines"]["begin"] >= 1
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
    incomplete = json.loads(rendered(audit(project, Settings(max_index_age_days=1)), "gitlab"))
    assert incomplete[-1]["check_name"] == "wherefrom-incomplete"


def test_a_notice_has_copyright_licence_and_files_of_every_source(outcome: Outcome) -> None:
    text = rendered(outcome, "notice")
    for component in outcome.audit.components:
        assert component.repository in text
    for said in ("Licence: GPL-3.0-or-later", "Copyright (c) 2001 A. Holder", "src/parsing.py", "You may use this."):
        assert said in text
    assert text.count("You may use this.") == 1, "a text that several have stands there once"


def test_a_notice_has_the_same_texts_from_a_server(outcome: Outcome, corpus: Any, serve: Any) -> None:
    with serve(create_app(corpus, ServerSettings())) as url, Client.open(url) as client:
        assert rendered(dataclasses.replace(outcome, corpus=Corpus(client)), "notice") == rendered(outcome, "notice")


def test_the_terminal_shows_what_denies_and_why(project: Path, audit: Audit) -> None:
    text = rendered(audit(project, Settings(policy=Policy(deny=("copyleft",), unlisted="allow"))), "text")
    for said in ("denied", "copyleft is denied", "whole files", "pkg:pypi/rich@", "Put the whole derived work under the same licence"):
        assert said in text


def test_html_sorts_filters_and_shows_code_without_any_request(outcome: Outcome, hostile: Outcome, chromium: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    (tmp_path / "a.html").write_text(rendered(outcome, "html"), "utf-8")
    (tmp_path / "b.html").write_text(rendered(hostile, "html"), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        requests: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
        page.goto((tmp_path / "a.html").as_uri())
        assert page.locator("#findings > tbody").count() == len(outcome.audit.findings)
        page.get_by_role("button", name="tokens").click()
        counts = [int(text) for text in page.locator("#findings > tbody > tr:first-child > td:nth-child(6)").all_inner_texts()]
        assert counts == sorted(counts) and len(set(counts)) > 1
        page.fill("#filter", "src/filling.py")
        shown = page.locator("#findings > tbody:visible")
        assert 0 < shown.count() < len(outcome.audit.findings)
        shown.first.locator("summary").click()
        assert shown.first.locator("table.code tr").count() > 0
        page.goto((tmp_path / "b.html").as_uri())
        assert page.locator("#findings > tbody").count() == len(hostile.audit.findings)
        browser.close()
    assert [url for url in requests if not url.startswith("file://")] == [] and said == []


def test_an_unknown_format_or_folder_is_refused_before_anything_is_scanned() -> None:
    for option in ("pdf=x", "json", "json=", "=x"):
        with pytest.raises(InputError, match="FORMAT one of text, json"):
            wanted([option])
    with pytest.raises(InputError, match="make it first"):
        wanted(["json=no/such/folder/x.json"])


def test_a_report_that_cannot_be_written_is_an_input_error(outcome: Outcome, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write(outcome, wanted([f"json={tmp_path / 'taken'}"]))


def test_findings_of_one_file_have_one_identity_each(outcome: Outcome) -> None:
    ids = [finding.id for finding in outcome.audit.findings]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(finding, Finding) and len(finding.id) == 20 for finding in outcome.audit.findings)
