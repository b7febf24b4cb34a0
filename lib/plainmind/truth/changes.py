"""What a turn changes that lasts: kept before it is made, so that it can be named and undone, or
kept until a person says yes.

    .changes/<name>.made    was made; `undo` takes it back
    .changes/<name>.asked   waits for a yes; `allow` makes it. Nothing else ever does
    .changes/<name>.….new   the same, not yet named under a reply

A change's id is of its bytes, and its name is not: no command in a sandbox reads what is in this
folder, but under Landlock it can list it, and a model is to know no id of what waits. Owns when a
change is kept and when it may be made (`turn.may`); what one is made of is formats.change's."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import NamedTuple

from ..formats import change as form
from ..formats.change import FileChange, LastingChange
from ..ground import anchored, chance, clock, environment, exchange, files, masks, regular
from ..ground.errors import INPUT_OUTPUT, NO_MATCH, BadData, Failure, NoInput, NotPermitted
from ..ground.paths import Home

FOLDER = ".changes"
ASKED, MADE, NEW = ".asked", ".made", ".new"
KEPT = {ASKED: 7 * clock.DAY, MADE: 30 * clock.DAY}  # ms
LARGEST = 1 << 20  # bytes of a file of resident memory that are looked at
MOST = 20  # that wait; more is not for a person to read

#: (kind, path, before, after) -> after; the kind may be asked for by the other three
Admit = Callable[["Kind", str, bytes | None, bytes], bytes]
Kind = str | Callable[[str, bytes | None, bytes], str]


class KeptChange(NamedTuple):
    """A change as it is kept."""

    id: str
    state: str  # MADE or ASKED
    fresh: bool  # not named yet
    change: LastingChange
    stem: str  # of its file's name


@contextmanager
def admission(home: Home) -> Iterator[Admit]:
    """What asks whether a change may be made, and gives what the file becomes.

    In a command that a person runs, it always may. In one of a turn's it is kept first; when it
    waits for a person, NotPermitted. Asked again in the same block, it is instead of the last time;
    and a block that fails has changed nothing.
    """
    kept: list[str] = []

    def admit(kind: Kind, path: str, before: bytes | None, after: bytes) -> bytes:
        forget()
        if (turn := environment.read_turn()) and before != after:
            what = kind if isinstance(kind, str) else kind(path, before, after)
            made = (FileChange.of(to_part(home, path), before, after),)
            kept.extend(keep(home, turn, what, made) if what else [])
        return after

    def forget() -> None:
        while kept:
            with suppress(FileNotFoundError):
                os.unlink(kept.pop())

    try:
        yield admit
    except BaseException:
        forget()
        raise


def keep(
    home: Home, turn: "environment.TurnRights", kind: str, changes: tuple[FileChange, ...]
) -> list[str]:
    """Keep a change that a turn is about to make: where it is. NotPermitted when it waits."""
    made = LastingChange(clock.system_now(), turn.digits, turn.pid, turn.context, kind, changes)
    if kind in turn.may:
        return [_write(home, made, MADE)]
    waiting = [one.change for one in list_kept(home) if one.state == ASKED]
    if not any((one.kind, one.files) == (kind, changes) for one in waiting):
        if len(waiting) >= MOST:
            what = f"{MOST} changes wait for the user's yes already"
            raise NotPermitted(what, place=changes[0].path, cure="let them answer those first")
        _write(home, made, ASKED)
    what = "not done yet: it waits for the user's yes, which is asked under your reply"
    raise NotPermitted(what, place=changes[0].path, cure="go on without it, and do not try again")


def _write(home: Home, made: LastingChange, state: str) -> str:
    data = made.render()
    path = home.path(FOLDER, f"{chance.draw(8).hex()}{state}{NEW}")
    files.create(path, data)
    return path


def list_kept(home: Home, *, fresh: bool = False, dry: bool = False) -> list[KeptChange]:
    """The changes that are kept, oldest first; `fresh`: only those that were not named yet. What
    has got too old goes, unless this is a `dry` run."""
    found = []
    now = clock.system_now()
    for name in list_names(home):
        stem, *states = name.split(".")
        state, is_new = f".{states[0]}" if states else "", states[1:] == ["new"]
        if state not in KEPT or fresh and not is_new:
            continue
        try:
            data = files.read(home.path(FOLDER, name))
            one = KeptChange(form.make_id(data), state, is_new, form.parse(data), stem)
        except (OSError, BadData):
            continue
        if not now - KEPT[state] <= one.change.instant <= now + clock.DAY:
            if not dry:
                with suppress(OSError):
                    os.unlink(home.path(FOLDER, name))
        else:
            found.append(one)
    return sorted(found, key=lambda one: one.change.instant)


def list_names(home: Home) -> list[str]:
    """What is in the folder of changes."""
    try:
        return sorted(os.listdir(home.path(FOLDER)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def settle(home: Home, named: list[KeptChange]) -> None:
    """These were named: they are not named again."""
    for one in named:
        old = home.path(FOLDER, f"{one.stem}{one.state}{NEW}")
        with suppress(FileNotFoundError):
            os.rename(old, old.removesuffix(NEW))


def drop(home: Home, one: KeptChange) -> None:
    """Let a change go that was not made after all, or is undone."""
    for end in (NEW, ""):
        with suppress(FileNotFoundError):
            os.unlink(home.path(FOLDER, f"{one.stem}{one.state}{end}"))
    files.sync_folder(home.path(FOLDER))


def find(home: Home, id: str, state: str) -> KeptChange:
    """The change of an id. NoInput when there is none, or no longer."""
    for one in list_kept(home):
        if one.id == id and one.state == state:
            return one
        if one.id == id and one.state == MADE:
            raise NoInput("it was made already", cure=f"undo it: agent-changes --undo {id}")
    how = "waits for a yes" if state == ASKED else "was made by a turn"
    kept = KEPT[state] // clock.DAY
    what = f"no change '{masks.cut(id, 40)}' that {how}"
    raise NoInput(what, cure=f"see 'agent-changes'; they are kept {kept} days")


def list_held(home: Home, *, dry: bool = False) -> list[KeptChange]:
    """The changes that are kept, oldest first, without those whose new lines a person took out by
    hand: these are let go (unless `dry`), and had no undo any more. What a later change took out
    can come back."""
    found: list[KeptChange] = []
    returning: dict[str, set[bytes]] = {}  # lines that an undo of what is newer brings back
    for one in reversed(list_kept(home, dry=dry)):
        if one.state == MADE and not one.fresh and _is_taken_out(home, one, returning):
            if not dry:
                drop(home, one)
            continue
        found.append(one)
        for file in one.change.files if one.state == MADE else ():
            lines = (line[1:] for line in file.lines if line[:1] == b"-")
            returning.setdefault(file.path, set()).update(lines)
    return found[::-1]


def _is_taken_out(home: Home, one: KeptChange, returning: dict[str, set[bytes]]) -> bool:
    """Of several files, one may be as it was because an undo was cut off."""
    lost = []
    for file in one.change.files:
        path = os.path.join(home.root, file.path)
        try:
            data = files.read(path, 0, LARGEST) if os.path.lexists(path) else None
        except OSError:  # something is in its place that may make way again
            return False
        if data and len(data) == LARGEST:  # what follows is not looked at
            return False
        there = {*(data or b"").split(b"\n"), b"", *returning.get(file.path, ())}
        if any(line[1:] not in there for line in file.lines if line[:1] == b"+"):
            if form.digest(data) != file.before:
                return True
            lost.append(file)
    return len(lost) == len(one.change.files)


def is_made(home: Home, one: KeptChange) -> bool:
    """Whether a change was made, as far as its files tell: a command may be killed before."""
    for file in one.change.files:
        path = os.path.join(home.root, file.path)
        try:
            if one.change.kind == "memory":  # where commands may put a link, or a very long file
                data = None if os.path.islink(path) else files.read(path, 0, LARGEST)
            else:
                data = files.read(path)
        except OSError:
            data = None
        if form.digest(data) != file.before:
            return True
    return False


def allow(home: Home, one: KeptChange) -> None:
    """Make what a person was shown and said yes to; it can be undone by the same id."""
    for file in one.change.files:
        _apply(home, file, one.change.kind)
    for end in (NEW, ""):
        with suppress(FileNotFoundError):
            os.rename(
                home.path(FOLDER, f"{one.stem}{ASKED}{end}"), home.path(FOLDER, f"{one.stem}{MADE}")
            )
    files.sync_folder(home.path(FOLDER))


def undo(home: Home, one: KeptChange) -> None:
    """Take back what was made."""
    for file in one.change.files:
        _apply(home, file.reverse(), one.change.kind)
    drop(home, one)


def _apply(home: Home, file: FileChange, kind: str) -> None:
    """Make one file what it becomes, by compare and exchange. Done before, it is not done again."""
    full = os.path.join(home.root, file.path)
    real = os.path.realpath(full)  # judged, and opened: a command may put a link there meanwhile
    if full.startswith(home.root + os.sep):
        real = home.resolve(file.path)[1]  # NotPermitted when a link leads out
    elif kind == "memory" and real != full:  # commands may write there
        raise NotPermitted("a link leads there", place=full, cure="put the file itself there")
    with _lock(home, file.path):
        data = None
        if os.path.lexists(real):
            if not os.path.isfile(real):
                what, cure = (
                    "not a file, but a folder, a pipe or a device",
                    "remove it, then try again",
                )
                raise Failure(what, place=full, cure=cure, code=INPUT_OUTPUT)
            exchange.recover(real)
            with regular.open_direct(real) as opened:
                data = opened.read()
        if form.digest(data) == file.after:  # a run that was killed did it
            return
        made = file.apply(data)
        if data is None:
            anchored.create(real, made or b"", file.mode)
        elif made is None:
            if not exchange.remove(real, data):
                raise Failure("it was saved this moment", place=full, code=NO_MATCH)
            if kind == "skills":
                _remove_empty(home, os.path.dirname(file.path))
        else:
            exchange.edit(real, lambda now: file.apply(now) or b"", follow=False)


def _remove_empty(home: Home, part: str) -> None:
    """Remove the folders of a skill that nothing is in any more."""
    while part.startswith("skills/"):
        try:
            os.rmdir(home.path(part))
        except OSError:
            return
        part = os.path.dirname(part)


def _lock(home: Home, path: str) -> AbstractContextManager[None]:
    top = path.split("/")[0]
    return files.lock(home.knowledge_lock if top in ("knowledge", "raw") else home.lock)


def to_part(home: Home, path: str) -> str:
    """A path as a change tells it: relative to the home if it is inside."""
    full = os.path.join(home.root, path)
    inside = full.startswith(home.root + os.sep)
    return os.path.relpath(full, home.root) if inside else full
