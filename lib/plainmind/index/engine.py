"""What an index answers, whatever keeps it: the one Protocol, and which engine there is.

An index is made from the files of a home, and is never the only place of anything. Freshness is its
own affair: an answer has all that was acknowledged before the index was opened, and what is not
asked for is not looked at. An engine is a module like `index.sqlite.opening`; files become records
in `index.window_reading` and `index.page_reading`.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from ..ground import tokens
from ..ground.paths import Home

if TYPE_CHECKING:
    from ..formats.evidence import (
        Equal,
        Evidence,
        IndexedEvent,
        PageEvidence,
        PageText,
        Question,
        Scope,
    )
    from .graph import Graph


class Pending(NamedTuple):
    """A text without a vector: of an event, or of a passage of a page."""

    kind: str  # event or passage
    id: int
    text: str  # what is embedded; '' needs no vector
    attempts: int
    length: int = 0  # of what is its own of `text`, at its end; 0 is all of it

    @property
    def own(self) -> str:
        """The text without the event before it, or without the page's title."""
        return self.text[-self.length :]

    @property
    def tokens(self) -> int:
        return tokens.estimate_by_script(self.text)


class EmbeddingOutcome(NamedTuple):
    """What became of a text that was to be embedded. `vector`: length 1, as index.vector_bytes
    has it."""

    of: Pending
    vector: bytes | None
    attempts: int
    status: str = "ok"  # or pending, failed
    error: str = ""  # of an `ok` one: of what part of the text its vector is, '' when of all
    next_try: str = ""  # not before this time


class EmbeddingStatus(NamedTuple):
    model: str
    ok: int
    pending: int
    failed: int
    text_only: int  # events that get no vector
    last_error: str
    next_try: str


class Removed(NamedTuple):
    """A text that its file no longer holds: an event's, or a passage's of a page."""

    path: str
    line: int
    text: str


class RemovedHashes(NamedTuple):
    """Of embedded texts that files no longer hold. Not `known`: the index is new, and cannot tell
    what was there before it."""

    gone: AbstractSet[bytes]  # that nothing else holds
    seen: AbstractSet[bytes]  # all of them
    known: bool


class Period(NamedTuple):
    """Of time, in ms since the epoch; both ends are of it."""

    name: str
    first: int
    last: int


class Talk(NamedTuple):
    """Events of a role in a context."""

    context: str
    role: str
    events: int
    last: int  # of them, ms


class Index(Protocol):
    """An open index of a home. It is used in a `with`, which closes it (see Engine.opened)."""

    home: Home

    #: told how many windows or pages of those that changed are taken in
    progress: Callable[[int, int], None]

    #: told, before the index forgets them, texts that files no longer hold, and what these files
    #: say now
    removed: Callable[[Sequence[Removed], AbstractSet[str]], None]

    #: told of what is set aside
    say: Callable[[str], None]

    #: whether it survives its `with`, unless it failed there; then `close` ends it
    stays_open: bool

    @property
    def has_failed(self) -> bool: ...

    def resume(self, say: Callable[[str], None]) -> bool:
        """Whether an index that stayed open can be used in one more `with`, and tells `say` then;
        closed if not: it failed, or was deleted or replaced. What was looked at is not looked at
        again."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool: ...

    # --- recall

    def model(self) -> str:
        """The model whose vectors answer; '' when there is none."""

    def evidence(self, question: "Question", scope: "Scope") -> "Evidence":
        """What is known of events for a question, as far as it is asked for."""

    def events(self, ids: Iterable[int]) -> "dict[int, IndexedEvent]": ...

    def find(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """(path, line) -> the event that begins there, of those that there are."""

    def has(self, path: str, line: int, content: str) -> bool:
        """Whether the event that begins at a line has this content."""

    def refresh(self, ids: Iterable[int]) -> bool:
        """Whether one of these events does not stand in its file as it was read. Then all windows
        are looked at, and the index says what they say now: ask it again."""

    def equals(self, ids: Iterable[int]) -> "Mapping[int, Sequence[Equal]]":
        """Of these events, and all that have the text of one, those that have it: one list for all
        of them."""

    def vectors(self, model: str, ids: Sequence[int]) -> dict[int, Sequence[float]]:
        """The vectors of these events, as far as there are any."""

    def pages(self, question: "Question") -> "AbstractContextManager[PageEvidence]":
        """What is known of every page; `page_texts` inside answers as of the same moment."""

    def page_texts(self, ids: Iterable[int]) -> "dict[int, PageText]": ...

    def talk(self, first: int, last: int) -> list[Talk]:
        """What was said from one instant to another, the context with the last word first."""

    # --- the graph, near-duplicates

    def graph(self, subject: str = "", object: str = "") -> "Graph":
        """All that the pages' heads state; with names, what they state of these alone."""

    def remake_graph(self) -> None:
        """Make the graph again from the pages' files."""

    def find_alike(self, sketch: "array[int]") -> "list[tuple[str, array[int]]]":
        """(path, likeness.sketch) of the pages that are most likely near-duplicates of a text that
        has this sketch (likeness.find_likely)."""

    # --- embedding

    def pending(
        self,
        model: str,
        now: int,
        *,
        retry_failed: bool = False,
        limit: int = -1,
        at: Sequence[tuple[str, int]] | None = None,
    ) -> Sequence[Pending]:
        """Passages, then events, without a vector, whose time has come, newest first; with `at`,
        those at (path, line)."""

    def standing(self, texts: Sequence[Pending]) -> list[Pending]:
        """Those of these that files still hold, after a look at their files."""

    def keep(self, model: str, outcomes: Iterable[EmbeddingOutcome]) -> None:
        """Durably; of texts that are gone meanwhile, nothing."""

    def serve(self, model: str) -> None:
        """This model answers from now on; vectors of the one that did are dropped."""

    def optimize(self) -> None:
        """Make what speeds up later answers, as the settings say, however long that takes."""

    def status(self, model: str) -> EmbeddingStatus: ...

    def count_pending(self, model: str) -> int:
        """`status(model).pending`, as things were when somebody looked, whatever their number."""

    def state_at(self, model: str, path: str, line: int) -> str:
        """pending, ok or failed: of the event at a line, or the worst of a page's passages; '' when
        nothing is there."""

    def removed_hashes(self) -> RemovedHashes: ...

    def settle_removed(self, seen: AbstractSet[bytes]) -> None:
        """The vectors of these are out of the cache, and of all that was before the index."""

    # --- work

    def work_rows(
        self, name: str, /, *, last: int = 0, by: str = "", **equal: Any
    ) -> list[dict[str, Any]]:
        """Rows of a table or view of the work of a team (mind-schema(5)), column -> value, as the
        journal and the state files have it now: those in which columns have these values; the
        `last` so many. They are in the order of the column `by`, then of the table's primary key,
        or of the view. Usage for another name."""

    def work_sums(
        self,
        name: str,
        periods: Sequence[Period],
        by: Sequence[str],
        add: Sequence[str],
        **equal: Any,
    ) -> list[dict[str, Any]]:
        """Of the rows of a table of work that has `at`, in which columns have these values, for
        each period and each combination of the columns `by`: `period`, these columns, `count` (of
        rows), and the sums of the columns `add`, None where no row has a value. What has no row is
        left out."""

    def work_events(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Id -> the fields of that event of the journal; one that was taken back, or that is not
        there, is left out."""

    # --- care

    def counts(self) -> dict[str, Any]:
        """Sizes and numbers, as `mem-index --status` prints them."""

    def days(self) -> tuple[dict[str, int], dict[str, int]]:
        """Local day -> how many events are of it, and how many pages are dated so, days without any
        left out; pages without a date under ''."""

    def rows(self) -> Mapping[str, Iterator[tuple]]:
        """Table -> rows that are the same however an index came about: (path, line, …). They come
        one by one, by their values in order: None, numbers, texts, bytes."""

    def readers(self) -> list[str]:
        """Other roles of the database that may read it; a file has none."""

    def share(self, role: str) -> None:
        """Let one read it, until `unshare`. Misconfigured where it is a file."""

    def unshare(self, role: str) -> None: ...

    def says(self, text: str) -> bool:
        """Whether an event or a page that stands still says this."""

    def purge(self) -> None:
        """Take the bytes of pages that are gone out of every file of the index."""

    def forget(self, windows: Sequence[str]) -> None:
        """Take windows in again as they are now, and the bytes of what they were out of every file
        of the index."""


class Engine(Protocol):
    """A way to keep an index."""

    def opened(
        self, home: Home, say: Callable[[str], None], *, thorough: bool = False
    ) -> Iterator[Index]:
        """The index of a home, made first when there is none, as often as it has to be tried:

            for index in engine.opened(home, say):
                with index:
                    return index.counts()

        What is damaged, foreign or of another version is set aside with one warning, and the body
        of the loop is run again on a new one; so it is on one that was deleted meanwhile.
        `thorough` looks at every file. Where nothing can be written, an index that does not say
        what the files say is brought up to date on a copy.
        """

    def unchanged(
        self, home: Home, say: Callable[[str], None], *, thorough: bool = False
    ) -> Iterator[Index]:
        """The same, and nothing in the home is written: what is new is taken in and taken back, or,
        where that is not enough, all is done on a copy."""

    def made_in(self, home: Home, folder: str) -> Index:
        """An index of the home that lives in another folder, made when it is not there."""

    def rebuild(self, home: Home, fill: Callable[[Index], None] | None = None) -> None:
        """Throw the index away; the next opening makes it again. One of files is there until
        another, which `fill` has filled, takes its place."""

    def exists(self, home: Home) -> bool: ...

    def list_set_aside(self, home: Home) -> list[str]:
        """Names of files of `index/`: damaged indexes that were set aside."""

    def discard_set_aside(self, home: Home) -> None:
        """Delete damaged indexes that were set aside, and what a rebuild left that was killed; one
        that runs is waited for."""

    def discard_unfinished(self, home: Home) -> None:
        """Delete what a rebuild left that was killed, unless one runs."""
