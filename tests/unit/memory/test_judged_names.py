"""What was judged is what is read: a name that somebody else can change is opened once. Here is
every place outside of the sandbox and the relay that reads by such a name; each is raced by a swap
right after it has judged, not by luck.
"""

import os
import sqlite3
from contextlib import suppress

import pytest
from plainmind.agent import skill_drafts
from plainmind.formats.change import FileChange
from plainmind.formats.reference import Reference
from plainmind.ground import files, regular, scratch
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure
from plainmind.ground.paths import Home
from plainmind.index import engine_in_use, reading
from plainmind.memory import absence, moments
from plainmind.memory.resident import writing
from plainmind.truth import changes
from plainmind.truth.pages import page_files
from plainmind.truth.resident import writing as resident_writing
from residents import Place

SECRET = b"SECRET_KEY=hush\n"


@pytest.fixture
def home(home) -> Home:
    files.replace(home.path(".env"), SECRET)
    Environment(home.root)
    files.replace(home.path("knowledge/sub/page.md"), b"# A page\n")
    files.replace(home.path("raw/other/page.md"), b"# Another\n")
    return home


def try_read(read, *given) -> bytes:
    """What is read, b'' when it is refused."""
    try:
        found = read(*given)
    except (OSError, Failure):
        return b""
    return found.encode() if isinstance(found, str) else found or b""


def read_open(file) -> bytes:
    with file:
        return file.read()


READERS = {
    "a page": lambda home, path: page_files.read_whole(home, path),
    "a page for the index": lambda home, path: reading.page_content(home, path),
    "an expansion": lambda home, path: moments._lines(home, Reference(path, 1, 1)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", ["knowledge/sub/page.md", "raw/other/page.md"])
@pytest.mark.parametrize("what", ["the file", "its folder"])
def test_a_name_that_is_swapped_once_it_is_judged(home, monkeypatch, reader, path, what):
    outside = os.path.join(os.path.dirname(home.root), "outside")
    files.replace(f"{outside}/page.md", SECRET)
    resolve = Home.resolve

    def swap(self, given):
        judged = resolve(self, given)
        name = home.path(path) if what == "the file" else os.path.dirname(home.path(path))
        target = f"{outside}/page.md" if what == "the file" else outside
        os.rename(name, f"{name}.was")
        os.symlink(target, name)
        return judged

    monkeypatch.setattr(Home, "resolve", swap)
    assert SECRET.strip() not in try_read(READERS[reader], home, path)


@pytest.mark.parametrize("reader", [*READERS, "a file"])
@pytest.mark.parametrize("name", [".env", ".env~", "#.env#", ".netrc"])
def test_another_name_of_a_secret_is_known_by_its_inode(home, reader, name):
    if name != ".env":
        files.replace(home.path(name), SECRET)
    os.link(home.path(name), home.path("knowledge/leak.md"))
    read = READERS.get(reader, lambda home, path: files.read(home.path(path)))
    assert SECRET.strip() not in try_read(read, home, "knowledge/leak.md")


OPENERS = {
    "by its path": lambda home, path: files.read(home.path(path)),
    "by its real path": lambda home, path: read_open(
        regular.open_direct(os.path.realpath(home.path(path)))
    ),
    "from a place on": lambda home, path: files.read(home.path(path), 0, 8),
}


@pytest.mark.parametrize("reader", [*READERS, *OPENERS])
@pytest.mark.parametrize("name", [".env", ".env~", ".netrc", "old.env"])
@pytest.mark.parametrize("outside", [False, True])
def test_no_link_leads_to_a_secret(home, reader, name, outside):
    """Also where `.env` is itself a link, to a file in no memory folder."""
    if outside:
        os.rename(home.path(".env"), f"{home.root}-secrets")
        os.symlink(f"{home.root}-secrets", home.path(".env"))
        Environment(home.root)
        name = ".env"
    elif name != ".env":
        files.replace(home.path(name), SECRET)
    os.symlink(f"../{name}", home.path("knowledge/leak.md"))
    read = {**READERS, **OPENERS}[reader]
    assert SECRET.strip()[:5] not in try_read(read, home, "knowledge/leak.md")
    assert not regular.is_unreadable(home.path("knowledge/leak.md"))


@pytest.mark.parametrize("opener", OPENERS)
def test_where_env_itself_leads_is_no_file_of_the_home(home, opener):
    os.rename(home.path(".env"), home.path("knowledge/keys.md"))
    os.symlink("knowledge/keys.md", home.path(".env"))
    assert Environment(home.root).get("SECRET_KEY") == "hush"
    assert not try_read(OPENERS[opener], home, "knowledge/keys.md")


@pytest.mark.parametrize("opener", OPENERS)
def test_where_the_system_does_not_tell_the_name_of_a_file(home, monkeypatch, opener):
    monkeypatch.setattr(regular, "_find_name", lambda fd: "")
    Environment(home.root)
    os.symlink("../.env", home.path("knowledge/leak.md"))
    os.symlink("sub/page.md", home.path("knowledge/alias.md"))
    assert not try_read(OPENERS[opener], home, "knowledge/leak.md")
    assert try_read(OPENERS[opener], home, "knowledge/alias.md")


def test_hidden_files_that_hold_no_secret_are_read(home):
    """What a change of a file is made with, what is hidden elsewhere than at the top, and what is
    asked for by its own name."""
    for name in (".config.toml.1.tmp", "work/.hidden", ".lock"):
        files.replace(home.path(name), b"x")
        assert files.read(home.path(name)) == b"x"


def test_other_hard_links_are_read(home):
    os.link(home.path("knowledge/sub/page.md"), home.path("knowledge/same.md"))
    assert page_files.read_whole(home, "knowledge/same.md") == b"# A page\n"


def test_a_persons_link_within_the_home_is_followed(home):
    os.symlink("sub/page.md", home.path("knowledge/alias.md"))
    os.rename(home.path("knowledge"), home.path("../vault"))
    os.symlink("../vault", home.path("knowledge"))
    for path in ("knowledge/alias.md", "knowledge/sub/page.md"):
        assert page_files.read_whole(home, path) == b"# A page\n"
        assert "# A page" in moments._lines(home, Reference(path, 1, 1))


@pytest.mark.parametrize("what", ["a link", "a pipe", "a hard link"])
def test_a_draft_of_a_skill_that_is_swapped_once_it_is_judged(home, monkeypatch, what):
    path = os.path.join(home.workspace, "draft", "SKILL.md")
    files.replace(path, b"draft")
    judge = os.stat

    def swap(name, *given, **more):
        judged = judge(name, *given, **more)
        if name == "SKILL.md":
            monkeypatch.undo()
            os.unlink(path)
            {
                "a link": lambda: os.symlink(home.path(".env"), path),
                "a pipe": lambda: os.mkfifo(path),
                "a hard link": lambda: os.link(home.path(".env"), path),
            }[what]()
        return judged

    monkeypatch.setattr(os, "stat", swap)
    draft = skill_drafts.read(os.path.dirname(path))
    assert draft.files == [] and "make it readable" in draft.findings[0].message


# --- writing, and changing modes


def test_a_mode_is_not_changed_through_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("x")
    target.chmod(0o644)
    link.symlink_to(target)
    with pytest.raises(OSError):
        regular.change_mode(str(link), 0o600)
    assert target.stat().st_mode & 0o777 == 0o644
    regular.change_mode(str(target), 0o600)
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_an_index_that_is_a_link_is_set_aside(home, tmp_path, there):
    """Else what it leads to would be made ours, and its mode changed."""
    target = tmp_path / "system file"
    if there:
        target.write_bytes(b"")
        target.chmod(0o644)
    files.make_folder(home.index)
    os.symlink(target, os.path.join(home.index, "mind.db"))
    said = []
    for store in engine_in_use().opened(home, said.append):
        with store:
            pass
    assert not os.path.islink(os.path.join(home.index, "mind.db")) and "set aside" in said[0]
    assert target.exists() == there and (not there or target.stat().st_mode & 0o777 == 0o644)
    assert not there or target.read_bytes() == b""
    sqlite3.connect(os.path.join(home.index, "mind.db")).close()


def test_a_window_that_ends_as_a_link_changes_no_other_file(home, log, tmp_path, monkeypatch):
    from plainmind.truth.log.writer import EventDraft
    from scene import NOW

    target = tmp_path / "theirs"
    target.write_text("x")
    target.chmod(0o644)
    log.append("a/b", [EventDraft(NOW, "user", "x", {})], NOW)
    window = home.path(home.current_window("a/b"))
    put = log._put

    def swap(*given):
        put(*given)
        os.unlink(window)
        os.symlink(target, window)

    monkeypatch.setattr(log, "_put", swap)
    with pytest.raises(OSError):
        log.start_window("a/b", NOW)
    assert target.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("what", ["the file", "its folder"])
def test_a_page_that_is_swapped_once_it_is_judged_is_not_changed(home, monkeypatch, what):
    outside = os.path.join(os.path.dirname(home.root), "outside")
    files.replace(f"{outside}/page.md", b"theirs\n")
    resolve = Home.resolve

    def swap(self, given):
        judged = resolve(self, given)
        monkeypatch.undo()
        put_link(home.path("knowledge/sub"), what, outside)
        return judged

    monkeypatch.setattr(Home, "resolve", swap)
    with pytest.raises((OSError, Failure)):
        page_files.change_page(home, "knowledge/sub/page.md", lambda data: data + b"ours\n")
    assert tree(outside) == {"page.md": b"theirs\n"}


def test_a_new_page_whose_folder_is_swapped_once_it_is_judged(home, monkeypatch):
    outside, alike = os.path.join(os.path.dirname(home.root), "outside"), page_files.find_alike
    os.mkdir(outside)

    def swap(*given):
        put_link(home.path("knowledge"), "its folder", outside)
        return alike(*given)

    monkeypatch.setattr(page_files, "find_alike", swap)
    with pytest.raises(OSError):
        page_files.create_page(home, "knowledge", "new", b"ours\n")
    assert tree(outside) == {}


@pytest.mark.parametrize("what", ["the file", "its folder"])
@pytest.mark.parametrize("before, after", [(b"a\n", b"b\n"), (None, b"b\n"), (b"a\n", None)])
def test_an_undo_of_what_is_swapped_once_it_is_judged(
    home, monkeypatch, tmp_path, before, after, what
):
    """Neither written, nor made, nor deleted elsewhere, though what is there looks the same."""
    folder, outside = tmp_path / "app" / ".pi" / "memory", str(tmp_path / "outside")
    name = "tea.md"
    os.makedirs(outside)
    if before is not None:
        files.replace(str(folder / name), before)
        files.replace(f"{outside}/{name}", before)
    else:
        folder.mkdir(parents=True)
    known, lock = tree(outside), changes._lock

    def swap(*given):
        put_link(str(folder), what, outside, name)
        return lock(*given)

    monkeypatch.setattr(changes, "_lock", swap)
    with suppress(OSError, Failure):
        changes._apply(home, FileChange.of(str(folder / name), before, after), "memory")
    assert tree(outside) == known


@pytest.mark.parametrize("what", ["the file", "its folder", "the folder above"])
@pytest.mark.parametrize("there", [True, False])
def test_an_index_of_a_project_that_is_swapped_once_it_is_judged(
    tmp_path, monkeypatch, there, what
):
    place = Place(tmp_path)
    if there:
        place.write("project", "- a\n")
    (place.project / ".git").mkdir()
    place.trust()
    outside = str(tmp_path / "outside")
    files.replace(f"{outside}/MEMORY.md", b"- theirs\n")
    files.replace(f"{outside}/memory/MEMORY.md", b"- theirs\n")
    writing.stage(place.memory, str(place.project), "project", "a fact")
    find, known = resident_writing._find_folder, tree(outside)

    def swap(scope):
        judged = find(scope)
        monkeypatch.undo()
        folder = os.path.dirname(judged) if what == "the folder above" else judged
        put_link(folder, what, outside, "MEMORY.md")
        return judged

    monkeypatch.setattr(resident_writing, "_find_folder", swap)
    with suppress(OSError, Failure):
        writing.flush(place.memory)
    assert tree(outside) == known


@pytest.mark.parametrize("target", ["a file", "a pipe"])
def test_who_looks_for_what_was_taken_back_tells_where_alone(home, tmp_path, target):
    """A name of `memory/` that is swapped once it was listed."""
    files.replace(home.path("memory/tea.md"), b"the word\n")
    listed = list(absence.list_files(home.path("memory")))
    place = tmp_path / "place"
    os.mkfifo(place) if target == "a pipe" else place.write_bytes(b"more\nthe word, and SECRET\n")
    os.unlink(home.path("memory/tea.md"))
    os.symlink(place, home.path("memory/tea.md"))
    found = []
    with suppress(OSError):  # no pipe is waited for
        found = [*absence.find(listed[0], {b"the word": "the word"})]
    assert found == ([] if target == "a pipe" else [absence.Found("the word", 5, 2)])


def put_link(folder: str, what: str, target: str, name: str = "page.md") -> None:
    """A link in the place of a file of a folder, or of the folder."""
    swapped = os.path.join(folder, name) if what == "the file" else folder
    if os.path.lexists(swapped):
        os.rename(swapped, f"{swapped}.was")
    os.makedirs(os.path.dirname(swapped), exist_ok=True)
    os.symlink(os.path.join(target, name) if what == "the file" else target, swapped)


def tree(folder: str) -> dict[str, bytes]:
    found = {}
    for above, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            full = os.path.join(above, name)
            found[os.path.relpath(full, folder)] = files.read(full) if os.path.isfile(full) else b""
    return found


# --- deleting what somebody else filled


def test_a_tree_is_deleted_whatever_is_in_it(tmp_path):
    """Deeper than a path can name, closed, full of links that lead out."""
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "kept").write_text("x")
    (beside / "kept").chmod(0o604)
    top = tmp_path / "top"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("a deep folder", dir_fd=fd)
        inner = os.open("a deep folder", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.symlink(beside / "kept", "link", dir_fd=fd)
    os.close(fd)
    for name, mode in (("closed", 0), ("read-only", 0o555)):
        (top / name).mkdir()
        (top / name / "link").symlink_to(beside)
        (top / name / "to a file").symlink_to(beside / "kept")
        (top / name).chmod(mode)
    scratch.remove_tree(str(top))
    assert not top.exists() and (beside / "kept").stat().st_mode & 0o777 == 0o604
