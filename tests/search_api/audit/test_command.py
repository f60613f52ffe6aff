"""The command: what it prints where, its exit codes when things go wrong, its cache, and what the CI files run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

import wherefrom
from indexer.answers import to_json
from indexer.index import Index
from search_api.audit.audit import Request, run
from search_api.audit.scan import Progress
from tests.limits import HANG_SECONDS
from tests.reference_docs import command_options

ROOT = Path(__file__).parents[3]


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    command = [sys.executable, wherefrom.__file__, "audit", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=HANG_SECONDS, check=False, env={**os.environ, **environment}
    )


@pytest.fixture
def copied(tmp_path: Path, content: Callable[[str], str], put: Any) -> Path:
    """A project of one copied file."""
    put(tmp_path / "project/filling.py", content("src/wrapping.py"))
    return tmp_path / "project"


def test_json_is_one_document_and_reports_are_written_from_one_scan(copied: Path, corpus_location: str, tmp_path: Path) -> None:
    reports = [f"--report={name}={tmp_path / name}" for name in ("sarif", "spdx", "csv", "html")]
    done = start(copied, ".", "--index", corpus_location, "--json", *reports, SOURCE_DATE_EPOCH="1719792000")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["created"] == "2024-07-01T00:00:00Z" and document["findings"][0]["path"] == "filling.py"
    assert all((tmp_path / name).stat().st_size for name in ("sarif", "spdx", "csv", "html"))
    assert not list(tmp_path.glob("*.part"))


def test_the_policy_decides_about_exit_code_1_and_the_baseline_ends_it(copied: Path, corpus_location: str) -> None:
    (copied / "wherefrom.toml").write_text("[audit]\nmax_index_age_days = 100000\n[audit.policy]\ndeny = ['copyleft']\n")
    first = start(copied, ".", "--index", corpus_location, "--report", "baseline=known.json")
    assert first.returncode == 1
    denied = start(copied, ".", "--index", corpus_location)
    assert denied.returncode == 1 and "copyleft is denied" in denied.stdout
    again = start(copied, ".", "--index", corpus_location, "--baseline", "known.json")
    assert again.returncode == 0 and "0 findings" in again.stdout, again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "nowhere: no such file"),
        ([".", "--report", "pdf=x"], 2, "FORMAT one of"),
        ([".", "--use", "fun"], 2, "internal, saas, distributed"),
        ([".", "--project-license", "Nope-1"], 2, "no SPDX licence"),
        ([".", "--policy", "missing.toml"], 2, "missing.toml"),
        ([".", "--baseline", "missing.json"], 2, "missing.json"),
        ([".", "--diff", "HEAD"], 2, "not in a git repository"),
        ([".", "--staged", "--diff", "HEAD"], 2, "give one of them"),
        ([".", "--index", "no.index"], 3, "no.index"),
        ([".", "--index", "http://127.0.0.1:1"], 3, "cannot be reached"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_right_code(
    copied: Path, corpus_location: str, arguments: list[str], code: int, said: str
) -> None:
    given = arguments if "--index" in arguments else [*arguments, "--index", corpus_location]
    done = start(copied, *given)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_an_index_that_is_too_old_ends_with_4(copied: Path, corpus_location: str) -> None:
    (copied / "wherefrom.toml").write_text("[audit]\nmax_index_age_days = 1\n")
    done = start(copied, ".", "--index", corpus_location)
    assert done.returncode == 4 and "days old; at most 1" in done.stdout


def test_bad_source_date_epoch_is_an_input_error(copied: Path, corpus_location: str) -> None:
    done = start(copied, ".", "--index", corpus_location, SOURCE_DATE_EPOCH="yesterday")
    assert done.returncode == 2 and "seconds since 1970" in done.stderr


@contextmanager
def server(index: Index, dies_after: int | None = None, partial: bool = False) -> Iterator[tuple[str, list[int]]]:
    """A server that answers as the index does, until it has had enough; and how many texts it was asked about."""
    asked: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(to_json(index.info))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(1)
            if dies_after is not None and len(asked) > dies_after:
                self.close_connection = True
                return
            answer = to_json(index.attribute(body["text"], limit=body["limit"], offset_unit=body["offset_unit"]))
            self._send(answer | ({"status": "partial", "partial": {"reasons": ["postings"]}} if partial else {}))

        def _send(self, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def many(tmp_path: Path, content: Any, put: Any, made_up: Any) -> Path:
    """A project of thirty files."""
    for number in range(30):
        put(tmp_path / f"many/{number:02}.py", made_up(10, number) + (content("click/parser.py") if number == 29 else ""))
    return tmp_path / "many"


def test_a_server_that_dies_half_way_ends_with_3_and_the_next_run_goes_on(many: Path, corpus: Index, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    with server(corpus, dies_after=12) as (url, _):
        done = start(many, ".", "--index", url, "--cache", cache, "--jobs", "1")
    assert done.returncode == 3 and done.stdout == ""
    assert "hung up" in done.stderr and "run the same command again to go on" in done.stderr
    with server(corpus) as (url, asked):
        again = start(many, ".", "--index", url, "--cache", cache, "--json")
    assert again.returncode in (0, 4), again.stderr  # 4: the index is old by now
    assert {finding["path"] for finding in json.loads(again.stdout)["findings"]} == {"29.py"}
    assert 15 <= len(asked) <= 20, "what was answered before is not asked again"


def test_a_partial_answer_ends_with_4(copied: Path, corpus: Index) -> None:
    with server(corpus, partial=True) as (url, _):
        done = start(copied, ".", "--index", url, "--json")
    assert done.returncode == 4
    document = json.loads(done.stdout)
    assert document["files"][0]["state"] == "partial" and any("postings" in problem for problem in document["problems"])
    (copied / "wherefrom.toml").write_text("[audit]\nmax_partial_files = 99\nmax_index_age_days = 100000\n")
    with server(corpus, partial=True) as (url, _):
        allowed = start(copied, ".", "--index", url, "--json")
    assert allowed.returncode == 0 and json.loads(allowed.stdout)["counts"]["partial"] > 0


def test_a_server_gives_the_same_findings_as_its_folder(copied: Path, corpus: Index, corpus_location: str) -> None:
    with server(corpus) as (url, _):
        remote = json.loads(start(copied, ".", "--index", url, "--json").stdout)
    local = json.loads(start(copied, ".", "--index", corpus_location, "--json").stdout)
    assert remote["findings"] == local["findings"] != []


def test_auditing_against_a_server_needs_no_engine(copied: Path, corpus: Index) -> None:
    hidden = ["numpy", "numba", "pyarrow", "tantivy", "fastapi"]
    with server(corpus) as (url, _):
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.modules.update(dict.fromkeys({hidden}))\n"
        code += f"import wherefrom; wherefrom.main(['audit', '.', '--index', '{url}'])"
        done = subprocess.run([sys.executable, "-c", code], cwd=copied, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4) and "example/wrapping" in done.stdout, done.stderr


def test_a_second_run_asks_nothing_and_answers_the_same(
    many: Path, corpus: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rebuilt_location: str
) -> None:
    monkeypatch.chdir(many)
    first, second, other = Progress(), Progress(), Progress()
    request = Request((Path(),), cache_folder=tmp_path / "cache")
    before = run(corpus, request, first).audit
    after = run(corpus, request, second).audit
    assert (first.cached, second.cached) == (0, 30) and first.files == second.files == 30
    assert after.findings == before.findings
    with Index.open(rebuilt_location) as rebuilt:
        run(rebuilt, request, other)
    assert other.cached == 0, "another generation answers for itself"


def test_a_damaged_cache_costs_time_only(copied: Path, corpus_location: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "answers-1.sqlite").write_bytes(b"no database" * 100)
    done = start(copied, ".", "--index", corpus_location, "--cache", str(cache), "--json")
    assert json.loads(done.stdout)["findings"]


def test_all_cores_give_what_one_gives(
    tmp_path: Path, corpus: Index, content: Any, put: Any, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(80):
        put(tmp_path / f"{number}.py", made_up(12, number) + ("" if number % 20 else content("click/parser.py")))
    monkeypatch.chdir(tmp_path)
    one = run(corpus, Request((Path(),), jobs=1)).audit
    two = run(corpus, Request((Path(),), jobs=2)).audit
    assert two.findings == one.findings != () and two.files == one.files


def test_code_never_stands_in_an_error(copied: Path, corpus: Index) -> None:
    with server(corpus, dies_after=0) as (url, _):
        done = start(copied, ".", "--index", url, "--no-cache")
    assert done.returncode == 3 and "def wrap" not in done.stderr and "class TextWrapper" not in done.stderr


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, str]:
    """An environment in which `wherefrom` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "wherefrom").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{wherefrom.__file__}" "$@"\n')
    (folder / "wherefrom").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def repository(tmp_path: Path, content: Any, put: Any, made_up: Any) -> Path:
    """A repository with one commit, and one copied file that is staged."""
    folder = tmp_path / "repository"
    put(folder / "own.py", made_up(20))
    put(folder / "wherefrom.toml", "[audit]\nmax_index_age_days = 100000\n[audit.policy]\ndeny = ['copyleft']\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    put(folder / "filling.py", content("src/wrapping.py"))
    subprocess.run(["git", "-C", str(folder), "add", "."], check=True)
    return folder


def test_the_pre_commit_hook_refuses_what_the_policy_denies(repository: Path, commands: dict[str, str], corpus_location: str) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["pass_filenames"] is False
    call = {"cwd": repository, "env": commands | {"WHEREFROM_INDEX": corpus_location}, "capture_output": True, "text": True, "shell": True}
    refused = subprocess.run(hook["entry"], check=False, **call)
    assert refused.returncode == 1 and "filling.py" in refused.stdout
    subprocess.run(["git", "-C", str(repository), "rm", "-q", "--cached", "filling.py"], check=True)
    assert subprocess.run(hook["entry"], check=False, **call).returncode == 0


def bash(missing: Callable[[str, str], NoReturn]) -> str:
    return shutil.which("bash") or missing("bash", "apt-get install bash")


def test_the_github_action_writes_reports_summary_and_output(
    repository: Path, commands: dict[str, str], corpus_location: str, tmp_path: Path, missing: Any
) -> None:
    action = yaml.safe_load((ROOT / "deploy/ci/action.yml").read_text())
    steps = action["runs"]["steps"]
    (audit,) = [step for step in steps if step.get("id") == "audit"]
    expressions = {"inputs.index": corpus_location, "inputs.paths": ".", "inputs.baseline": "", "runner.temp": str(tmp_path)}
    expressions["github.event.pull_request.base.sha"] = "HEAD"
    given = {name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: expressions[found[1]], value) for name, value in audit["env"].items()}
    given |= {
        "GITHUB_ACTION_PATH": str(ROOT / "deploy/ci"),
        "GITHUB_OUTPUT": str(tmp_path / "out"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "sum"),
    }
    command = [bash(missing), "-c", audit["run"]]
    done = subprocess.run(command, cwd=repository, env=commands | given, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "filling.py" in (tmp_path / "sum").read_text()
    sarif = (tmp_path / "out").read_text().strip().removeprefix("sarif=")
    assert json.loads(Path(sarif).read_text())["runs"][0]["results"]
    assert any("steps.audit.outputs.sarif" in step.get("with", {}).get("sarif_file", "") for step in steps)
    assert (ROOT / "deploy/ci" / "../.." / "pyproject.toml").is_file(), "what the install step installs"


def test_the_gitlab_template_asks_about_a_merge_requests_lines(
    repository: Path, commands: dict[str, str], corpus_location: str, missing: Any
) -> None:
    job = yaml.safe_load((ROOT / "deploy/ci/gitlab.yml").read_text())["wherefrom-audit"]
    script = "set -e\n" + "\n".join(job["script"])
    given = commands | {"WHEREFROM_INDEX": corpus_location, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD"}
    done = subprocess.run([bash(missing), "-c", script], cwd=repository, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    report = json.loads((repository / job["artifacts"]["reports"]["codequality"]).read_text())
    assert {entry["location"]["path"] for entry in report} == {"filling.py"}


def test_every_option_of_the_ci_files_is_one_of_the_command(missing: Any) -> None:
    known = {name for typed, _ in command_options("audit") for name in typed.split() if name.startswith("--")}
    for file in ("audit.sh", "gitlab.yml"):
        text = (ROOT / "deploy/ci" / file).read_text()
        assert set(re.findall(r"--(?:report|diff|staged|baseline|policy|use)\b", text)) <= {name.rstrip(",") for name in known}
    subprocess.run([bash(missing), "-n", str(ROOT / "deploy/ci/audit.sh")], check=True)
