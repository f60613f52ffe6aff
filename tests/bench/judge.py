"""How good are the answers? Recall at 1 % false positives, the right file first and in ten, the right lines, the time.

Not here: asking (`worker`), printing (`report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.bench.queries import SETS, Query

FALSE_POSITIVES = 0.01
RARE_REPOSITORIES = 3  # a snippet in more repositories than this is common: licence headers, idioms
TOP = 10
# Told apart: a text four times as long, and texts that nothing is found for.
TIMED_TOGETHER = {"P0 to P3, P5, P6": ("P0", "P1", "P2", "P3", "P5", "P6"), "P4": ("P4",), "N": ("N",)}


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of the median and of the slowest hundredth."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Truth:
    """How many statements of all answers were compared with the corpus, what was not so, and which answers were not the measured ones."""

    claims: int
    faults: tuple[str, ...]
    differing: int


@dataclass(frozen=True, slots=True)
class SetFigures:
    """One set of queries. Shares are of 1; `lines` is None where the engine names no lines."""

    n: int
    recall: float
    n_rare: int
    recall_rare: float
    first: float | None
    in_ten: float | None
    lines: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One way to ask one engine. `threshold`: an answer counts when its score is above it. `times` by the names of TIMED_TOGETHER."""

    name: str
    names_files: bool
    threshold: float
    false_positives: float
    times: dict[str, Times]
    sets: dict[str, SetFigures]


class Judge:
    """Knows the queries and the corpus they were cut from; judges the answers of one engine after the other."""

    def __init__(self, queries: Sequence[Query], ids: Mapping[tuple[str, str], int]) -> None:
        """`ids`: (repository, path) -> id of every file of the corpus."""
        self.queries = queries
        repository_of = {number: repository for (repository, _), number in ids.items()}
        self.original = [ids.get((query.repo, query.path)) for query in queries]
        self.rare = [len({repository_of[number] for number in query.truth}) <= RARE_REPOSITORIES for query in queries]

    def figures(self, name: str, measured: Mapping[str, Any]) -> Figures:
        """Judges one question's answers, which stand in the order of the queries."""
        answers: list[dict[str, Any]] = measured["answers"]
        assert [answer["qid"] for answer in answers] == [query.qid for query in self.queries]
        negatives = np.array([answers[place]["score"] for place in self._places("N")])
        threshold = score_threshold(negatives)
        return Figures(
            name=name,
            names_files=measured["names_files"],
            threshold=threshold,
            false_positives=float((negatives > threshold).mean()),
            times=self.times(answers),
            sets={key: self._set(key, answers, threshold, measured["names_files"]) for key in SETS if key != "N"},
        )

    def times(self, answers: Sequence[Mapping[str, Any]]) -> dict[str, Times]:
        """How long the answers to each group of TIMED_TOGETHER took."""
        times = {}
        for name, sets in TIMED_TOGETHER.items():
            taken = [answer["seconds"] * 1e3 for answer, query in zip(answers, self.queries, strict=True) if query.set in sets]
            if taken:
                times[name] = Times(*(float(each) for each in np.percentile(taken, [50, 99])))
        return times

    def _places(self, key: str) -> list[int]:
        return [place for place, query in enumerate(self.queries) if query.set == key]

    def _set(self, key: str, answers: Sequence[dict[str, Any]], threshold: float, names_files: bool) -> SetFigures:
        places = self._places(key)
        passed = {place: answers[place]["score"] > threshold for place in places}
        rare = [place for place in places if self.rare[place]]
        ranks = [self._rank(place, answers[place]["ranked"]) for place in places] if names_files else None
        overlaps = [overlap for place in places if (overlap := self._overlap(place, answers[place]["ranked"])) is not None]
        return SetFigures(
            n=len(places),
            recall=_share([passed[place] for place in places]),
            n_rare=len(rare),
            recall_rare=_share([passed[place] for place in rare]),
            first=None if ranks is None else _share([rank == 0 for rank in ranks]),
            in_ten=None if ranks is None else _share([rank is not None for rank in ranks]),
            lines=float(np.mean(overlaps)) if overlaps else None,
        )

    def _rank(self, place: int, ranked: Sequence[Sequence[Sequence[Any]]]) -> int | None:
        """Where the first right file stands among the first ten: one that holds the whole snippet, or has such a copy under it."""
        truth = set(self.queries[place].truth)
        return next((rank for rank, files in enumerate(ranked[:TOP]) if any(file[0] in truth for file in files)), None)

    def _overlap(self, place: int, ranked: Sequence[Sequence[Sequence[Any]]]) -> float | None:
        """How well the lines reported in the very file the snippet was cut from agree; None where none are reported there."""
        query = self.queries[place]
        named = [file for files in ranked[:TOP] for file in files if file[0] == self.original[place] and file[1] is not None]
        return line_overlap((named[0][1], named[0][2]), (query.start, query.end)) if named else None


def truth(measured: Mapping[str, Any], checked: Sequence[Mapping[str, Any]]) -> Truth:
    """What the check of one question's answers came to, and whether they are the answers that were measured."""
    faults = tuple(f"query {one['qid']}: {fault}" for one in checked for fault in one["faults"])
    pairs = zip(measured["answers"], checked, strict=True)
    differing = sum((a["qid"], a["score"], a["ranked"]) != (b["qid"], b["score"], b["ranked"]) for a, b in pairs)
    return Truth(sum(one["claims"] for one in checked), faults, differing)


def score_threshold(negatives: np.typing.NDArray[np.float64]) -> float:
    """The lowest threshold that at most 1 % of the negatives lie above. 1000 scores -> the eleventh highest"""
    descending = np.sort(negatives)[::-1]
    return float(descending[int(len(descending) * FALSE_POSITIVES)])


def line_overlap(reported: tuple[int, int], true: tuple[int, int]) -> float:
    """Intersection over union of two inclusive ranges of lines. (1, 10), (6, 15) -> 1/3"""
    common = min(reported[1], true[1]) - max(reported[0], true[0]) + 1
    together = max(reported[1], true[1]) - min(reported[0], true[0]) + 1
    return max(0, common) / together if common > 0 else 0.0


def _share(passed: Sequence[bool]) -> float:
    return sum(passed) / len(passed) if passed else 0.0
