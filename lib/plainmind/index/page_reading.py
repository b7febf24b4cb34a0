"""Pages to records: what an index keeps of one.

Owns how a page is cut into passages, and what is embedded of one. Refuses to know how pages are
ranked. Knows no engine.
"""

import re
from array import array
from typing import NamedTuple

from ..formats import words
from ..formats.log import injected_blocks
from ..formats.page import likeness, link, page, page_links, triple
from ..formats.page.page import Page
from ..formats.words import Words
from ..ground import masks
from ..truth.pages import page_files
from .reading import embedded_text, utf8

PASSAGE_WORDS = 120
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class PageRecord(NamedTuple):
    """What an index keeps of a page."""

    name: str
    link: str
    date: str
    type: str
    tier: str
    source: str
    image: str
    valid_from: str
    valid_to: str
    title: str
    body: str
    line: int
    sketch: "array[int]"
    tags: list[str]
    aliases: list[str]  # what links and names are compared by, of its other names
    links: list[tuple[str, str, bool]]  # name and folder of a link, and whether it supersedes
    triples: list[tuple[int, str, str, str, str]]  # line, subject, predicate, object, as written
    words: Words
    passages: list[tuple[int, str]]


def record(data: bytes, path: str) -> PageRecord:
    read = _recallable(page.parse(data, path))
    targets = [(name, True) for name in read.supersedes]
    targets += [(found.name, False) for found in page_links.find_links(read)]
    links = [(link.parse_link(name.removesuffix(".md")), later) for name, later in targets]
    title = _one_line(read.title)
    return PageRecord(
        read.name,
        link.link_key(read.name),
        read.day.isoformat() if read.day else "",
        read.type,
        read.tier,
        utf8(read.source),
        utf8(read.image),
        read.valid_from.isoformat() if read.valid_from else "",
        read.valid_to.isoformat() if read.valid_to else "",
        title,
        read.body,
        read.body_line,
        likeness.sketch(likeness.extract_features(read.body)),
        [utf8(tag) for tag in read.tags],
        [utf8(link.link_key(name)) for name in read.aliases],
        [(utf8(key.name), utf8(key.folder), supersedes) for key, supersedes in links],
        triples(read),
        words.of_page(read.title, read.name, [*read.tags, *read.aliases], read.body),
        passages(read.body, read.body_line),
    )


def triples_of(data: bytes, path: str) -> list[tuple[int, str, str, str, str]]:
    """What a page's head states: (line, subject, predicate, object, predicate as written)."""
    return triples(_recallable(page.parse(data, path)))


def triples(read: Page) -> list[tuple[int, str, str, str, str]]:
    rows = []
    for stated in read.triples:
        subject, predicate, object_ = map(_one_field, triple.normalize(stated.triple))
        rows.append((stated.line, subject, predicate, object_, _one_field(stated.triple.predicate)))
    return rows


def passages(body: str, first_line: int) -> list[tuple[int, str]]:
    """(line, text) of a body's passages: whole paragraphs, as many as have some 120 words together.

    A paragraph that is longer is cut between its lines, a line that is longer between its words, or
    where there is no space.
    """
    cutter = _Cutter()
    for number, row in enumerate(body.split("\n"), first_line):
        cutter.take(number, row)
    cutter.close()
    return cutter.passages


class _Cutter:
    """Lines of a body, in order, into passages."""

    def __init__(self) -> None:
        self.passages: list[tuple[int, str]] = []
        self._kept: list[str] = []
        self._start = self._count = 0

    def take(self, number: int, row: str) -> None:
        words_at = words.pieces(row)
        if not words_at:
            if self._count >= PASSAGE_WORDS // 2:
                self.close()
            elif self._kept:
                self._kept.append("")
            return
        begins = row.startswith("#") and self._count >= PASSAGE_WORDS // 4
        if self._count and (self._count + len(words_at) > PASSAGE_WORDS or begins):
            self.close()
        for at in range(0, len(words_at), PASSAGE_WORDS):
            if not self._kept:
                self._start = number
            some = words_at[at : at + PASSAGE_WORDS]
            whole = len(words_at) <= PASSAGE_WORDS
            self._kept.append(row.rstrip() if whole else row[some[0][0] : some[-1][1]])
            self._count += len(some)
            if not whole:
                self.close()

    def close(self) -> None:
        """What is kept is a passage."""
        if self._kept:
            self.passages.append((self._start, "\n".join(self._kept).strip("\n")))
            self._kept.clear()
        self._count = 0


def embedded(read: Page) -> list[str]:
    """What is embedded of a page, passage by passage."""
    read = _recallable(read)
    title = _one_line(read.title)
    return [embedded_text(title, text) for _, text in passages(read.body, read.body_line)]


def _recallable(read: Page) -> Page:
    """What of a page may be recalled: all but what a recall had put there, every line where it was.

    A summary of a conversation is one whatever its head says, states nothing, and takes no page's
    place; what another program put under raw/ is a reference of L2, without what looks like a
    secret.
    """
    # a page of knowledge is somebody's words, also where they look like an echo
    echoes = not page_files.is_knowledge(read.path)
    body = injected_blocks.strip(read.body, keep_lines=True, echoes=echoes)
    body = utf8(injected_blocks.strip_recalled_lines(body, keep_lines=True))
    if read.path.startswith(f"{page_files.COMPACTION}/"):
        read = read._replace(type="compaction", tier="L2", triples=(), supersedes=())
    elif page_files.is_foreign(read.path):
        body = masks.mask_shapes(body)
        read = read._replace(type="reference", tier="L2", triples=(), supersedes=())
    return read._replace(body=body)


def _one_line(text: str) -> str:
    return utf8(" ".join("".join(c if c.isprintable() else " " for c in text).split()))[:200]


def _one_field(name: str) -> str:
    """A name that a terminal is shown, one to a field."""
    return _CONTROL.sub("\ufffd", utf8(name))
