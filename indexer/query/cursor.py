"""Where does the next page of a search begin? Behind a document that was shown, which also finds the place once the index has changed.

Not here: who resolves it (`indexer.stores.local.search`, `indexer.stores.elastic.search`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Self

from indexer.errors import InputError
from indexer.query.tree import FieldName

_MOST_READ = 1 << 40  # documents: more than any index has
_MOST_SEEN = 100


@dataclass(frozen=True, slots=True)
class Behind:
    """The last document of a page: its score, number and id, how many were read up to it, in which generation of the index.

    `seen` are the contents of the page that scored the same: copies of them may follow.
    """

    read: int
    score: float
    number: int
    document_id: str
    seen: tuple[str, ...]
    generation: int

    def cursor(self, query: str, given: Mapping[FieldName, str | None]) -> str:
        """What asks for the next page of this query with these filters."""
        return base64.urlsafe_b64encode(json.dumps([*astuple(self), _question(query, given)]).encode()).decode()

    @classmethod
    def of(cls, cursor: str | None, query: str, given: Mapping[FieldName, str | None]) -> Self | None:
        """The place that a cursor was given for, None without one. Raises InputError for one of another question."""
        if cursor is None:
            return None
        try:
            *values, asked = json.loads(base64.urlsafe_b64decode(cursor))
            read, score, number, document_id, seen, generation = values
            place = cls(int(read), float(score), int(number), str(document_id), tuple(map(str, seen)), int(generation))
            valid = asked == _question(query, given) and 0 <= place.read < _MOST_READ and len(place.seen) <= _MOST_SEEN
            valid = valid and abs(place.number) < _MOST_READ and abs(place.score) < 1e30  # neither endless nor no number
        except (ValueError, TypeError, RecursionError, OverflowError):
            valid = False
        if not valid:
            raise InputError("this cursor is not one of this question's; leave it out to begin at the first page")
        return place


def _question(query: str, given: Mapping[FieldName, str | None]) -> list[str]:
    return [query, *(f"{name}:{value}" for name, value in sorted(given.items()) if value)]
