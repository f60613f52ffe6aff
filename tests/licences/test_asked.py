"""What sources' licences ask for is told in sentences, and what nobody knows is never passed over."""

from __future__ import annotations

import pytest

from indexer.answers import Source
from indexer.errors import InputError
from indexer.licences.asked import asked


def source(expression: str | None) -> Source:
    licenses = ()
    return Source(
        "d", "r", None, "p", None, 1, 2, None, licenses, expression, "other", "u", None, None, None, "exact", 1.0, 1.0, ()
    )  # fmt: skip


def test_each_duty_is_told_once_by_licence() -> None:
    told = asked([source("MIT"), source("MIT"), source("BSD-3-Clause")], "distributed", None)
    assert any(sentence.startswith("MIT: ") for sentence in told) and any(sentence.startswith("BSD-3-Clause: ") for sentence in told)
    assert len(told) == len(set(told))
    assert asked([source("MIT")], None, None) == ()


def test_conflicts_and_the_unknown_are_told() -> None:
    (conflict,) = asked([source("GPL-3.0-only"), source("MIT")], None, "Apache-2.0")
    assert conflict.startswith("GPL-3.0-only does not go with Apache-2.0")
    assert "person" in asked([source("LicenseRef-odd")], "saas", None)[0]
    assert "not known to go with" in asked([source(None)], None, "MIT")[0]


@pytest.mark.parametrize(("use", "project_license"), [("other", None), (None, "No Such Licence"), (None, "NONE")])
def test_what_nobody_knows_is_refused_also_without_sources(use: str | None, project_license: str | None) -> None:
    with pytest.raises(InputError):
        asked([], use, project_license)
