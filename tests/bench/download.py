"""How does a package get here? Through the ordinary clients: apt-get source, pip download, npm pack. Nothing of it is run.

A package that its registry no longer serves in the pinned version is left out, and the report names it.

Not here: what is taken out of the archives (`extract`).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.packages import Package

APT_SOURCES = Path("/etc/apt")


class Unobtainable(Exception):
    """The registry does not serve the package in this version, or its client is not installed."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A package and its archives, sorted by name."""

    package: Package
    archives: tuple[Path, ...]


def download_all(packages: Sequence[Package], folder: Path, failed: Callable[[Package, str], None]) -> list[Fetched]:
    """Fetches what is not there yet, four at a time, in the order given; `failed` hears of every package that cannot be had."""
    if any(package.kind == "deb" for package in packages):
        _update_source_lists(folder)
    with ThreadPoolExecutor(4) as pool:
        tasks = [(package, pool.submit(download, package, folder)) for package in packages]
    fetched = []
    for package, task in tasks:
        try:
            fetched.append(task.result())
        except Unobtainable as error:
            failed(package, str(error))
    return fetched


def download(package: Package, folder: Path) -> Fetched:
    """One package in a folder of its own below `folder`; asks the registry only when it is not there. Raises Unobtainable."""
    own = folder / "dl" / package.kind / package.name.replace("/", "__").lstrip("@")
    own.mkdir(parents=True, exist_ok=True)
    if not _complete(package, own):
        _run(_command(package, own, folder), own, allow_failure=package.kind == "deb")
    if not _complete(package, own):
        raise Unobtainable(f"{package.repository}: the registry does not serve this version")
    return Fetched(package, tuple(_archives(own)))


def _archives(own: Path) -> list[Path]:
    return sorted(path for path in own.iterdir() if path.is_file() and path.suffix not in (".asc", ".partial"))


def _complete(package: Package, own: Path) -> bool:
    if package.kind != "deb":
        return bool(_archives(own))
    # A mirror may lack the small debian.tar: the upstream tarball alone is enough, only the licence is unknown then.
    return bool(list(own.glob("*.dsc"))) and bool(list(own.glob("*.orig*.tar.*")))


def _command(package: Package, own: Path, folder: Path) -> list[str]:
    if package.kind == "deb":
        return [*_apt_get(folder), "source", "--download-only", f"{package.name}={package.version}"]
    if package.kind == "npm":
        return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    # Wheels only: building a source distribution would run code of the package. One Python version, so that everyone gets the same wheels.
    choice = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.11"]
    return [sys.executable, "-m", "pip", "download", "-q", *choice, "-d", str(own), f"{package.name}=={package.version}"]


def _apt_get(folder: Path) -> list[str]:
    apt = folder / "apt"
    options = {"Dir::Etc::sourcelist": apt / "src.sources", "Dir::Etc::sourceparts": "/dev/null", "Dir::State::lists": apt / "lists"}
    return ["apt-get", "-q", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]


def _update_source_lists(folder: Path) -> None:
    """The machine's own Debian sources, asked for source packages instead of binary ones, in a list of our own."""
    lists = folder / "apt" / "lists"
    if any(lists.glob("*Sources*")):
        return
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    stanzas = [path.read_text("utf-8") for path in sorted(APT_SOURCES.glob("sources.list.d/*.sources"))]
    if not stanzas:
        raise SystemExit(f"{APT_SOURCES}/sources.list.d: no .sources file; the corpus needs Debian 12 or later, for its source packages")
    text = re.sub(r"(?m)^(Types:\s*)deb\s*$", r"\1deb-src", "\n\n".join(stanzas))
    (folder / "apt" / "src.sources").write_text(text, "utf-8")
    _run([*_apt_get(folder), "update"], folder)


def _run(command: list[str], folder: Path, *, allow_failure: bool = False) -> None:
    try:
        # Absolute paths in the command, so that it means the same in every working folder.
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unobtainable(f"{command[0]} is not installed (apt-get install {command[0]})") from error
    if done.returncode and not allow_failure:
        raise Unobtainable(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")
