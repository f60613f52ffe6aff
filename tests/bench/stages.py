"""Which stages has measuring an engine? Building, asking one seed's queries, checking the answers; each once for the same code.

Not here: the measuring (`measure`), what is kept of it (`parts`).
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.bench.corpus import Corpus, console
from tests.bench.engines import code_digest, made_with
from tests.bench.judge import Judge, truth
from tests.bench.measure import Build, check_answers, measure_answers, measure_build
from tests.bench.parts import Parts, file_digest
from tests.bench.report import Asked, Built

_REFERENCE = ("tests/reference/evidence.py", "tests/reference/tokens.py")


class Stages:
    """Measures engines on one corpus, each stage once."""

    def __init__(self, corpus: Corpus, parts: Parts) -> None:
        self._corpus, self._parts = corpus, parts

    def build(self, key: str) -> Built:
        """What the index of an engine costs; afterwards it stands there."""
        part = self._parts.get(f"{key}-build", self._made_with(key), partial(self._build, key), leaves=self.folder(key))
        return Built(part.commit, Build(**part.result))

    def _build(self, key: str) -> dict[str, object]:
        console.print(f"{key}: building", highlight=False)
        return asdict(measure_build(key, self._corpus, self.folder(key)))

    def ask(self, key: str, queries: Path, judge: Judge, *, check: bool = True) -> list[Asked]:
        """What an engine answers to the queries, judged, and with `check` compared with the corpus where its answers can be."""
        with_queries = self._made_with(key) | {"queries": file_digest(queries)}
        measured = self._parts.get(f"{key}-{queries.stem}", with_queries, partial(self._ask, key, queries))
        extra_bytes, questions = measured.result["extra_bytes"], measured.result["questions"]
        truths = {}
        if check and any(one["can_be_checked"] for one in questions.values()):
            with_reference = with_queries | {"reference": code_digest(_REFERENCE)}
            checked = self._parts.get(f"{key}-{queries.stem}-check", with_reference, partial(self._check, key, queries))
            truths = {name: truth(questions[name], answers) for name, answers in checked.result.items()}
        return [Asked(measured.commit, extra_bytes, judge.figures(name, one), truths.get(name)) for name, one in questions.items()]

    def _ask(self, key: str, queries: Path) -> dict[str, object]:
        console.print(f"{key}: asking {queries.stem}", highlight=False)
        return asdict(measure_answers(key, self._corpus, self.folder(key), queries))

    def _check(self, key: str, queries: Path) -> dict[str, object]:
        console.print(f"{key}: checking its answers to {queries.stem}", highlight=False)
        return check_answers(key, self._corpus, self.folder(key), queries)

    def folder(self, key: str) -> Path:
        """Where the index of an engine is."""
        return self._corpus.folder / "indexes" / key

    def _made_with(self, key: str) -> dict[str, str]:
        return made_with(key) | {"corpus": self._corpus.stats["corpus"]["digest"]}
