"""Which texts count once in a recall."""

import pytest
from plainmind.formats.equality import key


@pytest.mark.parametrize(
    "one, other",
    [
        ("ok", "OK"), ("ok", " ok. "), ("getUser", "getuser"), ("ok", "Ok!!!"),
        ("- a\n- b", "a b"), ("Who needs it?", "who needs\nit"),
        ("ΤΕΛΟΣ", "τελος"), ("straße", "STRASSE"), ("ｏｋ", "ok"), ("東京。", "東京"),
        ("co\u00adoperate", "cooperate"), ("ja\u200b", "ja"), ("well — done", "well done"),
        ("«да»", "Да…"), ("", "  "),
    ],
)  # fmt: skip
def test_equal_but_for_case_space_and_punctuation(one, other):
    assert key(one) == key(other)


@pytest.mark.parametrize(
    "one, other",
    [
        ("ok", "ok ok"), ("1.5", "15"), ("now here", "nowhere"), ("x < y", "x > y"), ("5 °C", "5"),
        ("C#", "C"), ("C++", "C"), (".env", "env"), ("?", "!"), ("👍", "👎"), ("", "?"),
        ("yes it is", "is it yes"), ("दिन", "दीन"), ("naïve", "naive"),
    ],
)  # fmt: skip
def test_what_differs_in_a_letter_a_symbol_or_a_term_of_the_index_is_not_equal(one, other):
    assert key(one) != key(other)


def test_a_key_is_a_number_of_sqlite_and_the_same_in_every_process():
    assert key("ok") == 344132182056359179
    assert 0 <= key("\ud800") < 1 << 63
