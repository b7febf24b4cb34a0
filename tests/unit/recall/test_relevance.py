"""Who is meant by a question, and after which messages an answer is looked for."""

import pytest
from plainmind.formats.evidence import is_asking
from plainmind.recall import relevance
from plainmind.recall.relevance import Query

AUTHORS = [(1, "Ann"), (2, "Bob Miller"), (3, "Server")]


@pytest.mark.parametrize(
    "text, first, every",
    [
        ("what did Ann tell Bob?", {1}, {1, 2}),
        ("what did Bob tell Ann of Bob?", {2}, {1, 2}),
        ("do Ann and Bob both run?", {1, 2}, {1, 2}),
        ("Bob Miller", {2}, {2}),
        ("does it run?", set(), set()),
    ],
)
def test_of_several_authors_the_first_one_is_meant(text, first, every):
    names = {name for id, name in AUTHORS if id in every}
    assert relevance.named(Query(text, 0).terms, AUTHORS) == (first, names)


@pytest.mark.parametrize(
    "text, asking",
    [
        ("How long have you had them?", True),
        ("How long? They are lovely. [a picture of two turtles]", True),
        ('She said "why?" and left', True),
        ("何時？もう遅い", True),
        ("متى؟", True),
        ("how? " + "word " * 29, True),
        ("how? " + "word " * 30, False),
        ("see https://example.org/?q=1 for more", False),
        ("They are lovely.", False),
        ("", False),
    ],
)
def test_a_question_in_the_last_words_is_asked(text, asking):
    assert is_asking(text) == asking
