r"""Repairing a page: problems that have only one possible correction.

`repair` fixes problems that have only one possible correction:

    legacy keys    created, created_at, timestamp -> date; category, kind -> type;
                   importance, priority -> tier; keywords, topics -> tags;
                   relations -> triples; replaces -> supersedes
    legacy types   preference, profile, person -> user; decision, fact, concept,
                   architecture, task -> project; feedback, correction, lesson ->
                   agent-feedback; doc, docs, link, note, resource -> reference;
                   summary, session -> compaction. The old word becomes a tag, so that
                   nothing is lost; where it cannot, the type is left alone
    legacy tiers   l1, 1, core, always, high -> L1; l2, 2, 3, l3, low, normal -> L2.
                   Lossy: 3 and l3 meant less than 2
    dates          any way of writing one day -> ISO 8601. Lossy: a time is dropped.
                   03/04/2026 could be two days, and is left alone
    tags           'one, two' -> [one, two]; #one -> one; a tag that names a type or tier
                   is removed, and fills that key if it is missing or unknown
    triples        'a | owns | b', 'a -> owns -> b', {subject:, predicate:, object:} ->
                   [a, owns, b]; predicates in snake_case; hyphens for spaces in names
    no tier        tier: L2
    tabs           that indent the YAML become two spaces, where it cannot be read otherwise
    image          is shown in the body, where it is not

A problem with several possible corrections is left alone, and `mem-lint` keeps reporting it. So are
a value that is an alias or has one, and a list with comments in its brackets. Repairing a page a
second time changes nothing.

Owns what is repaired. Refuses to know files, and how a text is changed (formats.page.page_edit).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...ground.errors import BadData
from .. import day
from . import page, page_edit, page_keys, page_links, triple, yaml_nodes
from .page import PageParts, PageProblem
from .triple import Triple

ROUNDS = 10  # of repairs; each may uncover what the next one repairs
RUNS = 100  # of lines that begin with tabs
_TABBED = re.compile(r" *\t")
_COLON = re.compile(r"[ \t]*:")
_DASH = re.compile(r" *- +\Z")
_ARROWS = re.compile(
    r"\||->|→|=>|;"
)  # without the spaces around: to look for those first takes the square of their number


class Repaired(NamedTuple):
    data: bytes
    done: list[PageProblem]  # what was repaired, where it stood


def repair(
    data: bytes, path: str, is_there: Callable[[str], bool] = lambda image: True
) -> Repaired:
    """The page, repaired; an image is shown in the body if it `is_there`."""
    done: list[PageProblem] = []
    for _ in range(ROUNDS):
        data, more = _once(data, path, is_there)
        if not more:
            break
        done += more
    return Repaired(data, done)


def _once(
    data: bytes, path: str, is_there: Callable[[str], bool]
) -> tuple[bytes, list[PageProblem]]:
    try:
        parts = page.split(data, path)
        if not parts.headed or len(parts.yaml) > page.MOST_HEAD:
            return data, []
    except BadData:
        return data, []
    try:
        entries = yaml_nodes.read_entries(parts.yaml, path, 2, aliases=True)
    except BadData:
        return _without_tabs(data, path, parts)
    if parts.yaml.lstrip().startswith("{") or len({entry.key for entry in entries}) < len(entries):
        return data, []  # in braces, or a key twice: only its author knows
    work = _Repairs(parts, entries)
    work.all()
    if not work.edits:
        shown = _with_image(data, path, parts, is_there)
        return shown if shown else (data, [])
    made = page_edit.apply_edits(parts, work.edits)
    ours = (*page_keys.KEYS, *page_keys.LEGACY_KEYS)
    after = page_edit.read_entries(made, path)
    # surgery that left no head, or touched what others say in it, is none
    return (
        (made, sorted(work.done))
        if after and page_edit.list_values(after, ours) == page_edit.list_values(entries, ours)
        else (data, [])
    )


def _without_tabs(data: bytes, path: str, parts: PageParts) -> tuple[bytes, list[PageProblem]]:
    """Tabs become spaces in a line that cannot be read, and in those right after it."""
    rows, first = parts.yaml.split("\n"), 0
    for _ in range(RUNS):
        try:
            yaml_nodes.read_entries("\n".join(rows), path, 2, aliases=True)
            break
        except BadData as failure:
            at = int(failure.place.rpartition(":")[2]) - 2
        if at >= len(rows) or not _TABBED.match(rows[at]):
            return data, []
        first = first or at + 2
        while at < len(rows) and _TABBED.match(rows[at]):
            rows[at] = re.sub(r"^[ \t]+", lambda match: match[0].replace("\t", "  "), rows[at])
            at += 1
    else:
        return data, []
    made = parts.text[: parts.at] + "\n".join(rows) + parts.text[parts.at + len(parts.yaml) :]
    return page_edit.encode_text("\ufeff" * parts.marked + made), [
        PageProblem(first, "yaml", "tabs that indent the YAML are spaces now")
    ]


def _with_image(
    data: bytes, path: str, parts: PageParts, is_there: Callable[[str], bool]
) -> tuple[bytes, list[PageProblem]] | None:
    read = page.parse(data, path)
    if (
        not read.image
        or not is_there(read.image)
        or "\n" in read.image
        or any(shown.name == read.image for shown in page_links.find_images(read))
    ):
        return None
    start = "" if not parts.body or parts.body.endswith("\n") else parts.newline
    made = (
        data + f"{start}{parts.newline}{page_edit.render_image(read.image)}{parts.newline}".encode()
    )
    if not any(
        shown.name == read.image for shown in page_links.find_images(page.parse(made, path))
    ):
        return None  # a name no link can hold
    return made, [
        PageProblem(read.lines["image"], "image", f"'{read.image}' is shown in the body now")
    ]


class _Repairs:
    """One round over a head: edits that do not overlap, and what they repair."""

    def __init__(self, parts: PageParts, entries: list[yaml_nodes.YamlEntry]):
        self.parts, self.entries = parts, entries
        self.keys = {entry.key: entry for entry in entries}
        self.edits: list[page_edit.Edit] = []
        self.done: list[PageProblem] = []
        self._given: dict[str, str] = {}  # what tags say of type and tier

    def all(self) -> None:
        self._legacy_keys()
        if self.edits:
            return  # the next round sees them by their new names
        self._tags_as_list()
        if self.edits:
            return
        self._legacy_type()
        if self.edits:
            return  # its old word is among the tags then
        self._tags()
        self._choice("type", page_keys.TYPES, {})
        self._choice("tier", page_keys.TIERS, page_keys.LEGACY_TIERS)
        for key in ("date", "valid_from", "valid_to"):
            self._date(key)
        self._triples()

    def _note(self, line: int, code: str, message: str) -> None:
        self.done.append(PageProblem(line, code, message))

    def _replace(self, node: Any, text: str) -> None:
        self.edits.append(page_edit.Edit(node.start_mark.index, node.end_mark.index, text))

    def _line(self, node: Any) -> int:
        return yaml_nodes.line_of(self.parts.yaml, node, 2)

    def _own(self, key: str) -> yaml_nodes.YamlEntry | None:
        """A key's entry, if its value stands there and nowhere else, and has no anchor."""
        entry = self.keys.get(key)
        if entry is None or entry.aliased:
            return None
        between = self.parts.yaml[entry.end : entry.node.start_mark.index]
        value = self.parts.yaml[entry.node.start_mark.index : entry.node.end_mark.index]
        return None if re.search(r"(?:^|[\s,\[])[&*!]", between + value) else entry

    def _legacy_keys(self) -> None:
        for entry in self.entries:
            new = page_keys.LEGACY_KEYS.get(entry.key)
            if (
                new
                and new not in self.keys
                and entry.key == next(k for k in self.keys if page_keys.LEGACY_KEYS.get(k) == new)
            ):
                self.edits.append(page_edit.Edit(entry.start, entry.end, new))
                self._note(entry.line, "legacy", f"the key '{entry.key}' is '{new}' now")

    def _choice(self, key: str, choices: tuple[str, ...], legacy: Mapping[str, str]) -> None:
        given, entry = self._given.get(key), self._own(key)
        if key not in self.keys:
            value = given or (page_keys.FALLBACK_TIER if key == "tier" else "")
            if value:
                self.edits.append(page_edit.add_line(self.parts, f"{key}: {value}"))
                self._note(1, key, f"{key}: {value} was added")
            return
        old = yaml_nodes.read_scalar(entry.node) if entry else None
        if entry is None or old is None or old in choices:
            return
        word = old.strip().casefold().replace("_", "-")
        same = next((choice for choice in choices if choice.casefold() == word), None)
        new = same or legacy.get(word) or given
        if new:
            self._replace(entry.node, new)
            self._note(entry.line, key, f"the {key} '{old[:40]}' is '{new}' now")

    def _legacy_type(self) -> None:
        entry = self._own("type")
        old = (yaml_nodes.read_scalar(entry.node) or "").strip() if entry else ""
        word = old.casefold().replace("_", "-")
        new = page_keys.LEGACY_TYPES.get(word)
        tag = self._as_tag(word) if entry and new else None
        if entry and new and tag is not None:
            self._replace(entry.node, new)
            self._note(entry.line, "type", f"the type '{old}' is '{new}' now, and a tag")
            self.edits += tag

    def _as_tag(self, word: str) -> list[page_edit.Edit] | None:
        """What makes a word one of the tags, None when they cannot take one: a type may have been
        more exact than the new one.
        """
        if "tags" not in self.keys:
            return [page_edit.add_line(self.parts, f"tags: [{page_edit.render_value(word)}]")]
        entry, yaml = self._own("tags"), self.parts.yaml
        if entry is None or yaml_nodes.kind_of(entry.node) not in ("seq", "null"):
            return None
        items = entry.node.value if yaml_nodes.kind_of(entry.node) == "seq" else []
        if word in [yaml_nodes.read_scalar(node) for node in items]:
            return []
        if items and not entry.node.flow_style:
            dash = self._dash(items[0])
            return (
                [
                    page_edit.Edit(
                        items[0].start_mark.index,
                        items[0].start_mark.index,
                        f"{page_edit.render_value(word)}\n{dash}",
                    )
                ]
                if dash
                else None
            )
        if items:
            return [
                page_edit.Edit(
                    items[0].start_mark.index,
                    items[0].start_mark.index,
                    f"{page_edit.render_value(word)}, ",
                )
            ]
        colon = _COLON.match(yaml, entry.end)
        end = entry.node.end_mark.index if entry.node.value == [] else colon and colon.end()
        return (
            [page_edit.Edit(colon.end(), end, f" [{page_edit.render_value(word)}]")]
            if colon and end
            else None
        )

    def _dash(self, node: Any) -> str:
        """The dash and the spaces before an item; '' when it does not begin its line."""
        start = self.parts.yaml.rfind("\n", 0, node.start_mark.index) + 1
        before = self.parts.yaml[start : node.start_mark.index]
        return before if _DASH.match(before) else ""

    def _date(self, key: str) -> None:
        entry = self._own(key)
        text = yaml_nodes.read_scalar(entry.node) if entry else None
        if entry and text and not day.parse_iso(text) and (meant := day.guess(text)):
            self._replace(entry.node, meant.isoformat())
            self._note(entry.line, "date", f"'{text[:40]}' is {meant} now")

    def _tags_as_list(self) -> None:
        entry = self._own("tags")
        text = (yaml_nodes.read_scalar(entry.node) or "").strip() if entry else ""
        words = re.split(r",|\s(?=#)", text) if re.search("[,#]", text) else text.split()
        words = [word.strip().lstrip("#") for word in words]
        if entry and any(words) and entry.node.style not in ("|", ">"):
            self._replace(entry.node, page_edit.render_value([word for word in words if word]))
            self._note(entry.line, "tags", "the tags are a list now")

    def _tags(self) -> None:
        entry = self._own("tags")
        if entry is None or yaml_nodes.kind_of(entry.node) != "seq":
            return
        kept, said = [], []
        for node in entry.node.value:
            value = yaml_nodes.read_scalar(node)
            encoded = page_keys.key_in_tag(value) if value else None
            if value is None or not value.strip():
                continue  # no text: only its author knows
            if encoded:
                self._given.setdefault(*encoded)
                said.append((node, f"the tag '{value[:40]}' went"))
            elif value.startswith("#") and value.strip("# "):
                kept.append((node, value.lstrip("#")))
        if kept and not said:
            for node, word in kept:
                self._replace(node, page_edit.render_value(word))
                self._note(self._line(node), "tags", f"the tag '#{word[:40]}' is '{word[:40]}' now")
        elif said and self._drop(entry, [node for node, _ in said]):
            for node, what in said:
                self._note(self._line(node), "tags", what)

    def _drop(self, entry: yaml_nodes.YamlEntry, gone: list[Any]) -> bool:
        """Take items out of a list; False unless each has a line, without comments between."""
        yaml, left = (
            self.parts.yaml,
            [node for node in entry.node.value if not any(node is other for other in gone)],
        )
        if entry.node.flow_style:
            texts = [yaml[node.start_mark.index : node.end_mark.index] for node in entry.node.value]
            between = yaml[entry.node.start_mark.index : entry.node.end_mark.index]
            for text in texts:
                between = between.replace(text, "", 1)
            if "#" in between:
                return False
            kept = [yaml[node.start_mark.index : node.end_mark.index] for node in left]
            self._replace(entry.node, f"[{', '.join(kept)}]")
            return True
        colon = _COLON.match(yaml, entry.end)
        if not colon or not all(self._dash(node) for node in gone):
            return False
        for node in gone:
            dash, end = self._dash(node), yaml.index("\n", node.end_mark.index) + 1
            comment = yaml[node.end_mark.index : end].strip()
            kept_line = f"{dash.partition('-')[0]}{comment}\n" if comment else ""
            self.edits.append(page_edit.Edit(node.start_mark.index - len(dash), end, kept_line))
        if not left:
            self.edits.append(page_edit.Edit(colon.end(), colon.end(), " []"))
        return True

    def _triples(self) -> None:
        entry = self._own("triples")
        if entry is None or yaml_nodes.kind_of(entry.node) != "seq":
            return
        for node in entry.node.value:
            if yaml_nodes.kind_of(node) == "seq":
                parts = [yaml_nodes.read_scalar(each) for each in node.value]
                if len(parts) == 3 and all(part and part.strip() for part in parts):
                    self._spell(node.value)
            elif made := _triple_of(node):
                self._replace(node, page_edit.render_value(made))
                self._note(self._line(node), "triples", "a triple is a list now")

    def _spell(self, nodes: Sequence[Any]) -> None:
        spell: tuple[Callable[[str], str], ...] = (
            triple.normalize_entity,
            triple.normalize_predicate,
            triple.normalize_entity,
        )
        for node, spelled, code in zip(nodes, spell, ("entity", "predicate", "entity")):
            new = spelled(node.value.strip())
            if new and new != node.value.strip() and node.style not in ("|", ">"):
                self._replace(node, page_edit.render_value(new))
                self._note(self._line(node), code, f"'{node.value[:40]}' is '{new[:40]}' now")


def _triple_of(node: Any) -> Triple | None:
    """A triple written as one text, or as a mapping."""
    if isinstance(node.value, str):
        parts = [part.strip() for part in _ARROWS.split(node.value.strip().strip("()"))]
        return (
            Triple(*parts)
            if len(parts) == 3 and all(parts) and getattr(node, "style", None) not in ("|", ">")
            else None
        )
    if not node.flow_style:
        return None
    said = dict(_pairs(node))
    for names in (("subject", "predicate", "object"), ("s", "p", "o")):
        if said.keys() == set(names) and all(said.values()):
            return Triple(*(str(said[name]) for name in names))
    return None


def _pairs(node: Any) -> Iterator[tuple[str, str | None]]:
    for key, value in node.value:
        yield str(key.value), yaml_nodes.read_scalar(value)
