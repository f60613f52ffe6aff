from importlib.metadata import distribution

import pytest

from curation.licence_detection import Detection, all_of, detect, detect_header, licence_of_text

GPL_NOTICE = """
 * This program is free software; you can redistribute it and/or modify
 * it under the terms of the GNU General Public License as published by
 * the Free Software Foundation; either version 2 of the License, or
 * (at your option) any later version.
 *
 * This program is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
 * GNU General Public License for more details.
"""
APACHE_NOTICE = """
 Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with the License.
 You may obtain a copy of the License at  http://www.apache.org/licenses/LICENSE-2.0  Unless required by applicable law or agreed to
 in writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND,
 either express or implied. See the License for the specific language governing permissions and limitations under the License.
"""
MPL_NOTICE = """
This Source Code Form is subject to the terms of the Mozilla Public
License, v. 2.0. If a copy of the MPL was not distributed with this
file, You can obtain one at https://mozilla.org/MPL/2.0/.
"""


def text_of(package: str, file: str) -> str:
    found = [entry for entry in distribution(package).files or () if entry.name == file and ".dist-info" in str(entry)]
    return found[0].read_text("utf-8")


def commented(text: str, mark: str) -> str:
    return "".join(f"{mark} {line}\n" for line in text.splitlines())


def test_a_licence_text_is_recognised_whole_with_its_share() -> None:
    whole, half = detect(text_of("typer", "LICENSE")), detect(text_of("typer", "LICENSE") + "nothing of this is a licence " * 40)
    assert whole is not None and half is not None
    assert (whole.expression, whole.method, half.expression, half.method) == ("MIT", "text", "MIT", "text")
    assert 0.9 < whole.score <= 1.0 and 0.3 < half.score < 0.6
    assert detect("Some words that no licence has.") is None
    assert detect("") is None


def test_a_tag_comes_before_the_text() -> None:
    assert detect("SPDX-License-Identifier: ISC\n" + text_of("typer", "LICENSE")) == Detection("ISC", "tag", 1.0)


def test_the_pattern_of_a_notice_in_a_gnu_licence_says_nothing_of_later_versions() -> None:
    text = "GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991\n" + "and so on " * 300
    appendix = "\n  How to Apply These Terms to Your New Programs\n" + GPL_NOTICE + "and so on " * 20
    bsd = text_of("click", "LICENSE.txt")
    assert licence_of_text(text + bsd + appendix) == "BSD-3-Clause AND GPL-2.0-only"
    assert licence_of_text(text + bsd + GPL_NOTICE) == "BSD-3-Clause AND GPL-2.0-or-later"


def test_several_licences_in_a_file_all_hold_unless_it_says_alternatively() -> None:
    mit, bsd = text_of("typer", "LICENSE"), text_of("click", "LICENSE.txt")
    assert licence_of_text(f"{mit}\n\n{bsd}") == "BSD-3-Clause AND MIT"
    assert licence_of_text(f"{mit}\n\nAlternatively, at your choice:\n\n{bsd}") == "MIT OR BSD-3-Clause"


def test_a_changed_text_is_recognised_by_a_phrase_at_most_and_says_so() -> None:
    changed = text_of("click", "LICENSE.txt").replace("THIS SOFTWARE IS PROVIDED", "Nobody may use this on a Sunday. IT IS PROVIDED")
    assert detect(changed) == Detection("BSD-3-Clause", "phrase", 0.5)
    assert detect(text_of("typer", "LICENSE").replace("free of charge", "for ten dollars")) is None


def test_a_licence_text_in_japanese_or_of_a_gigantic_line_is_not_guessed_at() -> None:
    assert detect("ソフトウェア使用許諾契約書\n本ソフトウェアの複製および再配布を禁止します。" * 50) is None
    assert detect("word " * 1_000_000) is None


@pytest.mark.parametrize("mark", ["//", " *", "#", ";;", "--", "%", "dnl", "REM", "!"])
@pytest.mark.parametrize(
    ("notice", "expression"), [(GPL_NOTICE, "GPL-2.0-or-later"), (APACHE_NOTICE, "Apache-2.0"), (MPL_NOTICE, "MPL-2.0")]
)
def test_notices_are_recognised_in_any_comment(notice: str, expression: str, mark: str) -> None:
    text = f"#!/bin/sh\n{commented(notice, mark)}\nint main(void) {{ return 0; }}\n"
    found = detect_header(text)
    assert found is not None and found.expression == expression


def test_whole_licences_in_comments_are_recognised() -> None:
    assert detect_header(commented(text_of("typer", "LICENSE"), "//") + "code();") == Detection("MIT", "text", 1.0)
    assert detect_header("/*\n" + commented(text_of("click", "LICENSE.txt"), " *") + "*/") == Detection("BSD-3-Clause", "text", 1.0)


@pytest.mark.parametrize(
    ("change", "expression"),
    [
        (("either version 2 of", "version 2 of"), "GPL-2.0-only"),
        (("version 2 of", "version 3 of"), "GPL-3.0-or-later"),
        (("GNU General", "GNU Lesser General"), "LGPL-2.0-or-later"),
    ],
)
def test_gnu_notices_say_which_version_and_whether_later_ones(change: tuple[str, str], expression: str) -> None:
    notice = GPL_NOTICE.replace(*change)
    if expression.endswith("only"):
        notice = notice.replace(", or\n * (at your option) any later version", "")
    found = detect_header(notice)
    assert found is not None and found.expression == expression


def test_a_version_held_to_exclusively_keeps_its_point() -> None:
    notice = GPL_NOTICE.replace("General", "Lesser General").replace("either version 2 of the License, or", "version 2.1")
    found = detect_header(notice.replace("(at your option) any later version", "exclusively"))
    assert found is not None and found.expression == "LGPL-2.1-only"


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        ("//! license : MIT", "MIT"),
        (" * @license: Licensed under the MIT license. See LICENSE", "MIT"),
        ("# License: Apache-2.0", "Apache-2.0"),
        (' * Licensed under the Apache License 2.0 (the "License").  You may not use', "Apache-2.0"),
        ("# Licensed under the GPL, see COPYING", None),  # no version
        ("# This code is licensed by its owner", None),
        ('"license": "GPL-3.0"', None),  # data, no comment
        ("# Use of this source code is governed by a BSD-style license that can be found in the LICENSE file.", None),
        ("x = 'see http://www.apache.org/licenses/LICENSE-2.0'", None),
        ("# License: http://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
    ],
)
def test_a_comment_may_name_a_licence(line: str, expression: str | None) -> None:
    found = detect_header(f"{line}\nint x;\n")
    assert (found.expression if found else None) == expression


def test_only_the_top_of_a_source_file_speaks_for_it() -> None:
    assert detect_header("int x;\n" * 1000 + commented(GPL_NOTICE, "//")) is None
    assert detect_header("x = 1\n") is None


def test_expressions_are_joined_without_naming_a_licence_twice() -> None:
    assert all_of(["MIT AND ISC", "MIT"]) == "ISC AND MIT"
    assert all_of(["MIT OR 0BSD", "ISC"]) == "(MIT OR 0BSD) AND ISC"
    assert all_of(["GPL-2.0-only", "GPL-2.0-or-later"]) == "GPL-2.0-or-later"
    assert all_of(["GPL-2.0-only", "GPL-3.0-or-later"]) == "GPL-2.0-only AND GPL-3.0-or-later"
