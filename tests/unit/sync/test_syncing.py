"""Machines that share a memory by a remote: what each has after a sync."""

import os
import shutil
import subprocess

import pytest
from plainmind.formats.log import event as events
from plainmind.ground import files
from plainmind.ground.errors import Busy
from plainmind.sync import purging, syncing
from plainmind.sync.repository import MAIN, Repository
from plainmind.truth import machines as of_truth
from plainmind.truth.log import heads, pinning, reader
from sharing import make_machines

PAGE = "knowledge/tea.md"


@pytest.fixture(scope="module")
def begun(tmp_path_factory, bare):
    """The folder of two machines that have the same page and event, and of their remote."""
    root = str(tmp_path_factory.mktemp("begun"))
    make = make_machines(root, shutil.copytree(bare, f"{root}/remote.git"))
    a, b = make("alpha"), make("beta")
    a.say("one")
    a.write(PAGE, "head\nmiddle\nend\n")
    together(a, b)
    return root


@pytest.fixture
def pair(begun, tmp_path, machines):
    """These two machines, for one test."""
    shutil.rmtree(tmp_path / "remote.git")
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    return machines("alpha"), machines("beta")


def together(*some) -> None:
    for _ in range(2):
        for one in some:
            one.sync()


def codes(report) -> list[str]:
    return sorted(found.code for found in report.findings)


def copies(one, folder: str = "knowledge") -> list[str]:
    return [name for name in os.listdir(one.home.path(folder)) if "(conflict " in name]


def test_two_machines_come_to_have_the_same(machines):
    a, b = machines("alpha"), machines("beta")
    a.say("one")
    a.write(PAGE, "Tea is hot.\n")
    assert a.sync().sent
    assert b.sync().received == 2
    assert b.texts() == ["one"] and b.read(PAGE) == "Tea is hot.\n"
    b.say("two")
    a.say("three")
    together(b, a)
    assert a.files() == b.files()
    assert sorted(a.texts()) == ["one", "three", "two"]
    assert a.problems() == b.problems() == []
    assert [of_truth.read(one.home).number for one in (a, b)] == [1, 2]


def test_nothing_new_makes_no_commit(pair):
    a, _ = pair
    refs = a.repository.refs()
    a.sync()
    assert a.repository.refs() == refs
    assert not os.path.exists(a.home.path("sync/git/index"))


def test_lines_of_both_are_merged(pair):
    a, b = pair
    a.write(PAGE, "head of alpha\nmiddle\nend\nmore of alpha\n")
    b.write(PAGE, "head\nmiddle\nend of beta\n")
    a.sync()
    assert codes(b.sync()) == []
    together(a, b)
    assert a.read(PAGE) == b.read(PAGE) == "head of alpha\nmiddle\nend of beta\nmore of alpha\n"


def test_the_same_line_on_two_machines_both_are_kept_and_said(pair):
    a, b = pair
    a.write(PAGE, "head of alpha\nmiddle\nend\n")
    b.write(PAGE, "head of beta\nmiddle\nend\n")
    a.sync()
    report = b.sync()
    assert codes(report) == ["conflict"]
    (copy,) = copies(b)
    assert f"'knowledge/{copy}'" in report.findings[0].message and " beta 2 " in copy
    assert b.read(PAGE).startswith("head of alpha") and b.read(f"knowledge/{copy}")[8:12] == "beta"
    together(a, b)
    assert a.files() == b.files() and copies(a) == [copy]
    os.unlink(a.home.path("knowledge", copy))
    together(a, b)
    assert copies(a) == copies(b) == []


def test_a_deleted_page_that_was_changed_elsewhere_stays(pair):
    a, b = pair
    os.unlink(a.home.path(PAGE))
    b.write(PAGE, "head\nmiddle\nend, and more\n")
    together(a, b)
    assert a.read(PAGE) == b.read(PAGE) == "head\nmiddle\nend, and more\n"
    os.unlink(a.home.path(PAGE))
    together(a, b)
    assert not os.path.exists(b.home.path(PAGE))


def test_two_that_begin_at_once_have_two_numbers(machines, monkeypatch):
    a, b = machines("alpha"), machines("beta")
    a.say("one")
    b.say("nothing")  # a second later, so that their windows have names of their own
    os.unlink(b.home.path(next(iter(reader.list_windows(b.home)))))
    b.say("two")
    push = Repository.push

    def late(repository, *arguments, **more):
        monkeypatch.setattr(Repository, "push", push)
        b.sync()
        return push(repository, *arguments, **more)

    monkeypatch.setattr(Repository, "push", late)
    a.sync()
    together(a, b)
    assert {of_truth.read(one.home).number for one in (a, b)} == {1, 2}
    assert sorted(a.texts()) == sorted(b.texts()) == ["one", "two"] and a.files() == b.files()
    assert a.problems() == []


def test_memories_whose_windows_have_one_name_are_both_kept(machines):
    a, b = machines("alpha"), machines("beta")
    a.say("one")
    b.say("two")
    a.sync()
    assert codes(b.sync()) == ["moved"]
    together(a, b)
    texts = [text for text in a.texts() if not text.startswith("What follows was in ")]
    assert sorted(texts) == ["one", "two"] and a.files() == b.files()
    assert a.problems() == b.problems() == []


def test_offline_it_is_committed_and_said(pair, remote):
    a, b = pair
    os.rename(remote, f"{remote}.away")
    a.say("offline")
    report = a.sync()
    assert report.unavailable and not report.sent
    main = a.repository.refs()[MAIN]
    assert b"offline" in a.repository.git.run("log", "-p", "-1", main)
    os.rename(f"{remote}.away", remote)
    together(a, b)
    assert "offline" in b.texts()


def test_one_run_at_a_time(pair):
    a, _ = pair
    with syncing.lock(a.home), pytest.raises(Busy), syncing.lock(a.home):
        pass


def test_what_a_killed_run_had_seen_and_not_committed_is_read_again(pair, monkeypatch):
    from plainmind.ground import file_states

    a, b = pair
    monkeypatch.setattr(file_states, "is_settled", lambda changed: True)
    a.say("seen, not committed")
    commit = Repository.commit

    def die(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        a.sync()
    monkeypatch.setattr(Repository, "commit", commit)
    together(a, b)
    assert "seen, not committed" in b.texts()


def test_what_could_not_be_written_twice_is_not_taken_for_a_change(pair, monkeypatch):
    """Its old version must not go over what others wrote since."""
    from plainmind.truth import placing

    a, b = pair
    place = placing.place

    def busy(home, path, *arguments, **more):
        if path == PAGE and home.root == a.home.root:
            raise Busy(f"'{path}' is in use")
        return place(home, path, *arguments, **more)

    monkeypatch.setattr(placing, "place", busy)
    for text in ("second\n", "third\n", "fourth\n"):
        b.write(PAGE, text)
        b.sync()
        report = a.sync()
        assert [failure.code for failure in report.failures][-1:] == [75]
        a.sync()
    assert a.read(PAGE) == "head\nmiddle\nend\n"
    monkeypatch.setattr(placing, "place", place)
    together(a, b)
    assert a.read(PAGE) == b.read(PAGE) == "fourth\n" and copies(a) == []


def test_a_script_of_a_skill_can_be_run_elsewhere(pair):
    a, b = pair
    a.write("skills/tea/SKILL.md", "---\nname: tea\n---\n")
    a.write("skills/tea/brew.sh", "#!/bin/sh\necho tea\n")
    together(a, b)
    assert os.access(b.home.path("skills/tea/brew.sh"), os.X_OK)
    assert not os.stat(b.home.path("skills/tea/SKILL.md")).st_mode & 0o177


def test_a_git_that_is_too_old_is_refused(home, monkeypatch):
    from plainmind.ground.errors import Misconfigured
    from plainmind.sync import repository

    monkeypatch.setattr(repository, "OLDEST", (99, 0))
    with pytest.raises(Misconfigured, match="is too old; install git 99.0 or later"):
        Repository(home).create()
    assert not Repository(home).exists


# --- set back, copied, altered


@pytest.fixture
def set_back(pair, tmp_path):
    """The first machine's folder as it was yesterday, with one more event in its own window."""
    a, b = pair
    a.say("first today")
    together(a, b)
    shutil.copytree(a.home.root, tmp_path / "yesterday", symlinks=True)
    a.say("lost by the backup")
    a.sync()
    shutil.rmtree(a.home.root)
    os.rename(tmp_path / "yesterday", a.home.root)
    return a, b


def test_a_memory_that_was_set_back_gets_back_what_it_had(set_back):
    a, b = set_back
    assert codes(a.sync()) == ["set-back"]
    assert sorted(a.texts()) == ["first today", "lost by the backup", "one"]
    together(a, b)
    assert a.files() == b.files() and a.problems() == []
    assert of_truth.read(a.home).number == 3


def test_one_that_was_set_back_and_appended_to_keeps_both(set_back):
    a, b = set_back
    ref = a.say("said after the backup")
    a.say("and more")
    pinning.pin(a.home, reader.read_event(a.home, ref))
    report = a.sync()
    assert codes(report) == ["moved", "moved", "set-back"]
    together(a, b)
    texts = [text for text in a.texts() if not text.startswith("What follows was in ")]
    assert sorted(texts) == sorted(
        ["one", "first today", "lost by the backup", "said after the backup", "and more"]
    )
    assert a.files() == b.files() and a.problems() == b.problems() == []
    (pin,) = pinning.read_pins(b.home)
    assert reader.read_event(b.home, pin.ref).content == "said after the backup"
    again = a.say("goes on")
    assert of_truth.number_of(again.rpartition(":")[0]) == 3


def test_a_copied_folder_becomes_a_machine_of_its_own(pair, machines, tmp_path):
    a, _ = pair
    a.say("before")
    a.sync()
    shutil.copytree(a.home.root, tmp_path / "gamma", symlinks=True)
    c = machines("gamma")
    a.say("on alpha")
    c.say("on gamma")
    a.sync()
    assert "set-back" in codes(c.sync())
    together(a, c)
    assert a.files() == c.files() and {"on alpha", "on gamma"} <= set(a.texts())
    assert of_truth.read(a.home).number != of_truth.read(c.home).number
    assert a.problems() == []


def test_logs_alone_that_were_set_back_come_back(pair, tmp_path):
    a, _ = pair
    shutil.copytree(a.home.logs, tmp_path / "logs")
    a.say("newer")
    a.sync()
    shutil.rmtree(a.home.logs)
    os.rename(tmp_path / "logs", a.home.logs)
    a.sync()
    assert a.texts() == ["one", "newer"]
    os.unlink(a.home.path(next(iter(reader.list_windows(a.home)))))
    a.sync()
    assert a.texts() == ["one", "newer"]


def test_an_altered_window_is_named_and_not_shared(pair):
    a, b = pair
    path = next(iter(reader.list_windows(a.home)))
    with open(a.home.path(path), "r+b") as file:
        data = file.read().replace(b"> one", b"> two")
        file.seek(0)
        file.write(data)
    a.say("more")
    assert codes(a.sync()) == ["altered"]
    assert codes(a.sync()) == ["altered"]
    b.sync()
    assert b.texts() == ["one", "more"] and b.problems() == []
    assert files.read(a.home.path(path)) == data


def push_by_hand(remote, tmp_path, change) -> None:
    """Somebody else pushes to the remote."""
    work = str(tmp_path / "by-hand")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", work]
    subprocess.run(["git", "clone", "-q", remote, work], check=True)
    change(work)
    subprocess.run([*git, "add", "-A", "-f"], check=True)
    subprocess.run([*git, "commit", "-qm", "by hand"], check=True)
    subprocess.run([*git, "push", "-q", "origin", "HEAD:main"], check=True)


def test_a_log_that_was_altered_on_the_remote_is_put_right(pair, remote, tmp_path):
    a, b = pair
    path = next(iter(reader.list_windows(a.home)))

    def blank(work):
        """As mem-forget would, but without its record."""
        with open(f"{work}/{path}", "r+b") as file:
            data = file.read().replace(b"> one", b"> (forgotten)")
            file.seek(0)
            file.write(data)

    push_by_hand(remote, tmp_path, blank)
    assert codes(a.sync()) == ["altered"]
    b.sync()
    assert a.texts() == b.texts() == ["one"] and a.problems() == b.problems() == []


def test_a_remote_names_no_file_outside_and_no_link(pair, remote, tmp_path):
    a, b = pair

    def plant(work):
        os.makedirs(f"{work}/knowledge/.git2", exist_ok=True)
        os.symlink("/etc/passwd", f"{work}/knowledge/passwd.md")
        for path in ("config.toml", ".env", "sync/machine.json", "index/mind.db", "notes.txt"):
            os.makedirs(os.path.dirname(f"{work}/{path}"), exist_ok=True)
            with open(f"{work}/{path}", "w") as file:
                file.write("x")

    before = set(os.listdir(a.home.root))
    push_by_hand(remote, tmp_path, plant)
    together(a, b)
    assert set(os.listdir(a.home.root)) == before
    assert os.listdir(a.home.path("knowledge")) == ["tea.md"]
    assert of_truth.read(a.home).number == 1


def test_a_link_in_a_folder_leads_nothing_out(pair, tmp_path):
    a, b = pair
    b.write("knowledge/sub/page.md", "text\n")
    os.makedirs(tmp_path / "outside")
    os.symlink(tmp_path / "outside", a.home.path("knowledge/sub"))
    together(b, a)
    assert os.listdir(tmp_path / "outside") == []
    os.unlink(a.home.path("knowledge/sub"))
    together(a, b)
    assert a.read("knowledge/sub/page.md") == b.read("knowledge/sub/page.md") == "text\n"


def test_a_page_that_has_become_a_link_is_not_deleted_elsewhere(pair, tmp_path):
    a, b = pair
    os.rename(a.home.path(PAGE), tmp_path / "tea.md")
    os.symlink(tmp_path / "tea.md", a.home.path(PAGE))
    together(a, b)
    assert b.read(PAGE) == "head\nmiddle\nend\n" and os.path.islink(a.home.path(PAGE))


def test_a_folder_that_is_closed_is_not_deleted_elsewhere(pair, monkeypatch):
    a, b = pair
    a.write("knowledge/sub/page.md", "text\n")
    together(a, b)
    scan = os.scandir

    def closed(path):
        if str(path).endswith("knowledge/sub"):
            raise PermissionError(13, "closed")
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert codes(a.sync()) == ["unreadable"]
    monkeypatch.undo()
    b.sync()
    assert b.read("knowledge/sub/page.md") == "text\n"


def test_an_editor_that_takes_a_file_away_for_a_moment_deletes_nothing(pair, monkeypatch):
    from plainmind.ground import backoff

    a, b = pair
    os.rename(a.home.path(PAGE), a.home.path("tea"))
    back = lambda seconds: (
        os.path.exists(a.home.path("tea")) and os.rename(a.home.path("tea"), a.home.path(PAGE))
    )
    monkeypatch.setattr(backoff, "sleep", back)
    together(a, b)
    assert b.read(PAGE) == "head\nmiddle\nend\n"


@pytest.mark.skipif(not hasattr(__import__("fcntl"), "F_SETLEASE"), reason="Linux tells who writes")
def test_half_of_a_save_is_not_shared(pair):
    a, b = pair
    with open(a.home.path(PAGE), "w") as file:
        file.write("half of ")
        file.flush()
        assert codes(a.sync()) == ["unreadable"]
        b.sync()
        assert b.read(PAGE) == "head\nmiddle\nend\n"
        file.write("a save\n")
    together(a, b)
    assert b.read(PAGE) == "half of a save\n"


def test_a_remote_that_was_made_again_takes_nothing_away(pair, remote):
    """The other machine, which had not seen all, was the first to push to it."""
    a, b = pair
    a.write("knowledge/new.md", "only here\n")
    a.sync()
    shutil.rmtree(remote)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", remote], check=True)
    b.say("first")
    b.sync()
    assert "rewritten" in codes(a.sync())
    together(a, b)
    assert b.read("knowledge/new.md") == "only here\n" and "first" in a.texts()
    assert a.files() == b.files()


def test_a_file_where_another_has_a_folder(pair):
    a, b = pair
    a.write("raw/notes/x", "a file\n")
    b.write("raw/notes/x/y.md", "in a folder\n")
    a.sync()
    assert codes(b.sync()) == ["conflict"]
    together(a, b)
    assert a.files() == b.files() and a.read("raw/notes/x/y.md") == "in a folder\n"
    assert b"a file\n" in a.files().values()


# --- away, and deleted


def test_a_folder_that_is_empty_is_taken_for_a_disk_that_is_away(pair):
    a, b = pair
    for number in range(6):
        a.write(f"knowledge/{number}.md", f"{number}\n")
    together(a, b)
    away = a.home.path("away")
    os.rename(a.home.path("knowledge"), away)
    assert codes(a.sync()) == ["away"]
    b.write(PAGE, "changed meanwhile\n")
    together(b, a)
    assert len(os.listdir(b.home.path("knowledge"))) == 7
    assert not os.path.exists(a.home.path("knowledge"))  # no file is put where the disk will be
    os.rename(away, a.home.path("knowledge"))
    assert codes(a.sync()) == [] and a.read(PAGE) == "changed meanwhile\n"
    assert a.files() == b.files()
    shutil.rmtree(a.home.path("knowledge"))
    assert codes(a.sync(deleted=True)) == []
    b.sync()
    assert not os.path.isdir(b.home.path("knowledge")) or not os.listdir(b.home.path("knowledge"))


# --- taken back


def test_what_was_taken_back_goes_everywhere_whoever_appended(pair):
    a, b = pair
    ref = f"{next(iter(reader.list_windows(a.home)))}:3"
    b.say("meanwhile")
    a.take_back([ref])
    together(a, b)
    assert b.texts().count("one") == 0 and "meanwhile" in a.texts()
    assert a.files() == b.files() and a.problems() == b.problems() == []


def test_a_purge_takes_the_text_out_of_every_history(pair, remote):
    a, b = pair
    ref = a.say("the secret is 4711 and so on")
    a.write("raw/notes/quote.md", "she said: the secret is 4711 and so on\n")
    together(a, b)
    os.unlink(a.home.path("raw/notes/quote.md"))
    a.take_back([ref])
    together(a, b)
    before = list(heads.read_heads(a.home))
    with Repository(a.home) as repository:
        main = repository.refs()[MAIN]
        new, count = purging.rewrite(repository, main, purging.find_targets(a.home, [ref]))
        assert count == 2 and repository.read_tree(new) == repository.read_tree(main)
        assert repository.push(new, expected=main)
        repository.move({MAIN: new, "refs/mind/base": new, "refs/mind/remote/main": new})
        repository.prune()
    b.say("not yet pushed")
    assert "rewritten" in codes(b.sync())
    together(a, b)
    for one in (a, b):
        every = ("--batch-all-objects", "--batch")
        assert b"4711" not in one.repository.git.run("cat-file", *every)
    told = subprocess.run(
        ["git", "-C", remote, "log", "-p", "main"], capture_output=True, check=True
    )
    assert b"4711" not in told.stdout
    assert "not yet pushed" in a.texts() and a.files() == b.files()
    assert list(heads.read_heads(a.home))[: len(before)] == before and a.problems() == []


def test_an_event_that_was_not_taken_back_is_not_purged(pair):
    from plainmind.ground.errors import BadData

    a, _ = pair
    with pytest.raises(BadData, match="its text is still here"):
        purging.find_targets(a.home, [f"{next(iter(reader.list_windows(a.home)))}:3"])


# --- heads kept outside


def test_heads_that_were_kept_tell_a_rollback_from_what_is_only_behind(set_back):
    a, b = set_back
    b.sync()
    kept = list(heads.read_heads(b.home))
    assert [found.code for found in heads.compare(a.home, kept)] == ["rollback"]
    b.say("of beta")
    kept = list(heads.read_heads(b.home))
    assert sorted(f.code for f in heads.compare(a.home, kept)) == ["behind", "rollback"]
    together(a, b)
    assert list(heads.compare(a.home, kept)) == []


def test_each_commit_has_the_head_of_every_window(pair):
    a, _ = pair
    a.say("two")
    a.say("elsewhere", "cli/x")
    a.sync()
    tree = a.repository.read_tree(a.repository.refs()[MAIN])
    data = a.repository.read(tree["sync/heads.jsonl"])
    from plainmind.formats.log import window_heads

    assert window_heads.parse(data) == sorted(heads.read_heads(a.home))
    a.repository.__exit__()
    assert events.FORGOT
