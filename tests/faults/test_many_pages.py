"""Many write, change, mend, index and let go pages at once, and a person saves one meanwhile: no
page is lost or torn."""

import os
import re
import tempfile
import time
from contextlib import nullcontext, suppress
from itertools import count

import pytest
from person import Person, fork
from plainmind.formats.page import page
from plainmind.ground import exchange, files
from plainmind.ground.environment import Environment
from plainmind.ground.errors import Busy
from plainmind.ground.paths import Home
from plainmind.ground.settings import Settings
from plainmind.memory import Memory, drafting, forgetting, pages, writing
from plainmind.truth.pages import lint, maintenance, page_files
from scene import NOW, THOROUGH, know
from test_many import together

WRITERS, NOTES, SHARED = 10, 20 if THOROUGH else 5, 4
SAVES = 1200 if THOROUGH else 100  # of a person, while we change the page so often:
REST = 20
CHANGES = SAVES // REST

pytestmark = pytest.mark.usefixtures("patient")


@pytest.fixture
def home(tmp_path):
    """In memory where that can be: fsync is not what this is about."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    ) as folder:
        home = Home(os.path.join(folder, "home"))
        for n in range(SHARED):
            files.replace(home.path(f"knowledge/shared-{n}.md"), shared(n))
        yield home


def memory(home: Home) -> Memory:
    def loud(said: str) -> None:
        assert said.startswith("retention deleted"), said

    return Memory(
        home, Environment(home.root), Settings("", "", lambda name: ""), lambda: NOW, loud
    )


def shared(n: int) -> bytes:
    head = f"# a comment of somebody's\ndate: 2026-01-30\ntype: Project\ntier: L2\nmood: m{n}\n"
    return f"---\n{head}---\n\nShared text {n}.\n".encode()


def said(writer: int, n: int) -> str:
    """Texts that are not alike."""
    return " ".join(f"w{writer}x{n}y{word}" for word in range(30)) + "."


def write(home: Home, writer: int) -> list[tuple[str, str]]:
    """Pages, with changes of shared ones between; of each page its reference and its text."""
    made = []
    for n in range(NOTES):
        fields = drafting.fields(memory(home), {"type": "project", "tags": [f"t{writer}"]})
        name = f"w{writer}-{n}" if n % 2 else ""
        made.append(
            (
                writing.write(memory(home), drafting.PageDraft(fields, said(writer, n), name)).ref,
                said(writer, n),
            )
        )
        assert files.read(home.path(made[-1][0].removesuffix(":1"))), "acknowledged, and not there"
        writing.update(
            memory(home), f"shared-{(writer + n) % SHARED}", {f"by{writer}": f"n{n}"}, None, ()
        )
    return made


def others(home: Home, number: int) -> None:
    """What goes on beside: repairs, the index, retention."""
    for n in range(NOTES):
        if number % 3 == 0:
            list(lint.fix(home, [], dry=False))
        elif number % 3 == 1:
            pages.facts(memory(home), ("", "", ""), None)
        else:
            name = f"knowledge/past-{number}-{n}.md"
            files.replace(
                home.path(name),
                b"---\ndate: 2020-01-01\ntype: reference\ntier: L2\n---\n\nold %d %d\n"
                % (number, n),
            )
            while os.path.exists(home.path(name)):  # another's pages may be known instead
                know(home, name)
                forgetting.forget(memory(home))


def sound(home: Home, made: list[tuple[str, str]]) -> None:
    """Every page that was acknowledged is whole, every change of a shared page is there, the
    counter counts all of them."""
    assert len({ref for ref, _ in made}) == len(made) == WRITERS * NOTES, "two have one name"
    for ref, text in made:
        read = page_files.read_page(home, ref.removesuffix(":1"))
        assert (read.body.strip("\n"), read.problems) == (text, []), ref
    for n in range(SHARED):
        text = files.read(home.path(f"knowledge/shared-{n}.md")).decode()
        assert page.parse(text.encode(), "x").problems == [] and text.endswith(
            f"\n\nShared text {n}.\n"
        ), text
        assert (
            text.startswith(
                "---\n# a comment of somebody's\ndate: 2026-01-30\ntype: project\ntier: L2\n"
            )
            and f"mood: m{n}\n" in text
        )
        last = {
            w: max((k for k in range(NOTES) if (w + k) % SHARED == n), default=None)
            for w in range(WRITERS)
        }
        assert dict(re.findall(r"^by(\d+): n(\d+)$", text, re.M)) == {
            str(w): str(k) for w, k in last.items() if k is not None
        }
    assert maintenance.read_writes(home).total == 2 * WRITERS * NOTES
    names = os.listdir(home.path("knowledge"))
    assert not [name for name in names if name.startswith((".", "past")) or "conflict" in name], (
        names
    )


def test_16_processes_write_change_mend_index_and_let_go(home):
    answers = together(
        lambda number: write(home, number) if number < WRITERS else others(home, number), 16
    )
    sound(home, [each for made in answers[:WRITERS] for each in made])
    stones = [stone["path"] for stone in maintenance.read_tombstones(home)]
    assert len(stones) == len(set(stones)) == 2 * NOTES
    known = pages.facts(memory(home), ("", "", ""), None)
    assert known == [] and len(list(page_files.list_paths(home))) == WRITERS * NOTES + SHARED


def test_without_the_lock_this_would_fail(home, monkeypatch):
    """The control: two read the same page before either has written."""
    both = fork.Barrier(2)

    def replaced(path: str, change, **how) -> exchange.Edited:
        data = change(files.read(path))
        both.wait(60)
        files.replace(path, data)
        return exchange.Edited(None, [])

    monkeypatch.setattr(maintenance, "lock", lambda home: nullcontext())
    monkeypatch.setattr(exchange, "edit", replaced)
    together(lambda n: writing.update(memory(home), "shared-0", {f"by{n}": "n"}, None, ()), 2)
    assert len(re.findall(rb"^by", files.read(home.path("knowledge/shared-0.md")), re.M)) == 1


# ---- a person saves a page meanwhile

HEAD = b"---\n# mine\ndate: 2026-01-29   # a day\ntype: Project\nmood: sunny\n---\n\n"


def mine(n: int) -> bytes:
    return b"line %d of mine, saved as it was written\n" % n


def edit(path: str, by_rename: bool, n: int) -> None:
    """The person: reads what is there, writes one more line, now and then the head as it was in
    their old tool, and saves."""
    there = files.read(path)
    if n % 5 == 0:
        there = there.replace(b"type: project", b"type: Project")
    there += mine(n)
    if by_rename:
        with open(path + "~", "wb") as opened:
            opened.write(there)
        os.rename(path + "~", path)
    else:
        with open(path, "wb", buffering=0) as opened:
            opened.write(there[: len(there) // 2])
            opened.write(there[len(there) // 2 :])


def update(home: Home, n: int, person: Person) -> bool:
    writing.update(memory(home), "mine", {"source": f"s{n}"}, None, ())
    return True


def mend(home: Home, n: int, person: Person) -> bool:
    return bool(list(lint.fix(home, [], dry=False)))


def race(home: Home, by_rename: bool, ours, monkeypatch) -> tuple[int, list[int], bytes]:
    """How often we changed the page while they saved, their lines that are nowhere, and the page in
    the end."""
    path = home.path("knowledge/mine.md")
    files.replace(path, HEAD)
    person, numbers = Person(lambda n: edit(path, by_rename, n), SAVES, REST), count()

    def change() -> int:
        with suppress(Busy):
            return int(ours(home, next(numbers), person))
        return 0

    done = person.work_beside(change, monkeypatch)
    names = os.listdir(home.path("knowledge"))
    assert not [name for name in names if name.startswith(".")], names
    rows = {
        row
        for name in names
        for row in files.read(home.path("knowledge", name)).splitlines(keepends=True)
    }
    return done, [n for n in range(SAVES) if mine(n) not in rows], files.read(path)


@pytest.mark.parametrize("by_rename", [False, True], ids=["in place", "by rename"])
@pytest.mark.parametrize("ours", [update, mend])
def test_no_line_of_a_person_is_lost(home, by_rename, ours, monkeypatch):
    """In which order their steps and ours follow each other is the machine's affair here;
    test_interleaving has all orders."""
    done, lost, data = race(home, by_rename, ours, monkeypatch)
    assert lost == [] and done >= CHANGES
    rows = data.splitlines(keepends=True)
    assert rows[:3] == HEAD.splitlines(keepends=True)[:3] and b"mood: sunny\n" in rows
    theirs = [row for row in rows if row.startswith(b"line ")]
    numbers = {int(row.split()[1]) for row in theirs}
    assert theirs == [mine(n) for n in sorted(numbers)], "out of order, or twice"


def test_the_race_sees_lines_that_are_lost(home, monkeypatch):
    """The control: a page that is merely replaced."""
    beside: list[Person] = []

    def replaced(path: str, change, **how) -> exchange.Edited:
        data = change(files.read(path))
        for person in beside:
            person.wait_for_save()
            with person.reading:  # else their next save brings back what this one loses
                files.replace(path, data)
        return exchange.Edited(None, [])

    def replace_once(home: Home, n: int, person: Person) -> bool:
        beside[:] = [] if n else [person]
        time.sleep(0.001)
        return update(home, n, person)

    monkeypatch.setattr(exchange, "edit", replaced)
    assert race(home, True, replace_once, monkeypatch)[1]
