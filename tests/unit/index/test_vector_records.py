"""Vectors are two bytes a dimension and as long as they were; those of before are read for ever;
whether a text has one is found without reading them all."""

import json
import os
import random
import struct
import zlib
from math import sqrt

import pytest
from plainmind.ground import clock, files
from plainmind.index import hash_table, vector_bytes, vector_records
from plainmind.index.cache import Cache, content_hash, forget, serving, set_serving
from plainmind.index.hash_table import HashTable
from plainmind.index.vector_bytes import from_blob, to_blob

pytestmark = pytest.mark.usefixtures("unsynced")
MODEL = "fake:records"


def unit(rnd: random.Random, dimensions: int) -> list[float]:
    values = [rnd.gauss(0, 1) for _ in range(dimensions)]
    length = sqrt(sum(v * v for v in values))
    return [v / length for v in values]


@pytest.mark.parametrize("dimensions", [16, 384, 768, 3072])
def test_a_vector_is_as_long_as_it_was_and_next_to_where_it_was(dimensions):
    rnd = random.Random(dimensions)
    for _ in range(20):
        vector = unit(rnd, dimensions)
        kept = from_blob(to_blob(vector))
        assert len(to_blob(vector)) == 2 * dimensions
        assert abs(sum(v * v for v in kept) - 1) < (1e-5 if dimensions == 16 else 2e-6)
        # half a step by rounding, and at most two more
        assert all(abs(a - b) <= 2.5 * 2**-10 * abs(a) + 2**-23 for a, b in zip(vector, kept))
        assert to_blob(kept) == to_blob(vector)


def test_nothing_and_the_least_numbers_have_their_bytes():
    for vector in ([0.0, 1.0], [-0.0, -1.0], [2**-24, 1.0], [1.0], []):
        assert list(from_blob(to_blob(vector))) == vector


def write_single(home, vectors: dict[bytes, list[float]]) -> str:
    """A file as it was written until 2026-11-30."""
    path = os.path.join(home.vectors, "fake-records.vectors")
    size = len(next(iter(vectors.values())))
    head = {"model": MODEL, "dimensions": size, "record": "hash16 float32le crc32"}
    data = json.dumps(head).encode() + b"\n"
    for hash, vector in vectors.items():
        record = hash + struct.pack(f"<{size}f", *vector)
        data += record + zlib.crc32(record).to_bytes(4, "little")
    files.replace(path, data)
    return path


def test_vectors_of_before_are_read_for_ever_and_forgotten_where_they_are(home):
    rnd = random.Random(1)
    old = {content_hash(str(n)): unit(rnd, 8) for n in range(20)}
    path = write_single(home, old)
    before, cache = files.read(path), Cache(home, MODEL)
    assert cache.get([*old]) == {hash: to_blob(vector) for hash, vector in old.items()}
    new = {content_hash("new"): to_blob(unit(rnd, 8))}
    cache.put(new)
    assert files.read(path) == before and cache.path != path
    some = [*old][:3]
    assert forget(home, {*some, *new}) == 4
    for _ in range(2):
        found = Cache(home, MODEL, places=home.index if os.path.isdir(home.index) else "")
        assert found.get([*old, *new]).keys() == old.keys() - {*some}
        files.make_folder(home.index)


def test_one_text_is_looked_up_without_reading_the_vectors(home, monkeypatch):
    """What it takes to know a thousand records is one record that was read, and the one asked
    for."""
    files.make_folder(home.index)
    rnd = random.Random(2)
    vectors = {content_hash(str(n)): to_blob(unit(rnd, 8)) for n in range(1000)}
    Cache(home, MODEL, places=home.index).put(vectors)
    added = []
    add = HashTable.add
    monkeypatch.setattr(HashTable, "add", lambda s, n, some: (added.extend(some), add(s, n, some)))
    cache = Cache(home, MODEL, places=home.index)
    wanted = content_hash("7"), content_hash("unknown")
    assert cache.get([*wanted]) == {wanted[0]: vectors[wanted[0]]} and added == []
    # what another one appended is read, and only that
    more = {content_hash("more"): to_blob(unit(rnd, 8))}
    Cache(home, MODEL).put(more)
    added.clear()
    assert cache.get([*more]) == more and added == [*more]
    added.clear()
    assert Cache(home, MODEL, places=home.index).get([*more]) == more and added == []


@pytest.mark.parametrize("harm", ["gone", "cut", "flipped", "head", "pipe", "folder", "another"])
def test_what_is_known_of_records_may_be_lost_or_damaged(home, harm, monkeypatch):
    files.make_folder(home.index)
    rnd = random.Random(3)
    vectors = {content_hash(str(n)): to_blob(unit(rnd, 8)) for n in range(300)}
    cache = Cache(home, MODEL, places=home.index)
    cache.put(vectors)
    (name,) = [name for name in os.listdir(home.index) if name.endswith("_half.places")]
    path = os.path.join(home.index, name)
    data = files.read(path)
    if harm == "flipped":  # of what is kept in slots no bit is believed
        files.overwrite(path, bytes(byte ^ 255 for byte in data[64:]), 64)
        assert set(Cache(home, MODEL, places=home.index).get([*vectors]).items()) <= set(
            vectors.items()
        )
        return
    os.unlink(path)
    if harm == "cut":
        files.replace(path, data[:100])
    elif harm == "head":
        files.replace(path, data[:9] + b"\1" + data[10:])
    elif harm == "pipe":
        os.mkfifo(path)
    elif harm == "folder":
        os.mkdir(path)
    elif harm == "another":  # of records that stand elsewhere
        files.replace(path, data)
        head = files.read(cache.path).split(b"\n")[0] + b"\n"
        records = files.read(cache.path)[len(head) :]
        size = len(records) // 300
        turned = b"".join(records[n * size : (n + 1) * size] for n in reversed(range(300)))
        files.overwrite(cache.path, head + turned, 0)
    assert Cache(home, MODEL, places=home.index).get([*vectors]) == vectors


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o400])
def test_a_file_that_is_closed_to_its_owner_is_opened(home, mode):
    """It is ours: its vectors are read, more are appended, and what is taken out goes."""
    one, two = ({content_hash(text): to_blob([0.6, 0.8])} for text in "ab")
    cache = Cache(home, MODEL)
    cache.put(one)
    close = lambda: os.chmod(cache.path, mode)
    close()
    assert cache.get([*one]) == one, "it was known before"
    close()
    assert Cache(home, MODEL).get([*one]) == one
    close()
    Cache(home, MODEL).put(two)
    close()
    assert forget(home, {*one}) == 1
    close()
    assert Cache(home, MODEL).get([*one, *two]) == two


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o400])
def test_their_folder_that_is_closed_to_its_owner_is_opened(home, mode):
    one, two = ({content_hash(text): to_blob([0.6, 0.8])} for text in "ab")
    close = lambda: os.chmod(home.vectors, mode)
    Cache(home, MODEL).put(one)
    close()
    set_serving(home, MODEL)
    close()
    assert serving(home) == MODEL, "or a new index would have no vectors, and not say so"
    close()
    assert Cache(home, MODEL).get([*one]) == one
    close()
    Cache(home, MODEL).put(two)
    close()
    assert forget(home, {*one}) == 1
    assert Cache(home, MODEL).get([*one, *two]) == two


def test_after_a_start_of_the_machine_all_is_read_again(home, monkeypatch):
    files.make_folder(home.index)
    vectors = {content_hash(str(n)): to_blob([0.6, 0.8]) for n in range(30)}
    Cache(home, MODEL, places=home.index).put(vectors)
    added = []
    add = HashTable.add
    monkeypatch.setattr(HashTable, "add", lambda s, n, some: (added.extend(some), add(s, n, some)))
    for boot, count in (("another", 30), ("another", 0), ("", 30), ("", 30)):
        hash_table._machine_start.cache_clear()
        monkeypatch.setattr(clock, "boot_id", lambda boot=boot: boot)
        assert Cache(home, MODEL, places=home.index).get([*vectors]) == vectors
        assert len(added) == count, boot
        added.clear()
    hash_table._machine_start.cache_clear()


def test_hashes_that_have_much_in_common_are_told_apart():
    rnd = random.Random(4)
    hashes = [bytes([n % 3, 0, 0, n % 2]) + rnd.randbytes(12) for n in range(600)]
    table = HashTable()
    for start in range(0, 600, 50):
        table.add(start, hashes[start : start + 50])
    assert all(n in table.find(hash) for n, hash in enumerate(hashes))
    assert list(table.find(b"\7" * 16)) == []


def test_a_file_says_by_its_name_how_wide_it_is():
    new, old = vector_records.list_names("v", "a-model")
    assert vector_records.width_of(new) == vector_bytes.HALF
    assert vector_records.width_of(old) == vector_bytes.SINGLE
