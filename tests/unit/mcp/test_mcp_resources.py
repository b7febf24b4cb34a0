"""What mem-mcp lists of the memory folder, and gives by its address."""

import os

import pytest
from plainmind import cli
from plainmind.ground import files
from plainmind.ground.errors import BadData, NoInput, NotPermitted, Usage
from plainmind.ground.paths import Home
from plainmind.mcp import resources
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, TIME

pytestmark = pytest.mark.usefixtures("unsynced")
SECRET = "ghp_aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zAbCdE"
PAGES = ("knowledge/old.md", "knowledge/new.md", "knowledge/team/a b%2e#é.md")


@pytest.fixture
def home(tmp_path):
    home = Home(str(tmp_path / "home"))
    for context in ("note/home", "cli/x"):
        Log(home).append(context, [EventDraft(NOW, "user", "the key", {})], NOW)
    for age, path in enumerate((*PAGES, f"knowledge/{SECRET}.md", "knowledge/a\x1bb.md")):
        os.makedirs(os.path.dirname(home.path(path)), exist_ok=True)
        files.create(home.path(path), b"the key")
        os.utime(home.path(path), (2e9, 2e9 + (age == 1)))
    return home


def ask(home: Home) -> cli.Session:
    return cli.Session(home.root, TIME, False, False, "never")


def test_the_newest_pages_then_windows_are_listed(home, monkeypatch):
    """In pieces, each once, and each can be read; none that cannot be named, or whose name is a
    secret."""
    monkeypatch.setattr(resources, "AT_ONCE", 2)
    listed, more = resources.list_page(ask(home))
    assert listed[0] == ("plainmind://knowledge/new.md", "new", "2033-05-18T03:33:21.000Z", 7)
    while more:
        some, more = resources.list_page(ask(home), more)
        listed += some
    names = ["new", "old", "team/a b%2e#é", "cli/x 2026-01-30 14:23", "note/home 2026-01-30 14:23"]
    assert [one.name for one in listed[:3]] == names[:3]
    assert sorted(one.name for one in listed[3:]) == names[3:]
    assert all("the key" in resources.read(ask(home), one.uri) for one in listed)
    monkeypatch.setattr(resources, "MOST", 1)
    assert [one.name for one in resources.list_page(ask(home))[0]][0] == "new"
    assert resources.list_page(ask(home))[1] == ""


def test_a_cursor_of_somebody_elses_and_an_empty_memory(home, tmp_path):
    with pytest.raises(Usage, match="no such cursor: 'x'"):
        resources.list_page(ask(home), "x")
    assert resources.list_page(ask(Home(str(tmp_path / "none")))) == ([], "")


@pytest.mark.parametrize("uri", [
    "plainmind://.env", "plainmind://logs/../.env", "plainmind://logs/%2e%2e/.env", "file:///etc",
    "plainmind:///etc/passwd", "plainmind://knowledge/%00", "plainmind://config.toml", "x",
    "plainmind://knowledge/../../../etc/passwd", "plainmind://logs/no/such/window.md",
])  # fmt: skip
def test_only_windows_and_pages_are_resources(home, uri):
    with pytest.raises((BadData, NoInput, NotPermitted)):
        resources.read(ask(home), uri)


def test_a_window_that_is_too_long_is_not_given_whole(home, monkeypatch):
    monkeypatch.setattr(resources, "SHOWN", 50)
    drafts = [EventDraft(NOW, "user", "x" * 60, {}) for _ in range(2)]
    first, second = [one.ref for one in Log(home).append("a/long", drafts, NOW)]
    path = first.rpartition(":")[0]
    with pytest.raises(Usage, match=f"'{path}' is too long to be given whole"):
        resources.read(ask(home), f"plainmind://{path}")
    assert "x" * 60 in resources.read(ask(home), f"plainmind://{second}")
