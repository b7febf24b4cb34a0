"""A file that cannot be read takes its own part of a page with it, and no more."""

import os
import shutil

import board_home
import pytest
from plainmind.board import checks
from plainmind.board.pages import PAGES
from plainmind.board.pages import log as log_page
from plainmind.ground import clock, files, zone
from plainmind.ground.paths import Home

#: file -> pages that name it
FILES = {
    "relay/alive": {"today", "health"},
    "raw/maintenance-log/outages.json": {"today", "health"},
    "raw/maintenance-log/nights.json": {"today", "health"},
    "raw/maintenance-log/last-audit.json": {"today", "health", "knowledge"},
    "raw/maintenance-log/recalled-2026-01.jsonl": {"memory"},
    "resident/faults.jsonl": {"memory"},
    "work/session-1769779435/infrastructure.json": {"sessions"},
}
#: without these the index cannot be brought up to date
NEEDED = {"pins/pins.md": {"today", "memory", "cost", "health"}, "logs/discord-channel/7": set()}

MAKES = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "a secret": lambda path: os.symlink(
        os.path.join(path.partition("/home/")[0], "home/.env"), path
    ),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Home:
    home = Home(str(tmp_path_factory.mktemp("filled") / "home"))
    board_home.fill(home)
    files.replace(home.path(".env"), b"API_KEY=swordfish4711\n")
    return home


@pytest.fixture
def copy(filled, tmp_path) -> Home:
    home = Home(str(tmp_path / "home"))
    shutil.copytree(filled.root, home.root)
    return home


def spoil(home: Home, name: str, kind: str) -> None:
    path = home.path(name)
    if os.path.lexists(path):
        (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    MAKES[kind](path)


def show_all(home: Home, now: int = board_home.NOW) -> dict[str, str]:
    """Every page as HTML, by its name."""
    memory, shown = board_home.open_memory(home, now=now), {}
    for page in PAGES:
        parts = [""]
        if page.name in ("sessions", "knowledge"):
            parts += [next(iter(page.module.list_parts(memory)))]
        for part in parts:
            html = board_home.show_page(memory, page.name, part)
            shown[page.name] = shown.get(page.name, "") + html
    return shown


@pytest.mark.parametrize("kind", MAKES)
def test_each_is_named_and_the_rest_stands(copy, kind):
    for name in FILES:
        spoil(copy, name, kind)
    shown = show_all(copy)
    for name, pages in FILES.items():
        assert {page for page in pages if os.path.basename(name) not in shown[page]} == set(), name
    assert not any("swordfish" in html for html in shown.values())
    assert not [name for name in os.listdir(copy.index) if "bad" in name]


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("kind", MAKES)
def test_what_the_index_needs_is_named(copy, name, kind):
    spoil(copy, name, kind)
    shown = show_all(copy)
    assert {page for page in NEEDED[name] if name not in shown[page]} == set()


@pytest.mark.parametrize("target", ["../../../.env", "/etc/hostname"])
def test_an_agents_log_that_leads_elsewhere_is_named(copy, target):
    folder = copy.path("work/logs/session-1769779435")
    os.symlink(target, f"{folder}/zed.log")
    shown = show_all(copy)["sessions"]
    assert "zed.log" in shown and "swordfish" not in shown
    assert 'id="log-backend"' in shown


def test_a_context_that_nobody_may_look_into_is_named(copy, monkeypatch):
    look = Home.list_windows

    def list_windows(self, context, **given):
        if context == "discord-channel/7":
            raise PermissionError(13, "Permission denied", self.path("logs", context))
        return look(self, context, **given)

    memory = board_home.open_memory(copy)
    before = log_page.read(memory, "", {})
    monkeypatch.setattr(Home, "list_windows", list_windows)
    found = log_page.read(memory, "", {})
    assert found["count"] == before["count"] - 1 > 0
    assert len(found["problems"]) == 1 and "discord-channel/7" in found["problems"][0]


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("now", [checks.FIRST, checks.LAST, clock.parse("9999-12-31T23:59:59Z")])
def test_far_off_days(copy, name, now):
    """The first and last times for a board; and a line of the journal after them."""
    if now > checks.LAST:
        now, line = board_home.NOW, '{"id":"z","at":"9999-12-31T23:59:59.999Z","type":"task",'
        line += '"status":"completed","agent":"backend","description":"d"}\n'
        with open(copy.path("work/events.jsonl"), "a", encoding="utf-8") as file:
            file.write(line)
    zone.use(lambda: name)
    try:
        show_all(copy, now)
    finally:
        zone.use(lambda: zone.DEFAULT)
    assert not [name for name in os.listdir(copy.index) if "bad" in name]
