"""Are the examples made from the index, the same each time, and what their labels say?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.index import Index
from ui.examples import Example, edited, examples, renamed


@pytest.fixture(scope="module")
def index(page_index: str) -> Iterator[Index]:
    with Index.open(page_index) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(index: Index) -> tuple[Example, ...]:
    return examples(index)


def test_there_are_three_and_always_the_same(index: Index, made: tuple[Example, ...]) -> None:
    assert [example.label.partition(":")[0] for example in made] == ["As it is", "Names changed", "Two lines edited"]
    assert examples(index) == made


def test_each_is_traced_to_a_file_as_its_label_says(index: Index, made: tuple[Example, ...], page_rows: list[dict[str, Any]]) -> None:
    as_it_is, names_changed, lines_edited = (index.attribute(example.text) for example in made)
    assert any(made[0].text.strip() in row["content"] for row in page_rows)
    assert {span.kind for span in as_it_is.spans} == {"exact"}
    assert "renamed" in {span.kind for span in names_changed.spans}
    assert lines_edited.sources[0].kind == "edited"


def test_an_index_without_full_text_has_none(tmp_path: Path, page_rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    from indexer.build import build_index
    from indexer.corpus import conform

    table = pa.Table.from_pylist([{name: row[name] for name in ("content", "repository", "path")} for row in page_rows[:5]])
    build_index(
        tmp_path / "i.index", [conform(batch) for batch in table.to_batches()], name="i", version="1", date="2026-01-01", full_text=False
    )
    with Index.open(tmp_path / "i.index") as index:
        assert examples(index) == ()


def test_renaming_is_one_to_one_and_leaves_strings_comments_and_keywords() -> None:
    text = 'def area(width, height):  # width\n    return width * height if width else "width"\n'
    assert renamed(text) == 'def area(entry, payload):  # width\n    return entry * payload if entry else "width"\n'


def test_editing_changes_the_two_lines_in_the_middle() -> None:
    text = "a\n\nb\n    c\nd\ne\nf\n"
    assert edited(text) == "a\n\nb\n    checked = inspect_result(entry, limit)\n    report(checked)\ne\nf\n"


def test_a_click_on_each_shows_its_answer(page: Any, made: tuple[Example, ...]) -> None:
    for example in made:
        page.get_by_role("button", name=example.label).click()
        page.wait_for_function("text => document.querySelector('#wf-result .wf-text')?.textContent === text", arg=example.text)
        assert page.inner_text("#wf-result .wf-status strong") == "Found"
        assert page.input_value("#wf-code textarea") == example.text
    assert page.locator("a.wf-span").count() == 2
    assert "edited in between" in page.inner_text(".wf-source >> nth=0")


@pytest.mark.parametrize("kind", ["As it is", "Names changed", "Two lines edited"])
def test_buttons_are_labelled_in_words(page: Any, kind: str) -> None:
    assert page.get_by_role("button", name=kind).count() == 1
