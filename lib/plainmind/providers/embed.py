"""What an embedder is, what it is given, and what every answer of one is checked for."""

from array import array
from collections.abc import Iterable
from math import isfinite, sqrt
from typing import Any, Protocol

from ..ground.errors import Unavailable

#: characters sent to a server: below the window of every model here, in any language
LONGEST = 6000


class Embedder(Protocol):
    """Makes vectors of length 1. Unavailable, BadData (a text is refused) or Misconfigured."""

    model: str  # identity: vectors of different identities are never compared
    dimensions: int | None  # None until the first answer of a model that is not known
    batch: int  # texts a request
    longest: int  # characters of a text that are read
    local: bool  # texts stay on this machine

    def passages(self, texts: list[str]) -> "list[array[float]]":
        """One vector a text, in order."""
        ...

    def query(self, text: str) -> "array[float]": ...


def prepare(text: str, longest: int = LONGEST) -> str:
    """A text as it is embedded: clipped at a word, never empty, nothing in it that some refuse."""
    if len(text) > longest:
        clipped = text[:longest]
        head = clipped.rsplit(None, 1)[0] if clipped.split() else ""
        # a script without spaces has no word to cut at
        text = head if len(head) > longest // 2 else clipped
    # a NUL ends a C string; a lone surrogate is not valid UTF-8
    text = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return text if text.strip() else " "


def cut_middle(text: str, longest: int) -> str:
    """The first and the last words of a text that is longer, about half as long each."""
    if len(text) > longest:
        text = " ".join(text.split())
    if len(text) <= longest:
        return text
    half = longest // 2
    head, tail = text[: half + 1].rpartition(" ")[0], text[-half - 1 :].partition(" ")[2]
    # a script without spaces has no word to cut at
    head = head if len(head) > half // 2 else text[:half]
    tail = tail if len(tail) > half // 2 else text[-half:]
    return f"{head} … {tail}"


def check_vectors(
    vectors: Any, count: int, who: str, dimensions: int | None = None
) -> "list[array[float]]":
    """The vectors of an answer, normalised. Unavailable when they are not what was asked for."""
    if not isinstance(vectors, list) or len(vectors) != count:
        found = len(vectors) if isinstance(vectors, list) else "no"
        raise Unavailable(f"{who} answered {found} vectors for {count} texts")
    made = [_normalised(vector, who) for vector in vectors]
    lengths = {len(vector) for vector in made} | ({dimensions} if dimensions else set())
    if len(lengths) > 1:
        listed = ", ".join(map(str, sorted(lengths)))
        raise Unavailable(f"{who} answered vectors of different lengths: {listed}")
    return made


def _normalised(values: Iterable[Any], who: str) -> "array[float]":
    try:
        numbers = [float(value) for value in values]
        length = sqrt(sum(number * number for number in numbers))
    except (TypeError, ValueError, OverflowError):
        raise Unavailable(f"{who} answered something that is not a vector") from None
    if not isfinite(length) or length == 0:
        raise Unavailable(f"{who} answered a vector without a direction")
    return array("f", [number / length for number in numbers])
