"""Two trees of files that come from one, made one: each file by its rule.

Nothing is taken out but what one side took out and the other left as it was; windows are never
taken out. Owns what is kept beside a file when both versions cannot be one, and the window into
which the end of a forked one is moved. Writes no file.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..formats.log import event as events
from ..formats.log import forgotten
from ..formats.merging import Merged, lines, states, windows
from ..formats.merging.windows import MergedWindow
from ..formats.page import page
from ..ground import clock, files
from ..ground.paths import window_sort_key
from ..truth.machines import Machine
from . import rules, vector_records
from .repository import Repository, Tree, oid_of

PINS, HEADS = "pins/pins.md", "sync/heads.jsonl"


class Conflict(NamedTuple):
    """`copy`: where our version is kept, beside theirs."""

    path: str
    copy: str


class Fork(NamedTuple):
    """A window whose end was moved: the line of each event there, and its reference now."""

    path: str
    places: dict[int, str]


class MergedTree(NamedTuple):
    """`altered`: windows of which one side has an event that is not as it was written, and the
    first line of it."""

    tree: Tree
    conflicts: list[Conflict]
    forks: list[Fork]
    altered: dict[str, int]


class Merger:
    """Merges for one machine. `key` is that of the logs' digests; `now`: ms."""

    def __init__(self, repository: Repository, machine: Machine, key: bytes, now: int):
        self.repository, self.machine, self.key, self.now = repository, machine, key, now
        self._read = repository.read

    def merge(self, base: Tree, ours: Tree, theirs: Tree, *, believes_ours: bool) -> MergedTree:
        """One tree of two. `believes_ours`: whose window stands where one side has altered it."""
        made = MergedTree({}, [], [], {})
        for path in sorted({*ours, *theirs}):
            one, other, before = ours.get(path), theirs.get(path), base.get(path)
            rule = rules.find_shared(path, vectors=True)
            if path == HEADS:
                continue
            if path == PINS and made.forks:  # windows come first
                one = self._follow_pins(made.forks, one)
            if one == other:
                chosen = one
            elif rule and rule.kind == rules.WINDOW:
                chosen = self._window(made, path, ours, theirs, believes_ours)
            elif one == before or rule is None and other != before:
                chosen = other
            elif other == before or other is None:
                chosen = one
            elif one is None:
                chosen = other
            else:
                chosen = self._both(made, path, rule, before, one, other)
            if chosen:
                made.tree[path] = chosen
        self._make_room(made)
        return made

    def _make_room(self, made: MergedTree) -> None:
        """Where one has a file and the other a folder of that name, the file is kept beside it."""
        folders: set[str] = set()
        for path in made.tree:
            while (path := path.rpartition("/")[0]) and path not in folders:
                folders.add(path)
        for path in folders & made.tree.keys():
            oid = made.tree.pop(path)
            copy = self.name_copy(path, self._read(oid))
            made.tree[copy] = oid
            made.conflicts.append(Conflict(path, copy))

    def merge_file(self, path: str, base: bytes, ours: bytes, theirs: bytes) -> Merged:
        """Three versions of one file that is not a window."""
        rule = rules.find_shared(path, vectors=True)
        kind = rule.kind if rule else rules.WHOLE
        if kind == rules.JOURNAL:
            return lines.merge_journal(base, ours, theirs)
        if kind == rules.STATE:
            return states.merge_json(base, ours, theirs)
        if kind == rules.VECTORS:
            return vector_records.merge(base, ours, theirs)
        if kind in (rules.TEXT, rules.UNION):
            merged = lines.merge_text(base, ours, theirs, union=kind == rules.UNION)
            if _is_sound(path, merged.data, ours, theirs):
                return merged
        return Merged(theirs, ours == theirs)

    def name_copy(self, path: str, data: bytes) -> str:
        """The name of a file beside `path` that keeps our version of it: always the same for the
        same bytes, so that a merge that was killed and is made again keeps no second one."""
        folder, slash, name = path.rpartition("/")
        stem, dot, ending = files.shorten_name(name).rpartition(".")
        stem, ending = (stem, f".{ending}") if dot and stem else (ending, "")
        host, number = self.machine.host or "machine", self.machine.number
        return f"{folder}{slash}{stem} (conflict {host} {number} {oid_of(data)[:8]}){ending}"

    def _both(
        self, made: MergedTree, path: str, rule: rules.FileRule | None, before: str | None,
        one: str, other: str,
    ) -> str:  # fmt: skip
        ours, theirs = self._read(one), self._read(other)
        merged = self.merge_file(path, self._read(before), ours, theirs)
        if not merged.is_whole:
            copy = self.name_copy(path, ours)
            made.tree[copy] = one
            made.conflicts.append(Conflict(path, copy))
        return self.repository.put(merged.data)

    # --- windows

    def _window(
        self, made: MergedTree, path: str, ours: Tree, theirs: Tree, believes_ours: bool
    ) -> str:
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            return one or other or ""
        is_forgotten = self.find_records(path, (ours, theirs))
        merged = windows.merge_window(self._read(one), self._read(other), is_forgotten)
        if merged.altered:
            made.altered[path] = merged.altered
            return one if believes_ours else other
        if merged.tail:
            made.forks.append(self._move(made.tree, path, merged, (ours, theirs)))
        return self.repository.put(merged.data)

    def find_records(self, path: str, trees: Iterable[Tree]) -> windows.IsForgotten:
        """Which events of a window were taken back, as the windows of its context say. They are
        read when the first is asked for."""
        known: set[tuple[int, str]] | None = None

        def is_forgotten(line: int, digest: str) -> bool:
            nonlocal known
            if known is None:
                known = set()
                for data in self._windows_beside(path, trees):
                    known |= set(_find_records(data, path))
            return (line, digest) in known

        return is_forgotten

    def _windows_beside(self, path: str, trees: Iterable[Tree]) -> Iterator[bytes]:
        folder = path.rpartition("/")[0] + "/"
        oids = {oid for tree in trees for name, oid in tree.items() if name.startswith(folder)}
        yield from map(self._read, sorted(oids))

    def _move(self, tree: Tree, path: str, merged: MergedWindow, trees: tuple[Tree, Tree]) -> Fork:
        """Move the end of ours into a window of its own, less what an earlier run has moved."""
        folder = path.rpartition("/")[0]
        beside = {name: oid for one in (*trees, tree) for name, oid in one.items()
                  if name.rpartition("/")[0] == folder}  # fmt: skip
        places: dict[str, str] = {}
        for name, oid in beside.items():
            for digest, line in windows.find_moved(self._read(oid), path).items():
                places[digest] = f"{name}:{line}"
        tail = [one for one in merged.tail if one.digest not in places]
        if tail:
            newest = max((name.rpartition("/")[2] for name in beside), key=window_sort_key)
            stamp = self.machine.name_window(clock.to_stamp(self.now), newest)
            data = self._render_moved(folder.removeprefix("logs/"), stamp, path, tail)
            tree[f"{folder}/{stamp}.md"] = self.repository.put(data)
            for digest, line in windows.find_moved(data, path).items():
                places[digest] = f"{folder}/{stamp}.md:{line}"
        return Fork(path, {one.line: places[one.digest] for one in merged.tail})

    def _render_moved(
        self, context: str, stamp: str, path: str, tail: list[events.RawEvent]
    ) -> bytes:
        more = (self.machine.host, True) if self.machine.number else ()
        title = events.render_title(context, stamp, *more)
        text = f"What follows was in {path} from line {tail[0].line} on, which goes on otherwise "
        text += "on another machine: this memory was set back, or copied."
        meta = {"moved": {"from": path, "line": tail[0].line, "h": [one.digest for one in tail]}}
        notice = lambda before: events.render(before, self.now, "system", text, meta, self.key)
        return windows.render_moved(title, notice, tail, self.key)

    def _follow_pins(self, forks: list[Fork], oid: str | None) -> str | None:
        """Our pins, those of events that were moved naming where they are."""
        data = self._read(oid)
        for fork in forks:
            for line, there in fork.places.items():
                old = re.escape(f"- {fork.path}:{line}".encode()) + rb"(?=[ \t\r\n]|\Z)"
                data = re.sub(old, f"- {there}".encode(), data)
        return self.repository.put(data) if oid else None


def _find_records(data: bytes, path: str) -> Iterator[tuple[int, str]]:
    if f'"{events.FORGOT}":'.encode() not in data:
        return
    for one in events.scan(data):
        record = forgotten.parse_record(one) if isinstance(one, events.RawEvent) else None
        if record and record.path == path:
            yield record.line, record.digest


def _is_sound(path: str, data: bytes, ours: bytes, theirs: bytes) -> bool:
    """Whether a page that was made of two can be read as well as they can: two heads that both put
    the same key in would make one that no reader takes."""
    if not path.endswith(".md") or not path.startswith(("knowledge/", "skills/", "raw/")):
        return True
    problems = [_count_problems(one, path) for one in (data, ours, theirs)]
    return problems[0] <= max(problems[1:])


def _count_problems(data: bytes, path: str) -> int:
    return len(page.parse(data, path).problems)
