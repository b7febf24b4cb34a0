"""Pages as roff: what is a list or a table in a manual is one at 80 columns."""

import re
import shutil
import subprocess

import pytest
from plainmind.cli import manual
from plainmind.cli.roff import roff


def body(text, title="DESCRIPTION"):
    """The roff of one section, without what begins and ends it."""
    lines = "".join(f"  {line}".rstrip() + "\n" for line in text.split("\n"))
    return roff("x", 1, f"NAME\n  x - y\n\n{title}\n{lines}").partition(f".SH {title}\n")[2].strip()


PIECES = {
    "a paragraph": ("one two\nthree", "one two\nthree"),
    "two": ("one\n\ntwo", "one\n.PP\ntwo"),
    "a list": (
        "start  begins\n       here\nend    ends",
        ".PD 0\n.TP 7n\nstart\nbegins\nhere\n.TP 7n\nend\nends\n.PD",
    ),
    "an indented list": (
        "such as\n\n  a   b\n  cd  e",
        "such as\n.PP\n.RS 4\n.PD 0\n.TP 4n\na\nb\n.TP 4n\ncd\ne\n.PD\n.RE",
    ),
    "a list below its head": (
        "team: a team\n  a   b\n  cd  e",
        "team: a team\n.RS 4\n.PD 0\n.TP 4n\na\nb\n.TP 4n\ncd\ne\n.PD\n.RE",
    ),
    "numbers that end below each other": (
        "  10  ten\n   5  five",
        ".RS 4\n.PD 0\n.TP 4n\n10\nten\n.TP 4n\n5\nfive\n.PD\n.RE",
    ),
    "a term that fills its column": (
        "link, odd x\ntorn      y\nA sentence below.",
        ".PD 0\n.TP 10n\nlink, odd\nx\n.TP 10n\ntorn\ny\n.PP\nA sentence below.\n.PD",
    ),
    "a term above its text": (
        "a     b\nlong term\n      c",
        ".PD 0\n.TP 6n\na\nb\n.TP 6n\nlong term\nc\n.PD",
    ),
    "a text without a term": ("      a\nkey   b", ".PD 0\n.TP 6n\n\\&\na\n.TP 6n\nkey\nb\n.PD"),
    "three columns": (
        "id    id    a name\ntype  name  a type",
        ".PD 0\n.TP 12n\nid    id\na name\n.TP 12n\ntype  name\na type\n.PD",
    ),
    "three columns that are too wide": (
        f"a   {'b' * 40}  {'c' * 40}\nde  {'f' * 40}  g",
        f".PD 0\n.TP 4n\na\n{'b' * 40}\n.br\n{'c' * 40}\n.TP 4n\nde\n{'f' * 40}\n.br\ng\n.PD",
    ),
    "terms that are too long": (
        f"{'a' * 50}  {'b ' * 15}\nc{' ' * 51}d",
        f".PD 0\n.TP 8n\n{'a' * 50}\n{('b ' * 15).strip()}\n.TP 8n\nc\nd\n.PD",
    ),
    "lines of a program": ("  {\n    a: .b\n  }", ".RS 4\n.nf\n{\n  a: .b\n}\n.fi\n.RE"),
    "one such line": ("  .a b", ".RS 4\n\\&.a b\n.RE"),
    "a word broken at its hyphen": ("it is new-\n  born", "it is new\\-born"),
}  # fmt: skip
TITLED = {
    "SYNOPSIS": ("x a\n  b\nx c", ".PD 0\n.HP 4\nx a\nb\n.HP 4\nx c\n.PD"),
    "EXIT STATUS": ("0 a b   2 c", ".PD 0\n.TP 6\n0\na b\n.TP 6\n2\nc\n.PD"),
    "EXAMPLES": ("x  a\n\nx b", ".nf\nx  a\n.fi\n.PP\n.nf\nx b\n.fi"),
    "SETTINGS": ('a = "b"\n    says\n    so', '.TP\n\\fBa = "b"\\fP\nsays\nso'),
}


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_of_a_manual_becomes_roff(piece):
    text, expected = PIECES[piece]
    assert body(text) == expected


@pytest.mark.parametrize("title", TITLED)
def test_a_section_that_is_not_prose_becomes_roff(title):
    text, expected = TITLED[title]
    assert body(text, title) == expected


def broken(name, text):
    """Terms of a page's lists that do not begin a line at 80 columns, and lines that are too long
    though they may be broken."""
    page = roff(name, 1, text)
    run = ["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=80n"]
    done = subprocess.run(run, input=page, capture_output=True, text=True, check=True)
    rows = done.stdout.strip().split("\n")[1:-1]
    lines = [row.strip() for row in rows]
    plain = "\n".join(re.findall(r"\.nf\n(.*?)\.fi", page, re.S)).replace("\\-", "-")
    told = re.sub(r"\n(EXAMPLES|TABLES)\n.*?(?=\n[A-Z]|\Z)", "", text, flags=re.S)
    terms = re.findall(r"^ {2,}(\S+(?: \S+)*) {2,}\S", told.split("EXIT STATUS")[0], re.M)
    starts = {line[: len(term)] for term in terms for line in lines}
    long = [row.strip() for row in rows if len(row.rstrip()) > 80 and row.isascii()]
    words = plain.replace("\\e", "\\")
    return [term for term in terms if term not in starts], [x for x in long if x not in words]


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff renders pages here")
def test_no_list_of_a_page_is_broken_at_80_columns():
    texts = {name: manual.help_text(name) for name in manual.commands()} | manual.pages()
    found = {name: broken(name, text) for name, text in texts.items()}
    assert {name: what for name, what in found.items() if what != ([], [])} == {}


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff renders pages here")
def test_where_there_is_only_ascii_nothing_is_left_out():
    page = roff("x", 1, "NAME\n  x - Straße … – 東京")
    run = ["groff", "-man", "-mtty-char", "-Tascii", "-P-cbou"]  # as man(1) runs it
    done = subprocess.run(run, input=page, capture_output=True, text=True, check=True)
    assert "x - Strasse ... - ??\n" in done.stdout and done.stderr == ""
