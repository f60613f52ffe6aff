"""What do the tests of all areas share? A home of their own, a small real index, a browser, a cluster, and what could not run.

A test that needs something the machine lacks skips with a reason that ends in the command which brings it. The last lines of a
run list those reasons; under CI=true such a skip is a failure, unless the test is marked `data_from_elsewhere`: a clone has none.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import pytest

from tests.compiling import compiled

SMALL_CORPUS = ("click", "h11", "httpcore", "httpx", "packaging", "pluggy", "rich", "typer")

# Compiling a kernel takes seconds the first time, so a time limit for one example would say nothing. Every run has the same examples.
hypothesis.settings.register_profile(
    "wherefrom", deadline=None, derandomize=True, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("wherefrom")


def pytest_configure(config: pytest.Config) -> None:
    """No test sees the user's home or default index; a committer's name is set, since git reads one from the home."""
    home = tempfile.mkdtemp(prefix="wherefrom-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in [name for name in os.environ if name.startswith("WHEREFROM_") and not name.startswith("WHEREFROM_TEST_")]:
        del os.environ[name]
    os.environ |= {"HOME": home, "XDG_STATE_HOME": f"{home}/state", "XDG_CACHE_HOME": f"{home}/cache", "XDG_CONFIG_HOME": f"{home}/config"}
    for role in ("AUTHOR", "COMMITTER"):
        os.environ |= {f"GIT_{role}_NAME": "A Tester", f"GIT_{role}_EMAIL": "tester@example.org"}
    if not config.option.collectonly:
        compiled(os.environ)


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI a skip is a failure: everything that is tested must be there."""
    report = yield
    _count_skip_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself."""
    report = yield
    _count_skip_in_ci(report)
    return report


def _count_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _in_ci() and report.skipped and not hasattr(report, "wasxfail") and "data_from_elsewhere" not in report.keywords:
        report.longrepr = f"could not run, which counts as a failure in CI: {_reason(report)}"
        report.outcome = "failed"


def _reason(report: Any) -> str:
    """Why a test was skipped, without the place it was skipped at."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The last lines: how many tests could not run, and the command that brings what each of them lacked."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section("could not run")
        for reason, n_tests in reasons.most_common():
            terminalreporter.line(f"{n_tests} test{'s' if n_tests > 1 else ''}: {reason}")


@pytest.fixture(scope="session")
def missing() -> Callable[[str, str], NoReturn]:
    """`missing("npm", "apt-get install npm")` ends a test that cannot run here, and names the one command that enables it."""

    def skip(what: str, command: str) -> NoReturn:
        pytest.skip(f"{what} is missing; enable with: {command}")

    return skip


@pytest.fixture(scope="session")
def chromium(missing: Callable[[str, str], NoReturn]) -> str:
    """Path of Debian's Chromium."""
    return shutil.which("chromium") or missing("Chromium", "apt-get install chromium")


@pytest.fixture(scope="session")
def elasticsearch(missing: Callable[[str, str], NoReturn]) -> Iterator[str]:
    """The URL of a real Elasticsearch: that of WHEREFROM_TEST_ELASTICSEARCH, else a node of this run's own."""
    from tests.elasticsearch_node import CannotStart, Distribution, distribution, server

    def found() -> Distribution:
        try:
            return distribution()
        except CannotStart as error:
            missing(*error.args)

    with server(found) as url:
        yield url


@dataclass(frozen=True, slots=True)
class SmallIndex:
    """A real index on disk, and the rows it was built from: `content`, `repository`, `commit`, `path` and more."""

    location: str
    rows: list[dict[str, Any]]


@pytest.fixture(scope="session")
def small_corpus() -> list[dict[str, Any]]:
    """A few hundred real source files of packages installed here, as rows of a release, in a fixed order."""
    return [row for name in SMALL_CORPUS for row in _package_rows(importlib.metadata.distribution(name))]


def _package_rows(package: importlib.metadata.Distribution) -> Iterator[dict[str, Any]]:
    name = package.metadata["Name"].lower()
    licence = package.metadata.get("License-Expression")
    for file in sorted(package.files or [], key=str):
        path = Path(str(package.locate_file(file)))
        if file.suffix == ".py" and path.is_file() and path.stat().st_size:
            yield {
                "content": path.read_text("utf-8"),
                "repository": f"pypi/{name}",
                "commit": package.version,
                "path": str(file),
                "language": "Python",
                "licenses": [licence] if licence else [],
                "license_expression": licence,
            }


@pytest.fixture(scope="session")
def small_repositories(small_corpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Their repositories, as rows of the table that a release has beside its files."""
    first = {row["repository"]: row for row in reversed(small_corpus)}
    described = ("repository", "commit", "licenses", "license_expression")
    return [
        {name: row[name] for name in described}
        | {"owner": "pypi", "license_texts": [{"path": "LICENSE", "text": f"Do with {repository} as you like.\n"}], "notice_texts": []}
        | {"copyright_lines": ["Copyright A. Holder"], "project_url": f"https://example.org/{repository}", "files": 1}
        for repository, row in first.items()
    ]


@pytest.fixture(scope="session")
def small_index(
    small_corpus: list[dict[str, Any]], small_repositories: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> SmallIndex:
    """Built once a run, with full text; tests that change an index build their own."""
    import pyarrow as pa

    from indexer.build import build_index
    from indexer.corpus import REPOSITORIES_SCHEMA, conform

    location = str(tmp_path_factory.mktemp("small") / "small.index")
    batches = [conform(batch) for batch in pa.Table.from_pylist(small_corpus).to_batches(max_chunksize=64)]
    table = pa.RecordBatch.from_pylist(small_repositories, REPOSITORIES_SCHEMA)
    build_index(location, batches, repositories=[table], name="small", version="1", date="2024-06-07", full_text=True)
    return SmallIndex(location, small_corpus)
