import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground.errors import Unavailable
from plainmind.providers.embed import LONGEST, check_vectors, prepare

BROKEN = {
    "none": None, "no list": {"a": 1}, "too few": [[1.0]], "too many": [[1.0]] * 3,
    "a number": [1.0, 2.0], "text": [["a"], ["b"]], "nothing in it": [[], []],
    "null": [None, [1.0]], "null in it": [[1.0, None], [1.0, 2.0]],
    "nan": [[math.nan, 1.0], [1.0, 1.0]], "inf": [[math.inf, 1.0], [1.0, 1.0]],
    "zero": [[0.0, 0.0], [1.0, 1.0]], "huge": [[1e200, 1e200], [1.0, 1.0]],
    "uneven": [[1.0], [1.0, 2.0]], "huge integer": [[10**400], [1.0]],
}  # fmt: skip


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_no_vector_gets_through_that_is_none(answer):
    with pytest.raises(Unavailable, match="The server answered"):
        check_vectors(answer, 2, "The server")


def test_a_vector_of_another_length_than_known_is_refused():
    with pytest.raises(Unavailable, match="2, 3"):
        check_vectors([[1.0, 2.0]], 1, "The server", 3)


@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6), min_size=3, max_size=3),
        max_size=5,
    )
)
def test_vectors_are_of_length_one_and_in_order(vectors):
    made = check_vectors(vectors, len(vectors), "The server", 3)
    for given_one, made_one in zip(vectors, made, strict=True):
        assert math.isclose(sum(x * x for x in made_one), 1, rel_tol=1e-5)
        assert all((a > 0) == (b > 0) for a, b in zip(given_one, made_one, strict=True))


@given(st.text(st.characters(), max_size=50), st.integers(10, 40))
def test_a_prepared_text_can_be_embedded_by_anything(text, longest):
    made = prepare(text, longest)
    assert 0 < len(made) <= max(longest, 1)
    assert "\0" not in made
    made.encode("utf-8")


def test_a_long_text_is_clipped_at_a_word():
    assert prepare("one two three", 9) == "one two"
    assert prepare("x" * 9999) == "x" * LONGEST
    assert prepare("词" * 9999) == "词" * LONGEST
    assert prepare(" " * 9999) == " "
    assert prepare("") == " "
    assert prepare("a\0b \udc80") == "a b ?"
