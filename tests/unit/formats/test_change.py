"""Changes as they are kept: every byte comes back, whatever it is, and what else changed stays."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plainmind.formats import change as form
from plainmind.formats.change import FileChange, LastingChange
from plainmind.ground.errors import BadData, Failure

LINES = st.lists(st.sampled_from([b"a", b"b", b"", b"- c", b"+", b"at: 3", b"\xff\r", b"---"]))
FILES = st.none() | LINES.map(b"\n".join)


def kept(*files: FileChange) -> LastingChange:
    return LastingChange(1_769_783_035_120, "3f9c2a1b", 4711, "cli/a", "pages", files)


@given(FILES, FILES)
def test_a_change_is_made_undone_and_read_again(before, after):
    made = FileChange.of('a "b"\n\udcff.md', before, after)
    if before != after:
        assert made.apply(before) == after and made.reverse().apply(after) == before
    data = kept(made, made).render()
    assert form.parse(data) == kept(made, made)._replace(context="cli/a")
    assert form.parse(data).render() == data.replace(b"cli/a", b"cli/a")


def check(made: FileChange, before: bytes, after: bytes) -> None:
    """Where its lines stand once, they are found; else it is right, or not made at all."""
    lines = [line[1:] for line in made.lines if line[:1] != b"+"]
    there = before.split(b"\n")
    places = [n for n in range(len(there)) if there[n : n + len(lines)] == lines]
    try:
        assert made.apply(before) == after
    except Failure:
        assert len(places) != 1


@given(LINES, LINES, LINES, LINES)
@example([], [b"a"] * 5 + [b"b", b"b", b"a"], [b"a"] * 3 + [b"b", b"a", b"a", b"b", b"b", b"a"], [])
def test_what_else_was_changed_stays(one, goes, comes, other):
    """Other lines before and after: the change finds its place, or is not made at all."""
    middle = [b"x1", b"x2", *goes, b"y1", b"y2"], [b"x1", b"x2", *comes, b"y1", b"y2"]
    old, new = (b"\n".join(lines) for lines in middle)
    made = FileChange.of("a.md", old, new)
    around = lambda data: b"\n".join([*one, b"foreign", data, *other, b"more"])
    if old != new:
        check(made, around(old), around(new))
        check(made.reverse(), around(new), around(old))


@pytest.mark.parametrize(
    ("before", "after", "now"),
    [
        (b"a\nb", b"a\nc", None),
        (b"a\nb", b"a\nc", b"a\nd"),
        (b"b", b"c", b"b\n\nb"),  # two places
        (None, b"a", b"b"),
        (b"a", None, b"a\nmine"),
        (b"", b"a", b"mine"),
    ],
)
def test_without_a_certain_place_nothing_is_made(before, after, now):
    with pytest.raises(Failure, match=r"a\.md: it was changed since") as refused:
        FileChange.of("a.md", before, after).apply(now)
    assert refused.value.code == 1


def test_what_is_not_a_change_is_refused():
    data = kept(FileChange.of("a", b"x", b"y")).render()
    for broken in (b"", b"x", data.replace(b"at: 1", b"at: x"), data.replace(b"kind", b"k")):
        with pytest.raises(BadData):
            form.parse(broken)
    with pytest.raises(BadData):  # lines that were altered by hand
        form.parse(data.replace(b"+y", b"+z")).files[0].apply(b"x")
