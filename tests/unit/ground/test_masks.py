"""One mask for every way out: whatever is a secret, in whatever form and in whatever pieces."""

import json
import os
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plainmind.ground.environment import Environment, find_secrets
from plainmind.ground.masks import _PEM, _SHAPES, HIDDEN, Mask
from scene import ROOT

KEY = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0z"
#: one of each shape; every one of them holds KEY, or what follows it
SHAPES = [
    f"sk-proj-{KEY}", f"rk_live_{KEY}", f"ghp_{KEY}", f"ghs_{KEY}", f"github_pat_{KEY}",
    f"glpat-{KEY}", f"hf_{KEY}", f"npm_{KEY}", f"pypi-{KEY}", f"xoxb-{KEY}", f"xapp-1-{KEY}",
    f"GOCSPX-{KEY}", f"ya29.{KEY}", f"SG.{KEY}.{KEY}", f"AIza{KEY}{KEY[:4]}",
    "AKIAQ3EGRT7YUIOP4ZXC",
    f"eyJ{KEY}.eyJ{KEY}.{KEY}", f"123456789:AA{KEY}xY", f"MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.{KEY}",
    f"https://discord.com/api/webhooks/123/{KEY}", f"https://hooks.slack.com/services/T0/B0/{KEY}",
    f"AGE-SECRET-KEY-1{KEY.upper()}", f"https://h/?key={KEY}", f"/v1?a=b&api_key={KEY}",
    f"Bearer {KEY}", f"Bearer Bearer {KEY}", f"Bearer a,Bearer {KEY}",
    f"SG.{KEY}.{KEY}-SG.{KEY}.{KEY}", f"eyJ{KEY}.eyJ{KEY}.eyJ{KEY}.{KEY}",
    f"Authorization: Basic {KEY}", f"postgres://ann:{KEY}@db/x",
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n{KEY[:9]}=\n-----END RSA PRIVATE KEY-----",
]  # fmt: skip
VALUES = [
    "hunter2-blue",
    "open Sesame 7!",
    'a"b\\c\td-e',
    "pä55wörter",
    "line one 1\nline two two 2x",
    "byte-\udccb-no-utf-8",
]
#: words that are no secret, and beginnings of some
WORDS = [
    "so",
    "sk-",
    "the key=",
    " ",
    "\n",
    "Bearer",
    "http://",
    "M",
    "n",
    "hunter",
    "…",
    "***",
    "é",
]


@pytest.fixture(scope="module")
def mask() -> Mask:
    return Mask(VALUES)


def to_address(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")


def leaks(text: str, secret: str, around: str = "") -> bool:
    """Whether six characters in a row of what is secret in it are in a text, more often than they
    are in what stands around it."""
    core = KEY if KEY in secret or KEY.upper() in secret else secret
    forms = {core, json.dumps(core)[1:-1], to_address(core), core.upper()}
    pieces = {form[at : at + 6] for form in forms for at in range(len(form) - 5)}
    return any(text.count(piece) > around.count(piece) for piece in pieces)


SECRETS = st.sampled_from(SHAPES + VALUES)


@given(SECRETS, st.lists(st.sampled_from(WORDS)), st.lists(st.sampled_from(WORDS)), st.data())
def test_no_piece_of_a_secret_comes_through(secret, before, after, data):
    mask = Mask(VALUES)
    before, after = " ".join([*before, ""]), " ".join(["", *after])
    text = f"{before}{secret}{after}"
    around = f"{before}\0{after}"
    assert not leaks(mask(text), secret, around) and HIDDEN in mask(text)
    assert text.count("\n") == mask(text).count("\n"), "every line stays where it was"
    assert mask(mask(text)) == mask(text)
    # a stream of any pieces shows the same
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=8)))
    shown, start = "", 0
    for end in [*cuts, len(text)]:
        safe = mask.find_safe(text[:end], start)
        shown, start = shown + mask.mask_piece(text[:end], start, safe), safe
        assert not leaks(shown, secret, around), "of a stream that breaks off here"
    assert not leaks(shown + mask.mask_piece(text, start, len(text)), secret, around)


@pytest.mark.parametrize("left", range(len("-----END RSA PRIVATE KEY-----")))
def test_a_private_key_whose_end_breaks_off_is_hidden_to_its_last_line(left):
    """What ends it may also begin the next one, and is held back in a stream."""
    mask, key = Mask(), SHAPES[-1]
    text = key[: len(key) - left]
    safe = mask.find_safe(text, 0)
    assert not leaks(mask.mask_piece(text, 0, safe), key)
    assert left > 20 or not leaks(mask(text), key)


@pytest.mark.parametrize("value", ["a-b-c-d-e", "one two s", "x4711-gh", "y4711 ---"])
def test_a_value_whose_end_may_begin_another_secret_is_held_back(value):
    mask = Mask([value])
    safe = mask.find_safe(f"so {value}", 0)
    assert mask.mask_piece(f"so {value}", 0, safe) == "so "
    assert mask.mask_piece(f"so {value}", safe, len(value) + 3) == HIDDEN


@given(st.sampled_from([v for v in VALUES if "\n" not in v]), st.integers(6, 40))
def test_what_a_cut_left_of_a_known_value_is_hidden(value, kept):
    mask, kept = Mask(VALUES), min(kept, len(value) - 1)
    for text in (f"so {value[:kept]}… more", f"so …{value[-kept:]} more"):
        assert not leaks(mask(text), value)
    assert not leaks(mask.mask_cut(f"so {value[:kept]}"), value)


@pytest.mark.parametrize("form", [str, lambda v: json.dumps(v)[1:-1], to_address])
@pytest.mark.parametrize("value", VALUES)
def test_every_form_of_a_value_is_known(mask, value, form):
    assert mask(f"x{form(value)}y").replace("\n", "") == f"x{HIDDEN}y"


def test_values_that_overlap_leave_nothing():
    assert Mask(["abcdef12", "f123456"])("-abcdef123456-") == "-***-"


def test_texts_are_masked_one_by_one(mask):
    given = {"a": [VALUES[0], 1, None], "b": {"c": f"Bearer {KEY}"}}
    assert mask.mask_all(given) == {"a": [HIDDEN, 1, None], "b": {"c": f"Bearer {HIDDEN}"}}


# --- which values are secrets


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        # by a name that says so, where it is not a plain word
        ("DB_PASS=hunter2", "hunter2"), ("DB_PASS=swordfish", "swordfish"),
        ("API_KEY=abc123", "abc123"), ("MY_PIN=482913", "482913"),
        ("SMTP_PWD='tr0ub4 dor'", "tr0ub4 dor"),
        ("MIND_KEY=hidden-word", "hidden-word"), ("MIND_BOARD_TOKEN=hidden-word", "hidden-word"),
        ("SENTRY_DSN=https://k3y@s.io/1", "https://k3y@s.io/1"),
        # by any other name, where it is not plainly something else
        ("CANARY=zebra-7731", "zebra-7731"), ("STRIPE=whsec9k2j", "whsec9k2j"),
        ("PHRASE=correct horse battery staple", "correct horse battery staple"),
        # the password of an address, by itself
        ("DATABASE_URL=postgres://ann:s3cr3t-w@db/x", "s3cr3t-w"),
        # ordinary words, numbers, addresses, paths, and what the suite is set by
        ("DB_PASS=summer", ""), ("DB_PASS=password", ""), ("DB_PASS=ab1", ""),
        ("API_KEY=111111", ""),
        ("TZ=Europe/Berlin", ""), ("STAGE=production", ""), ("WHO=ann-lee", ""), ("PORT=8080", ""),
        ("HOST=db.example.net:5432", ""), ("MAIL=ann@example.net", ""),
        ("DATA=/srv/plainmind/data7", ""),
        ("SINCE=2026-01-30T14:23", ""), ("VERSION=v1.22.333", ""),
        ("URL=http://127.0.0.1:8080/v1", ""),
        ("MIND_TURN_HISTORY_TOKENS=100000", ""), ("OPENAI_MODEL=qwen3-30b-a3b", ""),
        ("DISCORD_CHANNEL_ID=123456789012345678", ""), ("OPENAI_BASE_URL=http://h:1/v1", ""),
        (f"SSH_AUTH_SOCK={ROOT}", ""),
    ],
)  # fmt: skip
def test_what_of_the_file_is_masked(tmp_path, line, masked):
    (tmp_path / ".env").write_text(f"{line}\n")
    mask = Environment(str(tmp_path)).mask
    assert masked in mask.values if masked else not mask.values
    words = "summer, password, Europe/Berlin, production, 8080, ab1, 111111 and 14829135"
    assert mask(words) == words


def test_both_values_of_a_variable_are_masked(tmp_path, monkeypatch):
    """The one of the process wins, and the file's is a secret all the same."""
    (tmp_path / ".env").write_text("API_KEY=from-file-1\n")
    monkeypatch.setenv("API_KEY", "from-process-1")
    assert Environment(str(tmp_path)).mask("from-file-1 from-process-1") == "*** ***"


def test_a_plain_value_of_the_process_is_no_secret():
    assert list(find_secrets("EDITOR", "vim-9000-x", in_file=False)) == []
    assert list(find_secrets("CANARY", "vim-9000-x", in_file=True)) == ["vim-9000-x"]


# --- a text is masked before it is cut

#: cuts of what never goes out, or is masked before
_OTHERWISE = {
    "lib/plainmind/formats/page/page.py": "word[:60]",  # a name of a file
    "lib/plainmind/hooks/serving.py": '.strip("-")[:50]',  # a name of a context
    "lib/plainmind/index/page_reading.py": ".split()))[:200]",  # a row of the index
    "lib/plainmind/surfaces/discord/attachments.py": "stem[:60]",  # a name of a file
    "lib/plainmind/providers/discord.py": "said[:4000]",  # bytes; cut again where it is told
    "lib/plainmind/formats/work/summary.py": "[:1000]",  # so many agents
}


def list_cuts() -> list[tuple[str, str]]:
    """Where a text is cut to a number of characters, by a number that stands there."""
    found = []
    folders = [os.path.join(ROOT, folder) for folder in ("lib/plainmind", "bin", "skills")]
    walk = (step for folder in folders for step in os.walk(folder))
    for path in (os.path.join(at, name) for at, _, names in walk for name in names):
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file if not path.endswith(".pyc") else ():
                for match in re.finditer(r"[\w)\]]\[: ?(\d+)\]", line):
                    if 40 <= int(match[1]) <= 4000 and not re.search(
                        r"hexdigest|mask\(|list\(", line
                    ):
                        found.append((os.path.relpath(path, ROOT), line.strip()))
    return found


def test_no_message_is_cut_before_it_is_masked():
    """masks.cut does both; a number in brackets is how a message is shortened without it."""
    left = [(path, text) for path, text in list_cuts() if _OTHERWISE.get(path, "\0") not in text]
    assert not left
    assert len(list_cuts()) == len(_OTHERWISE), "an exception that is not needed"


# --- what it costs


PIECES = [
    *_SHAPES,
    _PEM,
    "-----BEGIN X PRIVATE KEY-----\n",
    "M.",
    f"{KEY[:25]}.",
    "a",
    "…",
    "://a:",
]


def test_no_text_takes_long():
    """Not of any literal, many times: 200 kB take 0.1 s, and half a minute what is quadratic."""
    from time import process_time

    mask, slow = Mask(VALUES), []
    for piece in (f"{piece}{glue}" for piece in PIECES for glue in ("", "-")):
        text = piece * (200_000 // len(piece.encode()))
        start = process_time()
        mask(text)
        mask.find_safe(text + "!", 0)
        slow += [piece] if process_time() - start > 3 else []
    assert not slow
