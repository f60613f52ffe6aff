"""Is this a query, or code that somebody pasted? Code is answered with where it comes from.

Not here: queries (`indexer.query.parse`), the answer (`indexer.index`).
"""

from __future__ import annotations

import numpy as np

from indexer.answers import GUARANTEE_TOKENS, Attribution, IndexInfo, SearchPage
from indexer.attribution.query import as_utf8
from indexer.text.tokens import tokenize

HINT = (
    "several lines of code are no query, so this is where they come from; to search for some of their words put these on one line, "
    "and a line that is to be found as it stands in quotes"
)


def is_pasted(text: str) -> bool:
    """Whether a text stands on more than one line and is long enough for an attribution that is promised to find it."""
    if "\n" not in text.strip() and "\r" not in text.strip():
        return False
    data = np.frombuffer(as_utf8(text), np.uint8)
    return len(tokenize(data, np.array([0, len(data)], np.int64))) >= GUARANTEE_TOKENS


def page(text: str, answer: Attribution, index: IndexInfo) -> SearchPage:
    """The page of a pasted text: no hits, its attribution, and what a query would be."""
    return SearchPage(
        query=text,
        total=0,
        total_capped=False,
        hits=(),
        groups=(),
        facets={},
        cursor=None,
        hint=HINT,
        attribution=answer,
        partial=answer.partial,
        index=index,
    )
