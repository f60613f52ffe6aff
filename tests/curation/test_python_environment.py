import sys
from collections.abc import Callable
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from curation.batches import batches
from curation.origin import Reading
from curation.sources.naming import all_files, source
from indexer.corpus import content_id
from indexer.errors import InputError

Rows = list[dict[str, Any]]


def install(site: Path, name: str, metadata: str, files: dict[str, bytes], *, release: str = "1.0") -> None:
    """A distribution as an installer leaves it."""
    info = site / f"{name}-{release}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {release}\n{metadata}\n", "utf-8")
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in [*files, f"{info.name}/METADATA"]), "utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "venv" / "lib" / "python3.11" / "site-packages"


def test_this_environment_gives_its_packages_with_version_licence_and_owner() -> None:
    """The first of them, in the order of their names; `wherefrom demo` reads all."""
    reading = Reading()
    files = takewhile(lambda file: file.origin.repository <= "pypi/click", all_files([source("python-env")], reading))
    rows = [row for batch in batches(files, reading) for row in batch.to_pylist()]
    click = {row["path"]: row for row in rows if row["repository"] == "pypi/click"}
    assert rows[-1]["repository"] == "pypi/click" and len(rows) > len(click) > 1
    parser = click["click/parser.py"]
    place = Path(next(entry for entry in sys.path if Path(entry, "click/parser.py").is_file()), "click/parser.py")
    assert parser["content"] == place.read_text("utf-8")
    assert parser["content_id"] == content_id(place.read_bytes())
    assert (parser["commit"], parser["purl"]) == (version("click"), f"pkg:pypi/click@{version('click')}")
    assert (parser["license_expression"], parser["license_type"], parser["license_evidence"]) == ("BSD-3-Clause", "permissive", "package")
    assert (parser["owner"], parser["project_url"], parser["url"]) == ("pallets", "https://github.com/pallets/click/", None)
    assert (parser["language"], parser["source"]) == ("Python", "python-env")
    assert not [path for path in click if ".dist-info" in path or path.endswith(".pyc")]
    assert reading.skipped["binary"] > 0


def test_a_virtual_environment_or_its_site_packages_can_be_named(site: Path, tmp_path: Path, read: Callable[..., Rows]) -> None:
    install(site, "Some_Package", "License-Expression: ISC", {"some/__init__.py": b"x = 1\n"})
    named = [read(f"python-env:{place}") for place in (tmp_path / "venv", site)]
    assert named[0] == named[1]
    assert [(row["repository"], row["owner"], row["path"], row["licenses"]) for row in named[0]] == [
        ("pypi/some-package", "pypi", "some/__init__.py", ["ISC"])
    ]


def test_a_file_that_two_packages_claim_is_taken_once(site: Path, read: Callable[..., Rows]) -> None:
    reading = Reading()
    for name in ("first", "second"):
        install(site, name, "", {"shared/__init__.py": b"x = 1\n", f"{name}.py": b"y = 2\n"})
    rows = read(f"python-env:{site}", reading)
    assert [(row["repository"], row["path"]) for row in rows] == [
        ("pypi/first", "shared/__init__.py"),
        ("pypi/first", "first.py"),
        ("pypi/second", "second.py"),
    ]
    assert reading.skipped["claimed_twice"] == 1


def test_what_an_installer_put_elsewhere_or_what_is_gone_is_counted(site: Path, read: Callable[..., Rows]) -> None:
    reading = Reading()
    install(site, "pkg", "", {"pkg.py": b"x = 1\n", "../../../bin/tool": b"#!python\n", "gone.py": b"y\n"})
    (site / "gone.py").unlink()
    assert [row["path"] for row in read(f"python-env:{site}", reading)] == ["pkg.py"]
    assert reading.skipped == {"outside_the_package": 1, "missing": 1}


def test_licence_files_in_the_metadata_name_licence_and_holder(site: Path, read: Callable[..., Rows], mit_text: str) -> None:
    files = {"pkg.py": b"x = 1\n", "pkg-1.0.dist-info/licenses/LICENSE": mit_text.encode(), "pkg-1.0.dist-info/NOTICE": b"Thanks."}
    install(site, "pkg", "", files)
    row = read(f"python-env:{site}")[0]
    assert (row["license_expression"], row["license_evidence"]) == ("MIT", "license_file")


def test_a_file_s_own_tag_goes_before_its_package_s_licence(site: Path, read: Callable[..., Rows]) -> None:
    install(site, "pkg", "License: MIT", {"a.py": b"# SPDX-License-Identifier: GPL-3.0-or-later\n", "b.py": b"x = 1\n"})
    found = {row["path"]: (row["license_expression"], row["license_evidence"], row["license_type"]) for row in read(f"python-env:{site}")}
    assert found == {"a.py": ("GPL-3.0-or-later", "tag", "copyleft"), "b.py": ("MIT", "package", "permissive")}


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_a_place_without_packages_is_refused(place: str, tmp_path: Path, read: Callable[..., Rows]) -> None:
    with pytest.raises(InputError, match=r"python-env:.*(no such folder|no packages there)"):
        read(f"python-env:{tmp_path / place}")
