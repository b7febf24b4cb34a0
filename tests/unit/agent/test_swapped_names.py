"""Turns share the workspace: while one has its sandbox set up, or what it left set aside, a command
of another may put a link in the place of any name there. Each is swapped right between what judges
it and what uses it.
"""

import os

import pytest
from plainmind.agent.bash import Shell, ShellOptions
from plainmind.agent.sandbox import autorun, rungs
from plainmind.agent.sandbox.modes import Modes
from plainmind.ground import files
from plainmind.ground.errors import NotPermitted
from plainmind.ground.paths import Home
from plainmind.truth.resident.scopes import MemoryScope
from rungs import SANDBOXES
from scene import ROOT


@pytest.fixture
def outside(home):
    """A folder beside the memory folder that looks like `workspace/r`."""
    folder = os.path.join(os.path.dirname(home.root), "outside")
    for root, text in ((f"{home.workspace}/r", b"theirs"), (folder, b"SECRET")):
        for name in (".git/config", "src/file", ".bashrc", ".git/hooks/x", ".git/hooks/x.sample"):
            files.replace(f"{root}/{name}", text)
        os.chmod(f"{root}/src", 0o755)
        os.symlink("somewhere", f"{root}/.zshrc")
    return folder


def tree(folder: str) -> dict[str, object]:
    found = {}
    for top, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(top, name)
            what = os.readlink(path) if os.path.islink(path) else os.lstat(path).st_mode
            found[path] = (what, files.read(path) if os.path.isfile(path) else b"")
    return found


def swap(home) -> None:
    os.rename(f"{home.workspace}/r", f"{home.workspace}/was")
    os.symlink("../../outside", f"{home.workspace}/r")


def before(monkeypatch, module, name, act) -> None:
    """Act once, right before a function runs."""
    original, left = getattr(module, name), [1]

    def run(*given, **more):
        if left:
            left.pop()
            act()
        return original(*given, **more)

    monkeypatch.setattr(module, name, run)


@pytest.mark.parametrize("step", ["_list", "_harmless", "_rename_aside", "_restore_link"])
def test_what_is_set_aside_is_what_was_found(home, outside, monkeypatch, step):
    roots = (home.workspace,)
    known = {f"{home.workspace}/r/.zshrc": "elsewhere"}  # a link that is to lead there again
    was = tree(outside)
    before(monkeypatch, autorun, step, lambda: swap(home))
    autorun.set_aside(roots, known if step == "_restore_link" else {})
    monkeypatch.undo()
    assert tree(outside) == was
    autorun.set_aside(roots, {})
    assert tree(outside) == was


def test_what_is_opened_is_no_link(home, outside, monkeypatch):
    os.chmod(outside, 0o500)
    monkeypatch.setattr(os, "scandir", lambda path: (_ for _ in ()).throw(PermissionError()))
    before(monkeypatch, autorun, "_make_accessible", lambda: swap(home))
    assert autorun._list((home.workspace,), f"{home.workspace}/r") == []
    monkeypatch.undo()
    assert os.stat(outside).st_mode & 0o777 == 0o500


def test_a_configuration_is_read_where_it_is(home, outside):
    path = f"{home.workspace}/r/.git/config"
    assert autorun._read_regular((home.workspace,), path) == b"theirs"
    swap(home)
    with pytest.raises(OSError):
        autorun._read_regular((home.workspace,), path)


@pytest.mark.parametrize("is_home", [False, True])
@pytest.mark.parametrize("rung", SANDBOXES)
def test_what_a_rung_opens_is_what_was_looked_at(
    home, outside, unsynced, monkeypatch, rung, is_home
):
    """A folder above something protected is granted, or mounted, by its name. The person's own
    folder is there inside, and empty: a mount could be put on it."""
    if is_home:
        monkeypatch.setenv("HOME", outside)
    was = tree(outside)
    with Shell(home, ROOT, None, ShellOptions(sandbox=rung)) as shell:
        _ = shell.sandbox
        before(monkeypatch, rungs, "_as_descriptor", lambda: swap(home))
        done = shell.run("cat r/src/file $HOME/src/file; echo evil > r/src/file; rm -r r/src", 20)
        assert "SECRET" not in done.text and tree(outside) == was, done.text
        assert shell.run("echo hi", 20).text.startswith("hi")
    assert tree(outside) == was


# --- the folder to work in


@pytest.mark.parametrize("place", ["sub", "sub/deeper"])
def test_a_link_in_the_workspace_is_no_folder_to_work_in(home, outside, place):
    """The model could have made it."""
    os.makedirs(f"{outside}/deeper")
    os.symlink("../../outside", f"{home.workspace}/sub")
    with pytest.raises(NotPermitted, match="through a link"):
        Shell(home, ROOT, f"{home.workspace}/{place}")
    with Shell(home, ROOT, f"{home.workspace}/r", ShellOptions(sandbox="none")) as shell:
        assert shell.run("cat src/file", 20).text == "theirs"


@pytest.mark.parametrize("rung", SANDBOXES)
def test_a_persons_link_to_work_in_is_resolved_once_and_said(home, outside, unsynced, rung):
    project, said = os.path.join(os.path.dirname(home.root), "project"), []
    os.symlink(outside, project)
    other = f"{outside}-2"
    os.mkdir(other)
    with Shell(home, ROOT, project, ShellOptions(sandbox=rung, say=said.append)) as shell:
        os.unlink(project)
        os.symlink(other, project)  # what it leads to was not judged
        shell.run("echo hi > src/made; cat src/file", 20)
    assert os.path.exists(f"{outside}/src/made") and os.listdir(other) == []
    assert outside in said[0]


@pytest.mark.parametrize("rung", SANDBOXES)
def test_a_folder_to_work_in_that_is_swapped(home, outside, unsynced, monkeypatch, rung):
    was = tree(outside)
    folder = f"{home.workspace}/r"
    with Shell(home, ROOT, folder, ShellOptions(sandbox=rung)) as shell:
        _ = shell.sandbox
        swap(home)
        done = shell.run("pwd -P; cat src/file; echo evil > made", 20)
    assert "SECRET" not in done.text and tree(outside) == was


@pytest.mark.parametrize("rung", SANDBOXES)
@pytest.mark.parametrize(
    ("link", "refused"),
    [
        ("{vault}/notes", True),
        ("{vault}/deep/er", True),
        ("{vault}/out", True),  # a link there, which leads out of it
        ("{there}/way", True),  # one elsewhere, into it
        ("{there}/vault/../vault/notes", True),
        ("{vault}", False),
        ("{there}/alias", False),
        ("{there}/others", False),
    ],
)
def test_no_folder_of_the_home_leads_through_what_commands_write(
    home, tmp_path, unsynced, rung, link, refused
):
    """Else `mv notes was; ln -s ~/private notes` made knowledge/ of a person's own notes, which
    were told and written outside of the sandbox."""
    vault, others = tmp_path / "vault", tmp_path / "others"
    for folder in (vault / "notes", vault / "deep" / "er", others):
        folder.mkdir(parents=True)
    for name, target in (("vault/out", others), ("way", "vault/notes"), ("alias", vault)):
        (tmp_path / name).symlink_to(target)
    files.make_folder(home.workspace)
    os.symlink(link.format(vault=vault, there=tmp_path), home.path("knowledge"))
    if refused:
        with pytest.raises(NotPermitted, match="knowledge' leads through"):
            Shell(home, ROOT, str(vault), ShellOptions(sandbox=rung))
    else:
        with Shell(home, ROOT, str(vault), ShellOptions(sandbox=rung)) as shell:
            assert shell.run("echo went", 20).text == "went"


@pytest.mark.parametrize("rung", SANDBOXES)
def test_the_home_does_not_lead_through_what_commands_write(home, tmp_path, rung):
    (tmp_path / "vault").mkdir()
    files.make_folder(home.workspace)
    (tmp_path / "vault" / "mind").symlink_to(home.root)
    mind = Home(str(tmp_path / "vault" / "mind"))
    with pytest.raises(NotPermitted, match="mind' leads through"):
        Shell(mind, ROOT, str(tmp_path / "vault"), ShellOptions(sandbox=rung))


@pytest.mark.parametrize("name", ["note.md", "deep"])
def test_modes_are_put_back_of_nothing_that_a_link_leads_to(home, outside, monkeypatch, name):
    """Resident memory: what was listed is swapped before it is opened."""
    files.replace(home.path("memory/note.md"), b"")
    files.replace(home.path("memory/deep/note.md"), b"")
    target = f"{outside}/src/file" if name == "note.md" else f"{outside}/src"
    looked_at = Modes(home, [MemoryScope("global", home.root, "memory")], everything=False)
    looked_at.begin()
    os.chmod(home.path("memory", name), 0o777)
    os.chmod(target, 0o777)
    listdir = os.listdir

    def swap(folder):
        names = listdir(folder)
        if name in names and not os.path.islink(place := home.path("memory", name)):
            os.rename(place, home.path("was"))
            os.symlink(target, place)
        return names

    monkeypatch.setattr(os, "listdir", swap)
    looked_at.put_back()
    assert os.path.islink(home.path("memory", name))
    assert os.stat(target).st_mode & 0o777 == 0o777
