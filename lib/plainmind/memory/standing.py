"""Where a forgotten text still stands: who else says it, and which file holds it.

Owns what is said of each place. Changes nothing, but the mode of a derived file that is closed:
what others said is theirs.
"""

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache

from ..formats.log import event as events
from ..formats.log import forgotten
from ..ground import regular
from ..ground.errors import Failure
from ..ground.paths import Home
from ..truth.log import reader
from ..truth.log.blanking import TargetEvent
from ..truth.log.verify import Finding
from ..truth.pages import maintenance
from . import Memory, absence, copies

STANDS = "stands"  # the code of these places
MOST = 20  # of them that are named for a text that many say
_STAYS = "what events are found by stays"
DERIVED = ("vectors/", "remind/seen.json")
PAGES = ("knowledge/", "memory/", "raw/compaction/", "raw/observations/")


def find_replies(home: Home, targets: Sequence[TargetEvent]) -> Iterator[Finding]:
    """Events that the turn of a forgotten message gave: they may say it in other words."""
    own = {target.ref for target in targets}
    for target in targets:
        if target.block.role == "user":
            for block in _turn_of(home, target):
                if f"{target.path}:{block.line}" not in own and not forgotten.is_blank(block):
                    what = "it answers what is forgotten; check whether it repeats it"
                    yield Finding(target.path, block.line, "reply", what)


def _turn_of(home: Home, target: TargetEvent) -> Iterator[events.RawEvent]:
    """What followed in the window until somebody spoke again."""
    try:
        blocks = reader.read_window(home, target.path).blocks()
    except Failure:  # a person removed it meanwhile
        return
    for block in blocks:
        if block.line > target.block.line:
            if block.role == "user":
                return
            if block.role != "system":
                yield block


class Look:
    """One look through a memory folder, for pieces of texts and for texts too short for that."""

    def __init__(
        self,
        memory: Memory,
        targets: Sequence[TargetEvent],
        pieces: Sequence[str],
        short: Sequence[str],
    ):
        self.memory, self.home = memory, memory.home
        self.own = {(t.path, t.block.line): t for t in targets}
        self.needles, self.short = absence.needles(pieces), short
        self.standing: set[str] = set()  # pieces that others say
        self._read_window = lru_cache(8)(lambda path: reader.read_window(self.home, path))

    def everywhere(
        self, passed_over: str, gone: Iterable[tuple[str, int]] = ()
    ) -> Iterator[Finding]:
        """Every place where the text still stands, but for those of which it goes."""
        if not self.needles and not self.short:
            return
        root, index = self.home.root, self.home.index + os.sep
        outside = [path for path in maintenance.read_traces(self.home) if os.path.isfile(path)]
        cleaned = {*outside, *copies.list_cleaned(self.home, list(self.own.values()))}
        cleaned = cleaned if self.memory.dry else set()
        cleaned.add(self.home.window_heads)  # it has no words, and proves the logs
        told = set(gone)
        for full in dict.fromkeys([*absence.list_files(root), *outside]):
            if full.startswith(index) or full == passed_over or full in cleaned:
                continue
            path = os.path.relpath(full, root) if full.startswith(root + os.sep) else full
            if path.startswith(DERIVED) and not (self.memory.dry or os.access(full, os.R_OK)):
                with suppress(OSError):
                    regular.change_mode(full, 0o600)  # it is ours
            for found in self._in_file(full, path):
                if (found.path, found.line) not in told:
                    told.add((found.path, found.line))
                    yield found
        if not self.memory.dry:
            yield from self._in_index()
        yield from self._short_ones()

    def _in_file(self, full: str, path: str) -> Iterator[Finding]:
        try:
            for piece, _, line in absence.find(full, self.needles):
                found = self._describe(path, line, piece)
                if found:
                    self.standing.add(piece)
                    yield found
        except OSError as error:
            if os.path.exists(full):
                what = f"it cannot be looked through: {error.strerror}"
                yield Finding(path, 1, STANDS, what)

    def _describe(self, path: str, line: int, piece: str) -> Finding | None:
        """What is said of a line that has a piece; None for what is to go by a dry run."""
        if path.startswith("logs/") and path.endswith(".md"):
            return self._describe_event(path, line, piece)
        if path.startswith(PAGES):
            return Finding(path, line, STANDS, "a page says it; edit the page, or delete it")
        return Finding(path, line, STANDS, "this file has it; edit it, or delete it")

    def _describe_event(self, path: str, line: int, piece: str) -> Finding | None:
        try:
            block = reader.find_events(self._read_window(path), line, line)[0]
        except Failure:
            return Finding(path, line, STANDS, "lines that are not an event have it; edit them")
        texts = forgotten.words_of_meta(events.parse_meta(block)).values()
        goes = any(
            form in said for text in texts for said in text for form in absence.as_json(piece)
        )
        if (path, block.line) in self.own:
            if line != block.line:
                return (
                    None if self.memory.dry else Finding(path, line, STANDS, "it was not blanked")
                )
            what = "its own header has it; "
            what += "run mem-forget --metadata for it" if goes else _STAYS
        elif line == block.line:
            what = "another event's header has it; "
            what += "mem-forget --metadata takes that back, too" if goes else _STAYS
        else:
            what = "another event says it; mem-forget takes that back, too"
        return Finding(path, block.line, STANDS, what)

    def _in_index(self) -> Iterator[Finding]:
        """Files of the index and what only they can have: what nobody says, they may not hold."""
        needles = [needle for needle, piece in self.needles.items() if piece not in self.standing]
        for full in absence.list_files(self.home.index):
            if absence.find_held(full, needles):
                path = os.path.relpath(full, self.home.root)
                yield Finding(path, 1, STANDS, f"it still has it; {absence.REMAKE}")

    def _short_ones(self) -> Iterator[Finding]:
        """Who else says a text that is too short to be told from what others say."""
        places = list(
            dict.fromkeys(place for text in self.short for place in self._say_short(text))
        )
        for path, line in places[:MOST]:
            what = "the same words; so short a text cannot be proved gone"
            yield Finding(path, line, STANDS, what)
        if len(places) > MOST:
            self.memory.say(f"{len(places) - MOST} more places have it")

    def _say_short(self, text: str) -> Iterator[tuple[str, int]]:
        words = max((line.strip() for line in text.split("\n")), key=len)
        pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.I)
        for path in reader.list_windows(self.home):
            for block in self._read_window(path).blocks():
                words_too = f"{events.decode_content(block)}\n{block.meta.decode()}"
                said = pattern.search(words_too) and not forgotten.is_blank(block)
                if said and (path, block.line) not in self.own:
                    yield path, block.line
        for folder in PAGES:
            for full in absence.list_files(self.home.path(folder)):
                with regular.open_file(full) as data:
                    file = io.TextIOWrapper(data, encoding="utf-8", errors="replace")
                    for number, line in enumerate(file, 1):
                        if pattern.search(line):
                            yield os.path.relpath(full, self.home.root), number
