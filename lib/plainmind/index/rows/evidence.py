"""What is known of events for a question (formats.evidence.Evidence): few rows at once, the others
when a recall asks for them. As of one moment: the transaction stays open."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import chain
from math import inf

from ...formats.evidence import Episode, Question, RecentEpisode, Scope
from . import events, word_counts
from .database import Damaged, EventScan, IndexDatabase, SqlConnection
from .events import BITS, bounds, event_id

#: events whose episodes are looked up one by one; of more, a list of all episodes is read
FEW = 200
AT_ONCE = 100  # episodes that are read by one statement


class StoredEvidence:
    """formats.evidence.Evidence of an index's rows."""

    def __init__(self, index: IndexDatabase, question: Question, scope: Scope):
        self._scope = scope
        with index.reading(on=True) as db:
            self._db = db
            self.totals = events.totals(index)
            self.terms, self.postings = word_counts.places(index, question.terms)
            self.authors = db.execute("SELECT id, name FROM authors WHERE name <> ''").fetchall()
            self._cosines = None
            if question.vector is not None:
                self._cosines = index.vector_tables.scan(index, question.model, question.vector)
            self.error = self._cosines.error if self._cosines else 0.0
            self.approximate = self._cosines is not None and self._cosines.approximate
            self._changes: dict[int, dict[int, int]] = {}
            self._ends: dict[int, int] = {}  # of windows
            # who pinned a message has pinned what it says now
            self.pinned = list(dict.fromkeys(map(self._last_form, _pinned(db))))

    @cached_property
    def _starts(self) -> list[int]:
        # the index by time alone is read, which is small
        return sorted(chain(*self._db.execute("SELECT id FROM episodes")))

    def all_episodes(self) -> Sequence[int]:
        return self._starts

    def episode_ids(self, events: Sequence[int]) -> list[int]:
        if len(events) > FEW or "_starts" in self.__dict__:
            starts = self._starts
            return [starts[bisect_right(starts, event) - 1] for event in events]
        of = "SELECT max(id) FROM episodes WHERE id <= ?"
        found = (self._db.execute(of, (event,)).fetchone()[0] for event in events)
        return [id or self._starts[0] for id in found]

    def episodes(self, ids: Iterable[int]) -> Iterator[Episode]:
        ids = list(ids)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(
                f"{events.EPISODES} WHERE id IN ({marks}) ORDER BY id", some
            ).fetchall()
            if len(rows) < len(some):
                raise Damaged("its tables contradict each other")
            yield from map(events.episode, rows)

    def recent(self, since: int, until: int | None = None) -> list[RecentEpisode]:
        end = 1 << 62 if until is None else until
        sql = "SELECT id, length(kinds), newest FROM episodes WHERE newest BETWEEN ? AND ?"
        return sorted(map(RecentEpisode._make, self._db.execute(sql, (since, end))))

    def cosines(self, episode: Episode) -> list[float | None]:
        count = len(episode.times)
        return self._cosines.of_events(episode.id, count) if self._cosines else [None] * count

    def cosines_of(self, ids: Sequence[int]) -> Iterator[list[float | None]]:
        counts = self._counts(ids)
        if not self._cosines:
            return ([None] * count for count in counts)
        return self._cosines.of_spans([*zip(ids, counts, strict=True)])

    def _counts(self, ids: Sequence[int]) -> list[int]:
        """How many events these episodes have."""
        if len(ids) > FEW or "_starts" in self.__dict__:
            return [*map(self._count, ids)]
        marks = ", ".join("?" * len(ids))
        rows = self._db.execute(
            f"SELECT id, length(kinds) FROM episodes WHERE id IN ({marks})", ids
        )
        counts = dict(rows.fetchall())
        return [counts[id] for id in ids]

    def _count(self, episode: int) -> int:
        """All to the next one, or to the end of its window."""
        starts, window = self._starts, episode >> BITS
        at = bisect_right(starts, episode)
        if at < len(starts) and starts[at] >> BITS == window:
            return starts[at] - episode
        if window not in self._ends:
            sql = "SELECT events FROM windows WHERE id = ?"
            self._ends[window] = event_id(window, self._db.execute(sql, (window,)).fetchone()[0])
        return self._ends[window] - episode

    def near(self, cosine: float) -> list[tuple[float, int]]:
        return self._cosines.near(cosine) if self._cosines else []

    def nearest(self, count: int) -> tuple[list[tuple[float, int]], float]:
        return self._cosines.nearest(count) if self._cosines else ([], -inf)

    def along(self, vector: Sequence[float]) -> EventScan | None:
        return self._cosines.along(vector) if self._cosines else None

    # --- the scope

    @cached_property
    def is_unlimited(self) -> bool:
        scope, changes = self._scope, "SELECT EXISTS (SELECT 1 FROM changes)"
        limited = self._skipped_models or scope._replace(skip_models=()) != Scope()
        return not limited and not self._db.execute(changes).fetchone()[0]

    def is_within(self, event: int) -> bool:
        return self._windows is None or event >> BITS in self._windows

    def is_shown(self, event: int) -> bool:
        window = event >> BITS
        return window == self._banned or event >= self._shown.get(window, event + 1)

    @cached_property
    def _windows(self) -> AbstractSet[int] | None:
        """Those that the context allows; None is all."""
        if not (context := self._scope.context):
            return None
        below = "substr(context, 1, length(?1) + 1) = ?1 || '/'"
        sql = f"SELECT id FROM windows WHERE context = ?1 OR {below}"
        return set(chain(*self._db.execute(sql, (context,))))

    @cached_property
    def _banned(self) -> int | None:
        path = self._scope.not_window
        return events.window_id(self._db, path) if path else None

    @cached_property
    def _shown(self) -> dict[int, int]:
        """Windows, and the first event of each that is shown."""
        found = {}
        for path, line in self._scope.shown:
            if (window := events.window_id(self._db, path)) is not None:
                first, last = bounds(window)
                sql = "SELECT min(id) FROM events WHERE id BETWEEN ? AND ? AND line >= ?"
                found[window] = self._db.execute(sql, (first, last, line)).fetchone()[0] or last + 1
        return found

    def skipped(self, first: int, end: int) -> set[int]:
        sql = "SELECT id FROM events WHERE model > 0 AND model = ? AND id BETWEEN ? AND ?"
        found = (self._db.execute(sql, (model, first, end - 1)) for model in self._skipped_models)
        return {id for rows in found for (id,) in rows}

    @cached_property
    def _skipped_models(self) -> list[int]:
        models = self._db.execute("SELECT id, name FROM models")
        return [id for id, name in models if self._scope.skips(name)]

    def changed(self, first: int, end: int) -> set[int]:
        return {id for id in self._changes_in(first >> BITS) if first <= id < end}

    def _changes_in(self, window: int) -> dict[int, int]:
        """Events of a window that were changed later, each with the last change; of the same
        context only."""
        if window not in self._changes:
            found = "SELECT line, old.id, old.events, event FROM windows AS old "
            found += "JOIN changes ON changes.path = old.path "
            found += f"JOIN windows AS new ON new.id = event >> {BITS} "
            found += "AND new.context = old.context WHERE old.id = ? ORDER BY event"
            rows = self._db.execute(found, (window,)).fetchall()
            by = {line: event for line, _, _, event in rows}
            at = _at_lines(self._db, [row[:3] for row in rows]) if rows else ()
            self._changes[window] = {id: by[line] for id, line in at}
        return self._changes[window]

    def _last_form(self, id: int) -> int:
        seen = {id}
        while (later := self._changes_in(id >> BITS).get(id)) is not None and later not in seen:
            seen.add(id := later)
        return id


def _pinned(db: SqlConnection) -> list[int]:
    """The events that are pinned."""
    pins = "SELECT line, windows.id, events FROM pins JOIN windows ON windows.path = pins.path"
    return [id for id, _ in _at_lines(db, db.execute(pins))]


def _at_lines(
    db: SqlConnection, places: Iterable[tuple[int, int, int]]
) -> Iterator[tuple[int, int]]:
    """(id, line) of the events that begin at (line, window, how many it has). Within a window lines
    grow with ids, which have no holes: SQLite itself would go through all events."""

    def line_of(id: int) -> int:
        row = db.execute("SELECT line FROM events WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise Damaged("its tables contradict each other")
        return row[0]

    for line, window, count in places:
        ids = range(event_id(window, 0), event_id(window, count))
        place = bisect_left(ids, line, key=line_of)
        if place < count and line_of(ids[place]) == line:
            yield ids[place], line
