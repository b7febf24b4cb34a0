"""Nothing outside the home is ever named, read or written through it."""

import os

import pytest
from plainmind.ground import files
from plainmind.ground.errors import BadData, Misconfigured, NoInput, NotPermitted
from plainmind.ground.paths import Home, check_contexts, is_within
from plainmind.index import window_reading
from plainmind.truth.log import overview, reader, verify
from plainmind.truth.log.writer import EventDraft, Log


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "home" / "logs" / "a").mkdir(parents=True)
    (tmp_path / "home" / "logs" / "a" / "x.md").write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.md").write_text("s")
    (tmp_path / "home-evil").mkdir()
    return Home(str(tmp_path / "home"))


@pytest.mark.parametrize(
    "path",
    [
        "logs/a/x.md", "./logs/a/x.md", "logs//a/./x.md", "logs/a/../a/x.md",
        "ABSOLUTE/logs/a/x.md", "ABSOLUTE/../home/logs/a/x.md",
    ],
)  # fmt: skip
def test_paths_inside(home, path):
    assert home.relative(path.replace("ABSOLUTE", home.root)) == "logs/a/x.md"


def test_a_file_that_is_not_there_yet(home):
    assert home.relative("logs/a/new.md") == "logs/a/new.md"


@pytest.mark.parametrize("path", [
    "", ".", "..", "/", "../outside/secret.md", "logs/../../outside/secret.md", "/etc/passwd",
    "ABSOLUTE", "ABSOLUTE/", "ABSOLUTE-evil/x", "ABSOLUTE/../outside/secret.md",
    "logs/\0/x.md", "\0", "logs/a/x.md\0", "ABSOLUTE/logs/a/x.md\0",
    "logs/" + "../" * 40 + "etc/passwd",
], ids=ascii)  # fmt: skip
def test_paths_outside(home, path):
    with pytest.raises(NotPermitted, match="is outside the memory folder; give a path inside it"):
        home.relative(path.replace("ABSOLUTE", home.root))


def test_links_that_lead_outside(home):
    os.symlink("../../../outside", home.path("logs/a/folder"))
    os.symlink("../../../outside/secret.md", home.path("logs/a/file.md"))
    os.symlink("/nowhere", home.path("logs/a/broken.md"))
    for path in (
        "logs/a/folder/secret.md",
        "logs/a/file.md",
        "logs/a/broken.md",
        home.path("logs/a/folder/secret.md"),
    ):
        with pytest.raises(NotPermitted):
            home.relative(path)


def test_links_that_stay_inside(home):
    os.symlink("x.md", home.path("logs/a/y.md"))
    assert home.relative("logs/a/y.md") == "logs/a/y.md"


def test_the_logs_may_be_on_another_disk(home, tmp_path):
    """A first-level folder may be a link; from there, nothing may lead on."""
    (tmp_path / "disk" / "a").mkdir(parents=True)
    os.symlink(tmp_path / "disk", home.path("vectors"))
    assert home.relative("vectors/a/x") == "vectors/a/x"
    os.symlink(tmp_path / "outside", home.path("vectors/a/out"))
    with pytest.raises(NotPermitted):
        home.relative("vectors/a/out/secret.md")


@pytest.mark.parametrize("kind, what", [
    ("pipe", "not a file"), ("dangling", "a link"), ("loop", "a link"), ("link", "a link"),
])  # fmt: skip
def test_a_window_that_is_no_file(home, kind, what):
    """It stops no reader, and a writer says what it is: no pipe is waited for."""
    folder = home.path("logs/cli/x")
    os.makedirs(folder)
    for name in ("20200101T000000Z.md", "20210101T000000Z.md", "20190101T000000Z.md"):
        path = os.path.join(folder, name)
        if name.startswith("2020"):
            files.replace(path, b"# cli/x 20200101T000000Z\n\n")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            leads = {"dangling": "/no/such", "loop": name, "link": "20200101T000000Z.md"}[kind]
            os.symlink(leads, path)
    assert ("20200101T000000Z.md" in home.list_windows("cli/x")) and (
        len(home.list_windows("cli/x")) == (3 if kind == "link" else 1)
    )
    for append in (
        lambda log: log.append("cli/x", [EventDraft(0, "user", "x", {})], 0),
        lambda log: log.start_window("cli/x", 0),
    ):
        with pytest.raises(NotPermitted, match=f"current window is {what}; put the window itself"):
            append(Log(home))
    if kind == "pipe":
        path = os.path.join(folder, "20210101T000000Z.md")
        for read in (files.read, lambda path: files.read_tail(path, 9, 9)):
            with pytest.raises(OSError, match="not a file, but a pipe"):
                read(path)
        with pytest.raises(NoInput, match="not a window, but a pipe"):
            reader.read_window(home, "logs/cli/x/20210101T000000Z.md")
        assert window_reading.window(home, "logs/cli/x/20210101T000000Z.md", None) is None
    odd = {f.path[-19:] for f in verify.verify_windows(home, []) if "not a file" in f.message}
    assert odd == (set() if kind == "link" else {"20210101T000000Z.md", "20190101T000000Z.md"})
    list(overview.list_contexts(home, None))
    follower = overview.Follower(home, "cli", {}, lambda block: True)
    assert follower.read_new() == []
    files.make_folder(os.path.dirname(home.window_heads))
    head = b'{"window":"logs/cli/x/20210101T000000Z.md","size":9,"line":3,"h":"000000000000"}\n'
    files.append(home.window_heads, head)
    assert follower.read_new() == []


def test_a_home_behind_a_link(home, tmp_path):
    os.symlink("home", tmp_path / "link")
    linked = Home(str(tmp_path / "link"))
    assert linked.relative("logs/a/x.md") == "logs/a/x.md"
    assert linked.relative(home.path("logs/a/x.md")) == "logs/a/x.md"
    assert home.relative(linked.path("logs/a/x.md")) == "logs/a/x.md"
    with pytest.raises(NotPermitted):
        linked.relative("../outside/secret.md")


def test_a_home_is_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    assert Home("data").root == str(tmp_path / "data")
    assert Home("~/mind").root == "/home/ann/mind"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # an account that has no name
    with pytest.raises(Misconfigured, match="no home directory"):
        Home("~/mind")


def test_nothing_but_appends_writes_among_the_logs(tmp_path):
    home = Home(str(tmp_path))
    assert home.check_outside_logs(str(tmp_path / "t.json")) == str(tmp_path / "t.json")
    os.makedirs(tmp_path / "logs")
    os.symlink(tmp_path / "logs", tmp_path / "link")
    for path in ("logs/t.json", "logs/a/b/x.md", "link/x.md", "logs/../logs/x"):
        with pytest.raises(NotPermitted):
            home.check_outside_logs(str(tmp_path / path))


@pytest.mark.parametrize("wanted, found", [
    (None, ["cli/a", "cli/b", "note/a"]), ("cli", ["cli/a", "cli/b"]), ("cli/b", ["cli/b"]),
    ("cl", []), ("cli/", None), ("cli/x/y", None), ("CLI", None), ("", None), ("cli\n", None),
])  # fmt: skip
def test_a_context_or_a_surface_for_all_of_its_contexts(home, wanted, found):
    for context in ("cli/a", "note/a", "cli/b", "cli/.b", ".cli/a"):
        os.makedirs(os.path.join(home.logs, context))

    if found is None:
        with pytest.raises(BadData, match="invalid context"):
            check_contexts(wanted)
        return
    assert wanted is None or check_contexts(wanted) == wanted
    assert home.list_contexts(wanted) == found
    assert [c for c in home.list_contexts() if is_within(c, wanted)] == found


def test_a_path_of_the_working_directory(home, tmp_path, monkeypatch):
    """The memory folder's comes first; what leads out of it is refused from anywhere."""
    monkeypatch.chdir(home.path("logs"))
    assert (
        home.find("a/x.md") == home.find("./a/x.md") == home.find("../logs/a/x.md") == "logs/a/x.md"
    )
    assert home.find("logs/a/x.md") == home.find(home.path("logs/a/x.md")) == "logs/a/x.md"
    os.makedirs(home.path("a"))
    (tmp_path / "home" / "a" / "x.md").write_text("the memory folder's")
    assert home.find("a/x.md") == "a/x.md"
    assert home.find("logs/none.md") == "logs/none.md"
    monkeypatch.chdir(tmp_path / "outside")
    assert home.find("secret.md") == "secret.md"  # that of the memory folder, if there were one
    for path in ("../outside/secret.md", str(tmp_path / "outside" / "secret.md"), "\0", ""):
        with pytest.raises(NotPermitted):
            home.find(path)
