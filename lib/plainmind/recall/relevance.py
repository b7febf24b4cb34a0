"""Hybrid relevance of a turn to a query, in [0, 1]: words and vectors together. Pure.

    raw = (0.7 own + window + 0.3 episode) / ideal  +  0.5 dense + 0.4 dense of the episode
    raw is multiplied by 1.4 when the query names the turn's author, by 0.85 when the turn is a question
    sim = min(1, raw / 1.6)

own      BM25 (k1 1.2, b 0.75) of the turn's words and its author's name
window   BM25 of the turn together with the first 30 words of two neighbours a side, in its episode
episode  BM25 of all the words of its episode, among episodes
ideal    what BM25 approaches for a turn full of every term of the query, known to the store or not
dense    (cosine - baseline) / (1 - baseline), at least 0; the baseline is the model's cosine of unrelated texts
dense of the episode: mean of its best three

The store's own best turn plays no part, so an unrelated question finds little, and a floor means something.
Weights were chosen on one half of LoCoMo's conversations and held on the other, where each has a wide
plateau (bench/retrieval.py, DECISIONS.md). BM25: Robertson and Zaragoza, The Probabilistic Relevance
Framework, 2009, with the idf log(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
"""

from bisect import bisect_right
from math import log
from typing import Iterable, Mapping, NamedTuple, Protocol, Sequence

OWN, WINDOW, EPISODE = 0.7, 1.0, 0.3
DENSE, DENSE_EPISODE, BEST_OF = 0.5, 0.4, 3
NAMED, QUESTION, SCALE = 1.4, 0.85, 1.6
K1, B = 1.2, 0.75
NEIGHBOURS = 2  # a side

#: the most a change of `dense` by one can change sim
SLOPE = (DENSE + DENSE_EPISODE) * NAMED / SCALE


class Stretch(Protocol):
    """What relevance needs of an episode; entry i of a column is the turn `id + i` (index.episodes)."""

    @property
    def id(self) -> int: ...
    @property
    def lengths(self) -> Sequence[int]: ...
    @property
    def heads(self) -> Sequence[int]: ...


class Corpus(NamedTuple):
    """Totals over all turns, and the episodes by ascending id."""

    turns: int
    words: int
    heads: int
    stretches: Sequence[Stretch]


#: a term's places: (turn id, times in its first 30 words, times in the rest)
Postings = Mapping[str, Sequence[tuple[int, int, int]]]


def lexical(corpus: Corpus, postings: Postings) -> dict[int, list[float]]:
    """Episode id -> lexical evidence of each of its turns, for the episodes that hold any term.

    Terms without postings are known to be nowhere: they count in the ideal.
    """
    n = corpus.turns
    if not n or not postings:
        return {}
    ids = [stretch.id for stretch in corpus.stretches]
    words = max(corpus.words, 1)
    mean = words / n
    mean_window = (corpus.words + 2 * NEIGHBOURS * corpus.heads) / n or 1.0
    mean_episode = words / len(ids)
    ideal = sum(_idf(n, len(places)) for places in postings.values()) * (K1 + 1)
    found: dict[int, list[float]] = {}
    windows: dict[int, list[float]] = {}
    for places in postings.values():
        weight = _idf(n, len(places)) * (K1 + 1) / ideal
        here: dict[int, list[tuple[int, int, int]]] = {}
        for turn, head, rest in places:
            number = bisect_right(ids, turn) - 1
            here.setdefault(number, []).append((turn - ids[number], head, rest))
        episode_weight = _idf(len(ids), len(here)) * (K1 + 1) / ideal * EPISODE
        for number, hits in here.items():
            stretch = corpus.stretches[number]
            scores = found.get(number)
            if scores is None:
                found[number] = scores = [0.0] * len(stretch.lengths)
                windows[number] = _window_norms(stretch, mean_window)
            norms = windows[number]
            near: dict[int, int] = {}
            total = 0
            for place, head, rest in hits:
                own = head + rest
                total += own
                scores[place] += OWN * weight * own / (own + K1 * (1 - B + B * stretch.lengths[place] / mean))
                near[place] = near.get(place, 0) + own
                if head:
                    for beside in range(max(0, place - NEIGHBOURS), min(len(scores), place + NEIGHBOURS + 1)):
                        if beside != place:
                            near[beside] = near.get(beside, 0) + head
            for place, times in near.items():
                scores[place] += WINDOW * weight * times / (times + norms[place])
            length = sum(stretch.lengths)
            gain = episode_weight * total / (total + K1 * (1 - B + B * length / mean_episode))
            for place in range(len(scores)):
                scores[place] += gain
    return {ids[number]: scores for number, scores in found.items()}


def dense(cosine: float, baseline: float) -> float:
    """A cosine as the share of the way from unrelated to identical, in [0, 1]."""
    return min(1.0, max(0.0, (cosine - baseline) / (1 - baseline)))


def of_episode(denses: Iterable[float]) -> float:
    """The dense evidence of an episode: mean of its best three turns."""
    best = sorted(denses, reverse=True)[:BEST_OF]
    return sum(best) / len(best) if best else 0.0


def hybrid(words: float, dense: float, dense_episode: float, named: bool, question: bool) -> float:
    """sim of one turn."""
    raw = words + DENSE * dense + DENSE_EPISODE * dense_episode
    if named:
        raw *= NAMED
    if question:
        raw *= QUESTION
    return min(1.0, raw / SCALE)


def _window_norms(stretch: Stretch, mean: float) -> list[float]:
    """K1 (1 - B + B length / mean) of the window around each turn."""
    norms = []
    heads, count = stretch.heads, len(stretch.heads)
    for place, length in enumerate(stretch.lengths):
        around = sum(heads[max(0, place - NEIGHBOURS) : min(count, place + NEIGHBOURS + 1)]) - heads[place]
        norms.append(K1 * (1 - B + B * (length + around) / mean))
    return norms


def _idf(all: int, holding: int) -> float:
    return log(1 + (all - holding + 0.5) / (holding + 0.5))
