"""A memory folder written by version 0.1.0 is read, verified and recalled the same today, and goes
back.

tests/fixtures/home was made by that version (make_home.sh), home_answers.json is what it answered.
Going back is shown from the other side: the same commands, given to today's version, write the same
bytes. Vectors alone are in another file: that version embeds again what it finds no vector of.
"""

import json
import math
import operator
import os
import re
import shutil
import struct
import subprocess
import zlib

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, "bin")
FIXTURES = os.path.join(ROOT, "tests", "fixtures")
NOW = "2026-04-02T09:00:00Z"
#: what was written then, and what is written since
VECTORS = os.path.join("vectors", "embedded-multilingual-e5-small-q4.vectors")
HALVES = VECTORS.replace(".vectors", "_half.vectors")

with open(os.path.join(FIXTURES, "home_answers.json"), encoding="utf-8") as file:
    ANSWERS = json.load(file)


def environment(home, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MIND_")}
    return {**kept, "MIND_HOME": str(home), **more}


def run(home, command, *arguments):
    return subprocess.run(
        [os.path.join(BIN, command), *arguments],
        capture_output=True,
        text=True,
        # pins had to exceed the floor then
        env=environment(home, MIND_NOW=NOW, MIND_RECALL_PINS="floor"),
    )


def files(home):
    """Path -> bytes of all that is not the index or a lock; ids drawn at random are masked."""
    contents = {}
    for folder, _, names in os.walk(home):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), home)
            if not path.startswith("index/") and not name.endswith("lock"):
                with open(os.path.join(folder, name), "rb") as file:
                    contents[path] = re.sub(rb"rid_[A-Z2-7]{12}", b"rid_X", file.read())
    return contents


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    home = tmp_path_factory.mktemp("earlier") / "home"
    shutil.copytree(os.path.join(FIXTURES, "home"), home)
    return home


def test_its_index_is_set_aside_once_and_made_again(earlier):
    first, second = (run(earlier, "mem-index", "--status") for _ in range(2))
    assert (first.returncode, second.returncode, second.stderr) == (0, 0, "")
    assert first.stderr.count("\n") == 1 and "version 3" in first.stderr
    assert len(list((earlier / "index").glob("mind.db.*.bad"))) == 1


def test_versions_in_turn_leave_one_file_set_aside(earlier):
    for _ in range(2):
        shutil.copy(os.path.join(FIXTURES, "home", "index", "mind.db"), earlier / "index")
        assert "version 3" in run(earlier, "mem-index", "--status").stderr
    assert len(list((earlier / "index").glob("*.bad"))) == 1


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: " ".join(answer["command"]))
def test_it_is_answered_the_same(earlier, answer):
    done = run(earlier, *answer["command"])
    assert done.returncode == answer["code"], done.stderr
    if "--json" not in answer["command"]:
        # since then, a block says when each memory was said, and which of two counts
        stdout = re.sub(',"timestamp":"[^"]*"|; where two differ[^.]*', "", done.stdout)
        assert stdout == answer["stdout"]
        return
    records = [json.loads(line) for line in done.stdout.splitlines()]
    before = [json.loads(line) for line in answer["stdout"].splitlines()]
    # keys may be added, a sum of floats may be added up in another order, and how events are
    # weighed may change
    weighed: set[str] = set()
    if answer["command"][0] == "mem-recall" and "--knowledge" not in answer["command"]:
        weighed = {"rank", "score", "sim", "penalty"}
        for some in (before, records):
            some.sort(key=lambda record: record["ref"])
    before = [{key: old[key] for key in old if key not in weighed} for old in before]
    kept = [{key: r[key] for key in old} for r, old in zip(records, before, strict=True)]
    assert kept == [pytest.approx(old) if flat(old) else old for old in before]


def flat(record):
    return not any(isinstance(value, dict | list) for value in record.values())


def test_every_vector_of_it_still_counts(earlier):
    status = json.loads(run(earlier, "mem-embed", "--status", "--json").stdout)
    assert status["pending"] == 0 and status["ok"] > 0


def test_reading_it_changes_no_byte(earlier):
    run(earlier, "mem-recall", "--lexical", "door")
    before, after = files(os.path.join(FIXTURES, "home")), files(earlier)
    assert {path for path in after if path not in before} <= {"raw/maintenance-log/recalled.json"}
    assert {path: after[path] for path in before} == before


def test_the_same_commands_write_the_same_bytes(tmp_path):
    script = os.path.join(FIXTURES, "make_home.sh")
    done = subprocess.run(
        ["sh", script, BIN, str(tmp_path / "home")], capture_output=True, env=environment(tmp_path)
    )
    assert done.returncode == 0, done.stderr.decode()
    before, after = files(os.path.join(FIXTURES, "home")), files(tmp_path / "home")
    old, new = read_vectors(before.pop(VECTORS)), read_vectors(after.pop(HALVES))
    assert after == before
    assert new.keys() == old.keys()
    for text, vector in old.items():
        lengths = math.hypot(*vector) * math.hypot(*new[text])
        assert sum(map(operator.mul, vector, new[text])) / lengths > 0.999


def read_vectors(data):
    """The vectors by what they are of; another kind of processor rounds them otherwise."""
    line, _, records = data.partition(b"\n")
    head = json.loads(line)
    form = f"<{head['dimensions']}{'e' if 'float16le' in head['record'] else 'f'}"
    size = 16 + struct.calcsize(form) + 4
    found = {}
    for start in range(0, len(records), size):
        record = records[start : start + size]
        assert zlib.crc32(record[:-4]) == int.from_bytes(record[-4:], "little")
        found[record[:16]] = struct.unpack(form, record[16:-4])
    return found
