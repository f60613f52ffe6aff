import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from curation.batches import batches
from curation.collect import collect
from curation.origin import CloneLimits, Reading
from curation.removals import Removals
from curation.sources.debian_copyright import machine_readable
from curation.sources.naming import all_files, source
from indexer.errors import BackendUnavailable, InputError

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: demo

Files: *
Copyright: 2020 Ada
License: GPL-2+

Files: src/*.c
       lib/odd\\*name.c
Copyright: 2020 Grace
License: GPL-2+ or Artistic, and BSD-3-clause

Files: src/zlib?.c
Copyright: 2020 Grace
License: homemade

Files: debian/*
Copyright: 2020 Grace
License: Expat

License: GPL-2+
 See /usr/share/common-licenses.

License: homemade
 This software is provided 'as-is', without any express or implied
 warranty. In no event will the authors be held liable for any damages
 arising from the use of this software.
 .
 Permission is granted to anyone to use this software for any purpose,
 including commercial applications, and to alter it and redistribute it
 freely, subject to the following restrictions:
 .
 1. The origin of this software must not be misrepresented; you must not
    claim that you wrote the original software. If you use this software
    in a product, an acknowledgment in the product documentation would be
    appreciated but is not required.
 2. Altered source versions must be plainly marked as such, and must not be
    misrepresented as being the original software.
 3. This notice may not be removed or altered from any source distribution.
"""
UPSTREAM = {"README": b"A demo.\n", "src/a.c": b"int a;\n", "src/zlib1.c": b"int z;\n", "debian/rules": b"upstream's own\n"}
PACKAGING = {"copyright": COPYRIGHT.encode(), "rules": b"#!/usr/bin/make -f\n", "patches/one.patch": b"--- a\n+++ b\n"}


def tar(path: Path, top: str, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def described(folder: Path, source_format: str, *archives: Path, version: str = "1:1.0-2") -> Path:
    lines = [f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} {path.name}" for path in archives]
    fields = [f"Format: {source_format}", "Source: demo", f"Version: {version}", "Homepage: https://github.com/ada/demo"]
    text = "\n".join([*fields, "Checksums-Sha256:", *lines, "Files:", *(re.sub(r"[0-9a-f]{64}", "0" * 32, line) for line in lines), ""])
    dsc = folder / "demo_1.0-2.dsc"
    signed = (
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}\n-----BEGIN PGP SIGNATURE-----\n\nabc=\n-----END PGP SIGNATURE-----\n"
    )
    dsc.write_text(signed)
    return dsc


@pytest.fixture
def dsc(tmp_path: Path) -> Path:
    upstream = tar(tmp_path / "demo_1.0.orig.tar.gz", "demo-1.0", UPSTREAM)
    component = tar(tmp_path / "demo_1.0.orig-docs.tar.bz2", "docs-1.0", {"index.rst": b"Words\n"})
    return described(tmp_path, "3.0 (quilt)", upstream, component, tar(tmp_path / "demo_1.0-2.debian.tar.xz", "debian", PACKAGING))


def rows(name: str, reading: Reading | None = None) -> dict[str, dict[str, Any]]:
    account = reading or Reading()
    return {row["path"]: row for batch in batches(all_files([source(name)], account), account) for row in batch.to_pylist()}


def test_patterns_of_many_stars_take_no_time() -> None:
    """One that backtracks would not end."""
    text = f"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: {'*a' * 30}*b \\\nLicense: Expat\n"
    found = machine_readable(text)
    assert found is not None and found.of("a" * 100) is None and found.of("a" * 40 + "b") is not None


def test_upstream_components_and_packaging_stand_where_debian_unpacks_them(dsc: Path) -> None:
    reading = Reading()
    found = rows(f"debian:{dsc}", reading)
    assert sorted(found) == [
        *("README", "debian/copyright", "debian/patches/one.patch", "debian/rules", "docs/index.rst", "src/a.c", "src/zlib1.c")
    ]
    assert (found["debian/rules"]["content"], reading.skipped) == ("#!/usr/bin/make -f\n", {"replaced_by_packaging": 1})
    row = found["src/a.c"]
    assert (row["repository"], row["owner"], row["commit"], row["source"]) == ("deb/demo", "ada", "1:1.0-2", "debian")
    assert (row["purl"], row["project_url"]) == ("pkg:deb/debian/demo@1%3A1.0-2?arch=source", "https://github.com/ada/demo")


def test_licences_come_file_by_file_from_debian_copyright(dsc: Path) -> None:
    found = {path: (row["license_expression"], row["license_evidence"]) for path, row in rows(f"debian:{dsc}").items()}
    assert found["README"] == found["docs/index.rst"] == ("GPL-2.0-or-later", "package")
    assert found["src/a.c"] == ("(GPL-2.0-or-later OR Artistic-1.0) AND BSD-3-Clause", "package")
    assert found["src/zlib1.c"] == ("Zlib", "package")  # by its text
    assert found["debian/rules"] == ("MIT", "package")


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        *(("GPL-2+ with OpenSSL exception", "GPL-2.0-or-later"), ("Perl", "GPL-1.0-or-later OR Artistic-1.0-Perl")),
        *(("MIT and ISC or Zlib", "(MIT AND ISC) OR Zlib"), ("who-knows", "NOASSERTION"), ("MIT and who-knows", "NOASSERTION")),
    ],
)
def test_names_of_licences_become_expressions(stated: str, expression: str) -> None:
    found = machine_readable(f"Format: 1.0\n\nFiles: *\nLicense: {stated}\n")
    assert found is not None
    assert (found.whole and found.whole.expression) == expression


def test_patterns_match_whole_paths_and_the_last_paragraph_counts() -> None:
    found = machine_readable(COPYRIGHT)
    assert found is not None
    told = {
        path: under.expression for path in ("lib/odd*name.c", "lib/oddxname.c", "src/deep/b.c", "xsrc/a.c") if (under := found.of(path))
    }
    both = "(GPL-2.0-or-later OR Artistic-1.0) AND BSD-3-Clause"
    assert told == {"lib/odd*name.c": both, "lib/oddxname.c": "GPL-2.0-or-later", "src/deep/b.c": both, "xsrc/a.c": "GPL-2.0-or-later"}
    assert machine_readable("This package is under the GPL.\nLicense: MIT\n") is None


def test_a_native_package_keeps_its_own_debian_folder(tmp_path: Path) -> None:
    archive = tar(tmp_path / "demo_1.0.tar.xz", "demo", {"a.py": b"x = 1\n", "debian/copyright": COPYRIGHT.encode()})
    found = rows(f"debian:{described(tmp_path, '3.0 (native)', archive, version='1.0')}")
    assert {path: row["license_expression"] for path, row in found.items()} == {"a.py": "GPL-2.0-or-later", "debian/copyright": "MIT"}


def test_the_old_format_has_its_copyright_in_a_diff(tmp_path: Path, mit_text: str) -> None:
    upstream = tar(tmp_path / "demo_1.0.orig.tar.gz", "demo-1.0", {"a.py": b"x = 1\n"})
    added = "".join(f"+{line}\n" for line in COPYRIGHT.splitlines())
    diff = f"--- demo-1.0.orig/debian/copyright\n+++ demo-1.0/debian/copyright\n@@ -0,0 +1,9 @@\n{added}--- a/debian/x\n+++ b/debian/x\n"
    (tmp_path / "demo_1.0-2.diff.gz").write_bytes(gzip.compress(diff.encode()))
    dsc = described(tmp_path, "1.0", upstream, tmp_path / "demo_1.0-2.diff.gz")
    assert {path: row["license_expression"] for path, row in rows(f"debian:{dsc}").items()} == {"a.py": "GPL-2.0-or-later"}
    tar(upstream, "demo-1.0", {"a.py": b"x = 1\n", "COPYING": mit_text.encode()})
    dsc = described(tmp_path, "1.0", upstream)
    assert {row["license_evidence"] for row in rows(f"debian:{dsc}").values()} == {"license_file"}


def test_what_is_missing_or_not_what_the_dsc_says_is_named(dsc: Path, tmp_path: Path) -> None:
    (tmp_path / "demo_1.0.orig-docs.tar.bz2").write_bytes(b"other")
    with pytest.raises(InputError, match=r"orig-docs\.tar\.bz2: SHA-256 d9298a10d1b0\.\.\., demo_1\.0-2\.dsc says"):
        rows(f"debian:{dsc}")
    (tmp_path / "demo_1.0.orig-docs.tar.bz2").unlink()
    reading = Reading(skip_bad=True)
    assert (rows(f"debian:{dsc}", reading), reading.skipped) == ({}, {"unreadable": 1})
    dsc.write_text(dsc.read_text().replace("demo_1.0.orig.tar.gz", "../demo_1.0.orig.tar.gz"))
    with pytest.raises(InputError, match="no plain name"):
        rows(f"debian:{dsc}")
    dsc.write_text("Source: demo\n")
    with pytest.raises(InputError, match=r"is this the \.dsc of a source package"):
        rows(f"debian:{dsc}")


@pytest.mark.parametrize("name", ["Hello", "-o=x", "hello; ls", "hello/sid", "none.dsc"])
def test_what_is_no_package_is_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(InputError, match=r"no such file|no name of a package"):
        source(f"debian:{name}")


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: Callable[[str, str], NoReturn]) -> Callable[[str], Path]:
    """apt("deb-src ...") gives the machine's own apt-get other sources and folders, by its own means."""
    if not shutil.which("apt-get"):
        missing("apt-get", "a Debian or Ubuntu machine")
    home = tmp_path / "apt"

    def configured(sources: str) -> Path:
        (home / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (home / "x.list").write_text(sources + "\n")
        settings = {"Dir::Etc::sourcelist": home / "x.list", "Dir::Etc::sourceparts": "/dev/null", "Dir::State::lists": home / "lists"}
        settings |= {"Dir::Cache": home, "Acquire::Languages": "none", "APT::Sandbox::User": "root"}
        (home / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
        monkeypatch.setenv("APT_CONFIG", str(home / "apt.conf"))
        return home

    return configured


@pytest.fixture
def local(apt: Callable[[str], Path], dsc: Path, tmp_path: Path) -> None:
    """A source of packages on this disk, with the one package in it."""
    pool = tmp_path / "pool"
    pool.mkdir()
    for path in [dsc, *tmp_path.glob("demo_*.tar.*")]:
        path.rename(pool / path.name)
    moved = pool / dsc.name
    text = moved.read_text().partition("\n\n")[2].partition("\n-----BEGIN")[0]
    own = f" {hashlib.sha256(moved.read_bytes()).hexdigest()} {moved.stat().st_size} {moved.name}\n"
    listed = text.replace("Source:", "Package:").replace("Checksums-Sha256:\n", f"Checksums-Sha256:\n{own}").partition("Files:")[0]
    (pool / "Sources").write_text(f"{listed}Directory: .\n\n")
    apt(f"deb-src [trusted=yes] file:{pool} ./")
    subprocess.run(["apt-get", "-qq", "update"], check=True, capture_output=True)


@pytest.mark.usefixtures("local")
def test_a_package_is_fetched_with_the_machines_own_apt(tmp_path: Path) -> None:
    manifest = collect(["debian:demo"], tmp_path / "raw", date="2026-01-01", reading=Reading())
    assert (manifest["counts"]["documents"], manifest["counts"]["repositories"]) == (7, 1)
    assert len(rows("debian:demo=1:1.0-2")) == 7
    assert not list(tmp_path.glob("*.dsc")) + list(Path.cwd().glob("demo_*"))


@pytest.mark.usefixtures("local")
def test_what_apt_lacks_refuses_or_exceeds_is_named_and_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"apt knows no such source package .*apt-cache showsrc other"):
        rows("debian:other")
    with pytest.raises(InputError, match="apt knows no such source package"):
        rows("debian:demo=9.9-9")
    small = Reading(skip_bad=True, clone=CloneLimits(n_bytes=100))
    assert (rows("debian:demo", small), small.skipped) == ({}, {"package_too_large": 1})
    slow = Reading(skip_bad=True, clone=CloneLimits(seconds=0.0))
    assert (rows("debian:demo", slow), slow.skipped) == ({}, {"download_timed_out": 1})
    left_out = Reading(removals=Removals(repositories=frozenset({"deb/demo"})))
    assert (rows("debian:demo", left_out), left_out.skipped) == ({}, {"removed_repository": 1})
    shutil.rmtree(tmp_path / "pool")
    with pytest.raises(Exception, match="apt-get source failed"):
        rows("debian:demo")


def test_a_download_that_was_cut_off_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsc: Path) -> None:
    program = f'#!/bin/sh\ncase "$*" in *--download-only*) cp {dsc} .; exec sleep 600;; esac\n'  # brings the first file and stalls
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "apt-get").write_text(program)
    (tmp_path / "bin" / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    slow = Reading(skip_bad=True, clone=CloneLimits(seconds=1.0))
    assert list(source("debian:demo")(slow)) == []
    assert slow.skipped == {"download_timed_out": 1}


def test_apt_without_source_entries_is_told_what_to_do(apt: Callable[[str], Path]) -> None:
    apt("# nothing")
    with pytest.raises(InputError, match=r"no source packages; write deb-src beside deb .*apt-get update"):
        rows("debian:hello")


def test_a_machine_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"apt-get is not installed; use a Debian or Ubuntu machine"):
        rows("debian:hello")


@pytest.mark.data_from_elsewhere
def test_a_real_package_is_fetched_from_where_this_machine_gets_its_own(
    apt: Callable[[str], Path], missing: Callable[[str, str], NoReturn]
) -> None:
    home = apt("")
    stanzas = "\n\n".join(path.read_text("utf-8") for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")))
    lines = [path.read_text("utf-8") for path in (Path("/etc/apt/sources.list"),) if path.is_file()]
    (home / "x.list").write_text(re.sub(r"(?m)^deb\s", "deb-src ", "\n".join(lines)))
    (home / "x.sources").write_text(re.sub(r"(?m)^(Types:\s*)deb\s*$", r"\1deb-src", stanzas))
    config = home / "apt.conf"
    config.write_text(config.read_text() + (f'Dir::Etc::sourcelist "{home}/x.sources";\n' if stanzas else ""))
    done = subprocess.run(["apt-get", "-qq", "update"], capture_output=True, check=False, env=os.environ)
    if done.returncode or not any((home / "lists").glob("*Sources*")):
        missing("a Debian mirror with source packages", "apt-get update, on a machine that reaches its mirror")
    try:
        found = rows("debian:hello")
    except BackendUnavailable:
        missing("a Debian mirror that gives source packages now", "make test, once it is reached")
    hello = found["src/hello.c"]
    assert (hello["repository"], hello["owner"], hello["license_type"]) == ("deb/hello", "debian", "copyleft")
    assert hello["purl"].startswith("pkg:deb/debian/hello@")
    assert "debian/copyright" in found
