"""What an index tells a recall of events and pages, and what it is asked: values, whatever keeps
them. Pure.

An event is a number, and the events of an episode have consecutive ones: its first has the number
of the episode.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import mul
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .log.roles import ROLES
from .words import Words

if TYPE_CHECKING:
    from .page.link import LinkKey, LinkTable

QUESTION = 8  # added to the kind of an event that ends with a question mark
ASKING = 16  # and of one in whose last words a question ends
LAST_WORDS = 30
_ASKED = re.compile(r"""[？؟]|\?(?=[\s"'”’»)\]*_]|$)""")  # none of an address


class Scope(NamedTuple):
    """Which events may be recalled. `context` may be a surface alone; times in ms; `shown` has
    (window path, line): what stands there, or later in the window, is shown already."""

    context: str | None = None
    not_window: str | None = None
    since: int | None = None
    until: int | None = None
    roles: tuple[str, ...] = ()
    shown: tuple[tuple[str, int], ...] = ()
    skip_models: tuple[str, ...] = ()

    def skips(self, model: str) -> bool:
        """Whether what this model wrote is not recalled; 'ollama' stands for 'ollama:NAME', too."""
        return any(f"{model}:".startswith(f"{one}:") for one in self.skip_models)


class Question(NamedTuple):
    """What an index is asked: the terms of a text and, if there is one, its vector of a model."""

    terms: Sequence[str]
    vector: Sequence[float] | None = None
    model: str = ""


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors of length 1, in double precision; not cut off at 0."""
    return sum(map(mul, one, other))


# --- events


class Totals(NamedTuple):
    """Of all events in the index; `words` are index terms, `openings` those in openings."""

    events: int
    words: int
    openings: int
    episodes: int


class Episode(NamedTuple):
    """A stretch of one window. Entry i of each column is the event with number id + i."""

    id: int
    lengths: "array[int]"  # index terms of the event
    openings: "array[int]"  # those in its opening
    times: "array[int]"  # ms since the epoch
    kinds: "array[int]"  # number of the role, + QUESTION
    authors: "array[int]"

    @classmethod
    def starting(cls, id: int) -> "Episode":
        return cls(id, *(array(code) for code in COLUMNS))

    def goes_on(self, instant: int, gap: int, most: int) -> bool:
        return len(self.times) < most and abs(instant - self.times[-1]) <= gap

    def add(self, instant: int, role: str, author: int, content: str, words: Words) -> None:
        self.lengths.append(min(words.length, 0xFFFF))
        self.openings.append(min(words.opening_length, 0xFF))
        self.times.append(instant)
        ends = content.rstrip().endswith(("?", "？", "؟"))
        self.kinds.append(ROLES.index(role) + QUESTION * ends + ASKING * is_asking(content))
        self.authors.append(author)


def is_asking(content: str) -> bool:
    """Whether what follows may answer it. People add a word after a question, or a picture."""
    return bool(_ASKED.search(" ".join(content.rsplit(None, LAST_WORDS)[-LAST_WORDS:])))


#: type codes of an episode's columns
COLUMNS = "HBqBI"


class Posting(NamedTuple):
    """A term in an event or a page: how often in its opening, and in the rest."""

    id: int
    opening: int
    rest: int


class Term(NamedTuple):
    """A term of the question: in how many events it is, and where, by ascending id; nowhere when
    that is too many to look."""

    events: int
    places: Sequence[Posting]


class RecentEpisode(NamedTuple):
    id: int
    events: int
    newest: int  # ms, of its events


class Equal(NamedTuple):
    """An event, as one of those that have its text."""

    id: int
    path: str
    time: int  # ms
    role: str
    author: str


class EventsNear(Protocol):
    """Which events are near to a vector; no cosine is further than `error` off."""

    error: float

    def of_events(self, first: int, count: int) -> list[float | None]:
        """Of events with consecutive ids; None where there is no vector."""

    def near(self, cosine: float) -> list[tuple[float, int]]:
        """(cosine, event) of all that have at least this one."""


class Evidence(Protocol):
    """What is known of events for one question and scope, as of one moment: of few at once, of each
    other when it is asked for. Cosines are approximate: none is further than `error` off."""

    @property
    def totals(self) -> Totals: ...

    @property
    def terms(self) -> Sequence[Term]: ...

    @property
    def postings(self) -> int:
        """How many were looked at."""

    @property
    def authors(self) -> Sequence[tuple[int, str]]:
        """Those that have a name."""

    @property
    def pinned(self) -> Sequence[int]: ...

    @property
    def error(self) -> float: ...

    @property
    def approximate(self) -> bool:
        """Whether some of those that are near may be missing."""

    def episode_ids(self, events: Sequence[int]) -> Sequence[int]:
        """The episode that each of these, which are there, is in."""

    def all_episodes(self) -> Sequence[int]: ...

    def episodes(self, ids: Iterable[int]) -> Iterator[Episode]: ...

    def recent(self, since: int, until: int | None = None) -> list[RecentEpisode]:
        """Those whose newest event is of this time, by id."""

    def cosines(self, episode: Episode) -> list[float | None]:
        """Of each of its events; None where there is no vector."""

    def cosines_of(self, ids: Sequence[int]) -> Iterator[list[float | None]]:
        """The same of many episodes that need not be read for it."""

    def near(self, cosine: float) -> list[tuple[float, int]]:
        """(cosine, event) of all that have at least this one."""

    def nearest(self, count: int) -> tuple[list[tuple[float, int]], float]:
        """(cosine, event) of about so many with the greatest ones, greatest first; and what no
        other one exceeds."""

    def along(self, vector: Sequence[float]) -> "EventsNear | None":
        """`near` and its error for another vector of length 1; None where there are no vectors."""

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing is left out."""

    def is_within(self, event: int) -> bool:
        """Whether the scope's context has it."""

    def is_shown(self, event: int) -> bool:
        """Whether it stands in a window that the scope leaves out, or is shown already."""

    def skipped(self, first: int, end: int) -> AbstractSet[int]:
        """Events of this stretch of an episode, from one id to before another, that models wrote
        which the scope skips."""

    def changed(self, first: int, end: int) -> AbstractSet[int]:
        """Those in whose place a later one stands."""


class IndexedEvent(NamedTuple):
    path: str
    line: int
    timestamp: str
    role: str
    author: str
    context: str
    content: str  # less what a recall had injected into it


# --- pages


class IndexedPage(NamedTuple):
    """A page, as ranking sees it. Days are 2026-05-08, or ''."""

    id: int
    path: str
    name: str
    link: str  # what links and names are compared by
    date: str
    type: str
    tier: str
    valid_from: str
    valid_to: str
    title: str
    line: int  # where the body starts
    words: int

    def holds(self, day: str) -> bool:
        return self.valid_from <= day and (not self.valid_to or day <= self.valid_to)


class PageEvidence(NamedTuple):
    """What is known of every page for one question."""

    pages: Mapping[int, IndexedPage]  # by path
    places: Sequence[Sequence[Posting]]  # of each term
    cosines: Mapping[int, Mapping[int, float]]  # page -> passage -> cosine, in [0, 1]
    replacing: "Sequence[tuple[int, LinkKey]]"  # page -> a page that it supersedes
    linked: Mapping[str, int]  # link of a page of tier L1 -> how many pages link to it
    aliases: Sequence[tuple[str, str]] = ()  # another name of a page, compared alike, and its path

    def links(self) -> "LinkTable":
        from .page.link import LinkTable  # a recall of events needs none

        return LinkTable(((row.link, row.path) for row in self.pages.values()), self.aliases)


class PageText(NamedTuple):
    body: str
    passages: Sequence[tuple[int, int, str]]  # id, line in the file, text; as they stand
    links: "Sequence[LinkKey]"  # the first links to other pages, in order
