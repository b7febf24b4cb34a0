"""Words: one fold for what is kept and what is asked; every character is found by itself."""

import hashlib
import os
import re
import time
import unicodedata
from unicodedata import normalize

import pytest
from hostile import texts
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats import equality, fold, normal_form, words
from plainmind.formats.page import link, page, triple
from scene import THOROUGH

#: what no engine can read a syntax in, nor fold again
TERM = re.compile("[a-z0-9\x80-\ud7ff\ue000-\U0010ffff]{1,64}")
FORMS = [str.upper, str.lower, str.title, str.casefold] + [
    lambda text, form=form: normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")
]


def index_terms(text: str, author: str = "") -> set[str]:
    found = words.of_event(author, text)
    return {*found.opening, *found.rest, *found.common}


@given(said=texts, author=texts)
def test_any_text_has_words_the_same_each_time(said, author):
    found = words.of_event(author, said)
    terms = [*found.opening, *found.rest, *found.common]
    assert all(TERM.fullmatch(term) for term in terms)
    assert words.of_event(author, said) == found
    assert {*words.terms(said), *words.terms(author)} <= set(terms)
    # of a page, too
    page = words.of_page(author, "name", [], said)
    assert {*words.terms(said), *words.terms(author)} <= {*page.opening, *page.rest, *page.common}


#: of these, a character alone is none of a word: what separates, what nobody sees, what is dropped
NOTHING = re.compile("P.|Z.|C[cfs]|M[ne]")
#: and a few that Unicode counts among letters and signs: apostrophes, fillers, signs of ASCII, what
#: is a space with a mark in NFKC
OTHERS = re.compile("[$+<=>|~^`⁄⁺₊⁼₌ʹʺʻʼʽʾʿˈـۥۦ\u115f\u1160\u3164\uffa0]")


def test_a_text_is_found_by_itself_whatever_character_it_is_made_of():
    """Also by what another program makes of it: in capitals or small letters, decomposed or not."""
    lost = []
    for code in range(0x110000):
        char, sample = chr(code), code % 89 == 0
        kind = unicodedata.category(char)
        if not sample and (kind in ("Cn", "Co", "Cs") or 0x3400 <= code < 0xD7A4 or code > 0x17000):
            continue  # thousands that are treated alike
        if not words.terms(char) and not NOTHING.match(kind):
            plain = normalize("NFKC", char)
            lost += [] if OTHERS.match(plain) or plain[0] in " :" else [char]
        within = THOROUGH or code < 0x600 or code % 3 == 0
        for text in (char, f"a{char}b", f"क{char * 2}क") if within else (char,):
            there = index_terms(text)
            if not {*words.terms(text)} <= there:
                lost.append(text)
            forms = {form(text) for form in FORMS} - {text} if there else ()
            lost += [(text, form) for form in forms if not there.intersection(words.terms(form))]
            again = fold.fold(text)
            lost += [] if fold.fold(again) == again else [(text, again)]
    assert lost == []


def test_a_fold_has_a_number():
    """Whoever changes it raises words.FOLD, so that indexes are made again. What Unicode 3.2 had is
    the same on every Python."""
    made = hashlib.sha256()
    for start in range(0, 0x110000, 4096):
        chars = map(chr, range(start, start + 4096))
        block = "\n".join(c for c in chars if unicodedata.ucd_3_2_0.category(c) != "Cn")
        made.update(fold.mark(block).encode("utf-8", "surrogatepass"))
    made.update(fold.mark(SAME).encode())  # letters beside others
    assert (words.FOLD, made.hexdigest()) == (
        2,
        "7de565d04fdf697b27da1ae5311fecda4cf390715bbf6cab64cd61870fbd83f5",
    )


USES = [
    fold.fold, words.tokens, words.plain, equality.key, page.slugify, link.link_key,
    triple.normalize_entity, triple.normalize_predicate, triple.comparison_key,
]  # fmt: skip


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("marks", ["\u0301\u0323", "\uff9e\u0323", "\u0f73\u0f71", "\u0301b\u0323"])
def test_a_run_of_marks_costs_what_it_is_long(use, marks):
    def measure(count: int) -> float:
        start = time.process_time()
        use("a" + marks * count)
        return time.process_time() - start

    use("a" + marks * 100)
    first, second = measure(10_000), measure(20_000)
    assert second < 3 * first + 0.02


def test_a_run_of_marks_is_divided_where_it_is_longer_than_any_language_has():
    for count in (0, 1, 30, 31, 95):
        text = "a" + "\u0323\u0301" * count
        made = normal_form.to_form("NFC", text)
        assert made.count("\u034f") == max(0, (2 * count - 1) // 30)
        assert normal_form.to_form("NFC", made) == made
        assert made.replace("\u034f", "") == normalize("NFC", text) or count > 15
        assert words.terms(text) == ["a"]
    every = (chr(code) for code in range(0x110000))
    marks = [c for c in every if unicodedata.combining(normalize("NFKD", c)[0])]
    assert [c for c in marks if not re.fullmatch(normal_form._MARK, c)] == []


def test_normal_forms_are_made_in_one_place():
    lib = os.path.dirname(os.path.dirname(normal_form.__file__))
    uses = []
    for folder, _, names in os.walk(lib):
        for path in (os.path.join(folder, n) for n in names if n.endswith(".py")):
            with open(path, encoding="utf-8") as file:
                uses += [path] if "unicodedata.normalize" in file.read() else []
    assert uses == [normal_form.__file__]


def test_what_unicode_does_not_know_yet_is_a_word():
    assert words.terms("wow\U000e0080!") == ["wow", "\U000e0080"]


@given(st.text("abAB1 2._-+#()\"'/*:^\x01\x02\n", max_size=20))
@example(".env C++ a.b-c aBcD")
def test_an_ascii_text_has_the_words_that_it_has_beside_others(text):
    slow = words._names(fold.mark(text), words._any_pattern())
    assert words._split(text) == slow
    assert words.terms(f"{text} é")[:-1] == words._stems(words.tokens(text)) or any(
        token in words.STOPWORDS for token in words.tokens(text)
    )


#: what is written, and what is asked: each finds the other
SAME = """
    Straße STRASSE · STRAẞE straße · Łódź lodz · Øresund oresund · Đà da · Ærø aero · cœur COEUR
    ısparta ISPARTA · İstanbul istanbul · Þórr thorr · Ħal hal · naïve NAIVE · ﬃ ffi · ǆ DŽ · ſo SO
    ὈΔΥΣΣΕΎΣ οδυσσευς · ΛΌΓΟΣ λόγος · ᾳ ΑΙ · Ёлка елка · їжак ЇЖАК · مُحَمَّد محمد · أحمد احمد
    کتاب كتاب · ی ي · مدرسة مدرسه · شَلـــوم شلوم · שָׁלוֹם שלום · ３７ 37 · ٣٧ 37 · ३७ 37 · Ａ a
    Donau\u00addampf donaudampf · zero\u200bwidth zerowidth · \ufeffbom bom · a\u2060b ab
    п’ять пять · צה"ל צהל · می\u200cخواهم میخواهم · می\u200cخواهم خواهم · क\u094d\u200dष क\u094dष
    ｶﾞ ガ · 한글 \u1112\u1161\u11ab\u1100\u1173\u11af · 東京都に 東京 · 駅前 駅 · ข้าวผัด ข้าว · ທ່ານ ທ່ານ
    C++ c++ · C++17 c++ · C# csharp · F# f# · .env .env · .env env · .NET dotnet · node.js NodeJS
    getUserByEmail getuserbyemail · getUserByEmail email · user.getUserByEmail() getUserByEmail
    snake_case snakeCase · obj.snake_case snake_case · kebab-case kebabCase · kebab-case kebab
    서울에서 서울은 · 집에 집 · HTTPServer server · МойДень день · e-mail email · U.S.A. USA
    __init__ init · 1️⃣ 1
    👩🏽\u200d💻 👩\u200d💻 · 👩🏽\u200d💻 💻 · 👍🏿 👍 · ❤\ufe0f ❤ · 🏳️\u200d🌈 🌈 · go🚀🚀now 🚀 · 🇩🇪🇫🇷 🇫🇷
    🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🏴 · ☕ ☕ · → → · the THE
"""
#: what is not the same, though something was folded away
OTHER = """
    C++ C# · C++ C · F# F · .env node · हिन्दी हन्द · か が · ハ バ · 🇩🇪 🇪🇩 · 👩\u200d💻 👨
    東京 大阪 · กา กิ
"""


def pairs(text: str) -> list[tuple[str, str]]:
    return [tuple(pair.split()) for pair in re.split(" · |\n", text) if pair.strip()]


@pytest.mark.parametrize("written, asked", pairs(SAME))
def test_one_is_found_by_the_other(written, asked):
    assert {*words.terms(asked)} & index_terms(written)
    assert {*words.terms(written)} & index_terms(asked)


@pytest.mark.parametrize("name", "STRAßE GROß FUßBALL STRAẞE ÆRØ ŒUVRE ÞÓR MAẞ ÆÆ".split())
def test_a_letter_that_becomes_two_makes_no_parts_of_a_word_in_capitals(name):
    """Its parts would be asked for, too, and who writes it in small letters has none."""
    assert words.terms(name) == words.terms(name.lower())


@pytest.mark.parametrize("written, asked", pairs(OTHER))
def test_one_is_not_found_by_the_other(written, asked):
    assert not {*words.terms(asked)} & index_terms(written)


@pytest.mark.parametrize("asked, terms", [
    ("What is the deadline?", ["deadlin"]), ("to be or not to be", "to be or not to be".split()),
    ("The Who", ["the", "who"]), ("mẹ tôi", ["toi", "me"]), ("x" * 70, ["x" * 63]),
    ("aGVsbG8gd29ybGQg" * 9, ["agvsbg8gd29ybgqg" * 3 + "agvsbg8gd29ybgq"]),
])  # fmt: skip
def test_stop_words_count_when_there_is_nothing_else_or_the_text_is_not_english(asked, terms):
    assert words.terms(asked) == terms


@given(st.integers(0, 80))
def test_the_opening_has_thirty_words(count):
    for unit, script in (("alpha", " "), ("東", ""), ("서울에서", " "), ("ab-cd", " ")):
        found = words.of_event("", script.join([unit] * count))
        each = {"東": 1, "서울에서": 1, "ab-cd": 2}.get(unit, 1)
        first, everything = (
            words.tokens(script.join([unit] * some)) for some in (min(count, 30 // each), count)
        )
        assert found.opening == words._stems(first)
        assert sorted(found.opening + found.rest) == sorted(words._stems(everything))
        assert found.length == count * each and found.opening_length == min(30, count * each)
