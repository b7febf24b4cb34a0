"""Words: index terms of any text."""

from hostile import texts
from hypothesis import given
from plainmind.formats import words


@given(said=texts, author=texts)
def test_any_text_has_words_the_same_each_time(said, author):
    found = words.of_event(author, said)
    for term in found.opening + found.rest:
        assert term and not term.isspace() and len(term) <= 64 and term == term.lower()
    assert words.of_event(author, said) == found
