"""The way of one line: which files an append, a recall and a turn pass through, and how often the
way changes file.

    .venv/bin/python bench/walk.py [--list]

A hop is a call from a function of one file of lib/ or bin/ to a function of another one, whatever
library lies between. Counts are the same on every machine. `--list` prints each hop.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
NOW = "2026-01-31T09:00:00Z"
EVENT = {"role": "user", "content": "The door sticks in winter.", "context": "discord-thread/1"}

_COUNTER = """
import os, runpy, sys
root = sys.argv[1]
house = {}
def file_of(frame):
    name = frame.f_code.co_filename
    if name not in house:
        path = os.path.realpath(name)
        ours = os.path.join(root, 'lib', 'plainmind'), os.path.join(root, 'bin')
        inside = path.startswith(ours)
        house[name] = os.path.relpath(path, root) if inside else ''
    return house[name]
hops = []
def count(frame, event, _):
    if event != 'call' or not (here := file_of(frame)) or frame.f_code.co_name == '<module>':
        return
    back = frame.f_back
    while back is not None and not file_of(back):
        back = back.f_back
    if back is not None and file_of(back) != here:
        hops.append((file_of(back), here, frame.f_code.co_name))
end = os._exit
def report(code):
    sys.setprofile(None)
    import json
    modules = sorted(name for name in sys.modules if name.split('.')[0] == 'plainmind')
    os.write(2, ('\\nWALK ' + json.dumps([hops, modules])).encode())
    end(code)
os._exit = report
sys.argv = sys.argv[2:]
sys.setprofile(count)
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def walk(
    home: str, command: str, *given: str, stdin: str = "", root: str = ROOT
) -> tuple[list[list[str]], list[str]]:
    """(hops, modules) of one run of a command; a hop is (from file, to file, function)."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MIND_", "GEMINI", "OPENAI"))}
    done = subprocess.run(
        [PYTHON, "-P", "-c", _COUNTER, root, os.path.join(root, "bin", command), *given],
        input=stdin,
        text=True,
        capture_output=True,
        env={**kept, "MIND_HOME": home, "MIND_NOW": NOW, "PYTHONPATH": os.path.join(root, "lib")},
    )
    said, mark, found = done.stderr.rpartition("\nWALK ")
    if not mark or said.strip():
        raise SystemExit(done.stderr)
    hops, modules = json.loads(found)
    return hops, modules


def walks(home: str, root: str = ROOT) -> dict[str, tuple[list[list[str]], list[str]]]:
    """The walk of one append, of a recall among two events, and of a turn that asks no model."""
    line = json.dumps(EVENT) + "\n"
    walk(home, "mem-append", "--jsonl", stdin=line, root=root)  # makes the folders
    turn = ("agent-turn", "--dry-run", "--context", EVENT["context"], "How do I open the door?")
    return {
        "append": walk(home, "mem-append", "--jsonl", stdin=line, root=root),
        "recall": walk(home, "mem-recall", "open the door", root=root),  # makes the index
        "turn": walk(home, *turn, root=root),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print each hop")
    parser.add_argument("--root", default=ROOT, help="another checkout")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mind-") as home:
        for name, (hops, modules) in walks(home, os.path.realpath(given.root)).items():
            files = {file for hop in hops for file in hop[:2]}
            print(f"{name}: {len(files)} files, {len(hops)} hops, {len(modules)} modules")
            for hop in hops if given.list else ():
                print("  {} -> {} {}".format(*hop))


if __name__ == "__main__":
    sys.exit(main())
