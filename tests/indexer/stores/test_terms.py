"""Fingerprints as terms of a cluster."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.stores.elastic.mapping import agreeing_sides, sides_of, terms_of

VALUES = st.integers(0, 2**48 - 1)
CONTEXTS = st.integers(1, 254)


def _key(value: int, right: int, left: int) -> int:
    return value << 16 | right << 8 | left


@given(st.lists(VALUES, max_size=20))
def test_terms_are_nine_characters_and_differ_as_the_fingerprints_do(values: list[int]) -> None:
    terms = terms_of(np.array(values, np.uint64))
    assert [len(term) for term in terms] == [9] * len(values)
    assert len(set(terms)) == len(set(values))


def test_terms_stay_what_they_are() -> None:
    assert terms_of(np.array([0, 65, 2**48 - 1], np.uint64)) == ["!!!!!!!!!", '!!!!!!!"$', "0&&ab8+e("]


@given(VALUES, CONTEXTS, CONTEXTS, CONTEXTS)
def test_a_document_is_found_by_one_side_that_agrees(value: int, right: int, left: int, other: int) -> None:
    stored = set(sides_of(np.array([_key(value, right, left)], np.uint64)).split())
    assert stored & set(agreeing_sides(_key(value, right, other)))
    assert stored & set(agreeing_sides(_key(value, other, left)))


@given(VALUES, CONTEXTS, CONTEXTS)
def test_a_document_that_has_more_places_than_are_kept_is_always_found(value: int, right: int, left: int) -> None:
    stored = set(sides_of(np.array([_key(value, 255, 255)], np.uint64)).split())
    assert stored & set(agreeing_sides(_key(value, right, left))) and stored & set(agreeing_sides(_key(value, 0, 0)))


def test_few_documents_are_found_by_sides_that_do_not_agree() -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, 2000, np.uint64)
    stored = set(sides_of(keys[:1000]).split())
    assert sum(bool(stored & set(agreeing_sides(key))) for key in keys[1000:].tolist()) < 200
