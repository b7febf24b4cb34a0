"""Something in a memory folder is damaged, and every command is run (tests/damaging.py)."""

import os
import subprocess
import sys

from scene import ROOT, THOROUGH

HARNESS = os.path.join(ROOT, "tests", "damaging.py")

#: a harness with what heals taken away, and nothing damaged but the index
UNHEALED = """
import random, sys
sys.path[:0] = {paths!r}
import damaging
from plainmind.index.sqlite import opening
opening._make_way = opening._set_aside = lambda *given: ""
how = [damaging.replace, damaging.cut]
spoil = lambda home, n: damaging.spoil(home, "index/mind.db", how[n % 2], random.Random(n))
damaging.damage = lambda home, n: ("index/mind.db", spoil(home, n))
sys.exit(damaging.main(6, 0, 1, "mem-recall --lexical"))
"""


def run(*words):
    env = {k: v for k, v in os.environ.items() if k != "DISK"}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=env)


def test_commands_answer_or_refuse_whatever_is_damaged():
    ended = run(HARNESS, *(["500", "0", "12"] if THOROUGH else ["6", "0", "4"]))
    print(ended.stderr)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout


def test_the_check_itself():
    paths = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "lib")]
    ended = run("-c", UNHEALED.format(paths=paths))
    assert ended.returncode == 1, ended.stderr
    assert "replace" in ended.stdout and "cut" in ended.stdout
