import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.licences.categories import license_ids, license_type, normalize


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("mit", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("Expat", "MIT"),
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPLv2+", "GPL-2.0-or-later"),
        ("GPL v2 or later", "GPL-2.0-or-later"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("GNU Lesser General Public License v2.1", "LGPL-2.1-only"),
        ("GNU AGPLv3", "AGPL-3.0-only"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("Python Software Foundation License", "PSF-2.0"),
        ("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("apache-2.0 with llvm-exception", "Apache-2.0 WITH LLVM-exception"),
        ("MIT or Apache 2.0", "MIT OR Apache-2.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("mit and (gpl-2.0 or bsd-2-clause)", "MIT AND (GPL-2.0-only OR BSD-2-Clause)"),
        ("LicenseRef-Our-Own", "LicenseRef-Our-Own"),
        ("NONE", "NONE"),
        ("noassertion", "NOASSERTION"),
    ],
)
def test_spellings_become_canonical_expressions(written: str, canonical: str) -> None:
    assert normalize(written) == canonical


@pytest.mark.parametrize(
    "text", [None, "", "  ", "MIT AND", "MIT OR (", "Foo-1.0", "MIT OR Foo-1.0", "MIT, BSD", "see LICENSE", "MIT WITH Apache-2.0"]
)
def test_what_names_no_known_licence_has_no_canonical_form(text: str | None) -> None:
    assert normalize(text) is None


def test_a_family_name_claims_no_version() -> None:
    assert normalize("BSD License") == "LicenseRef-BSD"
    assert normalize("Apache Software License") == "LicenseRef-Apache"
    assert license_type("BSD") == "permissive"


def test_current_ids_win_over_old_ids_of_other_licences() -> None:
    assert normalize("X11") == "X11"  # also an old name of ICU in the database
    assert license_type("BSL-1.0") == "permissive"  # Boost; ScanCode's own key bsl-1.0 is the Business Source License


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", "permissive"),
        ("CC0-1.0", "permissive"),
        ("LicenseRef-scancode-public-domain", "permissive"),
        ("MPL-2.0", "weak_copyleft"),
        ("LGPL-2.1-or-later", "weak_copyleft"),
        ("GPL-3.0-only", "copyleft"),
        ("AGPL-3.0-or-later", "copyleft"),
        ("BUSL-1.1", "other"),
        ("CC-BY-NC-4.0", "other"),
        ("NOASSERTION", "other"),
        ("Foo-1.0", "other"),
        ("LicenseRef-Our-Own", "other"),
        ("MIT AND (", "other"),
        (None, "none"),
        ("", "none"),
        ("NONE", "none"),
        ("MIT OR GPL-2.0-only", "permissive"),
        ("MIT AND GPL-2.0-only", "copyleft"),
        ("MIT AND (GPL-2.0-only OR MPL-2.0)", "weak_copyleft"),
        ("MIT OR Foo-1.0", "permissive"),
        ("MIT AND Foo-1.0", "other"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "weak_copyleft"),
        ("GPL-3.0-only WITH x11vnc-openssl-exception", "copyleft"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("Apache-2.0 WITH LicenseRef-scancode-commons-clause", "other"),
        ("GPL-3.0-only WITH Unknown-exception", "other"),
        ("GPL-2.0-only WITH GStreamer-exception-2008", "weak_copyleft"),
    ],
)
def test_types_of_expressions(expression: str | None, expected: str) -> None:
    assert license_type(expression) == expected


def test_ids_stand_in_order_once_and_without_exceptions() -> None:
    assert license_ids("(mit OR GPL-2.0 WITH Classpath-exception-2.0) AND Apache-2.0 AND MIT") == ("MIT", "GPL-2.0-only", "Apache-2.0")
    assert license_ids("NOASSERTION") == license_ids("NONE") == license_ids(None) == license_ids("Foo-1.0") == ()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            ["MIT", "gpl-2.0+", "WITH", "OR", "and", "(", ")", "/", ",", "Classpath-exception-2.0", "or later", "é", "\0", "v2"]
        ),
        max_size=8,
    ).map(" ".join)
    | st.text(max_size=30)
)
def test_any_text_is_answered_and_canonical_forms_are_stable(text: str) -> None:
    canonical = normalize(text)
    assert license_type(text) in ("permissive", "weak_copyleft", "copyleft", "other", "none")
    if canonical is not None:
        assert normalize(canonical) == canonical
        assert license_type(canonical) == license_type(text)
        assert license_ids(canonical) == license_ids(text)


def test_a_whole_licence_text_is_no_expression() -> None:
    assert normalize("Permission is hereby granted (or not) " * 500) is None


def test_importing_the_module_loads_no_parser() -> None:
    code = "import sys, indexer.licences.categories; sys.exit('license_expression' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
