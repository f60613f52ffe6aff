"""Where are a text's lines? Lines end at LF, CRLF or CR, as in every answer."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text and what is asked of it again and again."""

    text: str
    line_starts: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Text:
        """O(characters)."""
        return cls(text, (0, *(found.end() for found in _LINE_END.finditer(text))))

    def line(self, offset: int) -> int:
        """The 1-based line of a code point."""
        return bisect_right(self.line_starts, offset)

    def column(self, offset: int) -> int:
        """The 1-based column of a code point."""
        return offset - self.line_starts[self.line(offset) - 1] + 1

    def lines(self, first: int, last: int) -> list[str]:
        """Some lines without their ends, 1-based and inclusive."""
        starts = [*self.line_starts[first - 1 : last + 1], len(self.text)]
        return [self.text[a:b].rstrip("\r\n") for a, b in pairwise(starts)][: last - first + 1]
