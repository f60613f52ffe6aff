"""What does it take to make a release of real packages, and the next one with additions? `python -m tests.bench.curation`.

The workload's packages, seven large ones beside them, and the Python packages installed here, which constraints.txt pins, go through every
command to a release 1.0; then the workload's other packages and a request for removal make 1.1, which is compared, loaded and pushed.
Every command is a process of its own, whose whole tree is watched. What stands already, made by the same code, is not made again.

Not here: that each step is right (`tests/curation`), licences, near-duplicates, benchmarks in the files (the modules of those names).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests.bench.corpus import console, note
from tests.bench.curation_report import Version, report
from tests.bench.download import Fetched, download_all
from tests.bench.engines import ROOT, code_digest
from tests.bench.packages import Package, packages
from tests.bench.parts import Part, Parts
from tests.bench.place import data_folder

RESULTS = Path(__file__).with_name("results") / "curation.md"
LARGE = "gdal godot golang-1.19 perl php8.2 ruby3.1 vtk9".split()  # of those listed under `growth`
LEFT_OUT = "npm/vue"  # asked for between the versions
LANGUAGES = ("go", "ruby", "shell")  # loaded as a person would who trains on them
_LOOK_SECONDS = 0.1
_LOAD = """
import json, socket, sys
def refuse(*_, **__): raise AssertionError("the network was asked")
socket.getaddrinfo = socket.create_connection = refuse
from datasets import load_dataset
folder, *languages = sys.argv[1:]
print(json.dumps({name: load_dataset(folder, name, split="train").num_rows for name in languages}))
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it printed as JSON, and what it cost. `peak_bytes` is the resident memory of its largest process."""

    name: str
    printed: Any
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def main() -> None:
    """Reads the options, runs, prints the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.curation", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="where packages and releases are kept (%(default)s)")
    parser.add_argument("--decontaminate", type=Path, metavar="FILE", help="a benchmark as JSON Lines, kept out of both releases")
    parser.add_argument("--fresh", action="store_true", help="make everything anew")
    parser.add_argument("--quick", action="store_true", help="a tenth of the packages, to try the script; writes no result")
    options = parser.parse_args()
    begun = os.getloadavg()[0]
    text = _Run(options.data.resolve(), options.decontaminate, options.fresh, options.quick).report(begun)
    print(text)
    if not options.quick:
        RESULTS.write_text(text, "utf-8")
        console.print(f"written to {RESULTS}", highlight=False, soft_wrap=True)


class _Run:
    """The commands in their order, in one folder."""

    def __init__(self, data: Path, benchmark: Path | None, fresh: bool, quick: bool) -> None:
        self._folder = data / ("curation-quick" if quick else "curation")
        self._downloads, self._benchmark, self._quick = data / "downloads", benchmark, quick
        self._parts = Parts(self._folder / "measured", fresh)
        self._missing: dict[str, str] = {}

    def report(self, load_before: float) -> str:
        """Runs what has not been run."""
        self._folder.mkdir(parents=True, exist_ok=True)
        first, added = self._sources()
        collected = [
            self._wherefrom("collect", [*first, f"python-env:{sys.prefix}", "-o", "raw-1", "--skip-bad"], leaves="raw-1"),
            self._wherefrom("collect", [*added, "-o", "raw-2", "--skip-bad"], leaves="raw-2"),
        ]
        removals = self._folder / "removals.jsonl"
        removals.write_text(json.dumps({"repository": LEFT_OUT}) + "\n", "utf-8")
        benchmark = ["--decontaminate", str(self._benchmark.resolve())] if self._benchmark else []
        named = ["--name", "real", *benchmark]
        curated = [
            self._wherefrom("curate", ["raw-1", "-o", "release-1.0", "--version", "1.0", *named], leaves="release-1.0"),
            self._wherefrom(
                "curate",
                [
                    "raw-1",
                    "raw-2",
                    "-o",
                    "release-1.1",
                    "--version",
                    "1.1",
                    *named,
                    "--previous",
                    "release-1.0",
                    "--removals",
                    "removals.jsonl",
                ],
                leaves="release-1.1",
            ),
        ]
        others = [self._wherefrom("release diff", ["release-1.0", "release-1.1"]), self._loaded(), *self._pushed()]
        versions = [
            Version(number, made.result["printed"], json.loads((self._folder / f"release-{number}" / "lineage.json").read_text("utf-8")))
            for number, made in zip(("1.0", "1.1"), curated, strict=True)
        ]
        return report([*collected, *curated, *others], versions, self._missing, load_before)

    def _sources(self) -> tuple[list[str], list[str]]:
        """What 1.0 is made of, and what 1.1 adds."""
        large = [] if self._quick else [package for package in packages("growth") if package.name in LARGE]
        wanted = [*packages("corpus", quick=self._quick), *large]
        return self._named(wanted), self._named(packages("heldout", quick=self._quick))

    def _named(self, wanted: Sequence[Package]) -> list[str]:
        fetched = download_all(sorted(wanted), self._downloads, partial(note, self._missing))
        return [name for one in fetched for name in _source_names(one)]

    def _wherefrom(self, command: str, arguments: list[str], leaves: str | None = None) -> Part:
        told = [str(self._benchmark)] if command == "curate" else []
        made_with = {"code": code_digest(("curation", "indexer", "tests/bench/curation.py")), "arguments": " ".join([*arguments, *told])}
        name = "-".join([*command.split(), *filter(None, [leaves])])
        full = [sys.executable, "-m", "wherefrom", *command.split(), *arguments, "--json"]

        def measure() -> dict[str, Any]:
            if leaves:
                shutil.rmtree(self._folder / leaves, ignore_errors=True)
            return asdict(self._watched(f"{command} {leaves or ''}".strip(), full))

        return self._parts.get(name, made_with, measure, leaves=self._folder / leaves if leaves else None)

    def _loaded(self) -> Part:
        languages = [name for name in LANGUAGES if (self._folder / "release-1.1" / "data" / name).is_dir()]
        command = [sys.executable, "-c", _LOAD, "release-1.1", *languages]
        made_with = {"release": (self._folder / "release-1.1" / "manifest.json").read_text("utf-8")[:2000]}
        return self._parts.get("load", made_with, lambda: asdict(self._watched("datasets.load_dataset, offline", command)))

    def _pushed(self) -> Iterable[Part]:
        """Both versions to a git repository on this machine, where git-lfs is installed."""
        if not shutil.which("git-lfs"):
            return
        hub = self._folder / "hub.git"
        if not hub.is_dir():
            subprocess.run(["git", "init", "--quiet", "--bare", str(hub)], check=True)
        for number in ("1.0", "1.1"):
            yield self._wherefrom("release push", [f"release-{number}", f"git+file://{hub}", "--accept-terms"])

    def _watched(self, name: str, command: list[str]) -> Command:
        """Runs a command in the folder and watches it and its children."""
        console.print(name, highlight=False)
        environment = os.environ | {"HF_HOME": str(self._folder / "hub-cache"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        with tempfile.TemporaryFile() as printed, open(self._folder / "errors.log", "ab") as errors:
            with subprocess.Popen(command, cwd=self._folder, env=environment, stdout=printed, stderr=errors) as process:
                cpu, peak_bytes = _costs(process)
            wall = time.perf_counter() - began
            if process.returncode:
                raise SystemExit(f"{name}: exit code {process.returncode}; see the end of {errors.name}")
            printed.seek(0)
            return Command(name, json.load(printed), wall, cpu, peak_bytes)


def _source_names(one: Fetched) -> list[str]:
    """A package as `wherefrom collect` takes it."""
    if one.package.kind == "deb":
        return [f"debian:{path}" for path in one.archives if path.suffix == ".dsc"]
    return [f"{'wheel' if one.package.kind == 'py' else 'npm'}:{path}" for path in one.archives]


def _costs(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """CPU seconds of a process and all that it started, and the most memory that one of them had, by looking until it has ended."""
    seconds: dict[tuple[int, float], float] = {}
    peak_bytes, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            for member in [tree, *tree.children(recursive=True)]:
                times = member.cpu_times()
                seconds[member.pid, member.create_time()] = times.user + times.system
                peak_bytes = max(peak_bytes, member.memory_info().rss)
        except psutil.NoSuchProcess:
            continue  # it ended between the listing and the look
        time.sleep(_LOOK_SECONDS)
    return sum(seconds.values()), peak_bytes


if __name__ == "__main__":
    main()
