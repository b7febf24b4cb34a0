"""A remote in which somebody put what no machine of ours writes: no file goes astray, and every
machine goes on."""

import os
import subprocess

import pytest
from plainmind.ground.errors import BadData, InputOutput, NoInput, Unavailable
from plainmind.sync import remotes, syncing
from plainmind.truth import machines as of_truth


def plant(remote: str, files: dict[bytes, bytes], author: str = "x <x@y>") -> None:
    """Put files on the remote, whatever their paths."""
    lines = [b"commit refs/heads/main\ncommitter %s 1800000000 +0000\ndata 1\nx" % author.encode()]
    lines.append(b"\nfrom refs/heads/main^0\n")
    for path, data in files.items():
        quoted = b"".join(b"\\%03o" % byte for byte in path)
        lines.append(b'M 100644 inline "%s"\ndata %d\n%s\n' % (quoted, len(data), data))
    # git from 2.48 on looks at the paths that it is given here
    any_path = ["-c", "core.protectNTFS=false", "-c", "core.protectHFS=false"]
    git = ["git", *any_path, "--git-dir", remote, "fast-import", "--quiet", "--force"]
    subprocess.run(git, input=b"".join(lines), check=True)


@pytest.fixture
def pair(machines):
    a, b = machines("alpha"), machines("beta")
    a.say("one")
    a.write("knowledge/tea.md", "tea\n")
    for one in (a, b, a):
        one.sync()
    return a, b


STRANGE = {
    b"logs/notes.txt": b"no window",
    b"logs/a/b/c/d/e.md": b"no window",
    b"logs/chat/all/nothing.md": b"\xff\x00",
    b"\xff\xfe.txt": b"of no encoding",
    b"\xff/a\nb": b"of no encoding",
    b"reminders (conflict \xff).md": b"of no encoding",
    b"reminders (conflict x/y.md": b"in a folder",
    b"knowledge/\xff \xe2\x80\xae\xc2\x9b.md": b"\xff\n",
    b"knowledge/TEA.md": b"its twin\n",
    b"knowledge/GIT~1/hooks.md": b"as another system calls .git\n",
    b"knowledge/a\\.git\\config": b"as another system calls it, too\n",
    b"knowledge/" + b"n" * 300 + b".md": b"too long\n",
    b"logs/chat/all/99991231T235959Z_9999.md": b"# chat/all 99991231T235959Z_9999 on alpha\n",
    b"logs/chat/all/20260101T000000Z_" + b"9" * 220 + b".md": b"# chat/all\n",
    b"logs/chat/all/99991231T235959Z_" + b"9" * 220 + b".md": b"# chat/all\n",
    b"logs/chat/all/99999999T999999Z_9999.md": b"# chat/all\n",
    b"sync/machines/" + b"9" * 5000 + b".json": b'{"id":"x","host":"y"}',
    b"sync/machines/" + b"9" * 200 + b".json": b'{"id":"x","host":"y"}',
    b"sync/machines/99999999999.json": b'{"id":"x","host":"y"}',
    "sync/machines/\u0661\u0661\u0661\u0661.json".encode(): b'{"id":"x","host":"y"}',
    b"sync/machines/0007.json": b"[" * 100000,
    b"sync/heads.jsonl": b'{"window":"\\ud800","size":1e999,"line":1,"h":"\\n"}\n',
    b".env": b"X=1",
    b".git2/hooks/pre-push": b"#!/bin/sh\n",
    b".gitattributes": b"x" * 5000 + b" text\n",
    b"knowledge/gitatt~1": b"x" * 5000 + b" text\n",
}


def test_what_somebody_put_there_stops_no_machine(pair, machines, remote):
    a, b = pair
    plant(remote, STRANGE)
    before = set(os.listdir(a.home.root))
    c = machines("gamma")
    for one in (a, b, c):
        one.sync()
        one.say(f"of {one.name}")
        report = one.sync()
        assert report.sent and not report.unavailable
        assert f"of {one.name}" in one.texts()
        assert 0 < of_truth.read(one.home).number < 10_000
    a.sync()
    assert "of gamma" in a.texts()
    added = set(os.listdir(a.home.root)) - before
    assert all(name.startswith("reminders (conflict") for name in added)
    plant(remote, {b"knowledge/more.md": b"more\n"})
    a.sync()
    assert a.read("knowledge/more.md") == "more\n"


def test_a_file_where_we_have_a_folder_stops_no_machine(pair, remote):
    a, b = pair
    plant(remote, {b"knowledge": b"a file\n"})
    for one in (b, a):
        one.write("knowledge/of-mine.md", f"{one.name}\n")
        assert one.sync().sent
    b.sync()
    assert a.files().keys() == b.files().keys()


def test_a_file_whose_name_is_of_no_encoding_is_shared(pair):
    a, b = pair
    name = os.fsdecode(b"reminders (conflict \xff).md")
    a.write(name, "text\n")
    assert a.sync().sent
    b.sync()
    assert b.read(name) == "text\n"


def test_a_lock_that_a_killed_git_left_on_the_remote_is_said(pair, remote, monkeypatch):
    a, _ = pair
    monkeypatch.setattr(syncing, "TRIES", 2)
    lock = f"{remote}/refs/heads/main.lock"
    open(lock, "w").close()
    a.say("two")
    with pytest.raises(Unavailable, match=r"the remote takes nothing: .*main\.lock"):
        a.sync()
    os.unlink(lock)
    assert a.sync().sent


def test_a_remote_that_is_gone_is_said_once_and_with_a_cure(pair, remote):
    a, _ = pair
    os.rename(remote, f"{remote}.away")
    what = f"'{remote}' does not appear to be a git repository"
    assert str(a.sync().unavailable) == f"{what}; name another with 'mem-sync init REMOTE'"


def test_a_name_with_a_line_in_it_is_on_one_line_of_the_status(pair, command):
    a, _ = pair
    a.write("knowledge/a\nb.md", "text\n")
    told = command("mem-sync", "--status", home=a.home).decode().split("\n")
    assert "not shared\tknowledge/a\\x0ab.md" in told


def test_git_that_is_killed_while_it_is_read_is_not_called_damaged(pair):
    a, _ = pair
    repository = a.repository
    oid = next(iter(repository.read_tree(repository.refs()["refs/heads/main"]).values()))
    with repository:
        assert repository.read(oid)
        repository._reader.kill()
        repository._reader.wait()
        with pytest.raises(InputOutput, match="run mem-sync again"):
            repository.read(oid)


def test_what_is_no_remote_is_said_when_it_is_named(tmp_path):
    folder = str(tmp_path / "a folder")
    with pytest.raises(NoInput, match="--bare '.*a folder'"):
        remotes.check(folder)
    os.mkdir(folder)
    for address in (folder, "", "ext::sh", "-x"):
        with pytest.raises(BadData):
            remotes.check(address)


def test_a_password_in_an_address_is_not_repeated():
    from plainmind.sync.git import GitFailed

    said = "fatal: unable to access 'https://ann:se@cret@host/x.git/'"
    assert "cret" not in str(GitFailed(["fetch"], 128, b"", said))
    assert "host/x.git" in str(GitFailed(["fetch"], 128, b"", said))


def test_a_git_that_fails_leaves_nothing_behind(pair):
    """Each run on a full disk would leave another half of a pack."""
    a, _ = pair
    blob = a.repository.put(b"text")
    pack = f"{a.repository.git.folder}/objects/pack"
    before = set(os.listdir(a.repository.git.folder)), set(os.listdir(pack))
    with pytest.raises(InputOutput, match="fast-import ended"):
        a.repository._import([b"no command\n"], [blob])
    assert (set(os.listdir(a.repository.git.folder)), set(os.listdir(pack))) == before


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("fatal: sha1 file 'x' write error. Out of diskspace", "no space left on device"),
        ("fatal: write error: No space left on device", "no space left on device"),
        (
            "Writing objects: 9%\rremote: fatal: write error: No space left on device",
            "git push ended with 128",
        ),
    ],
)
def test_a_full_disk_is_told_from_the_remotes(pair, said, what):
    git = pair[0].repository.git
    with pytest.raises(InputOutput, match=what):
        git._end(["push"], 128, b"", said, (0,))


def test_what_was_seen_is_only_a_cache(pair):
    """It cannot be written on a disk that is read-only."""
    a, b = pair
    os.unlink(a.home.path("sync/seen.json"))
    os.mkdir(a.home.path("sync/seen.json"))
    a.say("two")
    a.sync()
    b.sync()
    assert "two" in b.texts()


def test_no_name_of_a_page_keeps_others_from_fetching_its_commit(pair):
    """git refuses some that another system takes for .git and .gitmodules."""
    a, b = pair
    a.write("knowledge/git~1", "stays here\n")
    a.write("knowledge/gitmod~1", '[submodule "../x"]\n\tpath = -x\n\turl = -x\n')
    assert a.sync().sent
    assert not b.sync().unavailable
    assert b.read("knowledge/gitmod~1").startswith("[submodule")
    assert not os.path.exists(b.home.path("knowledge/git~1"))


def test_what_a_remote_says_of_its_progress_is_no_reason(pair, remote):
    from plainmind.sync.git import GitFailed

    said = "remote: Counting objects:  50% (1/2)\rremote: Total 3 (delta 0)\nfatal: away\n"
    assert remotes.explain(GitFailed(["fetch"], 128, b"", said)) == "away"
