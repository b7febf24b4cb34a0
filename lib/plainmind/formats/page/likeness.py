"""How alike two texts are: the share of words, and of pairs of neighbouring words, that both have
(Jaccard). Pure.

A sketch is the 64 least hashes of a text's words and pairs (bottom-k, Cohen and Kelley,
"Summarizing data using bottom-k sketches", 2007): two sketches estimate the share without the
texts. An estimate is checked on the texts themselves.
"""

import heapq
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..words import plain

KEPT = 64  # hashes of a sketch
ALIKE = 0.8  # share from which two texts are near-duplicates
SLACK = 0.25  # by which an estimate from 64 hashes may be too low (four standard deviations)
KEYS = 16  # first hashes of a sketch, by which one text is looked for among many
MOST_LIKELY = 64  # texts that are found so
COMMON = 40  # texts that share a hash, from which on each is compared with the next one only


def extract_features(text: str) -> frozenset[str]:
    """The words and pairs of neighbouring words of a text, folded."""
    words = plain(text)
    return frozenset(words) | frozenset(map(" ".join, zip(words, words[1:])))


def measure_share(one: frozenset[str], other: frozenset[str]) -> float:
    """From 0, nothing in common, to 1. Two texts without words are not alike."""
    return len(one & other) / (len(one | other) or 1)


def sketch(features: Iterable[str]) -> "array[int]":
    """The least hashes, ascending, each 32 bits."""
    hashes = sorted({zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in features})
    return array("I", hashes[:KEPT])


def estimate(one: "array[int]", other: "array[int]") -> float:
    """The share, from two sketches."""
    both = sorted({*one, *other})[:KEPT]
    if not both:
        return 0.0
    return len({*one} & {*other} & {*both}) / len(both)


def find_likely(found: Iterable[Sequence[int]]) -> list[int]:
    """The texts that are most likely near-duplicates of one, by the texts that have each of its
    first hashes; a hash that few have says more.

    Of two texts that have four fifths in common, each of the least hashes of both is in both with
    that chance, and then among the first of either. That they share fewer than 4 of 16 has a chance
    of 10⁻⁸.
    """
    weights: dict[int, float] = {}
    for texts in found:
        for text in texts:
            weights[text] = weights.get(text, 0.0) + 1 / len(texts)
    return heapq.nlargest(MOST_LIKELY, weights, key=lambda text: (weights[text], text))


def find_candidates(sketches: Mapping[str, "array[int]"]) -> Iterator[tuple[str, str]]:
    """Pairs of names that may be near-duplicates, each once, in order of the names.

    Of very many that are alike, each is in a pair.
    """
    where: dict[int, list[str]] = {}
    for name in sorted(sketches):
        for value in sketches[name]:
            where.setdefault(value, []).append(name)
    met: dict[tuple[str, str], int] = {}
    for names in where.values():
        ahead = len(names) if len(names) <= COMMON else 1
        for number, one in enumerate(names):
            for other in names[number + 1 : number + 1 + ahead]:
                met[one, other] = met.get((one, other), 0) + 1
    for (one, other), count in sorted(met.items()):
        pair = sketches[one], sketches[other]
        if count >= min(map(len, pair)) * (ALIKE - SLACK) / 2 and estimate(*pair) >= ALIKE - SLACK:
            yield one, other
