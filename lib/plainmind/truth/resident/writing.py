"""Committing what was staged: into the indexes, all or nothing, each operation once.

What is about to be written, and which file it will be, is in the journal before; so a run that was
killed anywhere is finished, or begun again, by the next. A person may be saving the index at the
same moment: theirs is exchanged with ours, looked at, and the operations are made on it. The caller
holds the lock.
"""

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from ...formats import secrets
from ...formats.resident import bullets, excerpt, operation
from ...formats.resident.operation import Operation, Rejection
from ...ground import anchored, exchange, file_states, files, masks
from ...ground.errors import BadData, Busy, Failure, NotPermitted
from ...ground.paths import Home
from . import journal, scopes, trust
from .scopes import GLOBAL, LOCAL, MemoryScope

LARGEST = 1 << 20  # bytes of an index that is written
TRIES = 5

Group = tuple[MemoryScope, list[Operation]]


class Committed(NamedTuple):
    """A bullet that is in an index now."""

    id: str
    path: str
    line: int
    text: str


class Rejected(NamedTuple):
    id: str
    reason: str


class Flushed(NamedTuple):
    committed: list[Committed]
    rejected: list[Rejected]
    written: list[MemoryScope]


class Writeback:
    """One flush. `at` is the present time as text, `say` hears of broken configurations."""

    def __init__(self, home: Home, at: str, say: Callable[[str], None], *, dry: bool = False):
        self.home, self.at, self.say, self.dry = home, at, say, dry

    def flush(self) -> Flushed:
        """Validate what is staged, and commit what is valid. Busy when an index never holds still;
        a failure to write leaves everything staged."""
        if not self.dry:
            journal.settle(self.home)
        rejected: list[Rejected] = [] if self.dry else self._recover()
        for _ in range(TRIES):
            groups, refused = self._validate()
            if not self.dry:
                self._reject(refused)
            rejected += refused
            try:
                if not self.dry:
                    self._commit(groups)
            except Rejection:  # somebody saved between the two
                continue
            found = [self._locate(scope, one) for scope, group in groups for one in group]
            return Flushed(found, rejected, [scope for scope, _ in groups])
        raise Busy("the memory is being edited", cure="try again")

    # --- which are valid

    def _validate(self) -> tuple[list[Group], list[Rejected]]:
        """The valid operations by index, and the others with the reason."""
        groups: dict[str, Group] = {}
        texts: dict[str, bytes] = {}
        refused = []
        for one in journal.read(self.home).staged.values():
            try:
                scope = self._find_scope(one)
                if scope.path not in texts:
                    texts[scope.path] = self._read(scope)
                texts[scope.path] = self._check(one, scope, texts[scope.path])
            except Rejection as rejection:
                refused.append(Rejected(one.id, rejection.reason))
            else:
                groups.setdefault(scope.path, (scope, []))[1].append(one)
        return list(groups.values()), refused

    def _find_scope(self, one: Operation) -> MemoryScope:
        if one.by not in ("user", "agent") or (one.scope == GLOBAL) != (not one.project):
            raise Rejection("provenance")
        if one.project and one.project not in trust.list_trusted(self.home):
            raise Rejection("untrusted")
        found = scopes.find(self.home, one.project or None, self.say)
        return next(scope for scope in found if scope.name == one.scope)

    def _read(self, scope: MemoryScope) -> bytes:
        try:
            data = scope.read(scope.file, LARGEST + 1) or b""
        except OSError:
            raise Rejection("unreadable") from None
        if len(data) > LARGEST:
            raise Rejection("large")
        return data

    def _check(self, one: Operation, scope: MemoryScope, data: bytes) -> bytes:
        """The index with the operation in it. Rejection."""
        config = scope.config
        if masks.mask(one.text) != one.text or config.strict and secrets.find(one.text):
            raise Rejection("secret")
        new = operation.apply(data, one)
        capped = config.strict and not config.page_table and new != data
        if capped and not excerpt.cut(new, config.max_lines, config.max_bytes).whole:
            raise Rejection("caps")
        return new

    def _reject(self, refused: Iterable[Rejected]) -> None:
        staged = journal.read(self.home).staged
        lines = [
            operation.render_reject(one.id, self.at, one.reason, staged[one.id].digest)
            for one in refused
        ]
        if lines:  # in one step: a secret is not to wait for a next one
            journal.tidy(self.home, self.at, b"".join(lines))

    # --- writing

    def _commit(self, groups: list[Group]) -> None:
        if not groups:
            return
        ids = [[one.id for one in group] for _, group in groups]
        begin = zip(groups, ids)
        self._note(*(("begin", each, {"path": scope.path}) for (scope, _), each in begin))
        done: list[tuple[MemoryScope, Callable[[bytes], bytes]]] = []
        try:
            for scope, group in groups:
                done.append((scope, self._change(scope, partial(_apply, group))))
        except (OSError, Failure, Rejection):
            for scope, undo in done:
                self._change(scope, undo)
            self._note(("abort", sum(ids, []), {}))
            raise
        self._note(("commit", sum(ids, []), {}))
        journal.tidy(self.home, self.at)  # what is in the index need not stand here, too

    def _note(self, *steps: tuple[str, list[str], dict]) -> None:
        lines = [operation.render_step(did, self.at, ids, **more) for did, ids, more in steps]
        journal.append(self.home, b"".join(lines))

    def _change(
        self, scope: MemoryScope, change: Callable[[bytes], bytes]
    ) -> Callable[[bytes], bytes]:
        """Change an index, and say how to undo that: not where somebody has changed it since."""
        from .. import changes

        path = scope.path
        real = _make(scope)
        exchange.recover(real)
        seen: dict[bytes, bytes] = {}

        def announce(placed: file_states.Identity) -> None:
            self._note(("place", [], {"path": path, "inode": [placed.device, placed.inode]}))

        with changes.admission(self.home) as admit:

            def make(old: bytes) -> bytes:
                seen.clear()
                new = admit("memory", path, old, change(old))
                seen[new] = old
                return new

            exchange.edit(real, make, follow=False, announce=announce)
        return lambda data: seen.get(data, data)

    def _locate(self, scope: MemoryScope, one: Operation) -> Committed:
        found = bullets.find(scope.read(scope.file, LARGEST) or b"", one.text)
        return Committed(one.id, scope.path, found.line if found else 0, one.text)

    # --- after a death

    def _recover(self) -> list[Rejected]:
        """Settle what a flush that was killed had begun: it is in the index, or tried again."""
        there = journal.read(self.home)
        doubtful = []
        for path in sorted(set(there.begun.values())):
            begun = [id for id, place in there.begun.items() if place == path]
            ops = [there.staged[id] for id in begun if id in there.staged]
            placed = there.placed.get(path)
            if placed is None or _is_beside(path, placed):
                self._note(("abort", begun, {}))
                exchange.recover(path)
                continue
            exchange.recover(path)
            data = b"" if _is_at(path, placed) else _read_if_there(path)
            missing = [one for one in ops if data and not operation.is_applied(data, one)]
            gone = {one.id for one in missing}
            if os.path.isdir(os.path.dirname(path)):  # it was killed before that, perhaps
                files.sync_with_parent(os.path.dirname(path))
            self._note(("commit", [id for id in begun if id not in gone], {}))
            doubtful += [Rejected(one.id, "doubt") for one in missing]
        self._reject(doubtful)
        return doubtful


def _apply(group: list[Operation], data: bytes) -> bytes:
    for one in group:
        data = operation.apply(data, one)
    return data


def add_topic(scope: MemoryScope, name: str, data: bytes) -> bool:
    """A new topic file; False when it is there with this text. BadData when it says something else.
    The caller holds the lock."""
    folder = _find_folder(scope)
    try:
        anchored.create(os.path.join(folder, name), data)
        return True
    except FileExistsError:
        if scope.read(name, len(data) + 1) == data:
            return False
        place = os.path.join(scope.folder, name)
        raise BadData("there is one already", place=place, cure="merge them by hand") from None


def _find_folder(scope: MemoryScope) -> str:
    """The real path of its folder, which may not be there. NotPermitted when a link is in the way
    that may be a model's."""
    real = os.path.realpath(scope.folder)
    if scope.project and real != scope.folder:
        link = scope.find_link() or scope.folder
        raise NotPermitted("a link", place=link, cure=scopes.NO_LINK)
    return real


def _make(scope: MemoryScope) -> str:
    """The index, empty, where there is none; and beside a local one, a .gitignore. The real path of
    the index."""
    folder = _find_folder(scope)
    names = {scope.file: b""}
    if scope.name == LOCAL:
        names = {".gitignore": f"{scope.file}\n".encode(), **names}
    for name, data in names.items():
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            try:
                anchored.create(path, data)
            except FileExistsError:  # somebody made it meanwhile
                continue
        elif os.path.isfile(path) and os.stat(path).st_nlink > 1:
            files.finish_creating(path)  # what one that was killed left to do
    return os.path.join(folder, scope.file)


def _is_at(path: str, placed: tuple[int, int]) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == placed


def _is_beside(path: str, placed: tuple[int, int]) -> bool:
    """Whether what was to be put in place still lies beside it."""
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    left = [one for one in names if one.startswith(f".{files.shorten_name(name)}.")]
    return any(_is_at(os.path.join(folder, one), placed) for one in left)


def _read_if_there(path: str) -> bytes:
    try:
        return files.read(path, 0, LARGEST) or b"\n"
    except OSError:
        return b"\n"
