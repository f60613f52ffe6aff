"""Do the twins still give the published test vectors, and do the kernels and the stand-alone file give the same?"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from indexer.bloom import kernels, standalone
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import fingerprint_exact, fingerprint_renamed
from indexer.text.tokens import Tokens, encode, rename, tokenize
from tests.golden.vectors import CASES, TARGET, as_json, vectors

VECTORS: dict[str, Any] = json.loads(TARGET.read_text("utf-8"))
each_case = pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])


def test_the_file_is_what_the_twins_give() -> None:
    assert TARGET.read_text("utf-8") == as_json(vectors()) + "\n", "run: python -m tests.golden.vectors > tests/golden/vectors.json"


def test_the_vectors_cover_both_answers_of_a_filter() -> None:
    hits = [hit for case in VECTORS["cases"] for hit in case["filter"]["may_contain"]]
    assert {True, False} == set(hits)
    assert [case["name"] for case in VECTORS["cases"] if case["filter"]["longest_run"] >= standalone.MIN_TOKENS] == ["c"]
    assert [case["name"] for case in VECTORS["cases"]] == list(CASES)


def tokens_of(case: dict[str, Any]) -> Tokens:
    return tokenize(np.frombuffer(encode(case["text"]), np.uint8))


@each_case
def test_kernels_give_the_tokens_and_both_streams(case: dict[str, Any]) -> None:
    found = tokens_of(case)
    before = [len(encode(case["text"][:at])) for at in range(len(case["text"]) + 1)]
    assert [[before.index(start), before.index(end)] for start, end in zip(found.starts, found.ends, strict=True)] == case["tokens"]
    assert [f"{value:016x}" for value in found.hashes.tolist()] == case["exact"]["hashes"]
    stream = rename(found)
    assert [f"{code:016x}" for code in stream.codes.tolist()] == case["renamed"]["codes"]
    assert stream.tokens.tolist() == case["renamed"]["tokens"]


@each_case
def test_kernels_give_the_fingerprints_of_both_channels(case: dict[str, Any]) -> None:
    found = tokens_of(case)
    exact = fingerprint_exact(found, SPEC.exact, capped=False)
    other = fingerprint_renamed(rename(found), SPEC.renamed, capped=False)
    for prints, wanted in ((exact, case["exact"]), (other, case["renamed"])):
        columns = (prints.values.tolist(), prints.stream.tolist(), prints.windows.tolist())
        assert [list(one) for one in zip(*columns, strict=True)] == wanted["fingerprints"]


@each_case
def test_kernels_set_and_find_the_bits(case: dict[str, Any]) -> None:
    n_blocks = VECTORS["filter"]["blocks"]
    for (value, _, _), bits in zip(case["exact"]["fingerprints"], case["filter"]["bits"], strict=True):
        halves = np.zeros(8 * n_blocks, np.uint32)
        kernels.insert(halves, n_blocks, np.array([value], np.uint64))
        assert np.flatnonzero(np.unpackbits(halves.view(np.uint8), bitorder="little")).tolist() == sorted(bits)
    halves = np.frombuffer(bytes.fromhex(VECTORS["filter"]["bytes"]), "<u4").astype(np.uint32)
    values = np.array([value for value, _, _ in case["exact"]["fingerprints"]], np.uint64)
    out = np.zeros(len(values), np.bool_)
    kernels.may_contain(halves, n_blocks, values, out)
    assert out.tolist() == case["filter"]["may_contain"]


@each_case
def test_the_stand_alone_file_gives_them_too(case: dict[str, Any]) -> None:
    text = case["text"]
    assert [list(span) for span in standalone.tokens(text)] == case["tokens"]
    found = standalone.fingerprints(text)
    assert [list(one) for one in found] == case["exact"]["fingerprints"]
    assert standalone.longest_run(case["filter"]["may_contain"], found, len(case["tokens"])) == case["filter"]["longest_run"]
