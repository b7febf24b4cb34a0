"""What is kept of a context's ids and its end: never more believed than the logs, whatever becomes
of it, and an append reads no more of a long context than of a short one."""

import os
import random
import shutil

import pytest
from plainmind.formats.log import event as events
from plainmind.ground import files
from plainmind.ground.paths import Home
from plainmind.truth.log import context_ends, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

pytestmark = pytest.mark.usefixtures("unsynced")

CONTEXT = "discord-thread/123"


@pytest.fixture(autouse=True)
def kept_of_all(monkeypatch):
    monkeypatch.setattr(context_ends, "LEAST", 0)
    monkeypatch.setattr(context_ends, "BUCKETS", 4)


def drafts(*ids: str, text: str = "x") -> list[EventDraft]:
    return [EventDraft(NOW, "user", text, {"id": id} if id else {}) for id in ids]


def standing(home: Home) -> dict[str, str]:
    """The ids that stand in the logs, each with its first place."""
    found: dict[str, str] = {}
    for name in home.list_windows(CONTEXT):
        opened = reader.read_window(home, f"logs/{CONTEXT}/{name}")
        for block in opened.blocks():
            if id := context_ends.id_of(events.parse_meta(block)):
                found.setdefault(id, f"{opened.path}:{block.line}")
    return found


def folder(home: Home) -> str:
    return home.path("index", "ends", CONTEXT)


class Life:
    """What may happen to a context and to what is kept of it."""

    def __init__(self, home: Home, chance: random.Random):
        self.home, self.chance, self.log = home, chance, Log(home)
        self.count = 0

    def window(self) -> str:
        return self.home.path(self.home.current_window(CONTEXT) or "")

    def append(self) -> None:
        log = self.chance.choice((self.log, Log(self.home)))
        some = [str(self.chance.randrange(60)) for _ in range(self.chance.choice((1, 3, 70)))]
        log.append(CONTEXT, drafts(*some, text="a\nb" * self.chance.randrange(9)), NOW)

    def append_without(self) -> None:
        Log(self.home).append(CONTEXT, drafts(""), NOW)

    def start(self) -> None:
        self.log.start_window(CONTEXT, NOW)

    def tear(self) -> None:
        """An append dies, which looked at the windows first, as each does."""
        self.append_without()
        with open(self.window(), "ab") as file:
            file.write(b"## 2026-01-30T14:23:55.120Z user n=1 h=0")

    def cut_event(self) -> None:
        """A person takes an event out, of any window, in its place or by another file."""
        name = self.chance.choice(self.home.list_windows(CONTEXT))
        opened = reader.read_window(self.home, f"logs/{CONTEXT}/{name}")
        if not opened.blocks():
            return
        gone = self.chance.choice(opened.blocks())
        path = self.home.path(opened.path)
        os.chmod(path, 0o600)
        if self.chance.random() < 0.5:
            os.rename(path, f"{path}.old")
            os.unlink(f"{path}.old")
        with open(path, "wb") as file:
            file.write(opened.data[: gone.offset] + opened.data[gone.end :])

    def rename_event(self) -> None:
        """A person gives an event another id, of the same length."""
        path = self.window()
        data = files.read(path)
        old = self.chance.randrange(10, 60)
        new = data.replace(b'"id":"%d"' % old, b'"id":"%d"' % self.chance.randrange(60, 70))
        if new != data:
            then = os.stat(path)
            with open(path, "wb") as file:
                file.write(new)
            os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns + 10**6))

    def back_up(self) -> None:
        for of in ("logs", "index"):
            if os.path.isdir(self.home.path(of)):
                shutil.rmtree(self.home.path(f"{of}.bak"), ignore_errors=True)
                shutil.copytree(self.home.path(of), self.home.path(f"{of}.bak"))

    def bring_back(self) -> None:
        """The logs, what is kept, or both."""
        for of in self.chance.choice((["logs"], ["index"], ["logs", "index"])):
            if os.path.isdir(self.home.path(f"{of}.bak")):
                shutil.rmtree(self.home.path(of), ignore_errors=True)
                shutil.copytree(self.home.path(f"{of}.bak"), self.home.path(of))

    def damage(self) -> None:
        names = os.listdir(folder(self.home)) if os.path.isdir(folder(self.home)) else []
        for name in self.chance.sample(sorted(names), min(2, len(names))):
            path = os.path.join(folder(self.home), name)
            how, data = self.chance.randrange(3), bytearray(files.read(path))
            if how and data:
                at = self.chance.randrange(len(data.rstrip()))
                data[at] ^= 1
                with open(path, "wb") as file:
                    file.write(data if how == 1 else data[:at])
            else:
                os.unlink(path)


DEEDS = [Life.append] * 6 + 2 * [
    Life.append_without, Life.cut_event, Life.rename_event, Life.damage,
] + [Life.start, Life.tear, Life.back_up, Life.bring_back]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_an_id_is_there_if_it_stands_in_the_logs_whatever_happened(seed, home):
    chance = random.Random(seed)
    life = Life(home, chance)
    life.append()
    for _ in range(30):
        deed = chance.choice(DEEDS)
        deed(life)
        before = standing(home)
        asked = [str(chance.randrange(70)) for _ in range(chance.choice((1, 4)))]
        log = chance.choice((life.log, Log(home)))
        for id, result in zip(asked, log.append(CONTEXT, drafts(*asked), NOW), strict=True):
            fresh = id not in before
            expected = before.setdefault(id, result.ref), fresh
            assert (result.ref, result.fresh) == expected, deed
        assert standing(home) == before, deed


def test_what_an_append_reads_does_not_grow_with_the_context(home, monkeypatch):
    read = [0]
    scan, whole, tail = events.scan, files.read, files.read_tail

    def counted(work, size):
        def wrapper(*given):
            found = work(*given)
            read[0] += size(found, *given)
            return found

        return wrapper

    def cost(*ids: str) -> int:
        read[0] = 0
        Log(home).append(CONTEXT, drafts(*ids), NOW)
        return read[0]

    log, costs = Log(home), []
    monkeypatch.setattr(events, "scan", counted(scan, lambda found, data, line=1: len(data)))
    monkeypatch.setattr(files, "read", counted(whole, lambda found, *given: len(found)))
    monkeypatch.setattr(files, "read_tail", counted(tail, lambda found, path, size, _: size))
    for times in (1, 20):
        for n in range(times):
            some = (f"{times}-{n}-{m}" for m in range(200))
            log.append(CONTEXT, drafts(*some, text="y" * 200), NOW)
        costs.append((cost("new"), cost(""), cost("new"), cost(f"{times}-0-1")))
        kept = [os.path.join(folder(home), name) for name in os.listdir(folder(home))]
        records = sum(map(os.path.getsize, kept))
        assert max(costs[-1]) <= 2 * context_ends._LENGTH + records / 2 + 1024, costs
    os.unlink(os.path.join(folder(home), "end"))
    assert cost("newer") > os.path.getsize(home.path(home.current_window(CONTEXT) or "")) > 900_000
    assert list(verify.verify_windows(home, [])) == []


def test_a_bucket_is_read_once_for_a_batch(home, monkeypatch):
    Log(home).append(CONTEXT, drafts(*map(str, range(40))), NOW)
    read, records = list[int](), context_ends.ContextEnd._records
    count = lambda end, number: read.append(number) or records(end, number)
    monkeypatch.setattr(context_ends.ContextEnd, "_records", count)
    Log(home).append(CONTEXT, drafts(*map(str, range(20, 60))), NOW)
    assert sorted(read) == [0, 1, 2, 3]
    assert len(standing(home)) == 60


def test_a_place_that_cannot_be_written_costs_no_event(home):
    os.makedirs(os.path.dirname(folder(home)))
    with open(folder(home), "w") as file:
        file.write("a file where a folder should be")
    for id in ("1", "2", "1"):
        fresh = Log(home).append(CONTEXT, drafts(id), NOW)[0].fresh
    assert not fresh and list(standing(home)) == ["1", "2"]


def test_a_damaged_end_is_as_good_as_none(home):
    Log(home).append(CONTEXT, drafts("1"), NOW)
    path = os.path.join(folder(home), "end")
    data = files.read(path)
    for at in range(len(data.rstrip())):
        files.overwrite(path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], 0)
        end = context_ends.ContextEnd(home, CONTEXT)
        assert not end._look(home.list_windows(CONTEXT)), at
    files.overwrite(path, data, 0)
    assert context_ends.ContextEnd(home, CONTEXT)._look(home.list_windows(CONTEXT))
