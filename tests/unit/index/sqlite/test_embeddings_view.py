"""The view that others read has float32, whatever numbers are stored as float16."""

import struct

import pytest
from plainmind.index.sqlite import opening
from unit.index import stores
from unit.index.stores import Shape

pytestmark = pytest.mark.usefixtures("unsynced")


def test_a_number_is_the_same_in_float32(home):
    stores.fill(home, Shape(1, 40, 1))
    halves = [bits for bits in range(1 << 16) if bits >> 10 & 31 != 31]
    least = [bits for bits in halves if bits >> 10 & 31 < 2]  # those without a leading 1, too
    some = [*halves[::37], *least[::3]]
    size = len(some) // 8
    with opening.made_in(home, home.index) as index:
        stores.embed_some(index, Shape(1, 40, 1, embedded=1.0))
        ids = [id for (id,) in index.db.execute("SELECT id FROM vectors WHERE embedding NOT NULL")]
        parts = [struct.pack(f"<{size}H", *some[n * size :][:size]) for n in range(8)]
        for id, part in zip(ids[:8], parts, strict=True):
            index.db.execute("UPDATE vectors SET embedding = ? WHERE id = ?", (part, id))
        got = {blob for (blob,) in index.db.execute("SELECT embedding FROM embeddings")}
    for part in parts:
        assert struct.pack(f"<{size}f", *struct.unpack(f"<{size}e", part)) in got
