"""A part of a window says of its lines what the whole window says, and little else is parsed."""

import os

import pytest
from hostile import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.log import event as events
from plainmind.ground.errors import NoInput
from plainmind.ground.paths import Home
from plainmind.truth import showing
from plainmind.truth.log import reader
from scene import NOW, STAMP

CONTEXT = "test/reader"
PATH = f"logs/{CONTEXT}/{STAMP}.md"
TITLE = events.render_title(CONTEXT, STAMP)


def render(content: str) -> bytes:
    return events.render("0" * 12, NOW, "user", content)[0]


#: events, torn ones and their closings, and what somebody wrote into the file
pieces = st.one_of(
    texts.map(render),
    texts.map(lambda text: render(text)[:-2] + b"\n>\n\n"),
    texts.map(lambda text: render(text)[: len(text) // 2]),
    st.sampled_from([b"\n", b"\n\n", b"## \n", b"x\n## y\n", b"> \n", TITLE]),
)


def write(home: Home, data: bytes) -> None:
    os.makedirs(os.path.dirname(home.path(PATH)), exist_ok=True)
    with open(home.path(PATH), "wb") as file:
        file.write(data)


def shown(window: reader.Window, line: int, end_line: int, margin: int) -> list | str:
    try:
        found = reader.find_around(window, line, end_line, margin)
    except NoInput as failure:
        return str(failure)
    return [(window.event(block), window.text(block)) for block in found]


@settings(max_examples=25)
@given(st.lists(pieces, max_size=6), st.booleans(), st.sampled_from([1, 64]))
def test_a_part_is_as_the_whole(tmp_path_factory, written, titled, near):
    home = Home(str(tmp_path_factory.getbasetemp() / "parts"))
    data = TITLE * titled + b"".join(written)
    write(home, data)
    whole = reader.read_window(home, PATH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_NEAR", near)
        patch.setattr(reader, "_PIECE", max(1, near // 3))
        for line in range(1, data.count(b"\n") + 4):
            for end_line, margin in ((line, 0), (line, 1), (line + 3, 2), (1 << 30, 0)):
                part = reader.read_part(home, PATH, line, end_line, margin)
                there = shown(part, line, end_line, margin)
                assert there == shown(whole, line, end_line, margin), (line, end_line, margin)


def test_only_what_is_near_is_parsed(home, monkeypatch):
    """Of a window of 6 MB, with one body of 2 MB and one of 600,000 lines in it."""
    small = render("hello\nthere")
    middle = small * 20_000 + render("x" * (2 << 20)) + small * 5
    data = TITLE + middle + render("\n" * 600_000) + small * 20_000
    write(home, data)
    parsed: list[int] = []
    scan = events.scan
    monkeypatch.setattr(events, "scan", lambda *a: parsed.append(len(a[0])) or scan(*a))

    def show(line: int, around: int = 0) -> list[str]:
        parsed.clear()
        return [text for _, text in showing.show(home, f"{PATH}:{line}", around)]

    last = data.count(b"\n") - 2
    for line in (3, 40_003, last):
        assert len(show(line, around=1)) in (2, 3)
        assert sum(parsed) < 1 << 16
    after_long = middle.count(b"\n") + 3
    assert "> there" in show(after_long - 8)[0]
    assert sum(parsed) < 1 << 16
    assert show(after_long + 300_000)[0].count("\n") == 600_002  # its header, too
