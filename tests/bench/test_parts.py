"""Is a measurement used again only where it was made with the same, and is nothing left of one that was cut off?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.engines import ENGINES, ROOT, code_digest, made_with
from tests.bench.parts import Parts


def counted(parts: Parts, times: list[int], made: dict[str, str], leaves: Path | None = None) -> int:
    """Measures how often it has been measured."""

    def measure() -> int:
        times.append(1)
        return len(times)

    result: int = parts.get("one", made, measure, leaves=leaves).result
    return result


def test_the_same_is_measured_once(tmp_path: Path) -> None:
    times: list[int] = []
    assert [counted(Parts(tmp_path), times, {"code": "a"}) for _ in range(3)] == [1, 1, 1]


def test_other_code_is_measured_again(tmp_path: Path) -> None:
    times: list[int] = []
    assert [counted(Parts(tmp_path), times, {"code": code}) for code in "aab"] == [1, 1, 2]


def test_fresh_measures_again(tmp_path: Path) -> None:
    times: list[int] = []
    assert [counted(Parts(tmp_path, fresh), times, {"code": "a"}) for fresh in (False, True)] == [1, 2]


def test_a_build_whose_index_is_gone_is_made_again(tmp_path: Path) -> None:
    times: list[int] = []
    index = tmp_path / "index"
    index.mkdir()
    assert counted(Parts(tmp_path), times, {}, index) == counted(Parts(tmp_path), times, {}, index) == 1
    index.rmdir()
    assert counted(Parts(tmp_path), times, {}, index) == 2


def test_one_that_was_cut_off_leaves_nothing_that_counts(tmp_path: Path) -> None:
    def cut_off() -> None:
        raise KeyboardInterrupt

    times: list[int] = []
    counted(Parts(tmp_path), times, {"code": "a"})
    with pytest.raises(KeyboardInterrupt):
        Parts(tmp_path).get("one", {"code": "b"}, cut_off)
    assert counted(Parts(tmp_path), times, {"code": "a"}) == 2


def test_every_engine_names_the_code_that_its_figures_depend_on() -> None:
    for key, entry in ENGINES.items():
        assert f"{entry.module.replace('.', '/')}.py" in entry.code, key
        assert all((ROOT / place).exists() for place in entry.code)
        assert made_with(key)["code"] != code_digest(())
