"""Files that last and that commands may write themselves, without a command of the suite: resident
memory, and what is in later prompts where there is no sandbox. They are compared before and after
each command, so that a change is kept and named like any other (truth.changes).

What they were is in `.changes/<turn>.watch` while a turn runs commands: of a turn that is killed,
the next one compares. No fsync: that is for a process's death, not for a power cut.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from ..formats.change import FileChange
from ..ground import file_states, files, regular, stream
from ..ground.environment import TurnRights
from ..ground.paths import Home
from ..truth import changes
from ..truth.resident.scopes import MemoryScope

END = ".watch"
#: of the home, where nothing protects it: what they are to turn.may
FILES = {
    "config.toml": "settings",
    "pins/pins.md": "pins",
    "reminders.md": "reminders",
    "system-prompt.md": "settings",
}
FOLDERS = {"knowledge": "pages", "skills": "skills"}


class WatchedFile(NamedTuple):
    """A file as it was: what tells whether it is that still, and its bytes; of a long one, as far
    as a prompt may show it. A command can put a file's time back, and not that of its last change
    of any kind."""

    identity: tuple[file_states.Identity, int]
    data: bytes


Watched = dict[str, WatchedFile]


class Watch:
    """The files of one turn: of the scopes of resident memory, and with `everything` the home's."""

    def __init__(
        self, home: Home, rights: TurnRights, scopes: Iterable[MemoryScope], everything: bool
    ):
        self._home, self._rights, self._everything = home, rights, everything
        self._scopes = list({scope.folder: scope for scope in scopes}.values())
        self._seen: Watched = {}
        self._stored: Watched | None = None
        self._path = home.path(changes.FOLDER, rights.digits + END)

    def begin(self) -> None:
        """A command is about to run."""
        self._seen = self._look()
        if self._stored != self._seen and (self._scopes or self._everything):
            with suppress(OSError):  # a full disk stops no command
                self._store()

    def _store(self) -> None:
        if os.path.isdir(self._home.root):
            told = {"turn": self._rights[:3], "everything": self._everything}
            told |= {"scopes": [scope[:3] for scope in self._scopes]}
            told |= {"files": {path: stream.decode(one.data) for path, one in self._seen.items()}}
            files.make_folder(os.path.dirname(self._path))
            with open(self._path, "w", opener=_open_private) as file:
                json.dump(told, file)
            self._stored = self._seen

    def end(self) -> None:
        """It has run: keep what it changed."""
        before, self._seen = self._seen, self._look()
        if before == self._seen:
            return
        kept = changes.list_kept(self._home, fresh=True)
        ours = [k for k in kept if (k.state, k.change.turn) == (changes.MADE, self._rights.digits)]
        for path in sorted(before.keys() | self._seen.keys()):
            old, new = (one[path].data if path in one else None for one in (before, self._seen))
            if old != new:
                self._keep(path, old, new, ours)

    def close(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path)

    def _keep(
        self, path: str, old: bytes | None, new: bytes | None, ours: list[changes.KeptChange]
    ) -> None:
        """Keep a change, in the place of what a command of the suite kept of it."""
        part = changes.to_part(self._home, path)
        made = (FileChange.of(part, old, new),)
        for one in ours:
            if one.change.files == made:
                return
            first = one.change.files[0]
            if (first.path, first.after) == (part, made[0].after):
                changes.drop(self._home, one)
        kind = FILES.get(part) or FOLDERS.get(part.split(os.sep)[0], "memory")
        changes.keep(self._home, self._rights._replace(may=frozenset([kind])), kind, made)

    def _look(self) -> Watched:
        """All of the files; only what is not the one that was is read."""
        found: Watched = {}
        for scope in self._scopes:
            # whoever may write there may put a link there, too
            with suppress(OSError), scope.opened() as folder:
                for name in filter(_is_memory, os.listdir(folder)):
                    self._look_at(found, os.path.join(scope.folder, name), name, folder)
        for path in _list_home(self._home) if self._everything else ():
            self._look_at(found, path, path)
        return found

    def _look_at(self, found: Watched, path: str, name: str, folder: int | None = None) -> None:
        with suppress(OSError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            identity = file_states.identify(status), status.st_ctime_ns
            old = self._seen.get(path)
            if not stat.S_ISREG(status.st_mode):
                return
            if old and old.identity == identity:
                found[path] = old
                return
            if folder is None:
                data = files.read(path, 0, changes.LARGEST)
            else:
                data = regular.read_at(folder, name, changes.LARGEST)
            found[path] = WatchedFile(identity, data)


def recover(home: Home) -> None:
    """Keep what turns that were killed changed, in the command that they ran."""
    for name in changes.list_names(home):
        path = home.path(changes.FOLDER, name)
        if not name.endswith(END):
            continue
        with suppress(OSError, ValueError, TypeError, KeyError):
            told = json.loads(files.read(path))
            digits, pid, context = told["turn"]
            if files.is_running(pid):
                continue
            scopes = [MemoryScope(*scope) for scope in told["scopes"]]
            rights = TurnRights(digits, pid, context, frozenset())
            left = Watch(home, rights, scopes, told["everything"])
            nothing = file_states.Identity(0, 0, 0, 0), 0
            for file, text in told["files"].items():
                left._seen[file] = WatchedFile(nothing, stream.encode(text))
            left.end()
        with suppress(FileNotFoundError):
            os.unlink(path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _list_home(home: Home) -> Iterator[str]:
    yield from map(home.path, FILES)
    for folder in FOLDERS:
        for here, folders, names in os.walk(home.path(folder)):
            folders[:] = [name for name in folders if name[0] != "."]
            yield from (os.path.join(here, name) for name in names if name[0] != ".")


def _is_memory(name: str) -> bool:
    return name[0] != "." and name.endswith((".md", "config.json"))
