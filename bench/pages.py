"""Retrieval quality of pages, through the code path of the commands.

    .venv/bin/python bench/pages.py [--quick] [--words] [--data DIR] [--set NAME]
                                    [--save FILE] [--against FILE]

Two sets of vaults and questions (bench/vaults.py). Without floor, and of the first ten: hit@1, page
recall@5 = |gold in the top 5| / |gold| and MRR, macro over questions with gold, each with its 95 %
bootstrap interval over questions. Then, with the settings that a turn has, what the block holds:
the share of the gold, pages, and how often it is empty; and how often it is, as it ought to be, of
questions that nothing answers. --save keeps what each question had; --against compares with that,
question by question.
"""

import argparse
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence

import comparing
import conversations
import vaults
from comparing import interval
from conversations import Embedder
from plainmind.formats import words
from plainmind.formats.evidence import Question
from plainmind.index import engine_in_use
from plainmind.index.engine import Index
from plainmind.recall import page_block, pages, search
from plainmind.recall.pages import Policy
from vaults import Asked, Vault

SETS = {"apollo": vaults.apollo, "locomo": vaults.locomo}
MOST = 10
OPEN = Policy(floor=0.0, k=MOST)

Results = dict[str, dict[str, dict]]  # way -> question -> what it had


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one vault, by words alone")
    parser.add_argument("--words", action="store_true", help="without the embedder")
    parser.add_argument("--data", default=conversations.DATA)
    parser.add_argument("--set", choices=SETS, help="only this one")
    comparing.add_options(parser)
    given = parser.parse_args()
    conversations.DATA = given.data
    everything: dict[str, Results] = {}
    for name in [given.set] if given.set else [*SETS][: 1 if given.quick else None]:
        results: Results = {}
        for vault in SETS[name]():
            _measure(vault, Embedder(vault.home, given.words or given.quick), results)
        if results:
            _print_table(name, results)
            everything[name] = results
        else:
            print(f"no {name} in ../shared/bench: not measured")
    keys = ("hit@1", "r@5", "mrr", "gold", "empty")
    comparing.keep(given, everything, keys, lambda row: row.get("answered", True))


def _measure(vault: Vault, embedder: Embedder, into: Results) -> None:
    with engine_in_use().made_in(vault.home, vault.home.index) as index:
        embedder.embed(index)
        plain = _fts(index)
        for asked in vault.asked:
            query = embedder.query(asked.text, vault.now)
            for way, found in _ways(index, query, plain) if asked.gold else ():
                into.setdefault(way, {})[asked.name] = _judge(asked, found)
            policy = Policy()
            known = pages.search(query, index, policy)
            given = [page.found.path for page in page_block.fit(known, policy).shown]
            into.setdefault("block", {})[asked.name] = {
                "kind": asked.kind,
                "gold": len(asked.gold.intersection(given)) / (len(asked.gold) or 1),
                "pages": len(given),
                "empty": float(not given),
                "answered": bool(asked.gold),
            }


def _judge(asked: Asked, found: Sequence[str]) -> dict:
    places = [place for place, path in enumerate(found, 1) if path in asked.gold]
    return {
        "kind": asked.kind,
        "hit@1": float(1 in places),
        "r@5": sum(place <= 5 for place in places) / len(asked.gold),
        "mrr": 1 / places[0] if places else 0.0,
    }


def _ways(
    index: Index, query: search.Query, plain: Callable[[str], list[str]]
) -> Iterator[tuple[str, list[str]]]:
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


def _print_table(name: str, results: Results) -> None:
    block = results.pop("block")
    print(f"\n{name}; 95 % bootstrap intervals\n")
    names = "".join(f"  {key:>18}" for key in ("hit@1", "recall@5", "MRR"))
    print(f"{'pages':28} {'n':>4}{names}")
    for way in sorted(results, key=lambda way: _mean(results[way].values(), "r@5")):
        rows = [*results[way].values()]
        numbers = "".join(f"  {_with_interval(rows, key):>18}" for key in ("hit@1", "r@5", "mrr"))
        print(f"{way:28} {len(rows):4}{numbers}")
    results["block"] = block
    own = [row for row in block.values() if row["answered"]]
    others = [row for row in block.values() if not row["answered"]]
    print(
        f"the block, floor {Policy().floor:g}: {_with_interval(own, 'gold')} % of the gold, "
        f"{_mean(own, 'pages') / 100:.1f} pages, {_mean(own, 'empty'):.1f} % empty; where nothing "
        f"answers ({len(others)} questions) {_mean(others, 'pages') / 100:.1f} pages, "
        f"{_mean(others, 'empty'):.1f} % empty"
    )
    kinds = sorted({row["kind"] for row in own})
    if len(kinds) > 1:
        of = {kind: [row for row in own if row["kind"] == kind] for kind in kinds}
        print("gold in it by kind: " + ", ".join(f"{k} {_mean(of[k], 'gold'):.1f}" for k in kinds))


def _with_interval(rows: Sequence[dict], key: str) -> str:
    low, high = interval([row[key] for row in rows])
    return f"{_mean(rows, key):.1f} ({low:.1f}–{high:.1f})"


def _mean(rows: Collection[dict], key: str) -> float:
    """In percent."""
    return 100 * sum(row[key] for row in rows) / max(1, len(rows))


if __name__ == "__main__":
    main()
