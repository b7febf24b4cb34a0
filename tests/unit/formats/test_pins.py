"""The pins file is a person's: whatever they write in it stays, byte for byte."""

from hypothesis import given
from hypothesis import strategies as st
from plainmind.formats.log import pins
from plainmind.truth.log import pinning

REF = "logs/discord-thread/123/20260130T142355Z.md:3"
PATH, LINE = REF.rsplit(":", 1)

human = st.lists(
    st.one_of(
        st.sampled_from([
            b"# Pinned", b"", b"my note", b"- not a pin", f"- {REF}".encode(),
            f"- {REF} note".encode(), f"- {REF}\tnote\r".encode(), f" - {REF}".encode(),
            f"* {REF}".encode(), b"- logs/a/b/c.md:4 other", f"x\r- {REF} y".encode(),
            f"- {REF} a\rb".encode(), f"\r- {REF}".encode(), f"- {REF}9".encode(),
            f"- {PATH}:0003 padded".encode(), b"\xff\xfe", b"\x00",
            "é\u2028- x\x85\x0b\x0c".encode(), b"- logs/\xff.md:1",
        ]),
        st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")),
    ),
    max_size=8,
)  # fmt: skip
files_of_a_human = st.tuples(human, st.booleans()).map(
    lambda given: b"\n".join(given[0]) + (b"\n" if given[1] and given[0] else b"")
)


def test_a_file_of_pins():
    data = (
        b"# Pinned\n\n- logs/a/b/c.md:3 the door code\r\n- logs/a/b/c.md:7\nnot a pin\n- "
        b"logs/a/b/c.md:3 again\n- logs/a/b/d.md:12\ttab"
    )
    assert [(p.ref, p.note, p.row) for p in pins.parse(data)] == [
        ("logs/a/b/c.md:3", "the door code", 3),
        ("logs/a/b/c.md:7", "", 4),
        ("logs/a/b/d.md:12", "tab", 7),
    ]


@given(data=files_of_a_human)
def test_adding_a_pin_only_adds(data):
    after = data + pins.render_addition(data, REF, "a note")
    assert after.endswith(f"\n- {REF} a note\n".encode())
    assert {p.ref for p in pins.parse(after)} == {p.ref for p in pins.parse(data)} | {REF}


@given(data=files_of_a_human)
def test_removing_a_pin_removes_its_lines_and_no_other_byte(data):
    """The lines of the pin are those that parse takes for it; a lone CR ends no line."""
    after = pins.remove(data, PATH, int(LINE))
    rows = [row + b"\n" for row in data.split(b"\n")]
    rows[-1] = rows[-1][:-1]
    of_the_pin = [bool(pins.parse(row)) and pins.parse(row)[0].ref == REF for row in rows]
    assert after == b"".join(row for row, gone in zip(rows, of_the_pin, strict=True) if not gone)
    assert REF not in {p.ref for p in pins.parse(after)}


@given(content=st.text())
def test_a_note_is_one_short_line_that_fetches_nothing(content):
    note = pinning.make_excerpt(content)
    assert len(note) <= 72 and note.isprintable()
    assert "![" not in note
    data = pins.render_addition(b"", REF, note)
    assert data.count(b"\n") == 3 and [p.ref for p in pins.parse(data)] == [REF]


def test_notes():
    assert (
        pinning.make_excerpt("The door code\n changes  on\tthe first.")
        == "The door code changes on the first."
    )
    assert (
        pinning.make_excerpt("![x](http://example.org) ![[y]]")
        == "! [x](http://example.org) ! [[y]]"
    )
    assert pinning.make_excerpt("word " * 40) == ("word " * 14).strip() + "…"
