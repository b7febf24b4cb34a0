"""What an embedder is, and what every answer of one is checked for."""

from array import array
from math import isfinite, sqrt
from typing import Any, Iterable, Protocol

from ..ground.errors import Unavailable


class Embedder(Protocol):
    """Makes vectors of length 1. Raises Unavailable, BadData (a text is refused) or Misconfigured; never retries."""

    model: str  # identity: vectors of different identities are never compared
    batch: int  # texts a request

    def passages(self, texts: list[str]) -> "list[array[float]]":
        """One vector a text, in order."""
        ...

    def query(self, text: str) -> "array[float]": ...


def checked(vectors: Any, count: int, who: str) -> "list[array[float]]":
    """The vectors of an answer, normalised. Unavailable when there are too few, or no finite numbers in them."""
    if not isinstance(vectors, list) or len(vectors) != count:
        found = len(vectors) if isinstance(vectors, list) else "no"
        raise Unavailable(f"{who} answered {found} vectors for {count} texts")
    made = [_normalised(vector, who) for vector in vectors]
    if len({len(vector) for vector in made}) > 1:
        raise Unavailable(f"{who} answered vectors of different lengths")
    return made


def _normalised(values: Iterable[Any], who: str) -> "array[float]":
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        raise Unavailable(f"{who} answered something that is no vector") from None
    length = sqrt(sum(number * number for number in numbers))
    if not numbers or not isfinite(length) or length == 0:
        raise Unavailable(f"{who} answered a vector without a direction")
    return array("f", [number / length for number in numbers])
