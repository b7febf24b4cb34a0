"""The board's pages as files: they lead to each other, and what is no page any more goes."""

import os
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from board_home import RUNNING, SECRET, fill
from hypothesis import given
from hypothesis import strategies as st
from plainmind.board import publishing
from plainmind.board.links import name_file
from plainmind.board.pages import PAGES, find_page, sessions
from plainmind.ground.errors import BadData, Failure, NotPermitted

SESSIONS = find_page("sessions")
pytestmark = pytest.mark.usefixtures("unsynced")


class Links(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert tag != "form", "nobody answers it"
        named = dict(attributes)
        self.found += [named[name] for name in ("href", "src") if named.get(name)]


@pytest.fixture
def memory(home):
    return fill(home)


def test_files_lead_to_each_other_and_nowhere_else(memory, tmp_path):
    folder = tmp_path / "out"
    names = publishing.publish(memory, str(folder), pytest.fail)
    assert "index.html" in names and "management-team.html" in names
    for name in names:
        text = (folder / name).read_text()
        assert text.startswith("<!doctype html>") and "data-live" not in text
        for link in Links(text).found:
            path = unquote(link.partition("#")[0])
            if not re.match(r"https?://", link):
                assert not path or (folder / path).is_file(), (name, link)
    for base, _, files in os.walk(folder):
        assert os.stat(base).st_mode & 0o777 == 0o700
        assert {os.stat(os.path.join(base, one)).st_mode & 0o777 for one in files} <= {0o600}


def test_a_file_says_when_it_was_written_and_its_times_are_whole(memory, tmp_path):
    """And of days the newest comes first, where nobody draws them."""
    days = 0
    for name in publishing.publish(memory, str(tmp_path), pytest.fail):
        text = (tmp_path / name).read_text()
        assert "<footer><p>Written 30 January 2026, 14:23</p></footer>" in text, name
        for told in re.findall("<time [^>]*title[^>]*>([^<]*)<", text):
            assert re.fullmatch(r"\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d", told), (name, told)
        assert not re.search(r"\d (min|h|days) ago|just now", text), name
        for body in re.findall("<tbody>.*?</tbody>", text, re.S):
            found = re.findall(r'<th scope="row" data-value="(\d{4}-\d\d-\d\d)"', body)
            assert found == sorted(found, reverse=True), name
            days += len(found)
    assert days


def test_the_next_run_takes_out_what_is_no_page_any_more(memory, home, tmp_path):
    names = publishing.publish(memory, str(tmp_path), pytest.fail)
    gone = name_file(SESSIONS, f"session-{RUNNING // 1000}")
    assert gone in names
    (tmp_path / "mine.html").write_text("mine")
    with open(tmp_path / "index.html", "a") as file:
        file.write("stale")
    shutil.rmtree(home.path("work", f"session-{RUNNING // 1000}"))
    # somebody else's list takes out nothing that is not a page's name
    with open(tmp_path / publishing.LIST, "a") as file:
        file.write("../outside.html\n/etc/passwd\nmine.txt\nmine.html\n")
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path.parent / "outside.html").write_text("mine")
    again = publishing.publish(memory, str(tmp_path), pytest.fail)
    assert set(names) - set(again) == {gone} and not (tmp_path / gone).exists()
    assert not (tmp_path / "index.html").read_text().endswith("stale")
    for kept in (tmp_path / "mine.html", tmp_path / "mine.txt", tmp_path.parent / "outside.html"):
        assert kept.read_text() == "mine"


def test_a_link_in_the_folder_leads_nothing_elsewhere(memory, tmp_path):
    folder, other = tmp_path / "out", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    (other / "file").write_text("mine")
    (folder / "index.html").symlink_to(other / "file")
    (folder / publishing.LIST).symlink_to(other / "file")
    with pytest.raises(NotPermitted, match="index.html: there, and not a page"):
        publishing.publish(memory, str(folder), pytest.fail)
    (folder / "index.html").unlink()
    publishing.publish(memory, str(folder), pytest.fail)
    assert (other / "file").read_text() == "mine"
    shutil.rmtree(folder / "static")
    (folder / "static").symlink_to(other)
    with pytest.raises(NotPermitted, match="static: a link"):
        publishing.publish(memory, str(folder), pytest.fail)
    assert os.listdir(other) == ["file"]


@pytest.mark.parametrize("name", ["index.html", "health.html", "static"])
def test_what_is_not_a_page_of_the_board_is_not_replaced(memory, tmp_path, name):
    """A file by the name of a page, and a folder; nothing is written."""
    folder = tmp_path / "out"
    folder.mkdir()
    other = folder / name
    other.mkdir() if name != "index.html" else other.write_text("mine")
    with pytest.raises(NotPermitted, match=f"{name}: there, and not .* name another folder"):
        publishing.publish(memory, str(folder), pytest.fail)
    assert os.listdir(folder) == [name]


@pytest.mark.parametrize("part", [".", "out", "knowledge"])
def test_no_page_goes_into_the_memory_folder(memory, home, part):
    before = sorted(os.listdir(home.path("knowledge")))
    with pytest.raises(NotPermitted, match="in the memory folder"):
        publishing.publish(memory, home.path(part), pytest.fail)
    assert sorted(os.listdir(home.path("knowledge"))) == before
    assert not os.path.exists(home.path("out"))


def test_a_page_that_fails_is_told_and_stops_no_other(memory, tmp_path, monkeypatch):
    def read(*given):
        raise BadData("it is damaged")

    monkeypatch.setattr(sessions, "read", read)
    found: list[Failure] = []
    names = publishing.publish(memory, str(tmp_path), found.append)
    assert found and {failure.what for failure in found} == {"it is damaged"}
    assert "It is damaged" in (tmp_path / name_file(SESSIONS)).read_text()
    assert "cost.html" in names


def test_no_name_of_a_file_tells_a_secret(memory, tmp_path, monkeypatch):
    """Nor does it once the part is written in another way."""
    monkeypatch.setattr(sessions, "list_parts", lambda memory: [f"x-{SECRET}", SECRET])
    names = publishing.publish(memory, str(tmp_path), pytest.fail)
    assert [name for name in (*names, *os.listdir(tmp_path)) if SECRET in name] == []


parts = st.text(min_size=1, max_size=120) | st.sampled_from(
    ["a/b", "a~b", "A/b", "a.b", "a:b", "a b", "É", "é", "e\u0301", "..", ".", "con", "x" * 300]
)


@given(st.sets(parts, min_size=2, max_size=8))
def test_no_two_parts_have_one_file(found):
    """Not even where two cases of a letter are one, and its name is one everywhere."""
    names = {name_file(SESSIONS, part) for part in found}
    assert len({name.lower() for name in names}) == len(found)
    for name in names | {name_file(page) for page in PAGES}:
        assert re.fullmatch(r"[\w.~-]{1,160}\.html", name, re.ASCII) and name[0] not in ".-"
