"""Retrieval quality on LoCoMo, through the code path of the commands.

    .venv/bin/python bench/retrieval.py [--data DIR] [--quick]

Each conversation is a home of its own; each of its sessions a window; each question is asked of the
whole conversation as of its date. Turn recall@k = |gold in the top k| / |gold|, macro over
questions with gold; MRR@10; NDCG@10 with log2(rank + 1); the adversarial category apart; n and a 95
% bootstrap interval over questions. The data (LoCoMo, Maharana et al., ACL 2024, CC BY-NC 4.0) is
for evaluation only and not part of the project: without it there is nothing to do, and this says
so.
"""

import argparse
import json
import math
import os
import random
import sqlite3
import sys
import tempfile
from array import array
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

from plainmind.formats import words  # noqa: E402
from plainmind.formats.evidence import Scope  # noqa: E402
from plainmind.ground.clock import DAY  # noqa: E402
from plainmind.ground.environment import Environment  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.ground.settings import Settings  # noqa: E402
from plainmind.index import embedding, engine_in_use  # noqa: E402
from plainmind.index.engine import Index  # noqa: E402
from plainmind.providers import registry  # noqa: E402
from plainmind.recall import search  # noqa: E402
from plainmind.recall.field import EventField  # noqa: E402
from plainmind.truth.log.writer import EventDraft, Log  # noqa: E402

FAR = 3650 * DAY  # so far away that recency is 0
DATA = os.path.join(os.path.dirname(HERE), "..", "shared", "bench", "locomo")
CACHE = os.path.join(os.path.dirname(HERE), "build", "bench-vectors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=DATA)
    parser.add_argument(
        "--quick", action="store_true", help="one conversation, without the embedder"
    )
    given = parser.parse_args()
    if not os.path.exists(os.path.join(given.data, "corpus.jsonl")):
        print(f"no LoCoMo data in {os.path.relpath(given.data)}: nothing measured")
        return
    corpus, questions = (
        _rows(os.path.join(given.data, name)) for name in ("corpus.jsonl", "queries.jsonl")
    )
    ladder: dict[str, list[dict]] = {}
    for conversation in sorted({row["conv"] for row in corpus})[: 1 if given.quick else None]:
        turns = [row for row in corpus if row["conv"] == conversation]
        asked = [row for row in questions if row["conv"] == conversation]
        with tempfile.TemporaryDirectory() as folder:
            for name, results in _conversation(
                folder, turns, asked, words_only=given.quick
            ).items():
                ladder.setdefault(name, []).extend(results)
    _table(ladder)


def _conversation(
    folder: str, turns: list[dict], asked: list[dict], words_only: bool
) -> dict[str, list[dict]]:
    home = Home(folder)
    refs = _write(home, turns)
    os.makedirs(CACHE, exist_ok=True)
    os.symlink(CACHE, home.vectors)  # embedding takes minutes, and is the same every time
    env = Environment()
    settings = Settings("", "", env.get)
    embedder = None if words_only else registry.open_embedder("embedded", env, settings, bulk=True)

    with engine_in_use().made_in(home, home.index) as index:
        if embedder:
            due = index.pending(embedder.model, 1 << 42)
            embedding.Run(index, embedder, lambda f: f(), lambda: 0, lambda *a: 0).over(due)
        return _ask(index, embedder, settings, turns, refs, asked)


def _write(home: Home, turns: list[dict]) -> dict[str, str]:
    """LoCoMo id -> reference."""
    log, refs = Log(home), {}
    sessions = list(dict.fromkeys(turn["sess"] for turn in turns))
    for session in sessions:
        rows = [turn for turn in turns if turn["sess"] == session]
        instant = _instant(rows[0]["date"])
        log.start_window("discord-channel/bench", instant)
        drafts = [
            EventDraft(instant + 1000 * i, "user", row["text"], {"author": row["speaker"]})
            for i, row in enumerate(rows)
        ]
        for row, written in zip(
            rows, log.append("discord-channel/bench", drafts, instant), strict=True
        ):
            refs[row["id"]] = written.ref
    return refs


def _ask(
    index: Index, embedder, settings, turns: list[dict], refs: dict[str, str], asked: list[dict]
) -> dict[str, list[dict]]:
    plain = _fts(turns, refs)
    end = max(row[4] for row in index.rows()["events"])
    found: dict[str, list[dict]] = {}
    for row in asked:
        gold = {refs[id] for id in row["gold"] if id in refs}
        if not gold:
            continue
        vector = embedder.query(row["query"]) if embedder else None
        model = embedder.model if embedder else ""
        baseline = registry.baseline_of(model, settings)
        for when, now in (("off", end + FAR), ("on", end)):
            question = search.Query(row["query"], now, vector, model, baseline)
            ways = {
                "plain FTS5, all words": plain(row["query"]) if when == "off" else None,
                "cosine, MMR (the spec's formula)": _mmr(index, question._replace(mode="cosine"))
                if embedder
                else None,
                "words only, MMR": _mmr(index, question._replace(vector=None)),
                "hybrid, MMR (the default)": _mmr(index, question) if embedder else None,
            }
            if when == "off" and embedder:
                ways["cosine alone"] = _by_sim(index, question._replace(mode="cosine"))
                ways["hybrid sim alone"] = _by_sim(index, question)
            for name, answer in ways.items():
                if answer is not None:
                    found.setdefault(f"{name}\t{when}", []).append(_judge(answer, gold, row))
    return found


def _mmr(index: Index, query: search.Query) -> list[str]:
    return [hit.ref for hit in search.search(query, index, Scope(), search.Limits(10, 0.0)).hits]


def _by_sim(index: Index, query: search.Query) -> list[str]:
    field = EventField(query, index, Scope(), -1.0)
    exact = field.exact(list(field.upper))
    best = sorted(exact, key=lambda event: (-exact[event], event))[:10]
    return [f"{event.path}:{event.line}" for event in index.events(best).values()]


def _fts(turns: list[dict], refs: dict[str, str]):
    """What SQLite does by itself: FTS5, porter, an OR of all words, its own bm25."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize='porter unicode61')")
    db.executemany(
        "INSERT INTO t (rowid, body) VALUES (?, ?)",
        ((i, turn["text"]) for i, turn in enumerate(turns)),
    )

    def ask(query: str) -> list[str]:
        match = " OR ".join(f'"{word}"' for word in dict.fromkeys(words.tokens(query)))
        rows = (
            db.execute(
                "SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t), rowid LIMIT 10", (match,)
            )
            if match
            else []
        )
        return [refs[turns[row[0]]["id"]] for row in rows]

    return ask


def _judge(answer: list[str], gold: set[str], row: dict) -> dict:
    places = [i for i, ref in enumerate(answer, 1) if ref in gold]
    ideal = sum(1 / math.log2(i + 1) for i in range(1, min(10, len(gold)) + 1))
    return {
        "category": row["cat"],
        **{f"r@{k}": sum(1 for place in places if place <= k) / len(gold) for k in (1, 5, 10)},
        "mrr": 1 / places[0] if places else 0.0,
        "ndcg": sum(1 / math.log2(place + 1) for place in places) / ideal,
    }


def _table(ladder: dict[str, list[dict]]) -> None:
    print(
        "turn retrieval on LoCoMo, categories 1-4 (the adversarial one apart); 95 % bootstrap "
        "interval of recall@10\n"
    )
    print(
        f"{'retrieval':34} {'recency':8} {'n':>4}  {'r@1':>5} {'r@5':>5} {'r@10':>5}  "
        f"{'interval':>13}  {'MRR':>5} {'NDCG':>5}  adversarial"
    )
    for name in sorted(
        ladder,
        key=lambda name: sum(r["r@10"] for r in ladder[name] if r["category"] != "adversarial"),
    ):
        rows = [r for r in ladder[name] if r["category"] != "adversarial"]
        other = [r for r in ladder[name] if r["category"] == "adversarial"]
        way, when = name.split("\t")
        mean = lambda key, of=rows: 100 * sum(r[key] for r in of) / max(1, len(of))
        low, high = _interval([r["r@10"] for r in rows])
        print(
            f"{way:34} {when:8} {len(rows):4}  {mean('r@1'):5.1f} {mean('r@5'):5.1f} "
            f"{mean('r@10'):5.1f}  {low:5.1f} – {high:5.1f}"
            f"  {mean('mrr'):5.1f} {mean('ndcg'):5.1f}  {mean('r@10', other):5.1f}"
        )
    best = next(
        (
            ladder[name]
            for name in ladder
            if name.startswith("hybrid, MMR") and name.endswith("off")
        ),
        [],
    )
    groups: dict[str, list[float]] = {}
    for row in best:
        groups.setdefault(row["category"], []).append(100 * row["r@10"])
    means = [f"{group} {sum(of) / len(of):.1f}" for group, of in sorted(groups.items())]
    print("\nhybrid, MMR, recency off, recall@10 by category: " + ", ".join(means))


def _interval(values: list[float], rounds: int = 1000) -> tuple[float, float]:
    chance = random.Random(1)
    data = array("d", values)
    means = sorted(sum(chance.choices(data, k=len(data))) / len(data) for _ in range(rounds))
    return 100 * means[int(0.025 * rounds)], 100 * means[int(0.975 * rounds)]


def _instant(date: str) -> int:
    """'1:56 pm on 8 May, 2023' in ms."""
    return int(
        datetime.strptime(date, "%I:%M %p on %d %B, %Y").replace(tzinfo=timezone.utc).timestamp()
        * 1000
    )


def _rows(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


if __name__ == "__main__":
    main()
