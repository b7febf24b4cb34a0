"""A look at pages of which none changed: folders are not listed, and whatever happens to them or to
a file is seen all the same."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainmind.formats.evidence import Question, Scope
from plainmind.ground import file_states
from plainmind.ground.paths import Home
from plainmind.index import reading
from plainmind.truth.pages import page_files
from scene import THOROUGH
from unit.index import stores
from unit.index.test_pages_sync import World, folder, fresh_rows, numbers  # noqa: F401
from unit.index.vaults import everything, write, write_bytes

pytestmark = pytest.mark.usefixtures("unsynced")
TICK = 0.012  # seconds in which the time of a file is sure to move on


@pytest.fixture(scope="module")
def settled():
    """Times are trusted at once; each happening waits until they tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_states, "is_settled", lambda changed: True)
        yield


def look(home: Home) -> None:
    for _ in range(2):
        with stores.opened(home) as index:
            index.graph()


def is_spared(home: Home) -> bool:
    """Whether the next look lists no folder."""
    with stores.opened(home) as index:
        listed = index.setting("page_folders")
        known = index.db.execute("SELECT path, modified, changed, size FROM pages")
        return bool(listed) and reading.are_as_listed(home, known, listed)


class Vault(World):
    def copy(self) -> None:
        """As synchronisers do."""
        name = self.rnd.choice(["a (1)", "a 2", "a~", "a (Ann's conflicted copy 2026-01-30)"])
        write_bytes(self.home, f"knowledge/{name}.md", self.text())

    def make_alike(self) -> None:
        """A page becomes a copy, or a copy a page."""
        said = self.rnd.choice([b"# Title\n\nThe boiler hums all day long.", self.text()])
        for name in ("a", "a (1)"):
            write_bytes(self.home, f"knowledge/{name}.md", said)

    def write_below(self) -> None:
        place = self.rnd.choice(["knowledge/x", "knowledge/x/y", "raw/other", "raw/other/deep"])
        write_bytes(self.home, f"{place}/{self.rnd.choice('ab')}.md", self.text())

    def hide_folder(self) -> None:
        for one, other in (("x", ".x"), (".x", "x")):
            there = self.home.path("knowledge", one)
            if os.path.isdir(there) and not os.path.exists(self.home.path("knowledge", other)):
                os.rename(there, self.home.path("knowledge", other))
                return

    def move_place(self) -> None:
        """All pages go, or come back."""
        here, there = self.home.path("knowledge"), self.home.path("elsewhere")
        if os.path.isdir(here) and not os.path.exists(there):
            os.rename(here, there)
        elif os.path.isdir(there) and not os.path.exists(here):
            os.rename(there, here)


HAPPENINGS = [
    World.create, World.edit, World.replace, World.rename, World.swap, World.delete, World.touch,
    World.make_folder, World.link, Vault.copy, Vault.make_alike, Vault.write_below,
    Vault.hide_folder, Vault.move_place,
]  # fmt: skip


@settings(max_examples=120 if THOROUGH else 15, phases=stores.UNSHRUNK)
@given(
    seed=st.integers(0, 2**32),
    happened=st.lists(st.sampled_from(HAPPENINGS), min_size=3, max_size=8),
)
def test_whatever_happens_is_seen(folder, settled, seed, happened):  # noqa: F811
    world = Vault(Home(str(folder / str(next(numbers)))), seed)
    world.create()
    for happening in happened:
        look(world.home)
        time.sleep(TICK)
        happening(world)
        with stores.opened(world.home) as index:
            assert everything(index) == fresh_rows(world.home, folder), happening.__name__


def test_where_nothing_changed_no_folder_is_listed(home, settled, monkeypatch):
    for name in ("a", "b", "below/c"):
        write(home, name, f"about {name}")
    write_bytes(home, "raw/other/notes.md", b"from elsewhere")
    look(home)
    assert is_spared(home)
    monkeypatch.setattr(page_files, "list_recalled", None)
    with stores.opened(home) as index:
        assert index.counts()["knowledge pages"] == 4


def test_a_recall_before_the_look_keeps_nothing_from_being_noted(home, settled):
    """What moments were found in is read as of one moment, until something is written."""
    write(home, "a", "about tomatoes")
    for _ in range(2):
        with stores.opened(home) as index:
            index.evidence(Question(["tomato"], None, ""), Scope())
            index.graph()
    assert is_spared(home)


def test_nobody_waits_for_a_note(home, settled):
    write(home, "a", "about tomatoes")
    with stores.opened(home) as index:
        index.evidence(Question(["tomato"], None, ""), Scope())
        index.graph()
    with stores.opened(home) as other, other.writing(), stores.opened(home) as index:
        index.evidence(Question(["tomato"], None, ""), Scope())
        assert index.graph()
    assert not is_spared(home)


@pytest.mark.parametrize("path", ["knowledge/b.md", "knowledge/x/b.md", "raw/b.md"])
def test_it_is_listed_again_when_a_page_came(home, settled, path):
    write(home, "a", "about tomatoes")
    os.makedirs(home.path("knowledge/x"))
    os.makedirs(home.path("raw"), exist_ok=True)
    look(home)
    assert is_spared(home)
    time.sleep(TICK)
    write_bytes(home, path, b"about leeks")
    assert not is_spared(home)
    look(home)
    assert is_spared(home)


@pytest.mark.parametrize("name", ["a (conflicted copy).md", "link.md", "x\n.md"])
def test_it_is_listed_each_time_where_a_file_does_not_count(home, settled, name):
    """What it says, or where it leads, may change."""
    write(home, "a", "about tomatoes")
    full = home.path("knowledge", name)
    if name == "link.md":
        os.symlink("/etc/passwd", full)
    else:
        write_bytes(home, f"knowledge/{name}", b"about tomatoes")
    look(home)
    assert not is_spared(home)


def test_a_folder_that_changed_in_the_last_moments_is_listed_again(home, monkeypatch):
    monkeypatch.setattr(file_states, "is_settled", lambda changed: False)
    write(home, "a", "about tomatoes")
    look(home)
    assert not is_spared(home)


@pytest.mark.parametrize(
    "what",
    ["modified = modified + 9, changed = changed - 9", "changed = changed - 9", "size = size + 1"],
)
def test_times_and_size_are_compared_each_by_itself(home, settled, what):
    write(home, "a", "about tomatoes")
    look(home)
    assert is_spared(home)
    with stores.opened(home) as index, index.writing() as db:
        db.execute(f"UPDATE pages SET {what}")
    assert not is_spared(home)


def test_a_look_that_compares_no_folder_would_miss_a_page(home, settled, monkeypatch):
    """Control."""
    write(home, "a", "about tomatoes")
    look(home)
    write(home, "b", "about leeks")
    monkeypatch.setattr(reading, "_folder_times", lambda path: 0)
    monkeypatch.setattr(reading, "are_as_listed", lambda home, known, folders: True)
    with stores.opened(home) as index:
        assert index.counts()["knowledge pages"] == 1
