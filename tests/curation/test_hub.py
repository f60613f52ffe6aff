"""Releases reach a git repository with Git LFS whole, by git's own client; a push that is cut off shows nothing and goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from curation.collect import collect
from curation.curate import curate
from curation.distribution import push, status, withdraw
from curation.hub_git import clone_of
from curation.origin import Reading
from curation.release_facts import Choices, Described
from curation.release_folder import check_hashes, files_of
from indexer.corpus import Release
from indexer.errors import AccessRefused, BackendUnavailable, IndexLocked, IndexNotFound, InputError
from tests.curation.hub_server import Hub, running_hub
from tests.limits import HANG_SECONDS


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Release]:
    """1.0 and 1.1, which has one file more, as folders that tests copy before they change them."""
    folder = tmp_path_factory.mktemp("releases")
    code = folder / "code"
    code.mkdir()
    (code / "area.py").write_text("# SPDX-License-Identifier: MIT\ndef area(width, height):\n    return width * height\n")
    made = {}
    for version, date in (("1.0", "2026-01-01"), ("1.1", "2026-02-01")):
        collect([f"dir:{code}"], folder / f"raw-{version}", date=date, reading=Reading())
        curate([folder / f"raw-{version}"], folder / version, Described("demo", version, date), Choices(), jobs=1)
        made[version] = Release.open(folder / version)
        (code / "main.c").write_text("// SPDX-License-Identifier: MIT\nint main(void) { return 0; }\n")
    return made


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: Callable[[str, str], NoReturn]) -> Iterator[Hub]:
    """A hub whose account git knows, in a home without other settings."""
    if not shutil.which("git-lfs"):
        missing("git-lfs", "apt-get install git-lfs")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "hub").mkdir()
    with running_hub(tmp_path / "hub") as running:
        for name, value in running.credentials().items():
            monkeypatch.setenv(name, value)
        yield running


def checked_out(hub: Hub, folder: Path, version: str = "main") -> Release:
    """What somebody gets who clones the repository with Git LFS."""
    smudge = ("-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.process=git-lfs filter-process")
    command = ["git", *smudge, "-c", "filter.lfs.required=true", "clone", "--quiet", "--depth=1", "--branch", version, hub.url, str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return Release.open(folder)


def contents(release: Release) -> dict[str, bytes]:
    return {str(path.relative_to(release.path)): path.read_bytes() for path in files_of(release.path)}


def test_what_a_holder_clones_is_the_release_byte_by_byte(hub: Hub, releases: dict[str, Release], tmp_path: Path) -> None:
    pushed = push(releases["1.0"], f"git+{hub.url}", accept_terms=True)
    held = checked_out(hub, tmp_path / "held")
    check_hashes(held)
    assert pushed == f"git+{hub.url}"
    assert contents(held) == contents(releases["1.0"])
    assert "Terms of use" in (held.path / "TERMS.md").read_text()
    assert set(hub.sent) == {digest for name, digest in releases["1.0"].manifest["hashes"].items() if name.endswith(".parquet")}, (
        "tables go through Git LFS"
    )
    assert status(held, f"git+{hub.url}").state == "current"


def test_a_holder_learns_of_a_newer_version_and_can_still_get_the_old_one(hub: Hub, releases: dict[str, Release], tmp_path: Path) -> None:
    place = f"git+{hub.url}"
    for version in ("1.0", "1.1", "1.1"):
        push(releases[version], place, accept_terms=True)
    assert len(hub.sent) == len(set(hub.sent)), "a large file that is there is not sent again"
    found = status(releases["1.0"], place)
    assert (found.state, found.newest and found.newest.version) == ("outdated", "1.1")
    assert contents(checked_out(hub, tmp_path / "new")) == contents(releases["1.1"])
    assert contents(checked_out(hub, tmp_path / "old", "1.0")) == contents(releases["1.0"])
    commits = subprocess.run(
        ["git", "-C", str(hub.repository), "log", "--format=%s %as", "main"], capture_output=True, text=True, check=True
    )
    assert commits.stdout == "demo 1.1 2026-02-01\ndemo 1.0 2026-01-01\n"


def test_a_holder_learns_that_a_version_was_withdrawn(hub: Hub, releases: dict[str, Release], tmp_path: Path) -> None:
    place = f"git+file://{hub.repository}"
    for version in ("1.0", "1.1"):
        push(releases[version], place, accept_terms=True)
    ours = Release.open(shutil.copytree(releases["1.1"].path, tmp_path / "ours"))
    assert withdraw(ours, "opted out", "2026-02-02", place)
    mark = {"date": "2026-02-02", "reason": "opted out"}
    assert (status(releases["1.1"], place).state, status(releases["1.1"], place).withdrawn) == ("withdrawn", mark)
    assert status(releases["1.0"], place).state == "current", "the newest version that can be used"
    with clone_of(f"file://{hub.repository}") as clone:
        assert json.loads(clone.read("WITHDRAWN.json")) == mark
    with pytest.raises(InputError, match="was withdrawn there on 2026-02-02"):
        push(releases["1.1"], place, accept_terms=True)
    with pytest.raises(InputError, match="takes git"):
        withdraw(ours, "opted out", "2026-02-02", str(tmp_path))


def test_a_push_that_was_killed_shows_nothing_and_goes_on(hub: Hub, releases: dict[str, Release], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wherefrom", "release", "push", str(releases["1.0"].path), f"git+{hub.url}", "--accept-terms"]
    hub.stalls_after = 1
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # what it leaves goes with the test
    with subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        assert hub.stalled.wait(HANG_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    assert (hub.branch(), len(hub.sent)) == ("", 1)
    with pytest.raises(IndexNotFound, match="no releases were pushed here"):
        status(releases["1.0"], f"git+{hub.url}")
    hub.stalls_after = None
    push(releases["1.0"], f"git+{hub.url}", accept_terms=True)
    assert len(hub.sent) == len(set(hub.sent))
    assert contents(checked_out(hub, tmp_path / "held")) == contents(releases["1.0"])


def test_a_push_that_ended_before_its_tag_sets_it_the_next_time(hub: Hub, releases: dict[str, Release]) -> None:
    push(releases["1.0"], f"git+{hub.url}", accept_terms=True)
    subprocess.run(["git", "-C", str(hub.repository), "tag", "-d", "1.0"], check=True, capture_output=True)
    before = hub.branch()
    push(releases["1.0"], f"git+{hub.url}", accept_terms=True)
    tag = subprocess.run(["git", "-C", str(hub.repository), "rev-parse", "1.0"], check=True, capture_output=True, text=True)
    assert (tag.stdout.strip(), hub.branch()) == (before, before)


def test_a_repository_on_this_machine_needs_no_server(hub: Hub, releases: dict[str, Release], tmp_path: Path) -> None:
    place = f"git+file://{hub.repository}"
    push(releases["1.0"], place, accept_terms=True)
    folder = tmp_path / "held"
    smudge = ("-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.process=git-lfs filter-process")
    subprocess.run(["git", *smudge, "clone", "--quiet", f"file://{hub.repository}", str(folder)], check=True, capture_output=True)
    assert contents(Release.open(folder)) == contents(releases["1.0"])
    assert hub.sent == []


def test_terms_are_accepted_before_anything_is_asked(releases: dict[str, Release]) -> None:
    with pytest.raises(InputError, match=r"accepts its terms of use first, with --accept-terms:\n\n# Terms of use"):
        push(releases["1.0"], "git+http://127.0.0.1:9/demo.git", accept_terms=False)


def test_no_credentials_no_rights_no_repository_no_server(hub: Hub, releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"git+{hub.url}"
    hub.is_writable = False
    with pytest.raises(AccessRefused, match="needs the right to write"):
        push(releases["1.0"], place, accept_terms=True)
    hub.is_writable = True
    with pytest.raises(IndexNotFound, match="make it at the hub first"):
        push(releases["1.0"], place.replace("demo", "other"), accept_terms=True)
    with pytest.raises(BackendUnavailable, match="run again later"):
        push(releases["1.0"], "git+http://127.0.0.1:9/demo.git", accept_terms=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    with pytest.raises(AccessRefused, match="credentials that git itself finds"):
        push(releases["1.0"], place, accept_terms=True)
    assert (hub.branch(), hub.sent) == ("", [])


def test_a_password_is_taken_from_git_and_told_to_nobody(hub: Hub, releases: dict[str, Release], wherefrom: Callable[..., object]) -> None:
    done = wherefrom("release", "push", str(releases["1.0"].path), f"git+{hub.url}", "--accept-terms", "--json", **hub.credentials())
    assert isinstance(done, subprocess.CompletedProcess)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"location": f"git+{hub.url}"})
    kept = b"".join(path.read_bytes() for path in hub.folder.rglob("*") if path.is_file())
    assert hub.password not in done.stdout + done.stderr
    assert hub.password.encode() not in kept


@pytest.mark.parametrize(
    "place", ["git+https://ada:sesame@host.test/o/n", "git+https://sesame@host.test/o/n", "git+ssh://git:sesame@host.test/n"]
)
def test_a_location_with_credentials_is_refused_without_repeating_them(releases: dict[str, Release], place: str) -> None:
    with pytest.raises(InputError, match="holds a user, password or query") as told:
        push(releases["1.0"], place, accept_terms=True)
    assert "sesame" not in str(told.value)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("https://host.test/o/n", r"with git\+ before its URL"),
        ("git+ext::sh -c true", "wanted git"),
        ("git+https://host.test", "wanted git"),
        ("git+https://[x/o/n", "no URL"),
    ],
)
def test_a_location_that_is_none_is_explained(releases: dict[str, Release], place: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        push(releases["1.0"], place, accept_terms=True)


def test_git_lfs_is_asked_for_where_it_is_missing(
    hub: Hub, releases: dict[str, Release], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InputError, match="apt-get install git-lfs"):
        push(releases["1.0"], f"git+file://{hub.repository}", accept_terms=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git is not installed"):
        push(releases["1.0"], f"git+file://{hub.repository}", accept_terms=True)


def test_what_is_no_place_for_a_release_is_left_alone(hub: Hub, releases: dict[str, Release], tmp_path: Path) -> None:
    place, url = f"git+file://{hub.repository}", f"file://{hub.repository}"
    with clone_of(url) as clone:
        clone.push(clone.commit({}, {"README.md": b"mine", "main.py": b"mine"}, None, "work", "2026-01-01"), clone.branch)
    before = hub.branch()
    with pytest.raises(InputError, match=r"holds main.py and no releases.json"):
        push(releases["1.0"], place, accept_terms=True)
    assert hub.branch() == before
    with clone_of(url) as clone:
        clone.push(clone.commit({}, {"README.md": b"a hub's own"}, None, "new", "2026-01-01"), clone.branch)
        clone.push(before, "refs/tags/1.0")
    with pytest.raises(InputError, match=r"has a tag 1.0 already"):
        push(releases["1.0"], place, accept_terms=True)
    push(releases["1.1"], place, accept_terms=True)
    with pytest.raises(InputError, match=r"holds 1.1 of 2026-02-01, 1.0 is of 2026-01-01"):
        push(releases["1.0"], place, accept_terms=True)
    other = Release.open(shutil.copytree(releases["1.1"].path, tmp_path / "other"))
    other.manifest["name"] = "another"
    with pytest.raises(InputError, match="another needs a repository of its own"):
        push(other, place, accept_terms=True)


def test_a_push_that_was_overtaken_changes_nothing(hub: Hub) -> None:
    url = f"file://{hub.repository}"
    with clone_of(url) as ours, clone_of(url) as theirs:
        theirs.push(theirs.commit({}, {"README.md": b"theirs"}, None, "theirs", "2026-01-01"), theirs.branch)
        late = ours.commit({}, {"README.md": b"ours"}, None, "ours", "2026-01-01")
        before = hub.branch()
        with pytest.raises(IndexLocked, match="somebody else pushed"):
            ours.push(late, ours.branch)
    assert hub.branch() == before
