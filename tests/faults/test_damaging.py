"""Something in a memory folder is damaged, and every command is run (tests/damaging.py)."""

import os
import re
import subprocess
import sys

import damaging
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
damaging.damage = lambda home, plan, n: ("index/mind.db", spoil(home, n))
sys.exit(damaging.main(6, 0, 1, "mem-recall --lexical"))
"""


def run(*words):
    env = {k: v for k, v in os.environ.items() if k != "DISK"}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=env)


def test_commands_answer_or_refuse_whatever_is_damaged():
    ended = run(HARNESS, *(["500", "0", "12"] if THOROUGH else ["6", "0", "4"]))
    print(ended.stderr)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stdout
    met, pairs = re.findall(r"(\d+) of (\d+) pairs", ended.stderr)[0]
    assert not THOROUGH or met == pairs


def test_every_command_meets_every_kind_of_file():
    """As long as there are no more kinds and commands than so many."""
    kinds = ["index/mind.db", *map(str, range(39))]
    plan, commands = damaging.Plan({kind: [kind] for kind in kinds}), [*range(60)]
    met = {(plan.choose(n)[0], one) for n in range(500) for one in plan.pick(n, commands, 12)}
    assert len(met) == len(kinds) * len(commands)
    assert len(damaging.COMMANDS) <= len(commands)


def test_the_check_itself():
    paths = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "lib")]
    ended = run("-c", UNHEALED.format(paths=paths))
    assert ended.returncode == 1, ended.stderr
    assert "replace" in ended.stdout and "cut" in ended.stdout
