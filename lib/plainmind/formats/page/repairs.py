r"""Repairing a page. `repair` fixes problems that have only one possible correction:

    legacy types   pi-mind's twelve: fact, preference -> user; decision, workflow, tool ->
                   project; feedback, maintenance -> agent-feedback; note, research, article,
                   paper, concept -> reference. Without a type, `source` is read as one if it
                   is one of the twelve. Lossy: twelve become four; a fact about the project
                   and a decision of the user's own are taken for the other. The old word
                   becomes a tag, legacy/fact; where it cannot, the type is left alone. A page
                   with such a tag is kept for ever, as it was before: take the tag away, and say
                   a tier, to let it age like others of its type
    legacy tiers   without a tier, the types fact, preference and decision were always given:
                   tier: L1. All others are left without one, which is read as L2
    dates          any way of writing one day -> ISO 8601. Lossy: a time is dropped.
                   03/04/2026 could be two days, and is left alone
    tags           'one, two' -> [one, two]; #one -> one; a tag that names a type or tier
                   (type:user, subject:user, memory-type:fact, tier/L1) becomes that key if it
                   is missing. Such a tag, and a bare user or L1, is removed where the key says
                   the same
    triples        'a | owns | b', 'a -> owns -> b', {subject:, predicate:, object:} ->
                   [a, owns, b]; predicates in snake_case; hyphens for spaces in names without
                   capitals
    YAML           a line that it refuses and that can mean one text only is put in quotes: after
                   an unquoted colon, @, % or #, in brackets, too; tabs that indent become two
                   spaces, and a * before an item a hyphen (formats.page.head_lines). So it is in
                   the heads of skills
    image          is shown in the body, where it is not

A problem with several possible corrections is left alone, and `mem-lint` keeps reporting it. So are
a value that is an alias or has one, and a list with comments in its brackets. No default is
written, and keys and types of other tools stay. Repairing a page a second time changes nothing.

Owns what is repaired. Refuses to know files, and how a text is changed (formats.page.page_edit).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...ground import day, masks
from ...ground.errors import BadData
from . import head_lines, page, page_images, page_keys, triple, yaml_nodes
from .head_lines import ReadHead
from .page import PageParts, PageProblem
from .page_edit import Edit, add_line, apply_edits, encode_text, list_values, render_value
from .triple import Triple
from .yaml_nodes import FIRST, YamlEntry, is_block, kind_of, read_scalar

ROUNDS = 10  # of repairs; each may uncover what the next one repairs
_COLON = re.compile(r"[ \t]*:")
_DASH = re.compile(r" *- +\Z")
# without the spaces around: to look for those first takes the square of their number
_ARROWS = re.compile(r"\||->|→|=>|;")


class Repaired(NamedTuple):
    data: bytes
    done: list[PageProblem]  # what was repaired, where it stood


def repair(
    data: bytes,
    path: str,
    is_there: Callable[[str], bool] = lambda image: True,
    *,
    syntax_only: bool = False,
) -> Repaired:
    """The page, repaired; an image is shown in the body if it `is_there`. `syntax_only`: what YAML
    refuses, and nothing else."""
    done: list[PageProblem] = []
    for _ in range(ROUNDS):
        data, more = _once(data, path, is_there, syntax_only)
        if not more:
            break
        done += more
    return Repaired(data, done)


def _once(data: bytes, path: str, is_there: Callable[[str], bool], syntax_only: bool) -> Repaired:
    try:
        parts = page.split(data, path)
        if not parts.headed or len(parts.yaml) > page.MOST_HEAD:
            return Repaired(data, [])
    except BadData:
        return Repaired(data, [])
    try:
        head = head_lines.read(parts.yaml, path, aliases=True)
    except BadData:
        return Repaired(data, [])
    if any(one.text for one in head.refused):
        return _with_read_lines(data, path, parts, head)
    if syntax_only:
        return Repaired(data, [])
    entries = head.entries
    if parts.yaml.lstrip().startswith("{") or len({entry.key for entry in entries}) < len(entries):
        return Repaired(data, [])  # in braces, or a key twice: only its author knows
    work = _Repairs(parts._replace(yaml=head.text), entries)
    work.all()
    if not work.edits:
        return _with_image(data, path, is_there) if "image" in work.keys else Repaired(data, [])
    made = apply_edits(parts, work.edits)
    after = _read_head(made, path)
    # surgery that left no head, or touched what others say in it, or that nobody reads, is none
    ours = page_keys.KEYS
    if list_values(after.entries, ours) != list_values(entries, ours) or not after.entries:
        return Repaired(data, [])
    if len(after.refused) > len(head.refused):
        return Repaired(data, [])
    if any(_touches(edit, parts.yaml, one.line) for edit in work.edits for one in head.refused):
        return Repaired(data, [])
    return Repaired(made, sorted(work.done))


def _read_head(data: bytes, path: str) -> ReadHead:
    """What a head says; no entries where it cannot be read."""
    try:
        return head_lines.read(page.split(data, path).yaml, path, aliases=True)
    except BadData:
        return ReadHead([], "", [])


def _touches(edit: Edit, yaml: str, line: int) -> bool:
    """Whether an edit takes away something of a line that is not read."""
    first = FIRST + yaml.count("\n", 0, edit.start)
    return edit.start < edit.end and first <= line <= FIRST + yaml.count("\n", 0, edit.end - 1)


def _with_read_lines(data: bytes, path: str, parts: PageParts, head: ReadHead) -> Repaired:
    """The page with the lines that YAML refuses as they are read, where they are."""
    rows, done = parts.yaml.split("\n"), []
    for line, _, text in head.refused:
        if text:
            old, rows[line - FIRST] = rows[line - FIRST].strip(), text
            done.append(
                PageProblem(
                    line, "yaml", f"'{masks.cut(old, 40)}' becomes '{masks.cut(text.strip(), 60)}'"
                )
            )
    yaml = "\n".join(rows)
    made = parts.text[: parts.at] + yaml + parts.text[parts.at + len(parts.yaml) :]
    data_made = encode_text("\ufeff" * parts.marked + made)
    after = _read_head(data_made, path)
    if list_values(after.entries) != list_values(head.entries) or not after.entries:
        return Repaired(data, [])
    return Repaired(data_made, done)


def _with_image(data: bytes, path: str, is_there: Callable[[str], bool]) -> Repaired:
    """The page with its image shown in the body, unless it is, or no link can hold its name."""
    old = page.parse(data, path)
    if not old.image or "\n" in old.image or not is_there(old.image):
        return Repaired(data, [])
    made = page_images.keep_shown(data, path, old.image)
    what = f"'{old.image}' is shown in the body"
    return Repaired(made, [PageProblem(old.lines["image"], "image", what)] * (made != data))


class _Repairs:
    """One round over a head: edits that do not overlap, and what they repair."""

    def __init__(self, parts: PageParts, entries: list[YamlEntry]):
        self.parts, self.entries = parts, entries
        self.keys = {entry.key: entry for entry in entries}
        self.edits: list[Edit] = []
        self.done: list[PageProblem] = []

    def all(self) -> None:
        for step in (self._tags_as_list, self._legacy_type):
            step()
            if self.edits:
                return  # the next round sees old words among the tags
        self._tags()
        self._choice("type", page_keys.TYPES)
        self._choice("tier", page_keys.TIERS)
        for key in ("date", "valid_from", "valid_to"):
            self._date(key)
        self._triples()

    def _note(self, where: Any, code: str, message: str) -> None:
        """`where`: a line, or a node."""
        line = where if isinstance(where, int) else yaml_nodes.line_of(self.parts.yaml, where)
        self.done.append(PageProblem(line, code, message))

    def _replace(self, node: Any, text: str) -> None:
        self.edits.append(Edit(node.start_mark.index, node.end_mark.index, text))

    def _text(self, node: Any) -> str:
        return self.parts.yaml[node.start_mark.index : node.end_mark.index]

    def _own(self, key: str) -> YamlEntry | None:
        """A key's entry, if its value stands there and nowhere else, and has no anchor."""
        entry = self.keys.get(key)
        if entry is None or entry.aliased:
            return None
        between = self.parts.yaml[entry.end : entry.node.start_mark.index]
        text = between + self._text(entry.node)
        return None if re.search(r"(?:^|[\s,\[])[&*!]", text) else entry

    def _own_text(self, key: str) -> tuple[YamlEntry | None, str]:
        """The same, and the text that it is; '' where it is none."""
        entry = self._own(key)
        return entry, (read_scalar(entry.node) or "") if entry else ""

    def _own_items(self, key: str) -> list[Any]:
        entry = self._own(key)
        return entry.node.value if entry and kind_of(entry.node) == "seq" else []

    def _choice(self, key: str, choices: tuple[str, ...]) -> None:
        """A type or tier in other letters."""
        entry, old = self._own_text(key)
        new = page_keys.find_choice(old, choices)
        if entry and new and old not in choices:
            self._replace(entry.node, new)
            self._note(entry.line, key, f"the {key} '{masks.cut(old, 40)}' becomes '{new}'")

    def _legacy_type(self) -> None:
        """One of pi-mind's older types, also where only `source` has it; and its tier."""
        key = "type" if "type" in self.keys else "source"
        entry, old = self._own_text(key)
        word = old.strip().casefold()
        new = page_keys.LEGACY_TYPES.get(word)
        tag = self._as_tag(f"{page_keys.LEGACY_TAG}{word}") if entry and new else None
        if not entry or not new or tag is None:
            return
        if key == "type":
            self._replace(entry.node, new)
            self._note(entry.line, "type", f"the type '{word}' becomes '{new}', and a tag")
        else:
            self.edits.append(add_line(self.parts, f"type: {new}"))
            self._note(
                entry.line, "type", f"the source '{word}' becomes the type '{new}', and a tag"
            )
        self.edits += tag
        if word in page_keys.LEGACY_L1 and "tier" not in self.keys:
            self.edits.append(add_line(self.parts, "tier: L1"))
            self._note(entry.line, "tier", f"tier: L1 is added, as a {word} had")

    def _as_tag(self, word: str) -> list[Edit] | None:
        """What makes a word one of the tags, None when they cannot take one."""
        tag = render_value(word)
        if "tags" not in self.keys:
            return [add_line(self.parts, f"tags: [{tag}]")]
        entry, items = self._own("tags"), self._own_items("tags")
        if entry is None or kind_of(entry.node) not in ("seq", "null"):
            return None
        if word in map(read_scalar, items):
            return []
        if items:
            start, dash = items[0].start_mark.index, self._dash(items[0])
            if entry.node.flow_style:
                return [Edit(start, start, f"{tag}, ")]
            return [Edit(start, start, f"{tag}\n{dash}")] if dash else None
        colon = _COLON.match(self.parts.yaml, entry.end)
        end = entry.node.end_mark.index if entry.node.value == [] else colon and colon.end()
        return [Edit(colon.end(), end, f" [{tag}]")] if colon and end else None

    def _dash(self, node: Any) -> str:
        """The dash and the spaces before an item; '' when it does not begin its line."""
        start = self.parts.yaml.rfind("\n", 0, node.start_mark.index) + 1
        before = self.parts.yaml[start : node.start_mark.index]
        return before if _DASH.match(before) else ""

    def _date(self, key: str) -> None:
        entry, text = self._own_text(key)
        if entry and text and not day.parse_iso(text) and (meant := day.guess(text)):
            self._replace(entry.node, meant.isoformat())
            self._note(entry.line, "date", f"'{masks.cut(text, 40)}' becomes {meant}")

    def _tags_as_list(self) -> None:
        entry, text = self._own_text("tags")
        text = text.strip()
        words = re.split(r",|\s(?=#)", text) if re.search("[,#]", text) else text.split()
        words = [word.strip().lstrip("#") for word in words]
        if entry and any(words) and not is_block(entry.node):
            self._replace(entry.node, render_value([word for word in words if word]))
            self._note(entry.line, "tags", "the tags become a list")

    def _tags(self) -> None:
        kept, named = [], []
        for node in self._own_items("tags"):
            value = read_scalar(node)
            if value is None or not value.strip():
                continue  # no text: only its author knows
            if encoded := page_keys.key_in_tag(value):
                named.append((node, *encoded))
            elif value.startswith("#") and value.strip("# "):
                kept.append((node, value.lstrip("#")))
        given = {
            key: {choice for _, of, choice, names_key in named if of == key and names_key}
            for key in ("type", "tier")
            if key not in self.keys
        }
        said = {key: choices.pop() for key, choices in given.items() if len(choices) == 1}
        was = said | {key: self._own_text(key)[1] for key in ("type", "tier") if key in self.keys}
        gone = [node for node, key, choice, _ in named if was.get(key) == choice]
        if gone and self._drop(self.keys["tags"], gone):
            for node in gone:
                self._note(node, "tags", f"the tag '{masks.cut(node.value, 40)}' goes")
            for key, choice in said.items():
                self.edits.append(add_line(self.parts, f"{key}: {choice}"))
                self._note(1, key, f"{key}: {choice} is added")
        for node, word in kept if not gone else ():
            self._replace(node, render_value(word))
            self._note(
                node, "tags", f"the tag '#{masks.cut(word, 40)}' becomes '{masks.cut(word, 40)}'"
            )

    def _drop(self, entry: YamlEntry, gone: list[Any]) -> bool:
        """Take items out of a list; False unless each has a line, without comments between."""
        yaml = self.parts.yaml
        left = [node for node in entry.node.value if not any(node is other for other in gone)]
        if entry.node.flow_style:
            between = self._text(entry.node)
            for node in entry.node.value:
                between = between.replace(self._text(node), "", 1)
            if "#" in between:
                return False
            self._replace(entry.node, f"[{', '.join(map(self._text, left))}]")
            return True
        colon = _COLON.match(yaml, entry.end)
        if not colon or not all(map(self._dash, gone)):
            return False
        for node in gone:
            dash, end = self._dash(node), yaml.index("\n", node.end_mark.index) + 1
            comment = yaml[node.end_mark.index : end].strip()
            rest = f"{dash.partition('-')[0]}{comment}\n" if comment else ""
            self.edits.append(Edit(node.start_mark.index - len(dash), end, rest))
        if not left:
            self.edits.append(Edit(colon.end(), colon.end(), " []"))
        return True

    def _triples(self) -> None:
        for node in self._own_items("triples"):
            if kind_of(node) == "seq":
                parts = [read_scalar(each) for each in node.value]
                if len(parts) == 3 and all(part and part.strip() for part in parts):
                    self._spell(node.value)
            elif made := _triple_of(node):
                self._replace(node, render_value(made))
                self._note(node, "triples", "a triple becomes a list")

    def _spell(self, nodes: Sequence[Any]) -> None:
        for node, code in zip(nodes, ("entity", "predicate", "entity")):
            spell = triple.normalize_entity if code == "entity" else triple.normalize_predicate
            old = node.value.strip()
            if (new := spell(old)) and new != old and not is_block(node):
                self._replace(node, render_value(new))
                self._note(
                    node, code, f"'{masks.cut(node.value, 40)}' becomes '{masks.cut(new, 40)}'"
                )


def _triple_of(node: Any) -> Triple | None:
    """A triple written as one text, or as a mapping in braces."""
    if isinstance(node.value, str):
        parts = [part.strip() for part in _ARROWS.split(node.value.strip().strip("()"))]
        return Triple(*parts) if len(parts) == 3 and all(parts) and not is_block(node) else None
    if not node.flow_style:
        return None
    said = {str(key.value): read_scalar(value) for key, value in node.value}
    for names in (("subject", "predicate", "object"), ("s", "p", "o")):
        if said.keys() == set(names) and all(said.values()):
            return Triple(*(str(said[name]) for name in names))
    return None
