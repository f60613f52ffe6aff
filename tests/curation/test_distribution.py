"""Releases reach a place of distribution whole, and those who hold one learn what became of it."""

import functools
import http.server
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curation.collect import collect
from curation.curate import curate
from curation.distribution import push, status, withdraw
from curation.origin import Reading
from curation.pipeline import index_sources
from curation.release_facts import Choices, Described
from curation.release_folder import check_hashes
from curation.terms import DEFAULT_TERMS
from indexer.corpus import Release
from indexer.errors import BackendUnavailable, IndexCorrupt, IndexNotFound, InputError

Run = Callable[..., subprocess.CompletedProcess[str]]
Make = Callable[..., Release]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """make("1.0", date="2026-01-01") -> a release of one file."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "area.py").write_text("# SPDX-License-Identifier: MIT\ndef area(width, height):\n    return width * height\n")
    collect([f"dir:{tmp_path / 'code'}"], tmp_path / "raw", date="2026-01-01", reading=Reading())

    def release(version: str, date: str = "2026-01-01", terms: str = DEFAULT_TERMS, name: str = "demo") -> Release:
        folder = tmp_path / f"{name}-{version}".replace("/", "")
        curate([tmp_path / "raw"], folder, Described(name, version, date, terms=terms), Choices())
        return Release.open(folder)

    return release


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


@pytest.fixture
def url(place: Path) -> Iterator[str]:
    """The place, as a web server shows it."""
    place.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(place))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_pushed_copy_is_whole_and_carries_the_terms(make: Make, place: Path) -> None:
    release = make("1.0", terms="Be kind.\n")
    target = Path(push(release, str(place), accept_terms=True))
    assert target == place / "demo" / "1.0"
    check_hashes(Release.open(target))
    ours = {path.relative_to(release.path): path.read_bytes() for path in release.path.rglob("*") if path.is_file()}
    assert {path.relative_to(target): path.read_bytes() for path in target.rglob("*") if path.is_file()} == ours
    assert (target / "TERMS.md").read_text() == "Be kind.\n"


def test_terms_are_accepted_first(make: Make, place: Path) -> None:
    with pytest.raises(InputError, match=r"accepts its terms of use first, with --accept-terms:\n\n# Terms of use"):
        push(make("1.0"), str(place), accept_terms=False)
    assert not place.exists()


def test_the_same_release_is_pushed_once_and_another_of_its_version_is_refused(make: Make, place: Path) -> None:
    release = make("1.0")
    assert push(release, str(place), accept_terms=True) == push(release, str(place), accept_terms=True)
    assert len(json.loads((place / "releases.json").read_text())["releases"]) == 1
    manifest = release.path / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(InputError, match="exists already"):
        push(release, str(place), accept_terms=True)


def test_a_damaged_release_is_not_pushed(make: Make, place: Path) -> None:
    release = make("1.0")
    (part,) = release.path.glob("data/*/*.parquet")
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(IndexCorrupt, match="SHA-256"):
        push(release, str(place), accept_terms=True)
    assert not (place / "demo" / "1.0").exists()
    assert not (place / "releases.json").exists()


def test_links_are_not_followed_out_of_a_release(make: Make, place: Path, tmp_path: Path) -> None:
    release = make("1.0")
    (release.path / "link").symlink_to(tmp_path / "code" / "area.py")
    assert not Path(push(release, str(place), accept_terms=True), "link").exists()


@pytest.mark.parametrize("version", ["../1.0", ".hidden", "1/2", "x" * 101])
def test_a_version_that_is_no_folder_name_is_refused(make: Make, place: Path, version: str) -> None:
    with pytest.raises(InputError, match="cannot be a folder's name"):
        push(make(version), str(place), accept_terms=True)


def test_what_was_only_collected_is_not_pushed(make: Make, place: Path, tmp_path: Path) -> None:
    make("1.0")
    with pytest.raises(InputError, match="not a release"):
        push(Release.open(tmp_path / "raw"), str(place), accept_terms=True)


def test_a_holder_learns_of_the_newest_usable_version_over_the_web(make: Make, place: Path, url: str) -> None:
    held = make("1.0")
    push(held, str(place), accept_terms=True)
    assert status(held, url).state == "current"
    for version, date in (("1.1", "2026-02-01"), ("1.2", "2026-03-01"), ("1.2.1", "2026-03-01"), ("0.9", "2025-01-01")):
        push(make(version, date), str(place), accept_terms=True)
    found = status(held, url)
    assert (found.state, found.newest and found.newest.version) == ("outdated", "1.2.1")
    withdraw(Release.open(place / "demo" / "1.2.1"), "wrong licences", "2026-03-02")
    found = status(held, str(place))
    assert (found.state, found.newest and found.newest.version) == ("outdated", "1.2")
    assert status(Release.open(place / "demo" / "1.2"), url).state == "current"


def test_a_holder_learns_that_theirs_was_withdrawn(make: Make, place: Path, url: str) -> None:
    held = make("1.0")
    assert withdraw(Release.open(push(held, str(place), accept_terms=True)), "opted out", "2026-02-02")
    found = status(held, url)
    assert (found.state, found.withdrawn, found.newest) == ("withdrawn", {"date": "2026-02-02", "reason": "opted out"}, None)


def test_nothing_new_is_made_of_a_withdrawn_release(make: Make, place: Path, tmp_path: Path) -> None:
    release = make("1.0")
    assert not withdraw(release, "opted out", "2026-02-02")
    check_hashes(release)
    message = r"withdrawn on 2026-02-02 \(opted out\)"
    with pytest.raises(InputError, match=message):
        push(release, str(place), accept_terms=True)
    with pytest.raises(InputError, match=message):
        index_sources([str(release.path)], tmp_path / "x.index", date="2026-02-03")
    with pytest.raises(InputError, match=message):
        curate([release.path], tmp_path / "next", Described("demo", "2", "2026-02-03"), Choices())
    with pytest.raises(InputError, match="--reason"):
        withdraw(release, " ", "2026-02-02")


def test_a_place_that_is_none_is_named(make: Make, place: Path, url: str) -> None:
    held = make("1.0")
    with pytest.raises(IndexNotFound, match="no releases were pushed here"):
        status(held, str(place))
    with pytest.raises(IndexNotFound, match="not there"):
        status(held, url)
    with pytest.raises(BackendUnavailable, match="does not answer"):
        status(held, "http://127.0.0.1:9")
    (place / "releases.json").write_text("{}")
    with pytest.raises(IndexCorrupt, match="no list of releases"):
        status(held, url)
    (place / "releases.json").unlink()
    push(make("1.0", name="other"), str(place), accept_terms=True)
    with pytest.raises(InputError, match="lists no release of the name demo"):
        status(held, url)


def test_a_password_in_a_url_is_not_repeated(make: Make, url: str) -> None:
    with pytest.raises(IndexNotFound) as told:
        status(make("1.0"), url.replace("//", "//ada:sesame@"))
    assert "sesame" not in str(told.value)


def test_the_commands_tell_by_their_exit_code(make: Make, place: Path, wherefrom: Run, tmp_path: Path) -> None:
    make("1.0")
    make("1.1", "2026-02-01")
    assert wherefrom("release", "push", "demo-1.0", "place").returncode == 2
    assert wherefrom("release", "push", "demo-1.0", "place", "--accept-terms").returncode == 0
    assert wherefrom("release", "status", "demo-1.0", "--against", "place").returncode == 0
    assert json.loads(wherefrom("release", "push", "demo-1.1", "place", "--accept-terms", "--json").stdout) == {
        "location": "place/demo/1.1"
    }
    told = wherefrom("release", "status", "demo-1.0", "--against", "place", "--json")
    assert (told.returncode, json.loads(told.stdout)["newest"]["version"]) == (1, "1.1")
    done = wherefrom("release", "withdraw", "place/demo/1.0", "--reason", "opted out", SOURCE_DATE_EPOCH="1767225600")
    assert (done.returncode, done.stdout) == (0, "place/demo/1.0: withdrawn\n")
    told = wherefrom("release", "status", "demo-1.0", "--against", "place")
    assert (told.returncode, told.stdout) == (
        1,
        "demo-1.0: demo 1.0 is withdrawn since 2026-01-01: opted out; use 1.1 of 2026-02-01\n",
    )
