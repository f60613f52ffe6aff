"""What licences ask for under a use, and which go together."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from indexer.errors import InputError
from indexer.licences.categories import alternatives, license_ids
from indexer.licences.compatibility import compatible
from indexer.licences.obligations import duties


def conditions(expression: str | None, use: str) -> set[str] | None:
    asked = duties(expression, use)
    return None if asked is None else {duty.condition for duty in asked}


@pytest.mark.parametrize(
    ("expression", "use", "wanted"),
    [
        ("MIT", "distributed", {"include-copyright"}),
        ("MIT", "internal", set()),
        ("GPL-3.0-or-later", "saas", set()),
        ("GPL-3.0-or-later", "distributed", {"include-copyright", "document-changes", "disclose-source", "same-license"}),
        ("AGPL-3.0-only", "saas", {"network-use-disclose"}),
        ("AGPL-3.0-only", "internal", set()),
        ("MIT OR GPL-2.0-only", "distributed", {"include-copyright"}),
        ("0BSD AND MIT", "distributed", {"include-copyright"}),
        ("BSL-1.0", "distributed", {"include-copyright--source"}),
        ("Unlicense", "distributed", set()),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "saas", set()),
        ("BUSL-1.1", "internal", None),
        ("MIT AND BUSL-1.1", "internal", None),
        ("LicenseRef-BSD", "internal", None),
        (None, "internal", None),
    ],
)
def test_obligations_follow_from_licence_and_use(expression: str | None, use: str, wanted: set[str] | None) -> None:
    assert conditions(expression, use) == wanted


def test_an_unknown_use_is_refused() -> None:
    with pytest.raises(InputError, match="internal, saas, distributed"):
        duties("MIT", "fun")


def test_every_row_of_the_table_is_whole_and_says_where_it_comes_from() -> None:
    table = json.loads(files("indexer.licences").joinpath("obligations.json").read_text("utf-8"))
    named = {row["condition"] for row in table["triggers"]}
    assert all(row["source"] and {*table["uses"]} <= {*row} for row in table["triggers"])
    assert all(row["source"] and set(row["conditions"]) <= named for row in table["licences"])
    ids = [row["id"] for row in table["licences"]]
    assert [name for name in ids if license_ids(name) != (name,)] == [], "canonical SPDX ids, as answers have them"
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("project", "found", "verdict"),
    [
        ("Apache-2.0", "MIT", "compatible"),
        ("Apache-2.0", "GPL-3.0-only", "incompatible"),
        ("GPL-3.0-only", "Apache-2.0", "compatible"),
        ("GPL-2.0-only", "Apache-2.0", "incompatible"),
        ("MIT", "MIT OR GPL-2.0-only", "compatible"),
        ("MIT OR GPL-3.0-only", "GPL-3.0-only", "incompatible"),
        ("MIT", "MIT AND GPL-3.0-only", "incompatible"),
        ("MIT", "BUSL-1.1", "unknown"),
        ("BUSL-1.1", "BUSL-1.1", "unknown"),
        ("MIT", None, "unknown"),
        ("MIT", "no such thing", "unknown"),
    ],
)
def test_what_is_not_listed_is_never_compatible(project: str, found: str | None, verdict: str) -> None:
    assert compatible(project, found) == verdict


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("MIT AND (ISC OR GPL-2.0-only)", (("MIT", "ISC"), ("MIT", "GPL-2.0-only"))),
        ("GPL-2.0-only WITH Classpath-exception-2.0", (("GPL-2.0-only WITH Classpath-exception-2.0",),)),
        ("Nonsense-9", (("NOASSERTION",),)),
        ("MIT AND MIT", (("MIT",),)),
        (None, ()),
    ],
)
def test_an_expression_is_a_choice_of_sums(expression: str | None, wanted: object) -> None:
    assert alternatives(expression) == wanted


def test_a_hostile_expression_has_a_bounded_number_of_choices() -> None:
    assert len(alternatives(" AND ".join(["(MIT OR ISC)"] * 40))) <= 256
