"""Resident memory as typed pages: a heading of an index with what stands below it, or a topic file
that the index points to; each in four fidelities, made by rule and never by a model. Pure.

    full         as it is
    compressed   headings, `key: value`, and of everything else the first sentence
    structured   headings, `key: value`, and of everything else the first words
    pointer      one line that says what it is, and where

A fidelity is never longer than a better one. Secrets are hidden before a text is made shorter:
what is left of one might no longer look like it. A page's type is its head's `type`, else what its
heading or file's name means (page_types), else evidence.
"""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from ...ground import tokens
from ...ground.masks import Mask
from . import bullets, excerpt, page_types

POINTER, STRUCTURED, COMPRESSED, FULL = range(4)
NAMES = ("pointer", "structured", "compressed", "full")
#: the least fidelity that a page of a type may have
FLOORS = dict.fromkeys(page_types.TYPES, POINTER) | dict.fromkeys(page_types.PROTECTED, STRUCTURED)
FIRST_WORDS = 12

_HEAD = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*$\n?", re.S | re.M)
_TYPE = re.compile(r"^type:[ \t]*[\"']?(\w+)[\"']?[ \t]*$", re.M)
_PAIR = re.compile(r"[-*+\s]*[\w][\w .-]{0,40}:\s+\S")
_SENTENCE = re.compile(r"(.+?[.!?。！？])(?=\s|\Z)", re.S)


class MemoryPage(NamedTuple):
    """A page: `texts` and their `costs` in estimated tokens are by fidelity, poorest first."""

    id: str  # scope:heading or scope:file, which is its own within a prompt
    scope: str
    path: str
    line: int
    type: str
    texts: tuple[str, ...]
    costs: tuple[int, ...]
    digest: str  # of the text as it is in the file

    @property
    def floor(self) -> int:
        return FLOORS[self.type]


def of_index(data: bytes, scope: str, path: str, mask: Mask) -> list[MemoryPage]:
    """The pages of an index: one a heading, and one for what stands before the first."""
    pages: list[MemoryPage] = []
    seen: dict[str, int] = {}
    for section in bullets.parse(data).sections:
        text = excerpt.render(data[section.start : section.end])
        if text.strip():
            heading = mask(section.heading)
            seen[heading] = count = seen.get(heading, 0) + 1
            name = f"{heading}#{count}" if count > 1 else heading
            kind = page_types.type_of(section.heading)
            pages.append(_make(f"{scope}:{name}", scope, path, section.line, kind, text, mask))
    return pages


def of_topic(data: bytes, scope: str, path: str, name: str, mask: Mask) -> MemoryPage:
    """A topic file as a page."""
    text = excerpt.render(data)
    head = _HEAD.match(text)
    told = _TYPE.search(head[1]) if head else None
    known = told and told[1].lower() in page_types.TYPES
    kind = told[1].lower() if told and known else page_types.type_of(name)
    body = text[head.end() :].strip("\n") if head else text
    shown = f"#### {name}\n\n{body}".rstrip()
    return _make(f"{scope}:{name}", scope, path, 1, kind, shown, mask)


def find_topics(data: bytes) -> list[str]:
    """Names of the topic files that an index points to, in order, each once."""
    return list(dict.fromkeys(one.pointer for one in bullets.parse(data).bullets if one.pointer))


def _make(  # noqa: PLR0913
    id: str, scope: str, path: str, line: int, kind: str, text: str, mask: Mask
) -> MemoryPage:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    text = mask(text)
    title = id.partition(":")[2] or "(before the first heading)"
    pointer = f"- {title} ({kind}, {tokens.estimate(text)} tokens): {path}:{line}"
    texts = [text, _compress(text), _structure(text), pointer]
    for better in range(1, 4):  # never longer than a better one
        texts[better] = min(texts[better - 1], texts[better], key=len)
    texts.reverse()
    costs = tuple(tokens.estimate(one) + 1 for one in texts)  # and a line between pages
    return MemoryPage(id, scope, path, line, kind, tuple(texts), costs, digest)


def _compress(text: str) -> str:
    return _reduce(text, lambda words: match[1] if (match := _SENTENCE.match(words)) else words)


def _structure(text: str) -> str:
    def first_words(words: str) -> str:
        parts = words.split(" ")
        return words if len(parts) <= FIRST_WORDS else " ".join([*parts[:FIRST_WORDS], "…"])

    return _reduce(_compress(text), first_words)


def _reduce(text: str, shorten: Callable[[str], str]) -> str:
    """Each paragraph and bullet shortened; headings and `key: value` stay, code and blanks go."""
    kept, open_fence, paragraph = [], False, ""
    for line in [*text.split("\n"), ""]:
        if line.lstrip().startswith(("```", "~~~")):
            open_fence = not open_fence
        elif open_fence:
            continue
        starts = not line.strip() or line[:1] in "#-*+" or _PAIR.match(line)
        if starts and paragraph:
            kept.append(paragraph if _PAIR.match(paragraph) else shorten(paragraph))
            paragraph = ""
        if line.startswith("#"):
            kept.append(line)
        elif line.strip() and not line.lstrip().startswith(("```", "~~~")):
            paragraph = f"{paragraph} {line.strip()}" if paragraph else line.strip()
    return "\n".join(kept)
