"""Drafts: what skill-check finds, and what skill-add makes of one that has no findings."""

import json
import os
import stat

import pytest
from plainmind.agent import skill_drafts, skills
from plainmind.ground import exchange, files, regular
from plainmind.ground.errors import Busy, InputOutput
from skill_files import write

CHECK, ADD = "skill-author/skill-check", "skill-author/skill-add"


@pytest.fixture
def folder(tmp_path) -> str:
    """A sound draft with a script."""
    made = write(str(tmp_path / "tea-timer"), steep="#!/bin/sh\nsleep 240\n")
    os.chmod(os.path.join(made, "steep"), 0o755)
    os.makedirs(os.path.join(made, "references"))
    with open(os.path.join(made, "references", "green.md"), "w") as file:
        file.write("2 minutes\n")
    return made


def findings(folder: str) -> list[str]:
    return [
        f"{os.path.relpath(each.path, folder)}:{each.line}: {each.message}"
        for each in skill_drafts.read(folder).findings
    ]


def tree(folder: str) -> dict[str, tuple[int, bytes]]:
    found = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(here, name)
            found[os.path.relpath(path, folder)] = (
                stat.S_IMODE(os.stat(path).st_mode),
                files.read(path),
            )
    return found


# --- what is found


def test_a_sound_draft_has_no_findings(folder, script):
    assert script(CHECK, folder) == (0, "", "")


def test_several_findings_of_one_head_each_with_its_line(folder, script):
    write(folder, "license: MIT", "name: Tea", "disable-model-invocation: maybe", body=" \n")
    ended = script(CHECK, folder)
    assert (ended.code, ended.err) == (1, "")
    places = [line.partition(": ")[0] for line in ended.out.splitlines()]
    assert places == [f"{folder}/SKILL.md:{line}" for line in (1, 3, 4, 5)]
    assert "no 'description'" in ended.out and "'Tea' is not a valid name" in ended.out
    assert "nothing below the frontmatter" in ended.out


def test_findings_as_json(folder, script):
    write(folder, "name: tea-timer")
    ended = script(CHECK, "--json", folder)
    assert json.loads(ended.out) == {
        "path": f"{folder}/SKILL.md", "line": 1,
        "message": "no 'description'; add description: to the frontmatter"
    }  # fmt: skip


def link_to_a_file(folder):
    os.symlink("/etc/passwd", os.path.join(folder, "passwd"))
    return "passwd:1: a link, or not a file"


def link_to_a_folder(folder):
    os.symlink("/etc", os.path.join(folder, "etc"))
    return "etc:1: a link, or not a file"


def link_below(folder):
    os.symlink("/etc/passwd", os.path.join(folder, "references", "passwd"))
    return "references/passwd:1: a link, or not a file"


def linked_skill(folder):
    os.rename(os.path.join(folder, "SKILL.md"), os.path.join(folder, "other.md"))
    os.symlink("other.md", os.path.join(folder, "SKILL.md"))
    return "SKILL.md:1: a link, or not a file"


def pipe(folder):
    os.mkfifo(os.path.join(folder, "pipe"))
    return "pipe:1: a link, or not a file"


def hidden(folder):
    write(os.path.join(folder, ".git"))
    return ".git:1: hidden"


def unprintable(folder):
    with open(os.path.join(folder, "a\nb"), "w"):
        pass
    return "a\nb:1: hidden, or not printable"


def cannot_be_run(folder):
    os.chmod(os.path.join(folder, "steep"), 0o644)
    return "steep:1: a script that cannot be run"


def too_large(folder):
    with open(os.path.join(folder, "image"), "wb") as file:
        file.truncate(skill_drafts.LARGEST + 1)
    return "image:1: more than 1 MB"


def too_many(folder):
    for number in range(skill_drafts.MOST_FILES):
        with open(os.path.join(folder, f"f{number}"), "w"):
            pass
    return ".:1: more than 200 files or 8 MB"


def too_much(folder):
    for number in range(9):
        with open(os.path.join(folder, f"f{number}"), "wb") as file:
            file.truncate(skill_drafts.LARGEST)
    return ".:1: more than 200 files or 8 MB"


def no_skill(folder):
    os.unlink(os.path.join(folder, "SKILL.md"))
    return "SKILL.md:1: no SKILL.md"


def other_name(folder):
    write(folder, "name: coffee", "description: D")
    return "SKILL.md:2: the name 'coffee' is not the folder's, 'tea-timer'"


def no_body(folder):
    write(folder, body="")
    return "SKILL.md:4: nothing below the frontmatter"


SPOILED = [
    link_to_a_file, link_to_a_folder, link_below, linked_skill, pipe, hidden, unprintable,
    cannot_be_run, too_large, too_many,
    too_much, no_skill, other_name, no_body,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda each: each.__name__)
def test_what_keeps_a_folder_from_being_a_skill(folder, home, script, spoil):
    expected = spoil(folder)
    found = findings(folder)
    assert found and found[0].startswith(expected)
    ended = script(ADD, folder)
    assert (ended.code, ended.out) == (1, "") and ended.err.startswith("skill-add: ")
    assert not os.path.exists(home.path("skills"))


def test_nothing_of_a_linked_folder_is_read(folder):
    os.symlink("/etc", os.path.join(folder, "etc"))
    assert not [
        file.path for file in skill_drafts.read(folder).files if file.path.startswith("etc")
    ]


@pytest.mark.parametrize("spoil", [too_many, too_much], ids=lambda each: each.__name__)
def test_what_is_too_much_is_not_read_to_its_end(folder, monkeypatch, spoil):
    for number in range(3 * skill_drafts.MOST_FILES):
        with open(os.path.join(folder, f"g{number}"), "w"):
            pass
    spoil(folder)
    content, read = regular.read_at, []
    monkeypatch.setattr(
        regular, "read_at", lambda fd, name, size: read.append(name) or content(fd, name, size)
    )
    assert findings(folder)[0].startswith(".:1: more than")
    assert len(read) <= skill_drafts.MOST_FILES + 1


def test_the_folder_itself_may_be_a_link(folder, home, script, tmp_path):
    os.rename(folder, tmp_path / "draft-2")
    os.symlink("draft-2", folder)
    assert script(CHECK, folder) == (0, "", "")
    assert script(ADD, folder).code == 0
    assert tree(home.path("skills", "tea-timer")).keys() == tree(str(tmp_path / "draft-2")).keys()


def test_many_folders_the_bad_one_is_reported_and_the_rest_done(folder, script, tmp_path):
    broken = write(str(tmp_path / "coffee"), "name: coffee")
    ended = script(CHECK, "nowhere", broken, folder)
    assert ended.code == 66 and "no such folder: 'nowhere'" in ended.err
    assert ended.out.startswith(f"{broken}/SKILL.md:1: no 'description'")


def test_the_folder_may_be_where_one_is(folder, script):
    assert script(CHECK, ".", cwd=folder).code == 0
    assert script(CHECK, "./", cwd=folder).code == 0


@pytest.mark.parametrize("name", [CHECK, ADD])
def test_without_a_folder(script, name):
    assert script(name).code == 2


# --- adding


def test_added_whole_with_modes_and_known_from_then_on(folder, home, script):
    ended = script(ADD, folder)
    path = home.path("skills", "tea-timer", "SKILL.md")
    assert ended == (0, path + "\n", "")
    made = tree(home.path("skills", "tea-timer"))
    assert {name: data for name, (_, data) in made.items()} == {
        name: data for name, (_, data) in tree(folder).items()
    }
    assert {name: mode for name, (mode, _) in made.items()} == {
        "SKILL.md": 0o600,
        "steep": 0o700,
        "references/green.md": 0o600,
    }
    assert stat.S_IMODE(os.stat(home.path("skills", "tea-timer", "references")).st_mode) == 0o700
    assert [each.path for each in skills.discover(home, "/none", pytest.fail)] == [path]


def test_added_as_json(folder, home, script):
    ended = script(ADD, "--json", folder)
    assert json.loads(ended.out) == {
        "name": "tea-timer",
        "path": home.path("skills", "tea-timer", "SKILL.md"),
    }


def test_a_dry_run_lists_the_files_and_copies_nothing(folder, home, script):
    ended = script(ADD, "--dry-run", folder)
    assert ended == (0, "SKILL.md\nsteep\nreferences/green.md\n", "")
    assert not os.path.exists(home.root)


def test_never_over_another_one(folder, home, script):
    script(ADD, folder)
    before = tree(home.path("skills"))
    write(folder, body="Differently.\n")
    ended = script(ADD, folder)
    assert ended.code == 1
    assert "there is a skill 'tea-timer' already; look at it; then --replace" in ended.err
    assert tree(home.path("skills")) == before


def test_replaced_when_told_so_and_nothing_of_the_old_one_stays(folder, home, script):
    script(ADD, folder)
    write(folder, body="Differently.\n")
    os.unlink(os.path.join(folder, "steep"))
    assert script(ADD, "--replace", folder).code == 0
    assert tree(home.path("skills", "tea-timer")).keys() == {"SKILL.md", "references/green.md"}
    assert sorted(os.listdir(home.path("skills"))) == [".lock", "tea-timer"]


def test_replacing_what_is_not_there_adds(folder, home, script):
    assert script(ADD, "--replace", folder).code == 0
    assert os.path.exists(home.path("skills", "tea-timer", "SKILL.md"))


@pytest.mark.parametrize("options", [(), ("--replace",)])
def test_a_link_in_the_home_is_never_replaced(folder, home, script, options, tmp_path):
    mine = write(str(tmp_path / "mine" / "tea-timer"))
    os.makedirs(home.path("skills"))
    os.symlink(mine, home.path("skills", "tea-timer"))
    ended = script(ADD, *options, folder)
    assert ended.code == 77 and "a link, which is yours" in ended.err
    assert os.readlink(home.path("skills", "tea-timer")) == mine


def test_what_was_checked_is_what_is_added(folder, home, unsynced):
    draft = skill_drafts.read(folder)
    write(folder, body="rm -rf ~\n")
    skill_drafts.add(home, draft, replace=False)
    assert b"rm -rf" not in files.read(home.path("skills", "tea-timer", "SKILL.md"))


def test_all_of_it_or_nothing(folder, home, monkeypatch, unsynced):
    replace, written = files.replace, []

    def full(path, data, **options):
        if len(written) == 2:
            raise OSError(28, "No space left on device", path)
        written.append(path)
        replace(path, data, **options)

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace", full)
        with pytest.raises(OSError):
            skill_drafts.add(home, skill_drafts.read(folder), replace=False)
    assert skills.discover(home, "/none", pytest.fail) == []
    skill_drafts.add(
        home, skill_drafts.read(folder), replace=False
    )  # and what was left is no obstacle
    assert sorted(os.listdir(home.path("skills"))) == [".lock", "tea-timer"]
    assert tree(home.path("skills", "tea-timer")).keys() == tree(folder).keys()


def test_where_folders_cannot_be_exchanged_the_old_one_stays(folder, home, monkeypatch, unsynced):
    skill_drafts.add(home, skill_drafts.read(folder), replace=False)
    before = tree(home.path("skills"))
    write(folder, body="Differently.\n")
    monkeypatch.setattr(exchange, "swap", lambda *_: False)
    with pytest.raises(InputOutput, match="cannot exchange"):
        skill_drafts.add(home, skill_drafts.read(folder), replace=True)
    assert tree(home.path("skills")) == before


@pytest.mark.parametrize("there", [False, True])
def test_on_disk_before_it_has_its_name(folder, home, monkeypatch, there):
    """Every file and folder is synced before it gets its name, and the folder of the name after."""
    if there:
        skill_drafts.add(home, skill_drafts.read(folder), replace=False)
    synced: list[int] = []
    named: list[int] = []
    monkeypatch.setattr(files, "sync", lambda fd: synced.append(os.fstat(fd).st_ino))
    rename, swap = os.rename, exchange.swap

    def naming(one, other):
        if os.path.isdir(one):
            named.append(len(synced))

    monkeypatch.setattr(
        os, "rename", lambda one, other: (naming(one, other), rename(one, other))[1]
    )
    monkeypatch.setattr(
        exchange, "swap", lambda one, other: (naming(one, other), swap(one, other))[1]
    )
    skill_drafts.add(home, skill_drafts.read(folder), replace=there)
    target = home.path("skills", "tea-timer")
    inodes = {
        os.stat(target).st_ino,
        *(os.stat(os.path.join(target, name)).st_ino for name in ("references", *tree(target))),
    }
    assert len(named) == 1 and inodes <= set(synced[: named[0]])
    assert os.stat(home.path("skills")).st_ino in synced[named[0] :]


def test_one_at_a_time(folder, home, monkeypatch, unsynced):
    lock = files.lock
    monkeypatch.setattr(files, "lock", lambda path: lock(path, wait=0))
    with files.lock(home.path("skills", ".lock")), pytest.raises(Busy):
        skill_drafts.add(home, skill_drafts.read(folder), replace=False)
