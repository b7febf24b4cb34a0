"""The keys of a page's frontmatter: what each may be, and what is wrong with its value.

Owns the types and tiers there are, and what older pages called them. Refuses to know the body.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from ...ground import day, masks
from . import triple
from .triple import Triple
from .yaml_nodes import YamlEntry, kind_of, line_of, read_scalar

TYPES = ("user", "project", "agent-feedback", "reference", "compaction")
TIERS = ("L1", "L2")
KEYS = tuple(
    "date type tier tags triples source image sources supersedes valid_from valid_to".split()
)

#: pi-mind's twelve older types and what each is now (LEGACY_TYPE_MAP in its lib/schema.ts)
LEGACY_TYPES = {
    **dict.fromkeys(("fact", "preference"), "user"),
    **dict.fromkeys(("decision", "workflow", "tool"), "project"),
    **dict.fromkeys(("feedback", "maintenance"), "agent-feedback"),
    **dict.fromkeys(("note", "research", "article", "paper", "concept"), "reference"),
}
#: the three of them that pi-mind injected always (LEGACY_L1_TYPES): what stood for a tier
LEGACY_L1 = ("fact", "preference", "decision")
#: before the older type in the tag that keeps it; a page that has one is kept as long as before
LEGACY_TAG = "legacy/"

#: what a page is taken for whose head does not say, so that what it says is found all the same
FALLBACK_TYPE, FALLBACK_TIER = "reference", "L2"

#: what a tag may call a key: `type:user`
_NAMED_IN_TAGS = {"type": "type", "tier": "tier", "subject": "type", "memory-type": "type"}

_CITED = re.compile(r"(\S+\.md:\d{1,12}) +sha256:([0-9a-f]{12,64})\Z", re.ASCII)


_LINK = re.compile(r"\[\[([^\[\]\n|#]+)(?:[|#][^\[\]\n]*)?\]\]\s*\Z")


class PageProblem(NamedTuple):
    line: int
    code: str
    message: str


class StatedTriple(NamedTuple):
    triple: Triple  # as written
    line: int


class Citation(NamedTuple):
    """An event a page rests on: its reference, and the first digits of its content's SHA-256."""

    ref: str
    digest: str
    line: int


class KeyReader:
    """The values of a head's keys; what is wrong with them goes to `problems`."""

    def __init__(self, yaml: str, nodes: dict[str, YamlEntry], problems: list[PageProblem]):
        self._yaml, self._nodes, self._problems = yaml, nodes, problems

    def _wrong(self, where: Any, code: str, message: str) -> None:
        """`where`: a line, or a node."""
        line = where if isinstance(where, int) else line_of(self._yaml, where)
        self._problems.append(PageProblem(line, code, message))

    def require(self, *keys: str) -> None:
        for key in keys:
            if key not in self._nodes:
                self._wrong(1, key, f"no '{key}'; add {key}: to the frontmatter")

    def is_older(self) -> bool:
        """Whether it is a page of pi-mind's that needs no tier: without one, it was always L2."""
        older = [tag for tag in self._words("tags") if tag.startswith(LEGACY_TAG)]
        words = {*self._words("type"), *(tag.removeprefix(LEGACY_TAG) for tag in older)}
        return bool(words & LEGACY_TYPES.keys() - {*LEGACY_L1})

    def _words(self, key: str) -> list[str]:
        nodes = _items(self._nodes[key].node) if key in self._nodes else ()
        return [(read_scalar(node) or "").strip().casefold() for node in nodes]

    def text(self, key: str) -> str:
        entry = self._nodes.get(key)
        if entry is None or kind_of(entry.node) == "null":
            return ""
        value = read_scalar(entry.node)
        if value is None:
            self._wrong(entry.line, key, f"'{key}' is not text; give one")
        return value or ""

    def day(self, key: str) -> date | None:
        code = "date" if key == "date" else "validity"
        text, entry = self.text(key), self._nodes.get(key)
        if not text:
            if key == "date" and entry and not any(p.code == "date" for p in self._problems):
                self._wrong(entry.line, "date", "'date' is empty; write it as 2026-05-08")
            return None
        found = day.parse_iso(text)
        if not found and entry:
            meant = day.guess(text)
            cure = f"mem-lint --fix makes it {meant}" if meant else "write it as 2026-05-08"
            if two := " or ".join(map(str, day.list_readings(text))):
                cure = f"it may mean {two}; write the one that is meant"
            self._wrong(
                entry.line, code, f"'{masks.cut(text, 40)}' is not an ISO 8601 date; {cure}"
            )
        return found

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        text, entry = self.text(key), self._nodes.get(key)
        if text in choices or entry is None:
            return text
        if not any(p.code == key for p in self._problems):
            meant = _find_legacy(text, choices)
            cure = (
                f"mem-lint --fix makes it {meant}" if meant else f"use one of {', '.join(choices)}"
            )
            self._wrong(entry.line, key, f"unknown {key} '{masks.cut(text, 40)}'; {cure}")
        return ""

    def _list(self, key: str, cure: str) -> list[Any]:
        entry = self._nodes.get(key)
        if entry is None or kind_of(entry.node) == "null":
            return []
        if kind_of(entry.node) != "seq":
            self._wrong(entry.line, key, f"'{key}' is not a list; {cure}")
            return []
        return entry.node.value

    def tags(self) -> Iterator[str]:
        entry = self._nodes.get("tags")
        empty = entry and kind_of(entry.node) == "null"
        if entry and empty and re.match(r":[ \t]*#", self._yaml[entry.end :]):
            what = "what follows a # is a comment to YAML; write the tags without it"
            self._wrong(entry.line, "tags", what)
        for node in self._list("tags", "write tags: [one, two]"):
            value = (read_scalar(node) or "").strip()
            if not value:
                what = "a tag that is not text; remove it, or write it without its #"
                self._wrong(node, "tags", what)
                continue
            if key_in_tag(value):
                what = "says a type or a tier, which have keys of their own; remove it"
                self._wrong(node, "tags", f"the tag '{masks.cut(value, 40)}' {what}")
            yield value

    def triples(self) -> Iterator[StatedTriple]:
        for node in self._list("triples", "write triples: [[subject, predicate, object]]"):
            line = line_of(self._yaml, node)
            items = node.value if kind_of(node) == "seq" else ()
            parts = [(read_scalar(each) or "").strip() for each in items]
            if len(parts) != 3 or not all(parts):
                self._wrong(line, "triples", "no [subject, predicate, object]; write three texts")
                continue
            stated = Triple(*parts)
            if not triple.normalize_predicate(stated.predicate):
                given = masks.cut(stated.predicate, 40)
                what = f"the predicate '{given}' has no letter; name the relation"
                self._wrong(line, "triples", what)
                continue
            for code, message in _of_triple(stated):
                self._wrong(line, code, message)
            yield StatedTriple(stated, line)

    def sources(self) -> Iterator[Citation]:
        for node in self._list("sources", "write a list of 'logs/…md:LINE sha256:…'"):
            match = _CITED.match(read_scalar(node) or "")
            if match:
                yield Citation(match[1], match[2], line_of(self._yaml, node))
            else:
                cure = "write 'logs/…md:LINE sha256:…', as mem-note --cite does"
                self._wrong(node, "sources", f"no reference with its digest; {cure}")

    def aliases(self) -> Iterator[str]:
        """Other names that the page gives itself, in another tool's keys."""
        for key in ("aliases", "alias", "name"):
            for node in _items(self._nodes[key].node) if key in self._nodes else ():
                if value := (read_scalar(node) or "").strip():
                    yield value

    def links(self) -> Iterator[tuple[str, int]]:
        """Values of other keys than ours that are a link, as in Obsidian: `up: "[[tea]]"`."""
        for key, entry in self._nodes.items():
            for node in _items(entry.node) if key not in KEYS else ():
                if match := _LINK.match(read_scalar(node) or ""):
                    yield match[1].strip(), line_of(self._yaml, node)

    def names(self, key: str) -> Iterator[str]:
        entry = self._nodes.get(key)
        if entry is None:
            return
        for node in _items(entry.node):  # an unquoted [[name]] is a list in a list to YAML
            value = read_scalar(node)
            if value and value.strip():
                yield value.strip().removeprefix("[[").removesuffix("]]")
            elif kind_of(node) != "null":
                self._wrong(node, key, f"'{key}' is not the name of a page; give one, or a list")


def _items(node: Any) -> Iterator[Any]:
    if kind_of(node) == "seq":
        for each in node.value:
            yield from _items(each)
    else:
        yield node


def find_choice(text: str, choices: tuple[str, ...]) -> str:
    """The type or tier that a text is in other letters; '' for none."""
    word = text.strip().casefold().replace("_", "-")
    return next((choice for choice in choices if choice.casefold() == word), "")


def _find_legacy(text: str, choices: tuple[str, ...]) -> str:
    """The same, also by an older name."""
    older = LEGACY_TYPES.get(text.strip().casefold(), "") if choices is TYPES else ""
    return find_choice(text, choices) or older


def key_in_tag(tag: str) -> tuple[str, str, bool] | None:
    """The key and the value that a tag says and should not, and whether it names the key: `user`
    does not, `type:user` and `tier/L1` do, and pi-mind's `subject:user` and `memory-type:fact`.
    """
    word = tag.strip().lstrip("#")
    name, mark, value = word.partition(":") if ":" in word else word.partition("/")
    key = _NAMED_IN_TAGS.get(name.strip().casefold(), "") if mark else ""
    choices = TIERS if key == "tier" else TYPES
    if key and (choice := _find_legacy(value, choices)):
        return key, choice, True
    for key, choices in (("type", TYPES), ("tier", TIERS)):
        for choice in choices:
            if word.casefold() == choice.casefold():
                return key, choice, False
    return None


def _of_triple(stated: Triple) -> Iterator[tuple[str, str]]:
    said, better = stated.predicate, triple.normalize(stated)
    if better.predicate in triple.COPULAS:
        cure = "name the relation: not 'x is owner of y' but 'x owns y'"
        yield "predicate", f"'{said}' says nothing by itself; {cure}"
    elif better.predicate in triple.VAGUE:
        yield "predicate", f"'{said}' has no direction; say how"
    elif said != better.predicate:
        cure = f"mem-lint --fix makes it {_tell_better(said, better.predicate)}"
        yield "predicate", f"'{masks.cut(said, 40)}' is not in snake_case; {cure}"
    for name, fixed in ((stated.subject, better.subject), (stated.object, better.object)):
        if name != fixed:
            cure = f"mem-lint --fix makes it {_tell_better(name, fixed)}"
            yield "entity", f"'{masks.cut(name, 40)}' has spaces; {cure}"


def _tell_better(said: str, better: str) -> str:
    """What is written otherwise is a secret no longer known as one."""
    return masks.cut(better, 40) if masks.mask(said) == said else masks.HIDDEN
