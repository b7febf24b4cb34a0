"""Homes of any size that look like somebody's: for the measurements, made straight into an index.

    .venv/bin/python bench/homes.py FOLDER TURNS

274 turns a day, which is a million in a decade, in forty contexts that are returned to. What is
said goes along the demo's conversation, with a third of its words exchanged for those of a topic
and of a vocabulary that grows (Zipf). Each has the vector that the embedded model gives to the turn
of the demo it is made from, moved aside by chance, so that lengths between them, and from a
question, are the model's own. The same every time. The vectors of the demo's turns are kept in
FOLDER, for the next.
"""

import gzip
import json
import os
import random
import sys
from array import array
from collections.abc import Iterator
from itertools import islice

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

MODEL = "embedded:multilingual-e5-small-q4"
BASES, CONTEXTS, WINDOW, A_DAY = 2000, 40, 250, 274
ASIDE = 0.3  # how far a vector is moved, of its length
BATCH = 4096


def make(folder: str, turns: int) -> str:
    """The path of a home with so many turns and all their vectors, made if it is not there."""
    from plainmind.ground.paths import Home
    from plainmind.index.sqlite import opening

    path = os.path.join(folder, str(turns))
    if os.path.exists(os.path.join(path, "made")):
        return path
    home = Home(path)
    if not os.path.exists(home.index):
        _write(home, turns)
    index = opening.made_in(home, home.index)
    with index:
        index.progress = lambda done, of: None
        index.model()
        index.serve(MODEL)
        _embed(index, home, read_vectors(folder))
    open(os.path.join(path, "made"), "w").close()
    return path


def make_pages(folder: str, count: int) -> str:
    """The path of a home with so many pages of some 150 words, with links and triples, and no
    vectors; made if it is not there. Its index is made by who asks first."""
    path = os.path.join(folder, f"pages-{count}")
    if os.path.exists(os.path.join(path, "made")):
        return path
    said = [text for _, _, text in _turns(8 * count)]
    os.makedirs(os.path.join(path, "knowledge"), exist_ok=True)
    for number in range(count):
        body = "\n\n".join(said[8 * number : 8 * number + 8])
        head = (
            f"date: 2026-01-{number % 28 + 1:02d}\ntype: project\ntier: L2\ntriples:\n"
            f"- [e{number}, follows, e{number // 2}]\n"
        )
        name = os.path.join(path, "knowledge", f"page-{number:05d}.md")
        with open(name, "w", encoding="utf-8") as file:
            file.write(
                f"---\n{head}---\n\n# Page {number}\n\n{body}\n\nSee [[page-{number // 2:05d}]].\n"
            )
    open(os.path.join(path, "made"), "w").close()
    return path


def _write(home, turns: int) -> None:
    from plainmind.formats.log import event as grammar
    from plainmind.ground import clock

    said = _turns(turns)
    now = clock.system_now()
    for number in range(0, turns, WINDOW):
        context = f"discord-channel/c{random.Random(number).randrange(CONTEXTS)}"
        rows = [*islice(said, WINDOW)]
        when = [now - (turns - number - at) * clock.DAY // A_DAY for at in range(len(rows))]
        stamp = clock.to_stamp(when[0])
        title = grammar.render_title(context, stamp)
        data, digest = [title], grammar.first_digest(context, stamp)
        for at, (role, author, content) in zip(when, rows):
            meta = {"author": author, **({"model": "google:x"} if role == "agent" else {})}
            text, digest = grammar.render(digest, at, role, content, meta)
            data.append(text)
        name = f"logs/{context}/{stamp}.md"
        os.makedirs(os.path.dirname(home.path(name)), exist_ok=True)
        whole = b"".join(data)
        with open(home.path(name), "wb") as file:
            file.write(whole)


def _turns(count: int) -> Iterator[tuple[str, str, str]]:
    """(role, author, text), one after another; text of base `_base(n)`."""
    bases = read_demo()
    chance = random.Random(5)
    parts = "b d f g k l m n p r s t".split()
    rare = [a + v + b + w for a in parts for v in "aeiou" for b in parts for w in "aeio"]
    rare += [word + end for word in rare for end in ("n", "rk", "st", "lly", "m", "ness", "t", "x")]
    weights = [0.0]
    for place in range(len(rare)):
        weights.append(weights[-1] + 1 / (place + 30))
    del weights[0]
    for number in range(count):
        words = bases[base(number)].split()
        for place in range(len(words)):
            if chance.random() < 0.25:
                words[place] = chance.choices(rare, cum_weights=weights)[0]
        if number % 3 == 0:
            words += chance.choices(rare, cum_weights=weights, k=chance.randrange(12))
        role, author = ("user", f"Ann{number % 7}") if number % 2 == 0 else ("agent", "Mind")
        yield role, author, " ".join(words)


def base(number: int) -> int:
    """Of which turn of the demo a turn is made: some in a row, then from elsewhere."""
    return (random.Random(number // 17).randrange(BASES) + number % 17) % BASES


def read_demo() -> list[str]:
    with gzip.open(os.path.join(HERE, "demo", "apollo13.jsonl.gz"), "rt", encoding="utf-8") as file:
        rows = [json.loads(line)["content"] for line in file]
    return [row for row in rows if len(row.split()) > 5][:BASES]


def read_vectors(folder: str) -> list[array]:
    from plainmind.ground.environment import Environment
    from plainmind.ground.settings import Settings
    from plainmind.providers import registry

    path = os.path.join(folder, "bases")
    if not os.path.exists(path):
        settings = Settings("", "config.toml", lambda name: "")
        embedder = registry.open_embedder_of(MODEL, Environment(), settings)
        with open(path, "wb") as file:
            for start in range(0, BASES, 32):
                for vector in embedder.passages(read_demo()[start : start + 32]):
                    vector.tofile(file)
    whole = array("f")
    with open(path, "rb") as file:
        whole.frombytes(file.read())
    size = len(whole) // BASES
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _embed(index, home, bases: list[array]) -> None:
    import numpy
    from plainmind.ground import clock
    from plainmind.index.cache import Cache, content_hash, set_serving
    from plainmind.index.engine import EmbeddingOutcome

    matrix = numpy.array(bases)
    chance = numpy.random.default_rng(5)
    due, kept = index.pending(MODEL, clock.system_now()), Cache(home, MODEL, places=home.index)
    for start in range(0, len(due), BATCH):
        some = due[start : start + BATCH]  # the newest first
        numbers = [base(len(due) - 1 - start - at) for at in range(len(some))]
        aside = chance.normal(size=(len(some), matrix.shape[1]))
        aside *= ASIDE / numpy.linalg.norm(aside, axis=1, keepdims=True)
        moved = matrix[numbers] + aside
        moved /= numpy.linalg.norm(moved, axis=1, keepdims=True)
        blobs = [blob.tobytes() for blob in moved.astype("<f2")]
        kept.put({content_hash(one.text): blob for one, blob in zip(some, blobs)})
        index.keep(MODEL, [EmbeddingOutcome(one, blob, 0) for one, blob in zip(some, blobs)])
        print(f"\r{start + len(some)} vectors", end="", file=sys.stderr)
    set_serving(home, MODEL)


if __name__ == "__main__":
    print(make(sys.argv[1], int(sys.argv[2])))
