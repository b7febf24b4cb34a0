"""What retention lets go is gone: from the pages, and from every byte of the index, the caches and
the traces. What stays, stays."""

import hashlib
import json
import os
import sqlite3

import pytest
from plainmind.formats.evidence import Scope
from plainmind.ground import clock, exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import InputOutput
from plainmind.ground.settings import Settings
from plainmind.index import cache
from plainmind.index.sqlite import words
from plainmind.memory import Memory, absence, forgetting, moments
from plainmind.recall.search import Limits
from plainmind.truth.log.writer import EventDraft, Log
from plainmind.truth.pages import maintenance, retention
from scene import NOW, know
from unit.index.engines import engine_in_use

pytestmark = pytest.mark.usefixtures("unsynced", "known_for_long")

WORD = "zanzibarquux"
LINE = f'Ben keeps the {WORD} stamps "for good", in a blue album.'
TITLE = "Stamps, " + "and more of them, " * 20  # longer than the index keeps
OTHER = "The boiler is looked after every October, by the man from the village."
DAY = 86_400_000


class Past:
    """A home with things that are past and things that are not."""

    def __init__(self, home):
        self.home, self.said = home, []
        os.makedirs(home.root)
        self.put("knowledge/stamps.md", LINE, title=TITLE)
        self.put("knowledge/boiler.md", OTHER, type="project")

    @property
    def memory(self) -> Memory:
        return Memory(
            self.home,
            Environment(self.home.root),
            Settings("", "", lambda name: ""),
            lambda: NOW,
            self.said.append,
        )

    def put(
        self,
        path: str,
        body: str,
        *,
        type: str = "reference",
        day: str = "2020-01-01",
        title: str = "",
        age: int = 0,
    ) -> str:
        head = f"---\ndate: {day}\ntype: {type}\ntier: L2\n---\n\n"
        files.replace(
            self.home.path(path), (head + f"# {title}\n\n" * bool(title) + body + "\n").encode()
        )
        return self.aged(path, age)

    def aged(self, path: str, days: int) -> str:
        os.utime(self.home.path(path), ns=(0, (NOW - days * DAY) * 1_000_000))
        return path

    def index(self):
        """The open index, which must be sound."""
        return engine_in_use().made_in(self.home, self.home.index)

    def take_in(self) -> None:
        with self.index() as index:
            index.counts()

    def forget(self) -> list[str]:
        return [each.path for each in forgetting.forget(self.memory)]

    def holding(self, *words: str) -> list[str]:
        """Files outside the logs that hold one of these, byte for byte."""
        found = []
        for folder, folders, names in os.walk(self.home.root):
            folders[:] = [name for name in folders if name != "logs"]
            data = {name: files.read(os.path.join(folder, name)) for name in names}
            found += [
                os.path.relpath(os.path.join(folder, n), self.home.root)
                for n in names
                if any(w.encode() in data[n] for w in words)
            ]
        return sorted(found)

    def answers(self, word: str) -> list[str]:
        """Paths of the pages in the index that say it."""
        with self.index() as index:
            return sorted(row[0] for row in index.rows()["pages"] if word in row[-1])

    def tombstones(self) -> list[dict]:
        return list(maintenance.read_tombstones(self.home))

    def there(self, path: str) -> bool:
        return os.path.lexists(self.home.path(path))


@pytest.fixture
def past(home) -> Past:
    return Past(home)


# ---- what goes


def test_the_rules_one_by_one(past):
    kept = [
        past.put("knowledge/u.md", "u", type="user"),
        past.put("knowledge/p.md", "p", type="project"),
        past.put("knowledge/f60.md", "f", type="agent-feedback", day="2025-12-01"),
        past.put("knowledge/r90.md", "r", day="2025-11-01"),
        past.put("knowledge/no-day.md", "n", day="x"),
        past.put("knowledge/twice.md", "n", day="2020-01-01\ndate: 2026-01-30"),
        past.put("knowledge/odd.md", "n", type="note"),
        past.put("knowledge/.hidden.md", "h"),
        past.put("raw/compaction/30.md", "c", age=30),
        past.put("raw/observations/old.md", "o", age=999),
        past.put("raw/sessions/a/14.jsonl", "s", age=14),
        past.put("raw/sessions/a/notes.txt", "s", age=99),
        past.put("raw/sessions/old.jsonl", "s", age=99),
        past.put("raw/maintenance-log/window-heads.jsonl", "h", age=99),
        past.put("raw/maintenance-log/last-audit.json", "h", age=99),
        past.put("raw/maintenance-log/recalled-2025-12.jsonl", "h", age=30),
        past.put("raw/images/x.md", "i", age=99), past.put("memory/MEMORY.md", "m", age=99),
    ]  # fmt: skip
    gone = [
        past.put("knowledge/f61.md", "f", type="agent-feedback", day="2025-11-30"),
        past.put("knowledge/r91.md", "r", day="2025-10-31"),
        "knowledge/stamps.md", past.put("knowledge/sub/deep.md", "d"),
        past.put("raw/compaction/31.md", "c", type="user", age=31),
        past.put("raw/sessions/a/15.jsonl", "s", age=15),
        past.put("raw/maintenance-log/2025-12.jsonl", "{}", age=31),
        past.put("raw/maintenance-log/recalled-2025-11.jsonl", "{}", age=31),
    ]  # fmt: skip
    assert [each.path for each in forgetting.past(past.memory)] == past.forget() == gone
    assert (
        [path for path in kept if not past.there(path)]
        == [path for path in gone if past.there(path)]
        == []
    )
    assert past.there("knowledge/boiler.md") and past.forget() == []
    written = past.tombstones()
    assert [stone["path"] for stone in written] == gone and all(
        len(stone["sha256"]) == 64 for stone in written
    )


def test_a_tombstone_says_what_it_was(past):
    data = files.read(past.home.path("knowledge/stamps.md"))
    past.forget()
    assert past.tombstones() == [{
        "time": clock.to_text(NOW), "event": "forgotten", "path": "knowledge/stamps.md",
        "sha256": hashlib.sha256(data).hexdigest(),
        "date": "2020-01-01", "rule": "reference is kept 90 days",
    }]  # fmt: skip
    assert WORD not in json.dumps(past.tombstones())
    path = past.home.path("raw/maintenance-log/2026-01.jsonl")
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_there_is_one_tombstone_though_it_was_tried_before_midnight(past):
    """It was: only this month's tombstones were looked through."""
    data = files.read(past.home.path("knowledge/stamps.md"))
    os.makedirs(past.home.path("raw/maintenance-log"))
    maintenance.record_forgotten(
        past.home,
        NOW - 40 * DAY,
        "knowledge/stamps.md",
        hashlib.sha256(data).hexdigest(),
        "2020-01-01",
        "r",
        {},
    )
    past.forget()
    assert len(past.tombstones()) == 1


def test_the_log_of_this_month_stays_though_it_is_old(past):
    """It was: it was called forgotten, in itself, and stayed."""
    os.remove(past.home.path("knowledge/stamps.md"))
    past.put("raw/maintenance-log/2026-01.jsonl", "{}", age=40)
    assert past.forget() == past.tombstones() == []


def test_empty_folders_of_sessions_go_and_others_stay(past):
    past.put("raw/sessions/emptied/a.jsonl", "s", age=99)
    os.makedirs(past.home.path("raw/sessions/empty"))
    past.put("raw/sessions/full/a.jsonl", "s", age=1)
    os.makedirs(past.home.path("raw/other/empty"))
    past.forget()
    assert os.listdir(past.home.path("raw/sessions")) == ["full"] and past.there("raw/other/empty")


def test_what_cannot_be_read_stops_no_other(past, monkeypatch):
    past.put("raw/compaction/secret.md", "s", age=99)
    read = files.read

    def reading(path: str, *more: int) -> bytes:
        if path.endswith("secret.md"):
            raise PermissionError(13, "Permission denied", path)
        return read(path, *more)

    monkeypatch.setattr(files, "read", reading)
    assert past.forget() == ["knowledge/stamps.md"] and past.there("raw/compaction/secret.md")


def test_a_file_that_fails_stops_no_other_and_is_told(past, monkeypatch):
    """It was: a name too long for another beside it ended every retention, for ever."""
    past.put("knowledge/a.md", "a", day="2020-01-01")
    past.put("raw/compaction/31.md", "c", age=31)
    remove = exchange.remove

    def removing(path: str, old: bytes) -> bool:
        if path.endswith("/a.md"):
            raise OSError(5, "Input/output error", path)
        return remove(path, old)

    monkeypatch.setattr(exchange, "remove", removing)
    with pytest.raises(
        InputOutput, match="knowledge/a.md: input/output error; see to it, the others went"
    ):
        past.forget()
    assert past.there("knowledge/a.md") and not past.there("knowledge/stamps.md")
    assert not past.there("raw/compaction/31.md")
    assert len(past.tombstones()) == 3
    monkeypatch.setattr(exchange, "remove", remove)
    assert past.forget() == ["knowledge/a.md"] and len(past.tombstones()) == 3


def test_tombstones_are_read_once(past, monkeypatch):
    for n in range(20):
        past.put(f"knowledge/{n}.md", "a", day="2020-01-01")
    read, real = [], maintenance.list_monthly
    monkeypatch.setattr(
        maintenance, "list_monthly", lambda home, prefix: read.append(prefix) or real(home, prefix)
    )
    assert len(past.forget()) == 21 and read == [""]


# ---- and is gone


def busy(past) -> None:
    """The page has been changed, recalled and indexed, as pages are."""
    for n in range(5):
        past.put("knowledge/stamps.md", f"{LINE}\n\nThis was {WORD}{n}, once.", title=TITLE)
        past.take_in()
    past.put(
        "knowledge/stamps.md",
        f"{LINE}\n\nknowledge/tea.md:3: an answer of a recall\n\nAnd {WORD} again.",
        title=TITLE,
    )
    past.take_in()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_no_byte_of_it_is_left_in_the_index(past, journal):
    past.take_in()
    path = past.home.path("index/mind.db")
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {journal}")
    db.close()
    busy(past)
    for name in ("mind.db.20260101T000000Z.77.bad", "mind.db.20260101T000000Z.77.bad-journal"):
        files.replace(past.home.path("index", name), b"old " + LINE.encode())
    assert len(past.holding(WORD)) >= 4, "there is nothing to be found"
    assert past.forget() == ["knowledge/stamps.md"]
    assert past.holding(WORD, WORD[:9], "blue album", "stamps, and more") == []
    assert past.answers("boiler") == ["knowledge/boiler.md"] and past.answers(WORD) == []
    assert past.said == []


def test_the_check_sees_what_is_left(past, monkeypatch):
    """The control: the row deleted, as every sync deletes it, and nothing more."""
    busy(past)
    monkeypatch.setattr(words, "purge", lambda index, table: None)
    past.forget()
    assert past.holding(WORD) == ["index/mind.db"]


def test_the_command_sees_it_too(past):
    busy(past)
    files.replace(past.home.path("index/of-somebody"), b"x" * 100 + LINE.encode())
    with pytest.raises(
        InputOutput,
        match=r"index/of-somebody: what was forgotten is still in it; delete it: it is made again",
    ):
        past.forget()
    assert not past.there("knowledge/stamps.md")


def test_a_look_that_fails_proves_nothing(past, monkeypatch):
    """It was: a file that could not be looked through was taken for clean."""
    past.take_in()
    monkeypatch.setattr(absence, "_LOOK", "raise SystemExit(1)")
    with pytest.raises(InputOutput, match="it cannot be looked through"):
        past.forget()


def test_its_vectors_are_gone_and_others_answer(past):
    """Also of a page with a long title, and with lines of a recall's answer: they were embedded
    without, and looked for with."""
    busy(past)
    with past.index() as index:
        due = index.pending("m:1", NOW)
    hashes = {cache.content_hash(one.text): WORD in one.text for one in due}
    assert set(hashes.values()) == {False, True}
    kept = cache.Cache(past.home, "m:1")
    kept.put({hash: bytes([n + 1]) * 16 for n, hash in enumerate(hashes)})
    size = os.path.getsize(kept.path)
    past.forget()
    found = cache.Cache(past.home, "m:1").get(list(hashes))
    assert set(found) == {cache.content_hash(one.text) for one in due if "boiler" in one.text}
    assert os.path.getsize(kept.path) == size and not any(
        hash in files.read(kept.path) for hash in set(hashes) - set(found)
    )
    kept.put({b"x" * 16: b"\x01" * 16})
    assert cache.Cache(past.home, "m:1").get([b"x" * 16]) == {b"x" * 16: b"\x01" * 16}


TURN = {"now": "", "request": {}, "reply": ""}
RECALL = {"trace": 1, "question": {}, "turns": []}


def test_it_is_gone_from_traces_and_what_else_they_show_stays(past, tmp_path):
    traces = {
        "of-it": {**TURN, "memories": [{"ref": "knowledge/stamps.md:7"}]},
        "quoting": {**TURN, "reply": f"It says: {LINE}"},
        "within": {**RECALL, "content": json.dumps({"content": LINE})},
        "of-another": {**TURN, "ref": "knowledge/boiler.md:7"},
    }  # fmt: skip
    path = str(tmp_path / "a trace.jsonl")
    files.replace(
        path,
        "".join(json.dumps(traces[name], ensure_ascii=False) + "\n" for name in traces).encode(),
    )
    for name in (path, str(tmp_path / "gone.jsonl"), path, str(tmp_path)):
        maintenance.record_trace(past.home, name)
    past.forget()
    assert files.read(path).decode() == json.dumps(traces["of-another"]) + "\n"
    assert past.said == [f"{path}: records that show what is forgotten were removed"]


def test_it_is_gone_from_the_traces_of_the_commands(world, model):
    """`mem-recall --trace` and `agent-turn --trace` say where they wrote."""
    past = Past.__new__(Past)
    past.home, past.said = world.home, []
    os.makedirs(world.home.root, exist_ok=True)
    world.append("user", "we talked about albums")
    traces = [world.path("recall.json"), world.path("turn.jsonl")]
    model.then("nothing yet", "he keeps them in an album")
    world.turn("which colour was it?", "--trace", traces[1])
    past.put("knowledge/stamps.md", LINE)
    world.turn("what does Ben keep in the album?", "--trace", traces[1])
    world.run("mem-recall", "--trace", traces[0], LINE)
    assert files.read(traces[1]).count(WORD.encode()) >= 1 and WORD.encode() in files.read(
        traces[0]
    )
    know(world.home, "knowledge/stamps.md")
    assert world.run("mem-lint", "--prune", "--apply").startswith(
        "knowledge/stamps.md:1: expired: "
    )
    assert [WORD.encode() in files.read(path) for path in traces] == [False, False]
    assert [json.loads(line)["reply"] for line in files.read(traces[1]).splitlines()] == [
        "nothing yet"
    ]
    assert past.holding(WORD) == []


# ---- what stays


def test_what_a_log_or_another_page_says_stays_and_is_found(past):
    Log(past.home).append("test/forget", [EventDraft(NOW, "user", LINE, {})], NOW)
    past.put("knowledge/keep.md", f"{OTHER}\n{LINE}", type="user")
    past.put(
        "knowledge/stamps.md",
        f"{LINE}\n\nsupercalifragilisticexpialidocious\n\nthe boiler is looked after",
    )
    past.put(
        "knowledge/shouting.md",
        "THE BOILER IS LOOKED AFTER. Supercalifragilisticexpialidocious!",
        type="user",
    )
    past.take_in()
    assert past.forget() == ["knowledge/stamps.md"], (
        "said elsewhere in other letters, it was taken for a rest of it"
    )
    assert past.answers(WORD) == ["knowledge/keep.md"]
    with past.index() as index:
        contents = [row[-1] for row in index.rows()["events"]]
    assert contents == [LINE]
    found = moments.recall(past.memory, WORD, Scope(), Limits(3, 0.0), lexical=True).moments.hits
    assert len(found) == 1


def test_only_what_nobody_says_any_more_is_looked_for(past):
    assert forgetting._marks(
        "short\n\n  a line of some words  \nverylongwordwithoutanyspace\n" + LINE
    ) == [LINE, "a line of some words"]


@pytest.mark.parametrize(
    "moment", ["before it is read", "before it goes", "while it is away", "deleted"]
)
def test_what_a_person_saves_at_that_moment_stays(past, monkeypatch, moment):
    path, mine = (
        past.home.path("knowledge/stamps.md"),
        b"---\ndate: 2026-01-29\ntype: reference\ntier: L2\n---\n\nmy new text\n",
    )
    past.take_in()

    def save() -> None:
        if moment == "deleted":
            os.unlink(path)
        else:
            files.replace(path, mine)

    if moment == "before it is read":
        expired = retention._expired

        def late(home, now, last):
            for found in list(expired(home, now, last)):
                save()
                yield found

        monkeypatch.setattr(retention, "_expired", late)
    elif moment in ("before it goes", "deleted"):
        monkeypatch.setattr(forgetting, "_take_out", lambda means, going: save())
    else:  # they save while what they saved before is out of the way
        still, rename = exchange.is_still, os.rename

        def renaming(one: str, other: str) -> None:
            if one == path:
                files.replace(path, b"their first save\n")
            rename(one, other)

        def looking(name: str, data: bytes) -> bool:
            if name.endswith(".gone"):
                save()
            return still(name, data)

        monkeypatch.setattr(exchange, "is_still", looking)
        monkeypatch.setattr(os, "rename", renaming)
    gone = past.forget()
    assert gone == (["knowledge/stamps.md"] if moment == "deleted" else [])
    assert moment == "deleted" or files.read(path) == mine
    kept = [name for name in os.listdir(past.home.path("knowledge")) if "(conflict " in name]
    assert [files.read(past.home.path("knowledge", name)) for name in kept] == [
        b"their first save\n"
    ] * (moment == "while it is away")
    assert not [name for name in os.listdir(past.home.path("knowledge")) if name.startswith(".")]
    assert len(past.tombstones()) == (moment != "before it is read"), "what is not over has none"


def test_what_came_out_changed_gets_its_name_back_and_takes_nobody_s(past, monkeypatch):
    path, made = past.home.path("knowledge/stamps.md"), []
    rename, link = os.rename, os.link

    def renaming(one: str, other: str) -> None:
        if one == path:
            files.replace(path, b"theirs\n")
        rename(one, other)

    def linking(one: str, other: str, **more) -> None:
        if made:
            files.replace(other, made.pop())
        link(one, other, **more)

    monkeypatch.setattr(os, "rename", renaming)
    monkeypatch.setattr(os, "link", linking)
    assert past.forget() == [] and files.read(path) == b"theirs\n"
    past.put("knowledge/stamps.md", LINE)
    made.append(b"made at the last moment\n")
    assert past.forget() == [] and files.read(path) == b"made at the last moment\n"
    assert [
        files.read(past.home.path("knowledge", n))
        for n in os.listdir(past.home.path("knowledge"))
        if "(conf" in n
    ] == [b"theirs\n"]


def test_a_look_at_what_would_go_changes_nothing(past, world):
    past.put("raw/sessions/a/b.jsonl", "s", age=99)
    past.take_in()
    know(world.home, "knowledge/stamps.md")
    before = world.tree()
    for arguments in (["--prune"], ["--prune", "--json"], ["--prune", "--apply", "--dry-run"]):
        shown = world.run("mem-lint", *arguments, code=0 if "--apply" in arguments else 1)
        assert "knowledge/stamps.md" in shown and "raw/sessions/a/b.jsonl" in shown
    assert world.tree() == before
