"""What the index answers (index.engine.Index), and when its rows are compared with the files.

Each answer is of the module that knows its tables, loaded when it is asked for.
"""

from __future__ import annotations

import os
from abc import ABC
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from ...ground.paths import Home
from . import events
from .database import Damaged, IndexDatabase, Outdated

if TYPE_CHECKING:
    from ...formats.evidence import (
        Equal,
        Evidence,
        IndexedEvent,
        PageEvidence,
        PageText,
        Question,
        Scope,
    )
    from ..engine import EmbeddingOutcome, EmbeddingStatus, Pending, Period, RemovedHashes, Talk
    from ..graph import Graph


class Store(IndexDatabase, ABC):
    """An open index, used in a `with`, which closes it."""

    thorough = False  # look at every file
    retried = False  # somebody looks at `failure`, and tries again
    stays_open = False

    def __init__(self, home: Home):
        super().__init__(home)
        #: what ended the body of the `with`, if the index is to blame
        self.failure: Exception | None = None
        self._fresh_events = self._fresh_pages = self._fresh_journal = self._fresh_states = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, Exception) and (
            isinstance(error, Damaged | Outdated) or self.is_to_blame(error)
        ):
            self.failure = error
        if self.failure or not self.stays_open:
            self.close()
        elif self.db.in_transaction:
            self.db.execute("ROLLBACK")
        return self.failure is not None and self.retried

    @property
    def has_failed(self) -> bool:
        return self.failure is not None

    def resume(self, say: Callable[[str], None]) -> bool:
        self.say = say
        if self.failure or not self.is_in_place():
            self.close()
            return False
        return True

    # --- freshness: once an opening, and only of what is asked for

    def look_at_logs(self) -> None:
        if not self._fresh_events:
            self._fresh_events = True
            events.catch_up(self, thorough=self.thorough)

    def look_at_pages(self) -> None:
        if not self._fresh_pages:
            self._fresh_pages = True
            from . import pages

            pages.take_in(self)

    def look_at_work(self) -> None:
        """At the journal of work. State files of sessions are looked at for sessions alone."""
        if not self._fresh_journal:
            self._fresh_journal = True
            from . import work

            work.look_at_journal(self, thorough=self.thorough)

    def look_at_sessions(self) -> None:
        self.look_at_work()
        if not self._fresh_states:
            self._fresh_states = True
            from . import work

            work.look_at_states(self, thorough=self.thorough)

    def _look_at_all(self) -> None:
        self.model()
        self.look_at_pages()

    # --- index.engine.Index

    def model(self) -> str:
        self.look_at_logs()
        model = self.setting("embed_model")
        if model is None and os.path.exists(self.home.vectors):
            from .. import embedding

            model = embedding.restore(self)
        return model or ""

    def evidence(self, question: Question, scope: Scope) -> Evidence:
        self.look_at_logs()
        from .evidence import StoredEvidence

        ask = lambda: StoredEvidence(self, question, scope)
        if question.vector is None:
            return ask()
        return self.vector_tables.with_file(self, question.model, ask)

    def events(self, ids: Iterable[int]) -> dict[int, IndexedEvent]:
        return events.rows(self.db, ids)

    def find(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        self.look_at_logs()
        found = {place: events.at(self.db, *place) for place in places}
        there = {place: id for place, id in found.items() if id is not None}
        rows = self.events(there.values())
        return {place: id for place, id in there.items() if rows[id].line == place[1]}

    def has(self, path: str, line: int, content: str) -> bool:
        id = events.at(self.db, path, line)
        event = self.events([id])[id] if id is not None else None
        return event is not None and (event.line, event.content) == (line, content)

    def refresh(self, ids: Iterable[int]) -> bool:
        stale = events.find_stale(self, ids)
        if stale:
            events.catch_up(self, thorough=True, again=stale)
        return bool(stale)

    def equals(self, ids: Iterable[int]) -> dict[int, list[Equal]]:
        return events.equals(self.db, ids)

    def vectors(self, model: str, ids: Sequence[int]) -> dict[int, Sequence[float]]:
        return self.vector_tables.exact(self.db, model, ids)

    def pages(self, question: Question) -> AbstractContextManager[PageEvidence]:
        self.look_at_pages()
        from . import pages

        return pages.evidence(self, question)

    def page_texts(self, ids: Iterable[int]) -> dict[int, PageText]:
        from . import pages

        return pages.texts(self.db, ids)

    def talk(self, first: int, last: int) -> list[Talk]:
        self.look_at_logs()
        from . import talk

        return talk.between(self.db, first, last)

    def graph(self, subject: str = "", object: str = "") -> Graph:
        self.look_at_pages()
        from . import pages

        return pages.graph(self, subject, object)

    def remake_graph(self) -> None:
        self.look_at_pages()
        from . import pages

        pages.remake_graph(self)

    def find_alike(self, sketch: array[int]) -> list[tuple[str, array[int]]]:
        self.look_at_pages()
        from . import pages

        return pages.find_alike(self.db, sketch)

    def pending(
        self,
        model: str,
        now: int,
        *,
        retry_failed: bool = False,
        limit: int = -1,
        at: Sequence[tuple[str, int]] | None = None,
    ) -> Sequence[Pending]:
        self._look_at_all()
        from . import embedded

        return embedded.pending(self.db, model, now, retry_failed, limit, at)

    def standing(self, texts: Sequence[Pending]) -> list[Pending]:
        from . import embedded

        if any(one.kind == embedded.PASSAGE for one in texts):
            from . import pages

            pages.take_in(self)
        return embedded.standing(self, texts)

    def removed_hashes(self) -> RemovedHashes:
        self._look_at_all()
        from . import removal

        removal.purge(self)
        return removal.hashes(self)

    def settle_removed(self, seen: AbstractSet[bytes]) -> None:
        from . import removal

        removal.settle(self, seen)

    def keep(self, model: str, outcomes: Iterable[EmbeddingOutcome]) -> None:
        from . import embedded

        embedded.keep(self, model, outcomes)

    def serve(self, model: str) -> None:
        from . import embedded

        embedded.serve(self, model)

    def optimize(self) -> None:
        if (model := self.model()) and not self.pretends:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")  # what was read
            self.vector_tables.optimize(self, model)

    def status(self, model: str) -> EmbeddingStatus:
        self._look_at_all()
        from . import embedded

        return embedded.status(self, model)

    def count_pending(self, model: str) -> int:
        from . import embedded

        return embedded.count_pending(self.db, model)

    def state_at(self, model: str, path: str, line: int) -> str:
        self._look_at_all()
        from . import embedded

        return embedded.state_at(self.db, model, path, line)

    def work_rows(
        self, name: str, /, *, last: int = 0, by: str = "", **equal: Any
    ) -> list[dict[str, Any]]:
        self._look_at_table(name)
        from . import work

        with self.reading():
            return work.rows(self, name, last, by, equal)

    def work_sums(
        self,
        name: str,
        periods: Sequence[Period],
        by: Sequence[str],
        add: Sequence[str],
        **equal: Any,
    ) -> list[dict[str, Any]]:
        self._look_at_table(name)
        from . import work

        with self.reading():
            return work.sums(self, name, periods, by, add, equal)

    def work_events(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        self.look_at_work()
        from . import work

        with self.reading():
            return work.events(self, ids)

    def _look_at_table(self, name: str) -> None:
        if name in ("sessions", "v_active_sessions"):
            self.look_at_sessions()
        elif name == "llm_usage":
            self.look_at_logs()
        self.look_at_work()

    def counts(self) -> dict[str, Any]:
        self._look_at_all()
        self.look_at_sessions()
        from . import care

        return care.counts(self)

    def days(self) -> tuple[dict[str, int], dict[str, int]]:
        self.look_at_logs()
        self.look_at_pages()
        from . import care

        return care.days(self.db)

    def rows(self) -> dict[str, Iterator[tuple]]:
        self._look_at_all()
        self.look_at_sessions()
        from . import care

        return care.rows(self)

    def says(self, text: str) -> bool:
        from . import care

        return care.says(self.db, text)

    def purge(self) -> None:
        self.look_at_pages()
        self.word_tables.purge(self, "page_words")

    def forget(self, windows: Sequence[str]) -> None:
        events.take_in_again(self, windows)
        self.vector_tables.overwrite(self)
        self.word_tables.purge(self, "words")
