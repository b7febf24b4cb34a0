"""Random stores, a fake embedder, and what else the tests of index and recall have in common."""

import os
import random
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import sqrt
from typing import NamedTuple

from hypothesis import Phase
from plainmind.ground import clock
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import embedding, store, sync
from plainmind.index.store import Store
from plainmind.memory.moments import Means
from plainmind.providers import retry
from plainmind.truth.log import pinning, reader
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

#: a case of these takes a tenth of a second: looking for a smaller one, when one fails, would take minutes
UNSHRUNK = [Phase.explicit, Phase.generate]

MODEL = "fake:one/8"
MINUTE, HOUR = 60 * clock.SECOND, 3600 * clock.SECOND

VOCABULARY = [
    "server",
    "pm2",
    "restart",
    "hangs",
    "tax",
    "extension",
    "deadline",
    "invoice",
    "Müller",
    "naïve",
    "café",
    "running",
    "runs",
    "ran",
    "runner",
    "Boston",
    "dog",
    "dogs",
    "walk",
    "garden",
    "tomato",
    "pasta",
    "recipe",
    "piano",
    "lesson",
    "daughter",
    "Ann's",
    "don't",
    "the",
    "of",
    "and",
    "is",
    "日本語",
    "東京",
    "data",
    "base",
    "🚀",
    "x1",
    "2026",
]
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

    def __init__(self, model: str = MODEL, dimensions: int = 8, batch: int = 100):
        self.model, self.dimensions, self.batch = model, dimensions, batch
        self.calls: list[list[str]] = []

    def passages(self, texts: list[str]) -> list["array[float]"]:
        self.calls.append(list(texts))
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> "array[float]":
        # what was said alone decides, so that duplicates meet; a topic makes some turns alike
        said = text.rsplit("\n", 1)[-1]
        return unit(
            random.Random(ascii(f"{self.model} {said}")), self.dimensions, topic=len(said) % 3
        )

    @property
    def sent(self) -> list[str]:
        return [text for call in self.calls for text in call]


def unit(rnd: random.Random, dimensions: int, topic: int = 0) -> "array[float]":
    values = [rnd.gauss(0, 1) + (2.0 if j % 4 == topic else 0.0) for j in range(dimensions)]
    length = sqrt(sum(v * v for v in values)) or 1.0
    return array("f", [v / length for v in values])


@contextmanager
def opened(home: Home) -> Iterator[Store]:
    """The index of a home, which must be sound."""
    made = store._open(home, os.path.join(home.index, "mind.db"))
    try:
        yield made
    finally:
        made.db.close()


def means(home: Home, say: Callable[[str], None] = lambda line: None) -> Means:
    return Means(
        home, Environment(), Settings("", "config.toml", lambda name: ""), lambda: NOW, say
    )


def run(
    made: Store,
    embedder,
    turns=None,
    *,
    now: int = NOW,
    call=lambda request: request(),
    budget: int | None = None,
    **due,
):
    """One run of embedding, without waiting between tries."""
    todo = embedding.due(made, embedder.model, now, **due) if turns is None else turns
    return embedding.Run(made, embedder, call, lambda: now, retry.next_try, budget=budget).over(
        todo
    )


def a_content(rnd: random.Random, before: list[str]) -> str:
    if before and rnd.random() < 0.15:
        return rnd.choice(before)
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
    turns: int
    contexts: int
    dimensions: int = 8
    embedded: float = 0.8  # share of the turns that get a vector
    pins: int = 0


def fill(home: Home, shape: Shape) -> list[str]:
    """Write the logs and pins of a random store; returns the references of its turns."""
    rnd = random.Random(shape.seed)
    log = Log(home)
    refs: list[str] = []
    said: list[str] = []
    instants = {}
    left = shape.turns
    while left > 0:
        number = rnd.randrange(shape.contexts)
        context = f"test/{number}"
        at = instants.get(context) or NOW - rnd.randrange(150) * clock.DAY
        if rnd.random() < 0.2 and context in instants:
            log.start_window(context, at)
        drafts = []
        for _ in range(min(left, rnd.choice([1, 2, 5, 20, 70]))):
            at += rnd.choice(
                [
                    0,
                    1,
                    20_000,
                    20_000,
                    MINUTE,
                    MINUTE,
                    HOUR,
                    HOUR + 1,
                    5 * HOUR,
                    3 * clock.DAY,
                    -2 * HOUR,
                ]
            )
            role = rnd.choices(["user", "agent", "tool", "system"], [5, 5, 2, 1])[0]
            author = rnd.choice(AUTHORS)
            content = a_content(rnd, said)
            said.append(content)
            drafts.append(EventDraft(at, role, content, {"author": author} if author else {}))
        instants[context] = at
        left -= len(drafts)
        refs += [written.ref for written in log.append(context, drafts, at)]
    for ref in rnd.sample(refs, min(shape.pins, len(refs))):
        pinning.pin(home, reader.read_event(home, ref))
    return refs


def embed_some(made: Store, shape: Shape) -> Fake:
    """Give a share of the turns their vectors; two runs, so that some are packed and some stay loose."""
    rnd = random.Random(shape.seed + 1)
    embedder = Fake(dimensions=shape.dimensions)
    sync.catch_up(made)
    turns = [t for t in embedding.due(made, embedder.model, NOW) if rnd.random() < shape.embedded]
    middle = len(turns) * 2 // 3
    run(made, embedder, turns[:middle])
    run(made, embedder, turns[middle:])
    return embedder
