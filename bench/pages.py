"""Retrieval quality of pages on LoCoMo, through the code path of the commands.

    .venv/bin/python bench/pages.py [--data DIR] [--quick]

Each conversation is a home of its own, and each six turns of a session in a row are a page of it; a
question's gold pages are those that hold a gold turn. Page recall@k = |gold in the top k| / |gold|,
macro over questions with gold; MRR@10; n and a 95 % bootstrap interval of recall@5 over questions;
without floor, and asked so late that recency is 0. Then, with the settings a turn has: how many of
a home's own questions are given anything, and how many of a sixth of the others', to whom nothing
is to be given. The data is bench/conversations.py's: without it there is nothing to do, and this
says so.
"""

import argparse
import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from conversations import CACHE, instant, names, read_rows
from plainmind.formats import words
from plainmind.formats.evidence import Question
from plainmind.formats.page import page_edit
from plainmind.ground.clock import DAY
from plainmind.ground.environment import Environment
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.index import embedding, engine_in_use
from plainmind.index.engine import Index
from plainmind.providers import registry
from plainmind.recall import pages, search
from plainmind.recall.pages import Policy
from retrieval import interval

TURNS = 6  # a page
STRANGERS = 1 / 6
MOST = 10
OPEN = Policy(floor=0.0, k=MOST)


class Ranked(NamedTuple):
    """What one question found: `gold` are the pages that answer it, `found` those given, best
    first."""

    gold: frozenset[str]
    found: Sequence[str]

    def recall(self, k: int) -> float:
        return len(self.gold.intersection(self.found[:k])) / len(self.gold)

    @property
    def reciprocal(self) -> float:
        return next(
            (1 / place for place, path in enumerate(self.found, 1) if path in self.gold), 0.0
        )


class Measured(NamedTuple):
    """What all conversations gave."""

    ladder: dict[str, list[Ranked]]
    own: list[Ranked]  # with the floor
    strangers: list[int]  # pages given to each question that has nothing to do with the home


class Asker:
    """Questions with their vectors, each made once."""

    def __init__(self, embedder, settings: Settings, now: int):
        self.embedder, self.now = embedder, now
        self.model = embedder.model if embedder else ""
        self.baseline = registry.baseline_of(self.model, settings)
        self._made: dict[str, Sequence[float]] = {}

    def query(self, row: dict) -> search.Query:
        if self.embedder and row["id"] not in self._made:
            self._made[row["id"]] = self.embedder.query(row["query"])
        return search.Query(
            row["query"], self.now, self._made.get(row["id"]), self.model, self.baseline
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="one conversation, without the embedder"
    )
    given = parser.parse_args()
    if "locomo" not in names():
        print("no LoCoMo in ../shared/bench: nothing measured")
        return
    corpus, questions = read_rows("locomo", "corpus"), read_rows("locomo", "queries")
    env = Environment()
    settings = Settings("", "", env.get)
    embedder = None if given.quick else registry.open_embedder("embedded", env, settings, bulk=True)
    asker = Asker(embedder, settings, max(instant(row["date"]) for row in corpus) + 3650 * DAY)
    measured = Measured({}, [], [])
    for conversation in sorted({row["conv"] for row in corpus})[: 1 if given.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            home = Home(folder)
            where = _write(home, [row for row in corpus if row["conv"] == conversation])
            _measure(home, asker, conversation, questions, where, measured)
    _table(measured)


def _write(home: Home, turns: list[dict]) -> dict[str, str]:
    """The pages of a conversation; id of a turn -> path of its page."""
    os.makedirs(home.path("knowledge"))
    os.makedirs(CACHE, exist_ok=True)
    os.symlink(CACHE, home.vectors)  # embedding takes minutes, and is the same every time
    where = {}
    for session in dict.fromkeys(turn["sess"] for turn in turns):
        rows = [turn for turn in turns if turn["sess"] == session]
        for number, start in enumerate(range(0, len(rows), TURNS)):
            part = rows[start : start + TURNS]
            day = datetime.fromtimestamp(instant(part[0]["date"]) / 1000, timezone.utc).date()
            body = "\n\n".join(f"{turn['speaker']}: {turn['text']}" for turn in part)
            path = f"knowledge/{session}-{number:02d}.md"
            with open(home.path(path), "wb") as file:
                file.write(
                    page_edit.compose({"date": day, "type": "reference", "tier": "L2"}, body)
                )
            where |= {turn["id"]: path for turn in part}
    return where


def _measure(
    home: Home,
    asker: Asker,
    conversation: str,
    questions: list[dict],
    where: dict[str, str],
    into: Measured,
) -> None:
    chance = random.Random(conversation)
    strange = [
        row for row in questions if row["conv"] != conversation and chance.random() < STRANGERS
    ]
    asked = [
        (row, frozenset(where[id] for id in row["gold"] if id in where))
        for row in questions
        if row["conv"] == conversation
    ]

    with engine_in_use().made_in(home, home.index) as index:
        if asker.embedder:
            due = index.pending(asker.model, 1 << 42)
            embedding.Run(index, asker.embedder, lambda f: f(), lambda: 0, lambda *a: 0).over(due)
        plain = _fts(index)
        for row, gold in asked:
            if gold:
                query = asker.query(row)
                for name, found in _ways(index, query, plain):
                    into.ladder.setdefault(name, []).append(Ranked(gold, found))
                into.own.append(Ranked(gold, _found(index, query, Policy())))
        into.strangers.extend(len(_found(index, asker.query(row), Policy())) for row in strange)


def _ways(index: Index, query: search.Query, plain: Callable[[str], list[str]]):
    yield "FTS5's own bm25, all words", plain(query.text)
    yield "words only", _found(index, query._replace(vector=None), OPEN)
    if query.vector is not None:
        yield "vectors alone", _by_vector(index, query)
        yield "reciprocal ranks (rrf)", _found(index, query, OPEN._replace(rank="rrf"))
        yield "relevance (the default)", _found(index, query, OPEN)


def _found(index: Index, query: search.Query, policy: Policy) -> list[str]:
    return [each.path for each in pages.search(query, index, policy).found]


def _by_vector(index: Index, query: search.Query) -> list[str]:
    with index.pages(Question((), query.vector, query.model)) as evidence:
        best = {
            evidence.pages[page].path: max(cosines.values())
            for page, cosines in evidence.cosines.items()
        }
    return sorted(best, key=lambda path: (-best[path], path))[:MOST]


def _fts(index: Index) -> Callable[[str], list[str]]:
    """What SQLite does by itself: FTS5, porter, an OR of all words, its own bm25."""
    db = sqlite3.connect(":memory:")
    db.execute(
        "CREATE VIRTUAL TABLE t USING fts5(path UNINDEXED, body, tokenize='porter unicode61')"
    )
    db.executemany(
        "INSERT INTO t VALUES (?, ?)", sorted((row[0], row[-1]) for row in index.rows()["pages"])
    )

    def ask(query: str) -> list[str]:
        match = " OR ".join(f'"{word}"' for word in dict.fromkeys(words.tokens(query)))
        found = (
            db.execute(
                f"SELECT path FROM t WHERE t MATCH ? ORDER BY bm25(t), path LIMIT {MOST}", (match,)
            )
            if match
            else []
        )
        return [row[0] for row in found]

    return ask


def _table(measured: Measured) -> None:
    print(
        f"page retrieval on LoCoMo, pages of {TURNS} turns; 95 % bootstrap interval of recall@5\n"
    )
    print(
        f"{'retrieval':28} {'n':>4}  {'r@1':>5} {'r@3':>5} {'r@5':>5} {'r@10':>5}  "
        f"{'interval':>13}  {'MRR':>5}"
    )
    for name, rows in sorted(
        measured.ladder.items(), key=lambda item: sum(row.recall(5) for row in item[1])
    ):
        recalls = " ".join(f"{_share([row.recall(k) for row in rows]):5.1f}" for k in (1, 3, 5, 10))
        low, high = interval([row.recall(5) for row in rows])
        mrr = _share([row.reciprocal for row in rows])
        print(f"{name:28} {len(rows):4}  {recalls}  {low:5.1f} – {high:5.1f}  {mrr:5.1f}")
    own, strangers, k = measured.own, measured.strangers, Policy().k
    print(
        f"\nwith the floor {Policy().floor:g}: {_share([bool(row.found) for row in own]):.1f} % "
        f"of {len(own)} questions are given something, "
        f"recall@{k} {_share([row.recall(k) for row in own]):.1f}, "
        f"{_mean([len(row.found) for row in own]):.1f} pages each; "
        f"{_share([bool(count) for count in strangers]):.1f} % of {len(strangers)} strangers' "
        f"questions, {_mean(strangers):.1f} pages each"
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def _share(values: Sequence[float]) -> float:
    return 100 * _mean(values)


if __name__ == "__main__":
    main()
