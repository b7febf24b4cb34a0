"""What there is to say of a page by itself, whatever the others say and whatever day it is; and
keeping it, so that a page is read, and judged by itself, when its file has changed.

Derived, in `index/pages.json`, by the states of the files; made again when it is damaged, when the
suite is another one, or when other secrets are known. It holds heads and links of pages, no bodies.
Two that write it at once leave what one of them knew. Of few pages nothing is kept. Owns this file.
"""

import json
import os
import zlib
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from hashlib import blake2b
from typing import Any, NamedTuple

from ... import __version__
from ...formats import secrets
from ...formats.page import likeness, page
from ...formats.page.page import Page, PageProblem
from ...formats.page.page_keys import Citation, StatedTriple
from ...formats.page.page_links import Target
from ...formats.page.triple import Triple
from ...ground import file_states, files
from ...ground.paths import Home

LEAST = 100  # pages that are read again each time: it takes 70 ms
LONGEST_SECRET = 4096  # bytes, of one that two pieces of a page have between them
_VERSION = 1
#: what facts are made by: another one makes others
_SOURCES = ("formats", "formats/log", "formats/page", "ground", "truth/pages", "truth/pages/checks")

State = tuple[int, int, int, int]
Mask = Callable[[str], str]  # hides secrets


class ByteScan(NamedTuple):
    """What there is to say of all of a page's bytes."""

    secrets: list[int]  # lines that look like one
    times: float  # how long it is, of what is read of it
    is_template: bool = False  # as its head says


class PageFacts(NamedTuple):
    """`page` has no body. `problems` are those of the checks of a page by itself."""

    page: Page
    problems: list[PageProblem]
    links: list[Target]
    images: list[Target]
    is_shown: bool  # its own image, in its body
    is_template: bool
    words: int  # and pairs of words, of what it says outside of headings, code and embeds
    digest: str  # of the body
    text: str  # of the body, whatever spaces are in it; '' for none
    sketch: "array[int]"  # likeness.sketch of the body


def scan(pieces: Iterable[bytes], read: int, mask: Mask) -> ByteScan:
    """`pieces` are all of the page, of which the first `read` bytes are read as one."""
    lines: dict[int, None] = {}
    size, number, before, is_template = 0, 1, b"", False
    for piece in pieces:
        is_template = is_template or not size and page.is_template(piece)
        size += len(piece)
        data = before + piece
        text = data.decode("utf-8", "replace")
        if secrets.is_masked(text, mask):
            rows = [
                at
                for at, row in enumerate(text.split("\n"), number)
                if secrets.is_masked(row, mask)
            ]
            # one of several lines is found in the whole only
            lines |= dict.fromkeys(rows or [number])
        before = data[-LONGEST_SECRET:]
        before = before[before.find(b"\n") + 1 :]
        number += data.count(b"\n") - before.count(b"\n")
    return ByteScan(list(lines), size / max(read, 1), is_template)


def digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class KnownFacts:
    """What is kept, for one look at all pages of a home; nothing of a `home` that is None. What
    only a look at the `whole` asks for is kept by one at less."""

    def __init__(self, home: Home | None, mask: Mask, *, whole: bool):
        self.home = home
        self._made_by = _fingerprint(mask) if home else ""
        value = _load(home, self._made_by) if home else {}
        self._rows: Mapping[str, list] = value.get("pages", {})
        #: (body, body) of pages that may be alike -> their share; of which pages all are known
        self._shares: Mapping[str, float] = value.get("shares", {})
        self._likely: list = value.get("likely", ["", []])
        #: reference -> state of its window, and the digest of its event
        self._cited: Mapping[str, list] = value.get("cited", {})
        self._kept: dict[str, Any] = {"pages": {}, "likely": ["", []]}
        self._kept["shares"] = {} if whole else dict(self._shares)
        self._kept["cited"] = {} if whole else dict(self._cited)
        self._states: dict[str, State | None] = {}  # of windows
        self._is_changed = False

    def find(self, path: str, state: State) -> PageFacts | None:
        """The facts of the page whose file is in this state."""
        row = self._rows.get(path)
        if row is None or tuple(row[0]) != state:
            return None
        self._kept["pages"][path] = row
        return _from_row(path, row)

    def keep(self, path: str, state: State, facts: PageFacts) -> None:
        self._kept["pages"][path] = [file_states.settle(state), *_to_row(facts)]
        self._is_changed = True

    def find_likely(self, sketches: Mapping[str, "array[int]"]) -> list[tuple[str, str]]:
        """likeness.find_candidates."""
        made = blake2b(digest_size=16)
        for path, sketch in sketches.items():
            made.update(path.encode("utf-8", "surrogateescape") + b"\0" + sketch.tobytes())
        of, pairs = self._likely
        if of != made.hexdigest():
            of, pairs = made.hexdigest(), list(likeness.find_candidates(sketches))
        self._kept["likely"] = [of, pairs]
        return [(one, other) for one, other in pairs]

    def find_share(self, one: PageFacts, other: PageFacts) -> float | None:
        share = self._shares.get(one.digest + other.digest)
        if share is not None:
            self.keep_share(one, other, share)
        return share

    def keep_share(self, one: PageFacts, other: PageFacts, share: float) -> None:
        self._kept["shares"][one.digest + other.digest] = share
        self._is_changed = self._is_changed or one.digest + other.digest not in self._shares

    def find_cited(self, ref: str) -> str | None:
        """The digest of the event at a reference, '' where there was none; None: not known."""
        state = self._state_of(ref)
        known = self._cited.get(ref)
        if not known or state is None or tuple(known[0]) != state:
            return None
        self._kept["cited"][ref] = known
        return known[1]

    def keep_cited(self, ref: str, digest: str) -> None:
        if (state := self._state_of(ref)) is not None:
            self._kept["cited"][ref] = [file_states.settle(state), digest]
            self._is_changed = True

    def _state_of(self, ref: str) -> State | None:
        """Of the window of a reference, before it is read for the first time."""
        path = ref.rpartition(":")[0]
        if path not in self._states and self.home:
            self._states[path] = None
            with suppress(OSError, ValueError):
                self._states[path] = file_states.state_of(os.stat(self.home.path(path)))
        return self._states.get(path)

    def save(self) -> None:
        """Keep what this look found out."""
        kept = self._kept
        is_same = not self._is_changed and len(kept["pages"]) == len(self._rows)
        if not self.home or (is_same and kept["likely"] == self._likely):
            return
        if len(kept["pages"]) < LEAST:
            discard(self.home)
            return
        text = json.dumps({"made by": self._made_by, **kept}, separators=(",", ":")).encode()
        with suppress(OSError):  # a folder that cannot be written, a full disk
            files.replace(_name(self.home), b"%08x\n%s" % (zlib.crc32(text), text))


def discard(home: Home) -> None:
    """Keep nothing: it may say what pages no longer say."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(_name(home))


def _name(home: Home) -> str:
    return os.path.join(home.index, "pages.json")


def _load(home: Home, made_by: str) -> dict[str, Any]:
    try:
        checksum, _, text = files.read(_name(home)).partition(b"\n")
        value = json.loads(text) if int(checksum, 16) == zlib.crc32(text) else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if value.get("made by") == made_by else {}


def _fingerprint(mask: Mask) -> str:
    """Of all but the file that its facts depend on."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    known: list[Any] = [_VERSION, __version__, getattr(mask, "values", None)]
    for folder in _SOURCES:
        for entry in sorted(os.scandir(os.path.join(root, folder)), key=lambda one: one.name):
            if entry.name.endswith(".py"):
                found = entry.stat()
                known.append([entry.name, found.st_size, found.st_mtime_ns])
    return blake2b(json.dumps(known).encode(), digest_size=16).hexdigest()


def _to_row(facts: PageFacts) -> list:
    one = facts.page
    days = [day and day.toordinal() for day in (one.day, one.valid_from, one.valid_to)]
    return [
        one.body_line, one.problems, dict(one.lines), days, one.type, one.tier, list(one.tags),
        [[*stated.triple, stated.line] for stated in one.triples], one.source, one.image,
        list(one.sources), list(one.supersedes), list(one.aliases), list(one.linked),
        facts.problems, facts.links, facts.images, facts.is_shown, facts.is_template, facts.words,
        facts.digest, facts.text, b64encode(facts.sketch.tobytes()).decode(),
    ]  # fmt: skip


def _from_row(path: str, row: list) -> PageFacts:
    (
        _, body_line, wrong, lines, days, type, tier, tags, triples, source, image, sources,
        supersedes, aliases, linked, problems, links, images, is_shown, is_template, words, digest,
        text, sketch,
    ) = row  # fmt: skip
    day, first, last = (number and date.fromordinal(number) for number in days)
    one = Page(
        path, "", body_line, [*map(PageProblem._make, wrong)], lines, day, type, tier, tags,
        [StatedTriple(Triple(*parts[:3]), parts[3]) for parts in triples], source, image,
        [*map(Citation._make, sources)], supersedes, first, last, aliases,
        [(name, line) for name, line in linked],
    )  # fmt: skip
    return PageFacts(
        one,
        [*map(PageProblem._make, problems)],
        [*map(Target._make, links)],
        [*map(Target._make, images)],
        is_shown,
        is_template,
        words,
        digest,
        text,
        array("I", b64decode(sketch)),
    )
