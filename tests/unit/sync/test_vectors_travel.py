"""Vectors that cost money go to other machines; those of the embedded model do not."""

import struct

import pytest
from plainmind.index import cache
from plainmind.sync import vector_records

MODEL, FREE = "openai:dear", "embedded:multilingual-e5-small"


def blob(number: float) -> bytes:
    return struct.pack("<2e", number, 1.0)


def key(name: str) -> bytes:
    return name.encode().ljust(cache.HASH)


def put(one, model: str, **vectors: float) -> None:
    cache.Cache(one.home, model).put({key(name): blob(value) for name, value in vectors.items()})


def known(one, model: str = MODEL) -> dict[str, bytes]:
    found = cache.Cache(one.home, model).get([key(name) for name in "abcd"])
    return {name.decode().strip(): vector for name, vector in found.items()}


def test_vectors_of_both_are_on_both_and_what_one_takes_out_goes(machines):
    a, b = machines("alpha"), machines("beta")
    put(a, MODEL, a=1, b=2)
    put(a, FREE, a=9)
    put(b, MODEL, b=2, c=3)
    for _ in range(2):
        a.sync(vectors=True)
        b.sync(vectors=True)
    assert known(a) == known(b) == {"a": blob(1), "b": blob(2), "c": blob(3)}
    assert known(b, FREE) == {}
    cache.forget(a.home, {key("b")})
    put(b, MODEL, d=4)
    for _ in range(2):
        a.sync(vectors=True)
        b.sync(vectors=True)
    assert known(a) == known(b) == {"a": blob(1), "c": blob(3), "d": blob(4)}


def test_without_the_setting_they_stay(machines):
    a, b = machines("alpha"), machines("beta")
    put(a, MODEL, a=1)
    a.sync()
    b.sync()
    assert known(b) == {}


@pytest.mark.parametrize("theirs", [b"", b"rubbish", b"{}"])
def test_a_file_that_is_none_of_vectors(machines, theirs):
    a = machines("alpha")
    put(a, MODEL, a=1)
    with open(cache.Cache(a.home, MODEL).path, "rb") as file:
        ours = file.read()
    assert vector_records.merge(b"", ours, theirs).data == ours
