"""Retrieval quality, through the code path of the commands.

    .venv/bin/python bench/retrieval.py [--quick] [--words] [--data DIR] [--set NAME]
                                        [--conversation NAME] [--save FILE] [--against FILE]
                                        [--ladder]

Each question of each set (bench/conversations.py) is asked as of its own time: with recency, which
is the row that counts, and with a weight of 0 for it. Of LoCoMo gold are turns: recall@k = |gold in
the top k| / |gold|, macro over questions with gold; hit@1; MRR@10; NDCG@10 with log2(rank + 1); the
adversarial category apart. Of RealMem gold are sessions: the same over sessions in the order of
their first event. Always n and a 95 % bootstrap interval over questions. Beside it what the
injected block holds: the share of the gold, memories, how many are left out for want of room, and
how often it is empty. --save keeps what each question had; --against compares with that, question
by question: what a change gave, and its interval. --ladder measures instead what each part of the
ranking gives, and costs: without it, then one after another, each against the one before.
"""

import argparse
import math
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from statistics import median
from unittest import mock

import comparing
import conversations
from comparing import interval
from conversations import Asked, ask, names
from plainmind.formats import words
from plainmind.formats.evidence import ASKING, QUESTION, Evidence, Question, Scope
from plainmind.ground.settings import Settings
from plainmind.memory import moments
from plainmind.recall import field, inject, relevance, search, times
from plainmind.recall.field import EventField
from plainmind.recall.rank import Weights
from plainmind.recall.search import Query

DEEP = 10  # events that are ranked
DEEP_BY_SESSION = 40  # of which the first ten sessions are taken
BUDGET, EACH = 1000, 250
ADVERSARIAL = "adversarial"

_factors, _named = relevance.factors, relevance.named


def _factors_of_anybody(*, person: bool, **of: bool) -> tuple[float, float]:
    return _factors(person=False, **of)


def _named_anywhere(terms: Sequence[str], authors: Sequence[tuple[int, str]]) -> tuple[set, set]:
    _, names = _named(terms, authors)
    return {id for id, name in authors if name in names}, names


#: rung of the ladder -> module and name of what makes it, and what stands there below the rung
RUNGS = {
    "sim is spread": (field, "calibrate", lambda value, best: value),
    "a time is read": (times, "find", lambda text, now: []),
    "a person's turns": (relevance, "factors", _factors_of_anybody),
    "asked near the end": (relevance, "ASKING", QUESTION + ASKING),
    "a short answer": (relevance, "_asked", lambda length: relevance.ASKED),
    "who is named first": (relevance, "named", _named_anywhere),
    (BLOCK_ONLY := "what has room"): (inject, "most", lambda budget: 8),
}


class Remembering:
    """An index that is asked once for the evidence of a question, though it is ranked in several
    ways, and once for an event or a vector of a conversation, which stays as it is."""

    _kept: dict[int, tuple[dict, dict]] = {}  # of the conversation that is asked of now

    def __init__(self, asked: Asked):
        self._index, self.equals = asked.index, asked.index.equals
        conversation = id(asked.session_of)
        if conversation not in self._kept:
            self._kept.clear()
        self._events, self._vectors = self._kept.setdefault(conversation, ({}, {}))
        self._evidence: dict[tuple, Evidence] = {}

    def evidence(self, question: Question, scope: Scope) -> Evidence:
        key = bool(question.terms), question.vector is not None
        if key not in self._evidence:
            self._evidence[key] = self._index.evidence(question, scope)
        return self._evidence[key]

    def events(self, ids: Iterable[int]) -> dict:
        ids = [*ids]
        self._events |= self._index.events([id for id in ids if id not in self._events])
        return {id: self._events[id] for id in ids}

    def vectors(self, model: str, ids: Sequence[int]) -> dict:
        self._vectors |= self._index.vectors(model, [id for id in ids if id not in self._vectors])
        return {id: self._vectors[id] for id in ids if id in self._vectors}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one conversation, by words alone")
    parser.add_argument("--words", action="store_true", help="without the embedder")
    parser.add_argument("--data", default=conversations.DATA)
    parser.add_argument("--set", help="only this one")
    parser.add_argument("--conversation", default="", help="only those whose name has this")
    comparing.add_options(parser)
    parser.add_argument("--ladder", action="store_true", help="what each part of the ranking gives")
    given = parser.parse_args()
    measure = _climb if given.ladder else _measure
    conversations.DATA = given.data
    if not names():
        print("no conversations in ../shared/bench: nothing measured")
        return
    everything: dict[str, dict[str, dict[str, dict]]] = {}
    for name in [given.set] if given.set else names()[: 1 if given.quick else None]:
        only = "conv-30" if given.quick else given.conversation
        ladder = everything.setdefault(name, {})
        for asked in ask(name, words_only=given.words or given.quick, only=only):
            for way, result in measure(asked).items():
                ladder.setdefault(way, {})[asked.name] = result
        (_print_ladder if given.ladder else _print_table)(name, ladder)
    comparing.keep(given, everything, ("hit@1", "r@5", "r@10", "gold"), _is_main)


def _measure(asked: Asked) -> dict[str, dict]:
    """Way -> what the question had."""
    source, query = Remembering(asked), asked.query
    found = {"plain FTS5, all words\t": _judge(asked, _fts(asked))}
    ways = {"words only": query._replace(vector=None)}
    if query.vector is not None:
        ways |= {"cosine (the letter)": query._replace(mode="cosine"), "hybrid": query}
    for when, weights in (("on", Weights()), ("off", Weights(recency=0.0))):
        limits = search.Limits(_deep(asked), 0.0, weights=weights)
        for way, one in ways.items():
            hits = search.search(one, source, Scope(), limits).hits
            found[f"{way}\t{when}"] = _judge(asked, [hit.ref for hit in hits])
    if query.vector is not None:
        for way, mode in (("cosine alone", "cosine"), ("hybrid sim alone", "hybrid")):
            found[f"{way}\t"] = _judge(
                asked, _by_sim(source, query._replace(mode=mode), _deep(asked))
            )
    found["block\t"] = _block(asked, source)
    return found


def _deep(asked: Asked) -> int:
    return DEEP_BY_SESSION if asked.by_session else DEEP


def _climb(asked: Asked) -> dict[str, dict]:
    """Way on a rung -> what the question had; the first rung is below all of them."""
    source, found, names = Remembering(asked), {}, ["", *RUNGS]
    _block(asked, source)  # what is read once counts for none of the rungs
    for rung, name in enumerate(names):
        with ExitStack() as stack:
            for above in names[rung + 1 :]:
                stack.enter_context(mock.patch.object(*RUNGS[above]))
            ways = (("on", Weights()), ("off", Weights(recency=0.0)))
            for when, weights in ways if name != BLOCK_ONLY else ():
                limits = search.Limits(_deep(asked), 0.0, weights=weights)
                start = time.process_time()
                hits = search.search(asked.query, source, Scope(), limits).hits
                cost = {"cost": 1000 * (time.process_time() - start)}
                found[f"{name}\t{when}"] = _judge(asked, [hit.ref for hit in hits]) | cost
            start = time.process_time()
            held = _block(asked, source)
            found[f"{name}\tblock"] = held | {"cost": 1000 * (time.process_time() - start)}
    return found


def _by_sim(source, query: Query, deep: int) -> list[str]:
    whole = EventField(query, source, Scope(), -1.0)
    whole.reach(lambda recency: -1.0)
    exact = whole.exact(list(whole.upper))
    best = sorted(exact, key=lambda event: (-exact[event], event))[:deep]
    rows = source.events(best)
    return [f"{rows[event].path}:{rows[event].line}" for event in best]


def _fts(asked: Asked) -> list[str]:
    """What SQLite does by itself: FTS5, porter, an OR of all words, its own bm25."""
    match = " OR ".join(f'"{word}"' for word in dict.fromkeys(words.tokens(asked.query.text)))
    query = f"SELECT ref FROM t WHERE t MATCH ? ORDER BY bm25(t), rowid LIMIT {_deep(asked)}"
    return [row[0] for row in _table(asked.index).execute(query, (match,))] if match else []


@lru_cache(1)
def _table(index) -> sqlite3.Connection:
    """A table of all that is in an index."""
    db = sqlite3.connect(":memory:")
    db.execute(
        "CREATE VIRTUAL TABLE t USING fts5(ref UNINDEXED, body, tokenize='porter unicode61')"
    )
    rows = ((f"{row[0]}:{row[1]}", row[-1]) for row in index.rows()["events"])
    db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    return db


def _judge(asked: Asked, answer: list[str]) -> dict:
    if asked.by_session:
        answer = list(dict.fromkeys(asked.session_of[ref] for ref in answer))
    gold, places = asked.gold, [i for i, one in enumerate(answer, 1) if one in asked.gold]
    gain = lambda places: sum(1 / math.log2(place + 1) for place in places if place <= 10)
    first = min(places, default=11)
    return {
        "category": asked.category,
        "timed": bool(asked.query.times),
        "hit@1": float(first == 1),
        **{f"r@{k}": sum(place <= k for place in places) / len(gold) for k in (1, 5, 10)},
        "mrr": 1 / first if first <= 10 else 0.0,
        "ndcg": gain(places) / gain(range(1, len(gold) + 1)),
    }


def _block(asked: Asked, source) -> dict:
    """What a turn would be given."""
    limits = moments.limits_of(Settings("", "", lambda name: None), block=BUDGET)
    result = search.search(asked.query, source, Scope(), limits)
    fitted = inject.fit(result.hits, result.terms, BUDGET, EACH)
    refs = {memory.hit.ref for memory in fitted.shown}
    held = {asked.session_of[ref] for ref in refs} if asked.by_session else refs
    lengths = [len(memory.excerpt) for memory in fitted.shown]
    return {
        "category": asked.category,
        "gold": len(asked.gold & held) / len(asked.gold),
        "memories": len(refs),
        "dropped": len(fitted.dropped),
        "empty": float(not refs),
        "characters": sum(lengths) / max(1, len(lengths)),
    }


def _print_ladder(name: str, ladder: dict[str, dict[str, dict]]) -> None:
    print(
        f"\n{name}, rung by rung: what it is, gain on the rung below, its 95 % bootstrap interval"
    )
    for way in ("on", "off", "block"):
        of = {
            rung: _main_rows(ladder[f"{rung}\t{way}"])
            for rung in ["", *RUNGS]
            if f"{rung}\t{way}" in ladder
        }
        for key in ("gold",) if way == "block" else ("hit@1", "r@5", "r@10"):
            print(f"{'recency ' if way != 'block' else ''}{way}, {key}, n = {len(of[''])}")
            below = of[""]
            for rung, rows in of.items():
                gains = [row[key] - below[one][key] for one, row in rows.items()]
                low, high = interval(gains)
                gain = f"{_share(rows.values(), key) - _share(below.values(), key):+.1f}"
                print(
                    f"  {rung or 'before':18} {_share(rows.values(), key):5.1f}"
                    + (f"  {gain} [{low:.1f}, {high:.1f}]" if rung else "")
                )
                below = rows
        costs = [
            f"{rung or 'before'} {median(row['cost'] for row in rows.values()):.1f}"
            for rung, rows in of.items()
        ]
        print(f"{way}, CPU ms a question once all is read, median: {', '.join(costs)}")


def _main_rows(results: dict[str, dict]) -> dict[str, dict]:
    return {name: row for name, row in results.items() if _is_main(row)}


def _is_main(row: dict) -> bool:
    return row["category"] != ADVERSARIAL


def _share(rows: Iterable[dict], key: str) -> float:
    values = [row[key] for row in rows]
    return 100 * sum(values) / max(1, len(values))


def _print_table(name: str, ladder: dict[str, dict[str, dict]]) -> None:
    block = ladder.pop("block\t")
    apart = any(row["category"] == ADVERSARIAL for row in block.values())
    print(f"\n{name}; 95 % bootstrap interval of recall@{'10' if apart else '5'}\n")
    print(
        f"{'retrieval':24} {'recency':7} {'n':>4}  {'hit@1':>5} {'r@5':>5} {'r@10':>5}  "
        f"{'interval':>13}  {'MRR':>5} {'NDCG':>5}{'  adversarial' if apart else ''}"
    )
    key = "r@10" if apart else "r@5"
    for way in sorted(ladder, key=lambda way: _share(_main_rows(ladder[way]).values(), key)):
        rows = [*_main_rows(ladder[way]).values()]
        other = [row for row in ladder[way].values() if row["category"] == ADVERSARIAL]
        low, high = interval([row[key] for row in rows])
        numbers = " ".join(f"{_share(rows, of):5.1f}" for of in ("hit@1", "r@5", "r@10"))
        rest = " ".join(f"{_share(rows, of):5.1f}" for of in ("mrr", "ndcg"))
        of_other = f"  {_share(other, 'r@10'):11.1f}" if apart else ""
        way, when = way.split("\t")
        interval_of = f"{low:5.1f} – {high:5.1f}"
        print(f"{way:24} {when:7} {len(rows):4}  {numbers}  {interval_of}  {rest}{of_other}")
    ladder["block\t"] = block
    rows = [*_main_rows(block).values()]
    mean = lambda key: _share(rows, key) / 100
    low, high = interval([row["gold"] for row in rows])
    print(
        f"the block of {BUDGET} tokens: {_share(rows, 'gold'):.1f} % ({low:.1f}–{high:.1f}) of the "
        f"gold; {mean('memories'):.1f} memories of {mean('characters'):.0f} characters, "
        f"{mean('dropped'):.1f} dropped; {_share(rows, 'empty'):.1f} % empty"
    )
    if "hybrid\ton" in ladder:
        groups: dict[str, list[dict]] = {}
        for row in ladder["hybrid\ton"].values():
            groups.setdefault(row["category"], []).append(row)
        shares = [f"{group} {_share(of, key):.1f}" for group, of in sorted(groups.items())]
        print(f"hybrid, recency on, {key} by category: {', '.join(shares)}")
        timed = [row[key] for row in _main_rows(ladder["hybrid\ton"]).values() if row["timed"]]
        if timed:
            low, high = interval(timed)
            share = f"{100 * sum(timed) / len(timed):.1f} % ({low:.1f}–{high:.1f})"
            print(f"of the {len(timed)} questions that name a time {share}")


if __name__ == "__main__":
    main()
