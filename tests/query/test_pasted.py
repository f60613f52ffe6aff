import pytest

from indexer.query.pasted import is_pasted

LINE = "total = sum(row.price * row.amount for row in rows if row.price)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{LINE}\n{LINE}", True),
        (f"{LINE}\r{LINE}", True),
        (f"\n{LINE} {LINE}\n", False),
        ("parse\nheader", False),
        ('"def main("\nlang:Python', False),
        ("", False),
    ],
)
def test_lines_of_code_are_no_query(text: str, *, expected: bool) -> None:
    assert is_pasted(text) is expected
