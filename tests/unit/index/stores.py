"""Random stores, a fake embedder, and what else the tests of index and recall have in common."""

import random
import shutil
from array import array
from collections.abc import Callable, Iterator
from math import sqrt
from typing import NamedTuple

from hypothesis import Phase
from plainmind.formats.evidence import Scope
from plainmind.ground import clock
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import embedding
from plainmind.index.engine import Index
from plainmind.memory import Memory
from plainmind.providers import retry
from plainmind.recall import search as ranking
from plainmind.recall.rank import Weights
from plainmind.recall.search import Limits, Moments, Query
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index.engines import engine_in_use

#: a case of these takes a tenth of a second: looking for a smaller one, when one fails, would take
#: minutes
UNSHRUNK = [Phase.explicit, Phase.generate]

MODEL = "fake:one/8"
MINUTE, HOUR = 60 * clock.SECOND, 3600 * clock.SECOND
GAPS = [0, 1, 20_000, 20_000, MINUTE, MINUTE, HOUR, HOUR + 1, 5 * HOUR, 3 * clock.DAY, -2 * HOUR]

VOCABULARY = """
    server pm2 restart hangs tax extension deadline invoice Müller naïve café running runs ran
    runner Boston dog dogs πόλη garden tomato pasta recipe piano lesson daughter Ann's don't the
    of and is 日本語 東京 data base 🚀 x1 2026
""".split()
AUTHORS = ["", "Ann", "Bob Miller", "李雷", "Server"]
SAID = [
    "How do I restart pm2?",
    "The server hangs. Why？",
    "",
    "   ",
    "the of and",
    "same words again and again",
    "restart restart restart",
]


class Fake:
    """An embedder that costs nothing, counts its calls, and says the same of the same text."""

    longest = 100_000

    def __init__(self, model: str = MODEL, dimensions: int = 8, batch: int = 100):
        self.model, self.dimensions, self.batch = model, dimensions, batch
        self.calls: list[list[str]] = []

    def passages(self, texts: list[str]) -> list["array[float]"]:
        self.calls.append(list(texts))
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> "array[float]":
        # what was said alone decides, so that duplicates meet; a topic makes some events alike
        said = text.rsplit("\n", 1)[-1]
        rnd = random.Random(ascii(f"{self.model} {said}"))
        return unit(rnd, self.dimensions, topic=len(said) % 3)

    @property
    def sent(self) -> list[str]:
        return [text for call in self.calls for text in call]


def unit(rnd: random.Random, dimensions: int, topic: int = 0) -> "array[float]":
    values = [rnd.gauss(0, 1) + (2.0 if j % 4 == topic else 0.0) for j in range(dimensions)]
    length = sqrt(sum(v * v for v in values)) or 1.0
    return array("f", [v / length for v in values])


def opened(home: Home) -> Index:
    """The index of a home, which must be sound."""
    return engine_in_use().made_in(home, home.index)


def throw_away(home: Home) -> None:
    """The index, whatever keeps it, and what is beside it."""
    engine_in_use().rebuild(home)
    shutil.rmtree(home.index, ignore_errors=True)


def attempts(home: Home, say: Callable[[str], None]) -> Iterator[Index]:
    """The index of a home, as often as it has to be tried."""
    return engine_in_use().opened(home, say)


def memory(home: Home, say: Callable[[str], None] = lambda line: None) -> Memory:
    settings = Settings("", "config.toml", lambda name: "")
    return Memory(home, Environment(), settings, lambda: NOW, say)


def run(
    index: Index,
    embedder,
    texts=None,
    *,
    now: int = NOW,
    call=lambda request: request(),
    budget: int | None = None,
    **due,
):
    """One run of embedding, without waiting between tries."""
    todo = index.pending(embedder.model, now, **due) if texts is None else texts
    work = embedding.Run(index, embedder, call, lambda: now, retry.next_try, budget=budget)
    return work.over(todo)


def search(
    index: Index,
    query: Query,
    scope: Scope,
    k: int,
    floor: float,
    pins: str = "always",
    weights: Weights = Weights(),
    *,
    told: bool = False,
) -> Moments:
    return ranking.search(query, index, scope, Limits(k, floor, pins, weights), told=told)


def a_content(rnd: random.Random, before: list[str]) -> str:
    if before and rnd.random() < 0.15:
        said = rnd.choice(before)
        return said if len(said) % 2 else f"{said.upper()} !"
    if rnd.random() < 0.15:
        return rnd.choice(SAID)
    # few words are frequent, many are rare
    words = [
        VOCABULARY[min(int(rnd.expovariate(0.12)), len(VOCABULARY) - 1)]
        for _ in range(rnd.choice([1, 3, 8, 20, 45]))
    ]
    return " ".join(words) + rnd.choice(["", ".", "?", "\n\nmore?  ", "!"])


class Shape(NamedTuple):
    """How large a store is, and from where its chances come."""

    seed: int
    events: int
    contexts: int
    dimensions: int = 8
    embedded: float = 0.8  # share of the events that get a vector
    pins: int = 0


def fill(home: Home, shape: Shape) -> list[str]:
    """Write the logs and pins of a random store; returns the references of its events."""
    rnd = random.Random(shape.seed)
    log = Log(home)
    refs: list[str] = []
    said: list[str] = []
    instants = {}
    left = shape.events
    while left > 0:
        number = rnd.randrange(shape.contexts)
        context = f"{('test', 'talk')[number % 2]}/{number}"
        at = instants.get(context) or NOW - rnd.randrange(150) * clock.DAY
        if rnd.random() < 0.2 and context in instants:
            log.start_window(context, at)
        drafts = []
        for _ in range(min(left, rnd.choice([1, 2, 5, 20, 70]))):
            at += rnd.choice(GAPS)
            role = rnd.choices(["user", "agent", "tool", "system"], [5, 5, 2, 1])[0]
            author = rnd.choice(AUTHORS)
            content = a_content(rnd, said)
            said.append(content)
            meta = {"author": author} if author else {}
            if role == "agent":
                meta["model"] = "google:one" if len(content) % 3 else "embedded"
            drafts.append(EventDraft(at, role, content, meta))
        instants[context] = at
        left -= len(drafts)
        refs += [written.ref for written in log.append(context, drafts, at)]
    for ref in rnd.sample(refs, min(shape.pins, len(refs))):
        pinning.pin(home, reader.read_event(home, ref))
    return refs


def embed_some(index: Index, shape: Shape) -> Fake:
    """Give a share of the events their vectors; two runs, so that some are packed and some stay
    loose."""
    rnd = random.Random(shape.seed + 1)
    embedder = Fake(dimensions=shape.dimensions)
    texts = [t for t in index.pending(embedder.model, NOW) if rnd.random() < shape.embedded]
    middle = len(texts) * 2 // 3
    run(index, embedder, texts[:middle])
    run(index, embedder, texts[middle:])
    return embedder


def answers(home: Home, warnings: list[str]) -> list:
    """What an index answers to some queries, by words and by vectors."""
    vector = Fake().vector("How do I restart pm2?")
    for index in attempts(home, warnings.append):
        with index:
            index.model()  # vectors that were made for an earlier one
            found = []
            for text in ("restart the server", "Ann and the dogs", "日本語"):
                for query in (Query(text, NOW), Query(text, NOW, vector, MODEL)):
                    hits = search(index, query, Scope(), 10, -1.0).hits
                    found.append([(hit.ref, round(hit.pick.score, 9)) for hit in hits])
    return found
