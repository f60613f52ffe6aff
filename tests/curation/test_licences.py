from importlib.metadata import distribution

import pytest

from curation.licence_detection import licence_of_text, licence_of_texts
from curation.licence_texts import LegalTexts, copyright_lines, is_licence_name, is_notice_name, legal_texts, tagged_licence
from curation.package_licences import files_licence, npm_licence, python_licence

NOTHING = LegalTexts()


@pytest.mark.parametrize(
    ("package", "file", "expression"),
    [
        ("typer", "LICENSE", "MIT"),
        ("click", "LICENSE.txt", "BSD-3-Clause"),
        ("huggingface_hub", "LICENSE", "Apache-2.0"),
        ("certifi", "LICENSE", "MPL-2.0"),
        ("shellingham", "LICENSE", "ISC"),
        ("pygments", "LICENSE", "BSD-2-Clause"),
    ],
)
def test_real_licence_files_are_recognised(package: str, file: str, expression: str) -> None:
    found = [entry for entry in distribution(package).files or () if entry.name == file and "info" in str(entry)]
    assert licence_of_text(found[0].read_text("utf-8")) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n", "GPL-3.0-only"),
        ("GNU GENERAL PUBLIC LICENSE\n   Version 2, June 1991\n", "GPL-2.0-only"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n  Version 2.1, February 1999\n", "LGPL-2.1-only"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007", "AGPL-3.0-only"),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        ("SPDX-License-Identifier: MIT OR Apache-2.0\n", "MIT OR Apache-2.0"),
        ("All rights reserved. You may not look at this.", None),
        ("", None),
    ],
)
def test_licence_texts_are_recognised_by_phrase_or_tag(text: str, expression: str | None) -> None:
    assert licence_of_text(text) == expression


def test_several_licences_all_hold(mit_text: str) -> None:
    apache = "Apache License\nVersion 2.0, January 2004\n"
    assert licence_of_text(mit_text + apache) == "Apache-2.0 AND MIT"
    assert licence_of_texts([mit_text, apache, mit_text]) == "Apache-2.0 AND MIT"


def test_a_choice_in_one_file_stays_a_choice_beside_another() -> None:
    texts = ["SPDX-License-Identifier: MIT OR GPL-2.0-only", "SPDX-License-Identifier: ISC"]
    assert licence_of_texts(texts) == "(MIT OR GPL-2.0-only) AND ISC"


def test_a_tag_counts_only_near_the_top_and_only_where_it_parses() -> None:
    assert tagged_licence("#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0+\n") == "GPL-2.0-or-later"
    assert tagged_licence("\n" * 20 + "# SPDX-License-Identifier: MIT") is None
    assert tagged_licence("# SPDX-License-Identifier: No-Such-Thing-9") is None
    assert tagged_licence("/* SPDX-License-Identifier: MIT */ int x;") == "MIT"
    snippet = "# SPDX-SnippetBegin\n# SPDX-License-Identifier: GPL-3.0-only\nx = 1\n"
    assert tagged_licence(snippet) is None and tagged_licence(f"{snippet}# SPDX-SnippetEnd\n") is None
    assert tagged_licence(f"{snippet}# SPDX-SnippetEnd\n# SPDX-License-Identifier: MIT\n") == "MIT"


@pytest.mark.parametrize(
    "path", ["LICENSE", "licence.txt", "COPYING.LESSER", "UNLICENSE", "LICENSE-MIT", "MIT-LICENSE.txt", "LICENSES/MIT.txt"]
)
def test_names_of_licence_files(path: str) -> None:
    assert is_licence_name(path)


@pytest.mark.parametrize(
    "path", ["license.py", "copyright.pl", "LICENSE.html.erb", "licensing/a.txt", "src/licenses.json", "README", "LICENSES/notes.txt"]
)
def test_names_that_are_no_licence_files(path: str) -> None:
    assert not is_licence_name(path)
    assert not is_notice_name(path)


def test_legal_texts_are_sorted_into_licences_and_notices(mit_text: str) -> None:
    found = legal_texts([("LICENSE", mit_text.encode()), ("NOTICE", b"Made by \xe9l\xe8ves"), ("a.py", b"x"), ("COPYING", b"\0")])
    assert found == LegalTexts((("LICENSE", mit_text),), (("NOTICE", "Made by élèves"),))


def test_copyright_lines_name_holders_and_not_templates(mit_text: str) -> None:
    text = """
    Copyright [yyyy] [name of copyright owner]
    Copyright (C) 2007 Free Software Foundation, Inc. <http://fsf.org/>
    copyright notice that is included in or attached to the work
 # Copyright 2019-2021 Grace Example and contributors
    © 2018 Someone
MIT License Copyright (c) 2019 Octo contributors
    """
    assert copyright_lines([mit_text, text, mit_text]) == [
        "Copyright (c) 2020 Ada Example",
        "Copyright 2019-2021 Grace Example and contributors",
        "© 2018 Someone",
        "Copyright (c) 2019 Octo contributors",
    ]


MIT_CLASSIFIER = "License :: OSI Approved :: MIT License"
BSD_CLASSIFIER = "License :: OSI Approved :: BSD License"


@pytest.mark.parametrize(
    ("expression", "classifiers", "field", "wanted"),
    [
        ("MIT OR Apache-2.0", [BSD_CLASSIFIER], "GPL", "MIT OR Apache-2.0"),
        (None, ["Programming Language :: Python", MIT_CLASSIFIER], None, "MIT"),
        (None, ["License :: OSI Approved", MIT_CLASSIFIER], None, "MIT"),
        (None, ["License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)"], "", "GPL-3.0-or-later"),
        (None, [], "Apache License, Version 2.0", "Apache-2.0"),
        (None, [BSD_CLASSIFIER], "BSD-3-Clause", "BSD-3-Clause"),
        (None, [MIT_CLASSIFIER, "License :: OSI Approved :: Apache Software License"], "MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        (None, [MIT_CLASSIFIER, "License :: OSI Approved :: Apache Software License"], "Dual License", "MIT AND Apache-2.0"),
    ],
)
def test_metadata_gives_the_licence_in_the_order_of_trust(
    expression: str | None, classifiers: list[str], field: str | None, wanted: str
) -> None:
    found = python_licence(expression, classifiers, field, NOTHING)
    assert (found.expression, found.evidence) == (wanted, "package")


def test_a_licence_file_says_which_bsd_licence_a_classifier_means() -> None:
    text = "Redistribution and use in source and binary forms, with or without modification, are permitted. Neither the name of X may."
    found = python_licence(None, [BSD_CLASSIFIER], "BSD", LegalTexts((("LICENSE", text),)))
    assert (found.expression, found.evidence, found.type) == ("BSD-3-Clause", "license_file", "permissive")


def test_a_family_is_all_that_is_known_without_a_licence_file() -> None:
    found = python_licence(None, [BSD_CLASSIFIER], None, NOTHING)
    assert (found.expression, found.evidence, found.type) == ("LicenseRef-BSD", "package", "permissive")


def test_nothing_stated_is_none_and_nothing_understood_is_noassertion() -> None:
    nothing = python_licence(None, [], "UNKNOWN", NOTHING)
    strange = python_licence(None, [], "Ask my lawyer", NOTHING)
    assert (nothing.expression, nothing.type, nothing.evidence) == ("NONE", "none", None)
    assert (strange.expression, strange.type, strange.evidence) == ("NOASSERTION", "other", "package")


@pytest.mark.parametrize(
    ("package", "expression"),
    [
        ({"license": "MIT"}, "MIT"),
        ({"license": "(MIT OR Apache-2.0)"}, "MIT OR Apache-2.0"),
        ({"license": {"type": "ISC", "url": "x"}}, "ISC"),
        ({"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}, "MIT OR Apache-2.0"),
        ({"license": "SEE LICENSE IN EULA.txt"}, "NOASSERTION"),
        ({}, "NONE"),
        ({"license": 7}, "NONE"),
    ],
)
def test_npm_packages_state_their_licence_in_several_forms(package: dict[str, object], expression: str) -> None:
    assert npm_licence(package, NOTHING).expression == expression


def test_a_folder_has_the_licence_of_its_files(mit_text: str) -> None:
    assert files_licence(LegalTexts((("LICENSE", mit_text),))).expression == "MIT"
    assert files_licence(LegalTexts((("LICENSE", "go away"),))).expression == "NOASSERTION"
    assert files_licence(NOTHING).type == "none"
