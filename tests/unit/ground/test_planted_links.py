"""A change of a file in a folder that the model can write: a link in its place, on the way there,
or among what a killed change left, leads nowhere.
"""

import os
import subprocess

import pytest
from plainmind.ground import exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Failure, Misconfigured
from plainmind.reminders import file

DEAD = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True).stdout.strip()
LINE = b'- [ ] date=2030-03-29 time=01:30 recur=none msg="x" id=rid_K5V4M2J7Q2ZP\n'


@pytest.fixture
def vault(tmp_path):
    """A folder that commands may write, with a reminders file; a system's file; the memory folder's
    link to the reminders, which is the person's."""
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "To do.md").write_bytes(b"# mine\n")
    for name in ("crontab", "shadow.md"):
        (tmp_path / name).write_bytes(b"root:SECRET\n")
    return tmp_path


def add(home, path) -> None:
    file.edit(home, path, lambda data: data + LINE)


def test_a_persons_link_into_a_vault_goes_on_working(home, vault):
    files.make_folder(home.root)
    os.symlink(vault / "vault" / "To do.md", home.path("reminders.md"))
    path = file.locate(home, Environment())
    add(home, path)
    assert (vault / "vault" / "To do.md").read_bytes() == b"# mine\n" + LINE
    assert os.path.islink(path) and file.read(home, path) == b"# mine\n" + LINE


@pytest.mark.parametrize("target", ["crontab", "no such file"])
def test_a_reminders_file_is_a_markdown_file(home, vault, target):
    """As root, a line in a crontab would be run."""
    path = vault / "vault" / "reminders.md"
    path.symlink_to(vault / target)
    for act in (add, file.read):
        with pytest.raises((Misconfigured, Failure)) as raised:
            act(home, str(path))
        assert "Markdown" in str(raised.value) or act is file.read
    assert (vault / "crontab").read_bytes() == b"root:SECRET\n"
    assert not (vault / "no such file").exists()


STEPS = ["judged", "read", "staged", "in place"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("what", ["the file", "the folder"])
def test_a_name_that_is_swapped_in_the_middle_of_a_change(home, vault, monkeypatch, step, what):
    """For a link to a file that may look the same, after each step: what it leads to is neither
    copied nor changed."""
    path = vault / "vault" / "To do.md"
    away = vault / "away"
    away.mkdir()
    (away / "To do.md").write_bytes(b"root:SECRET\n")

    def swap():
        monkeypatch.undo()
        if what == "the folder":
            os.rename(vault / "vault", vault / "was")
            os.symlink(away, vault / "vault")
        else:
            os.rename(path, vault / "was.md")
            os.symlink(vault / "shadow.md", path)

    def hook(module, name):
        original = getattr(module, name)

        def run(*given, **more):
            result = original(*given, **more)
            swap()
            return result

        monkeypatch.setattr(module, name, run)

    hook(*{
        "judged": (file, "_resolve"), "read": (exchange, "_read"), "staged": (exchange, "_stage"),
        "in place": (exchange, "swap"),
    }[step])  # fmt: skip
    try:
        add(home, str(path))
    except (Failure, OSError):
        pass
    assert (vault / "shadow.md").read_bytes() == b"root:SECRET\n"
    assert (away / "To do.md").read_bytes() == b"root:SECRET\n"
    held = [p for p in vault.glob("*/*") if not p.is_symlink() and p.resolve().parent != away]
    assert not [p for p in held if b"SECRET" in p.read_bytes()]


@pytest.mark.parametrize("target", ["shadow.md", "folder", "a pipe"])
def test_what_a_killed_change_left_is_no_link(home, vault, target):
    """The name says that a person's save may be in it, which would be kept beside the file."""
    left = vault / "vault" / f".To do.md.{DEAD}-0.{'0' * 16}-{'1' * 16}.swap"
    if target == "a pipe":
        os.mkfifo(left)
    elif target == "folder":
        left.mkdir()
    else:
        left.symlink_to(vault / target)
    add(home, str(vault / "vault" / "To do.md"))
    assert b"SECRET" not in everything_but(vault, left) and LINE in everything_but(vault, left)
    assert target == "folder" or not os.path.lexists(left)


def everything_but(vault, left) -> bytes:
    found = (p for p in sorted((vault / "vault").iterdir()) if p != left)
    return b"\n".join(p.read_bytes() for p in found)
