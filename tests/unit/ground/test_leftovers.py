"""What killed processes leave lying about is swept, and nobody else's."""

import os
import subprocess
import sys
import time

import pytest
from plainmind.ground import files, scratch
from plainmind.truth.log.writer import EventDraft
from plainmind.truth.pages import retention
from scene import NOW, STAMP

DEAD = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True)
DEAD = int(DEAD.stdout)


def lay(folder: str) -> dict[str, bool]:
    """Files of a folder -> whether they may be swept."""
    names = {
        f".{STAMP}.md.{DEAD}-0.tmp": True, f".x.json.{DEAD}-12.tmp": True,
        f".{STAMP}.md.{os.getpid()}-0.tmp": False,  # somebody is at it
        f".x.md.{DEAD}-0.{'0' * 16}-{'1' * 16}.swap": False,  # it may be a person's save
        f".x.md.{DEAD}-0.{'0' * 16}-{'1' * 16}.gone": False,
        f"{STAMP}.md.{DEAD}-0.tmp": False, f".x.md.{DEAD}.tmp": False, ".x.md.swp": False,
        "x.tmp": False, f"note {DEAD}-0.tmp": False,
    }  # fmt: skip
    os.makedirs(folder, exist_ok=True)
    for name in names:
        files.replace(os.path.join(folder, name), b"x")
        os.utime(os.path.join(folder, name), (time.time() - 7200,) * 2)
    return names


def left(folder: str) -> set[str]:
    return set(os.listdir(folder))


def kept(names: dict[str, bool]) -> set[str]:
    return {name for name, swept in names.items() if not swept}


def test_a_killed_creation_of_a_window_is_swept_by_the_next_one(home, log):
    folder = home.path("logs/test/left")
    names = lay(folder)
    log.append("test/left", [EventDraft(NOW, "user", "x", {})], NOW)
    assert left(folder) == kept(names) | {f"{STAMP}.md"}
    lay(folder)
    log.append("test/left", [EventDraft(NOW, "user", "y", {})], NOW)
    assert left(folder) == set(names) | {f"{STAMP}.md"}, "an append looks for nothing"
    log.start_window("test/left", NOW)
    assert left(folder) == kept(names) | {f"{STAMP}.md", f"{STAMP}_0001.md"}


@pytest.mark.parametrize("part, swept", [
    ("vectors", True), ("index", True), ("relay", True), ("relay/files", True), ("remind", True),
    ("raw/images", True), ("raw/sessions/a", True), ("work/logs", True), ("", True),
    ("workspace/a", False), ("skills/mine", False),
])  # fmt: skip
def test_retention_sweeps_every_folder_that_we_write_in(home, part, swept):
    folder = home.path(*part.split("/"))
    names = lay(folder)
    young = os.path.join(folder, f".young.{DEAD}-0.tmp")
    files.replace(young, b"")
    retention.sweep_abandoned(home)
    found = {name for name in left(folder) if os.path.isfile(os.path.join(folder, name))}
    assert found == (kept(names) if swept else set(names)) | {os.path.basename(young)}


def test_a_scratch_folder_takes_those_of_the_dead_along(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs = [f"mind-{os.getpid()}-x", "mind-x", f"plainmind-{DEAD}-x", f"mind-{DEAD}-a b"]
    for name in [*theirs, f"mind-{DEAD}-abc"]:
        os.makedirs(tmp_path / name / "in")
    os.symlink(tmp_path / theirs[0], tmp_path / f"mind-{DEAD}-link")
    with scratch.open_folder() as folder:
        assert os.path.isdir(folder)
    assert left(str(tmp_path)) == {*theirs, f"mind-{DEAD}-link"}


# ---- standard input that would not be read


@pytest.mark.parametrize("given, waiting", [
    ("file", True), ("file at its end", False), ("pipe", True), ("late pipe", True),
    ("empty pipe", False), ("open pipe", False), ("null", False),
])  # fmt: skip
def test_input_that_waits_is_seen_and_not_taken(tmp_path, given, waiting):
    (tmp_path / "file").write_bytes(b"body")
    look = "from plainmind.ground import stream; import sys; "
    look += "print(stream.is_input_waiting(), flush=True)"
    writer = None
    if given.startswith("file"):
        reader = os.open(tmp_path / "file", os.O_RDONLY)
        os.lseek(reader, 4 * (given != "file"), os.SEEK_SET)
    elif given == "null":
        reader = os.open(os.devnull, os.O_RDONLY)
    else:
        reader, writer = os.pipe()
        if given == "pipe":
            os.write(writer, b"body")
        if given in ("pipe", "empty pipe"):
            os.close(writer)
    started = subprocess.Popen(
        [sys.executable, "-c", look.replace("print", "stream.MOMENT = 5000 if "
         f"{given == 'late pipe'} else 100; print")], stdin=reader, stdout=subprocess.PIPE,
    )  # fmt: skip
    if given == "late pipe":
        os.write(writer, b"body")
    assert started.communicate()[0].decode().strip() == str(waiting)
    assert not waiting or os.read(reader, 9) == b"body"
