"""A repository of which a part is not there, as after half a copy: it is said with what to do. That
works, and no file is lost."""

import os
import shutil

import forks
import pytest
from scene import ROOT


def remove(folder: str, ends: str) -> None:
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(ends):
                os.unlink(os.path.join(at, name))


def remove_refs(git: str) -> None:
    shutil.rmtree(f"{git}/refs")
    remove(git, "packed-refs")


def cut(git: str) -> None:
    for at, _, names in os.walk(f"{git}/objects"):
        for name in names:
            os.truncate(os.path.join(at, name), 40)


DAMAGE = {
    "no HEAD": lambda git: os.unlink(f"{git}/HEAD"),
    "no refs": remove_refs,
    "no objects": lambda git: remove(f"{git}/objects", ""),
    "objects cut short": cut,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_is_said_of_a_damaged_repository_helps(machines, remote, damage):
    a, b = machines("alpha"), machines("beta")
    for one in (a, b):
        one.say(f"of {one.name}")
        one.sync()
    a.write("knowledge/tea.md", "tea\n")
    git = a.home.path("sync/git")
    damage(git)

    def run(*words: str) -> tuple[int, str]:
        env = {"PATH": os.environ["PATH"], "MIND_HOME": a.home.root}
        ended = forks.run([os.path.join(ROOT, "bin", "mem-sync"), *words], env)
        return ended.code, ended.complaints.decode()

    code, said = run()
    assert code == 74 and said.startswith(f"mem-sync: {git}: ")
    assert said.endswith(
        "; move the folder sync/ away, and run 'mem-sync init REMOTE' again: no file is lost\n"
    )
    shutil.rmtree(a.home.path("sync"))
    assert run("init", remote)[0] == 0
    assert run() == (0, "")
    b.sync()
    assert b.read("knowledge/tea.md") == "tea\n"
    assert a.texts() == b.texts()
