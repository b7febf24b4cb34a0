"""A command that only looks makes nothing, whatever the home is, and says what is wrong."""

import os
import re

import forks
import pytest
from scene import ROOT, TIME

#: each command's ways of looking; '' for one that has none but its manual
LOOKS = {
    "agent-changes": ["", "--allow a", "--undo a"],
    "agent-route": ["--dry-run bump lodash", "--replay"],
    "agent-turn": ["--dry-run hi", "--route auto --dry-run hi"],
    "discord-relay": ["--status"],
    "discord-send": ["--dry-run hi"],
    "mem-append": [],
    "mem-audit": [""],
    "mem-embed": ["--status"],
    "mem-forget": [],
    "mem-graph": ["", "--health", "--dot"],
    "mem-hook": ["claude-code --status"],
    "mem-import": ["--from pi --dry-run /dev/null"],
    "mem-index": ["--status", "--verify"],
    "mem-lint": ["", "--logs", "--prune", "--kg-health", "--fix --dry-run", "x"],
    "mem-log": ["", "cli", "cli/a", "-n 3", "--since yesterday"],
    "mem-mcp": [],
    "mem-new": [],
    "mem-note": [],
    "mem-pin": ["--list"],
    "mem-recall": ["tea", "--knowledge tea", "--inject tea", "--explain tea"],
    "mem-resident": ["", "show", "pages", "faults", "traces", "stale", "recall tea"],
    "mem-sync": ["--status", ""],
    "mem-show": ["x", "logs/a/b/20260130T142355Z.md:3"],
    "remind-add": ["--dry-run --in 2h tea"],
    "remind-edit": ["--dry-run a --msg tea"],
    "remind-list": ["", "--check"],
    "remind-rm": ["--dry-run a"],
    "remind-scan": ["--dry-run"],
    "work-board": [],
    "work-log": ["check", "task --help", "--dry-run task agent=a description=x"],
    "work-session": ["list", "show", "tail", "--dry-run start --agent a"],
    "plainmind": [""],
    "work-xp": [
        "",
        "ux",
        "--achievements",
        "--leaderboard xp",
        "--performance",
        "--dry-run --award 5 --reason x ux",
    ],
}


def run(command, words, home):
    env = {"PATH": os.environ["PATH"], "MIND_NOW": TIME, "MIND_HOME": str(home)}
    ended = forks.run([f"{ROOT}/bin/{command}", *words.split()], env)
    return ended.code, ended.complaints.decode()


def test_every_command_is_tried():
    assert sorted(LOOKS) == sorted(os.listdir(os.path.join(ROOT, "bin")))


@pytest.mark.parametrize("command", LOOKS)
def test_looking_makes_no_home(command, tmp_path):
    home, file = tmp_path / "new", tmp_path / "file"
    file.write_text("a file, not a folder")
    for words in [*LOOKS[command], "--help"]:
        for place in (home, file):
            code, said = run(command, words, place)
            assert code in (0, 1, 66, 69, 74, 77, 78), (words, place, code, said)
            for line in said.splitlines():
                assert re.match(rf"{command}: (?!internal error)\S", line), (words, said)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "words",
    [
        "remind-edit a --msg tea",
        "remind-rm a b",
        "mem-pin --remove logs/a/b/20260130T142355Z.md:3",
        "mem-forget logs/a/b/20260130T142355Z.md:3",
        "mem-note --update nobody --tag x",
        "mem-lint --prune --apply",
        "mem-lint --fix",
        "work-log task agent=A",
        "work-session task --session session-1769782635 --agent a x",
        "work-session end --session session-1769782635 --agent a",
    ],
)
def test_a_change_of_what_is_not_there_makes_no_home(words, tmp_path):
    """A mistyped home is not made by a lock's folder."""
    command, words = words.split(" ", 1)
    code, said = run(command, words, tmp_path / "new")
    assert code in (0, 1, 65, 66) and said.startswith(f"{command}: "), (code, said)
    assert os.listdir(tmp_path) == [], said
