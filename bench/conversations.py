"""The conversations that retrieval is measured on, as homes, each asked as of a question's time.

Two sets, for evaluation only and not part of the project: LoCoMo (Maharana et al., ACL 2024, CC
BY-NC 4.0), two people who talk, gold are events, asked right after the last word; and RealMem
(AvatarMemory/RealMemBench, Apache-2.0), a person and an assistant over months, gold are sessions,
asked when the session of the question begins: only what was said before is in the index then.

Each session is a window. Vectors of events and of questions are kept under build/, as embedding
takes minutes and is the same every time.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))

from plainmind.ground import files  # noqa: E402
from plainmind.ground.clock import SECOND  # noqa: E402
from plainmind.ground.environment import Environment  # noqa: E402
from plainmind.ground.paths import Home  # noqa: E402
from plainmind.ground.settings import Settings  # noqa: E402
from plainmind.index import cache, embedding, engine_in_use, vector_bytes  # noqa: E402
from plainmind.index.engine import Index  # noqa: E402
from plainmind.providers import registry  # noqa: E402
from plainmind.recall.search import Query  # noqa: E402
from plainmind.truth.log.writer import EventDraft, Log  # noqa: E402

DATA = os.path.join(os.path.dirname(HERE), "..", "shared", "bench")
CACHE = os.path.join(os.path.dirname(HERE), "build", "bench-vectors")
CONTEXT = "discord-channel/bench"


class Asked(NamedTuple):
    """A question, the index as of its time, and what answers it: events or, `by_session`, all
    sessions that hold one."""

    query: Query
    category: str
    gold: frozenset[str]  # references or sessions
    by_session: bool
    session_of: dict[str, str]  # reference -> session
    index: Index
    name: str  # of the question, the same in every run


class Embedder:
    """The embedded model, asked once for every text; or none, when words alone are measured."""

    def __init__(self, home: Home, words_only: bool):
        env = Environment()
        self.settings = Settings("", "", env.get)
        self._made = None if words_only else registry.open_embedder("embedded", env, self.settings)
        self.model = self._made.model if self._made else ""
        self._cache = cache.Cache(home, self.model)

    def embed(self, index: Index) -> None:
        """Give every event its vector."""
        if self._made:
            due = index.pending(self.model, 1 << 42)
            embedding.Run(index, self._made, lambda f: f(), lambda: 0, lambda *a: 0).over(due)

    def query(self, text: str, now: int) -> Query:
        if not self._made:
            return Query(text, now)
        known = cache.content_hash(f"query: {text}")
        vector = self._cache.get([known]).get(known)
        if vector is None:
            vector = vector_bytes.to_blob(self._made.query(text))
            self._cache.put({known: vector})
        baseline = registry.baseline_of(self.model, self.settings)
        return Query(text, now, vector_bytes.from_blob(vector), self.model, baseline)


def names() -> list[str]:
    """The sets that are there."""
    return [name for name in ("locomo", "realmem") if os.path.exists(_path(name, "corpus"))]


def ask(name: str, *, words_only: bool, only: str = "") -> Iterator[Asked]:
    """Every question of a set, its index open; `only`: of conversations whose name has this."""
    corpus, questions = read_rows(name, "corpus"), read_rows(name, "queries")
    for conversation in sorted({row["conv"] for row in corpus if only in row["conv"]}):
        turns = [row for row in corpus if row["conv"] == conversation]
        asked = [row for row in questions if row["conv"] == conversation]
        with tempfile.TemporaryDirectory() as folder:
            yield from _of_conversation(Home(folder), turns, asked, words_only)


def _of_conversation(
    home: Home, turns: list[dict], asked: list[dict], words_only: bool
) -> Iterator[Asked]:
    os.makedirs(CACHE, exist_ok=True)
    os.symlink(CACHE, home.vectors)
    embedder, log = Embedder(home, words_only), Log(home)
    sessions: dict[str, list[dict]] = {}
    for turn in turns:
        sessions.setdefault(turn["sess"], []).append(turn)
    refs: dict[str, str] = {}
    session_of: dict[str, str] = {}
    at = 0
    for session, rows in [*sessions.items(), ("", [])]:
        start = instant(rows[0]["date"], at) if rows else at
        now = [row for row in asked if (row["before"] or "") == session]
        if now and refs:
            with engine_in_use().made_in(home, home.index) as index:
                embedder.embed(index)
                for row in now:
                    gold = {refs[id] for id in row["gold"] if id in refs} or {*row["gold_sess"]}
                    query = embedder.query(row["query"], start)
                    by_session = not row["gold"]
                    yield Asked(query, row["cat"], frozenset(gold), by_session, session_of, index,
                                row["id"])  # fmt: skip
        if rows:
            drafts = [_draft(row, start + SECOND * i) for i, row in enumerate(rows)]
            log.start_window(CONTEXT, start)
            written = log.append(CONTEXT, drafts, start)
            refs |= {row["id"]: one.ref for row, one in zip(rows, written, strict=True)}
            session_of |= {refs[row["id"]]: session for row in rows}
            at = drafts[-1].instant


def _draft(row: dict, at: int) -> EventDraft:
    if row["speaker"] == "Assistant":
        return EventDraft(at, "agent", row["text"], {})
    person = row["conv"].removeprefix("rm-").replace("_", " ")
    author = person if row["speaker"] == "User" else row["speaker"]
    return EventDraft(at, "user", row["text"], {"author": author})


def instant(date: str, after: int = 0) -> int:
    """'1:56 pm on 8 May, 2023', or '2026-05-08 (Friday)', which is 9 o'clock or, for a later
    session of that day, an hour after the one before. In ms."""
    form = "%I:%M %p on %d %B, %Y" if " on " in date else "%Y-%m-%d %H"
    moment = datetime.strptime(date if " on " in date else f"{date.split()[0]} 09", form)
    found = int(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)
    return found if " on " in date else max(found, after + 3600 * SECOND)


def _path(name: str, part: str) -> str:
    return os.path.join(DATA, name, f"{part}.jsonl")


def read_rows(name: str, part: str) -> list[dict]:
    with open(_path(name, part), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# the homes are thrown away: nothing of them has to be on the disk
files.sync_folder = lambda path: None  # type: ignore[assignment]
os.fsync = lambda descriptor: None  # type: ignore[assignment]
