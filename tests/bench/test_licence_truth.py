"""Is what the licence benchmark takes for true read rightly, and is the benchmark's bar met by what is installed here?"""

import io
import tarfile
from pathlib import Path

import pytest

from tests.bench.download import Fetched
from tests.bench.licence_truth import file_headers, is_plausible, licence_texts, python_texts, spdx_of
from tests.bench.licences import Score, _fails, _judged, _ours
from tests.bench.packages import Package

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Source: somewhere

Files: *
Copyright: 2020 Ada
License: Expat

Files: src/b.c lib/*
Copyright: 2021 Bob
License: GPL-2+

License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy of this software
 .
 and associated documentation files, to deal in it without restriction. No warranty of any kind.

License: GPL-2+
 On Debian systems the text is in /usr/share/common-licenses/GPL-2, to which this paragraph refers at some length for the reader.
"""
HEADER = "/* under the GNU General Public License, version 2 or (at your option) any later version, without any warranty */\n"


def packed(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / name
    with tarfile.open(path, "w:xz") as tar:
        for inner, text in files.items():
            entry = tarfile.TarInfo(f"top/{inner}" if "orig" in name else inner)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path


@pytest.fixture
def package(tmp_path: Path) -> Fetched:
    debian = packed(tmp_path, "x_1-1.debian.tar.xz", {"debian/copyright": COPYRIGHT})
    upstream = packed(tmp_path, "x_1.orig.tar.xz", {"src/a.c": HEADER, "src/b.c": HEADER, "lib/c.c": HEADER})
    return Fetched(Package("deb", "x", "1-1"), (debian, upstream))


def test_stanzas_with_a_text_of_their_own_are_truths(package: Fetched) -> None:
    (truth,) = licence_texts(package)
    assert (truth.licence, truth.where) == ("MIT", "deb/x@1-1 Expat")
    assert truth.text.startswith("Permission is hereby granted, free") and "\n\nand associated" in truth.text


def test_headers_of_files_named_one_by_one_are_truths(package: Fetched) -> None:
    (truth,) = file_headers(package)
    assert (truth.licence, truth.where) == ("GPL-2.0-or-later", "deb/x@1-1 src/b.c")


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("Expat", "MIT"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("MIT", None),
        ("BSD", None),
        ("GPL-2+ or MIT", None),
    ],
)
def test_only_names_that_the_format_defines_are_taken(name: str, licence: str | None) -> None:
    assert spdx_of(name) == licence


def test_a_label_that_its_text_contradicts_is_told() -> None:
    assert is_plausible(HEADER, "GPL-2.0-or-later")
    assert not is_plausible(HEADER, "GPL-2.0-only")
    assert not is_plausible(HEADER, "GPL-3.0-or-later")
    assert not is_plausible(HEADER, "LGPL-2.0-or-later")
    assert not is_plausible("Redistribution and use ... may not be used to endorse", "BSD-2-Clause")
    assert is_plausible("Redistribution and use ... may not be used to endorse", "BSD-3-Clause")


def test_answers_are_judged_as_exact_contained_none_or_wrong(package: Fetched) -> None:
    truths = list(licence_texts(package)) * 4
    score = _judged("texts", truths, [("MIT",), ("MIT", "ISC"), (), ("ISC",)], 1.0)
    assert score.counts == {"exact": 1, "contains": 1, "none": 1, "wrong": 1}
    assert _fails(score) and not _fails(Score())


def test_texts_of_the_python_packages_installed_here_meet_the_bar() -> None:
    truths = [truth for truth in python_texts() if truth.text.count("hereby granted") + truth.text.count("Redistribution and use") <= 2]
    assert len(truths) > 30
    score = _ours("texts", truths)
    assert not _fails(score), score.faults
