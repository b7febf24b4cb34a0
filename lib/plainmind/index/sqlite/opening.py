"""The index file: making and opening it, setting aside what is damaged. It is the engine
(index.engine.Engine).

Owns the pragmas, and what counts as damage. Nothing in the suite ever open()s the database file:
closing it would drop SQLite's own locks.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress

from ...formats.words import fingerprint
from ...ground import clock, files, regular
from ...ground.errors import Busy, InputOutput
from ...ground.paths import Home
from ..rows.database import VERSION, Damaged
from . import words
from .index_file import BUSY, connect, keep_files
from .tables import FileTables

APPLICATION = 0x4D494E44  # 'MIND'
TRIES = 5
SECTOR = 512  # bytes, of which every page has some
MISHAPS = 3  # errors of the machine's that are believed

#: a setting of an index that was made new in vain
_BLAMED = "blamed"
_PARTS = ("", "-journal", "-wal", "-shm")

_ROWS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "rows")
_SCHEMAS = [os.path.join(_ROWS, f"{name}.sql") for name in ("schema", "work")]
_SCHEMAS.append(os.path.join(os.path.dirname(__file__), "embeddings.sql"))


def opened(
    home: Home, say: Callable[[str], None], *, thorough: bool = False
) -> Iterator[FileTables]:
    path = _path(home)
    _make_way(home, path, say)
    if not _is_writable(path):
        yield from _unwritten(home, path, say, thorough)
        return
    set_aside, failed = "", 0
    for _ in range(TRIES):
        moved, inode = False, _inode(path)
        try:
            store = _open(home, path)
        except (Damaged, sqlite3.DatabaseError, FileNotFoundError, TypeError) as error:
            failure: Exception = error
        else:
            store.thorough, store.say, store.retried = thorough, say, True
            yield store
            if store.failure is None:
                return
            failure, moved, inode = store.failure, store.moved, store.inode
        from . import damage

        if moved or _inode(path) != inode or isinstance(failure, FileNotFoundError):
            continue  # it was deleted or replaced in the middle, which anybody may do
        if reason := damage.system_failure(failure, path):
            # one that was open while its file was deleted may have taken this one's journal away
            failed += 1
            if failed == MISHAPS or isinstance(reason, Busy):
                raise reason from failure
            continue
        if damage.is_ours(failure) and (set_aside or _is_blamed(home, path)):
            _blame(home, path)
            raise failure
        if set_aside:
            what = f"the index cannot be rebuilt: {failure}"
            raise InputOutput(what, place=path, cure="check the disk") from failure
        set_aside = _set_aside(home, path, getattr(failure, "version", 0))
        what = f"damaged ({failure!r})" if damage.is_ours(failure) else str(failure)
        say(f"{path}: {what}; set aside as '{set_aside}' and rebuilt")
    raise Busy("the index keeps being replaced", place=path, cure="try again")


def _unwritten(
    home: Home, path: str, say: Callable[[str], None], thorough: bool
) -> Iterator[FileTables]:
    """The index where nothing can be written, or a copy of it when it does not say what the files
    say, or cannot be read without writing."""
    if not (yield from _use(home, path, say, thorough)):
        yield from copied(home, say, thorough=thorough)


def unchanged(
    home: Home, say: Callable[[str], None], *, thorough: bool = False
) -> Iterator[FileTables]:
    path = _path(home)
    there = os.path.isfile(path) and os.path.getsize(path)
    if not there or not (yield from _use(home, path, say, thorough, pretends=True)):
        yield from copied(home, say, thorough=thorough)


def _use(
    home: Home, path: str, say: Callable[[str], None], thorough: bool, *, pretends: bool = False
) -> Generator[FileTables, None, bool]:
    """The index at a path, if it can be opened; whether it was used to the end."""
    resting = None if _is_writable(path) else _look_at_rest(path)
    try:
        store = _open(home, path)
        if pretends:
            store.pretend()
    except (Damaged, sqlite3.DatabaseError, OSError, TypeError):
        return False
    store.thorough, store.say, store.retried = thorough, say, True
    yield store
    return store.failure is None and resting in (None, _look_at_rest(path))


def copied(
    home: Home, say: Callable[[str], None], *, thorough: bool = False
) -> Iterator[FileTables]:
    from ...ground import scratch

    with scratch.open_folder() as folder:
        path, copy = _path(home), os.path.join(folder, "mind.db")
        if os.path.isfile(path):
            resting = _look_at_rest(path)
            with closing(sqlite3.connect(copy)) as target:
                try:
                    source = sqlite3.connect(_address(path, False), uri=True, timeout=BUSY)
                    with closing(source):
                        source.backup(target)
                    whole = resting in (None, _look_at_rest(path))
                except sqlite3.DatabaseError:
                    whole = False  # damaged, or gone
                if not whole:
                    os.unlink(copy)  # the copy is made from the files
        if not (yield from _use(home, copy, say, thorough)):
            # what a command would set aside is left where it is: the copy is made from the files
            yield made_in(home, os.path.join(folder, "again"))


def made_in(home: Home, folder: str) -> FileTables:
    return _open(home, os.path.join(folder, "mind.db"))


def exists(home: Home) -> bool:
    return os.path.exists(_path(home))


def list_set_aside(home: Home) -> list[str]:
    names = sorted(os.listdir(home.index)) if os.path.isdir(home.index) else []
    there = (name for name in names if ".bad" in name and name.startswith("mind.db"))
    return [name for name in there if not os.path.isdir(os.path.join(home.index, name))]


def list_files(home: Home) -> list[str]:
    """Names of files of `index/`: those of the index itself."""
    return list(map(os.path.basename, _list_parts(_path(home))))


def discard_set_aside(home: Home) -> None:
    from . import remaking

    remaking.discard(home)
    for name in list_set_aside(home):
        os.unlink(os.path.join(home.index, name))


def discard_unfinished(home: Home) -> None:
    from . import remaking

    with suppress(Busy):  # one that runs
        remaking.discard(home, wait=0)


def rebuild(home: Home, fill: Callable[[FileTables], None] | None = None) -> None:
    from . import remaking

    _make_way(home, _path(home), lambda text: None)
    files.make_folder(home.index)
    lock = files.lock(os.path.join(home.index, "lock"))
    with (
        suppress(FileNotFoundError),  # somebody deletes all of it meanwhile
        remaking.filled(home, made_in, fill) as made,
        lock,
        files.lock(home.index),
    ):
        for path in _list_parts(_path(home)):
            os.unlink(path)
        for new, place in made:
            os.rename(new, place)
        files.sync_folder(home.index)


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether the WAL-reset bug is fixed: in 3.51.3, and in 3.50.7 and 3.44.6 of their lines."""
    return (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51, 0)
        or (3, 44, 6) <= version < (3, 45, 0)
    )


def _path(home: Home) -> str:
    return os.path.join(home.index, "mind.db")


def _list_parts(path: str) -> Iterator[str]:
    """The files there are of a database."""
    return filter(os.path.lexists, [path + end for end in _PARTS])


def _make_way(home: Home, path: str, say: Callable[[str], None]) -> None:
    """Set aside what stands in the place of the index's folder or files and is neither: SQLite
    would wait for a pipe, and follow a link. A file of ours that we may not write gets its mode
    back."""
    if not _is_folder(home.index) and os.access(home.root, os.W_OK):
        aside = os.path.basename(regular.set_aside(home.index))
        say(f"{home.index}: not a folder; set aside as '{aside}' and rebuilt")
    if os.path.isdir(home.index) and not os.access(home.index, os.R_OK | os.X_OK):
        with suppress(OSError):  # 0500 may be meant; one that nobody can look into is not
            regular.change_mode(home.index, 0o700)
    if not os.access(home.index, os.W_OK | os.X_OK):
        return
    for part in _list_parts(path):
        there = os.lstat(part)
        if not stat.S_ISREG(there.st_mode):
            aside = os.path.basename(regular.set_aside(part))
            say(f"{part}: not a file; set aside as '{aside}' and rebuilt")
        elif there.st_mode & 0o600 != 0o600 and there.st_uid == os.geteuid():
            regular.change_mode(part, 0o600)


def _is_folder(path: str) -> bool:
    """Whether a folder is there, or nothing, by one look: others may make it. It may be
    elsewhere."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return not os.path.islink(path)


def _open(home: Home, path: str) -> FileTables:
    writable = _is_writable(path)
    if writable:
        files.make_folder(os.path.dirname(path))
    if os.path.islink(path):  # a folder may be elsewhere; this would be made where it leads
        raise Damaged("a link")
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for
        raise Damaged("not a file")
    # an empty file is one whose maker died, or has not come to its schema yet
    if os.path.exists(path) and os.path.getsize(path) % SECTOR:
        raise Damaged("cut off")  # SQLite would take the rest for zeros
    folder = os.path.dirname(path)
    for _ in range(TRIES):
        # while it is judged nobody takes it away (`rebuild`): a journal is found by its name, and
        # is that of whatever is in its place by then
        with keep_files(folder):
            before = _inode(path)
            db = connect(_address(path, writable))
            try:
                fts5, inode = _judge(db), _inode(path)
            except BaseException as error:
                db.close()
                if isinstance(error, UnicodeDecodeError):  # SQLite quotes what is wrong with it
                    raise Damaged("its schema is not text") from error
                raise
            # SQLite does not say which file it has open. It is this one when the name stood for it
            # before and after: a number is not given again while a file is open.
            if fts5 is not None and before == inode:
                return FileTables(home, db, inode, fts5=fts5, writable=writable)
        with closing(db):
            if fts5 is None:
                _create(path, db, inode)
    raise Busy("the index keeps being replaced", place=path, cure="try again")


def _judge(db: sqlite3.Connection) -> bool | None:
    """Damaged unless it is an index as we make it; whether it has FTS5's tables. None if it is
    empty."""
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")  # what is forgotten is gone from the file
    db.execute("PRAGMA cache_size = -65536")
    if not _count_tables(db):
        return None
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise Damaged("not an index of ours")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        other = Damaged(f"made by version {version} of the index, this is {VERSION}")
        other.version = version
        raise other
    (fold,) = db.execute("SELECT value FROM settings WHERE name = 'terms'").fetchone() or ("",)
    if fold != fingerprint():
        other = Damaged(f"its words were made by '{fold}', this is '{fingerprint()}'")
        other.version = VERSION
        raise other
    made = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'words'").fetchone()
    return bool(made) and "fts5" in made[0]


def _address(path: str, writable: bool) -> str:
    mode = "mode=rwc" if writable else "mode=ro"
    if not writable and _look_at_rest(path):
        mode += "&immutable=1"
    return f"file:{_quoted(path)}?{mode}"


def _look_at_rest(path: str) -> tuple[int, ...] | None:
    """What tells whether somebody writes a database that nobody has open; None where somebody may
    have. Without locks, since with WAL SQLite would make files beside it for them, or refuse where
    it cannot."""
    if not wal_is_safe(sqlite3.sqlite_version_info) or len([*_list_parts(path)]) != 1:
        return None
    there = os.stat(path)
    return there.st_ino, there.st_size, there.st_mtime_ns


def _is_writable(path: str) -> bool:
    """Whether the index can be written, or made."""
    folder = os.path.dirname(path)
    if not os.path.exists(folder):
        above = os.path.dirname(folder)
        return not os.path.exists(above) or os.access(above, os.W_OK)
    parts = [folder, *filter(os.path.exists, (path, os.path.join(folder, "lock")))]
    return all(os.access(part, os.W_OK) for part in parts)


def _create(path: str, db: sqlite3.Connection, inode: int) -> None:
    """The schema in an empty database, which has that inode."""
    with files.lock(os.path.join(os.path.dirname(path), "lock")):
        # another process was faster. SQLite does not see that an empty file is gone, and its
        # journal would be played back into the one in its place
        if _inode(path) != inode or _count_tables(db):
            return
        if db.execute("PRAGMA application_id").fetchone()[0]:
            raise Damaged("its tables are gone")
        regular.change_mode(path, 0o600)
        if wal_is_safe(sqlite3.sqlite_version_info):
            db.execute("PRAGMA journal_mode = WAL")
        schema = "".join(files.read(path).decode() for path in _SCHEMAS)
        db.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION}; "
            f"PRAGMA user_version = {VERSION};{schema};{words.tables(has_fts5(db))};"
            f"INSERT INTO settings VALUES ('terms', '{fingerprint()}'); COMMIT"
        )


def _count_tables(db: sqlite3.Connection) -> int:
    count: int = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return count


def has_fts5(db: sqlite3.Connection) -> bool:
    return any(row[0] == "ENABLE_FTS5" for row in db.execute("PRAGMA compile_options"))


def _set_aside(home: Home, path: str, version: int) -> str:
    """Rename it. Programs of two versions that take turns leave one file each, not one a turn."""
    with files.lock(os.path.join(home.index, "lock")), files.lock(home.index):
        stamp = f"{clock.to_stamp(clock.system_now())}.{os.getpid()}"
        aside = f"{path}.{f'version-{version}' if version else stamp}.bad"
        for part in _list_parts(aside):
            os.unlink(part)
        for part in _list_parts(path):
            os.rename(part, aside + part.removeprefix(path))
        files.sync_folder(home.index)
    return os.path.basename(aside)


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return -1


def _is_blamed(home: Home, path: str) -> bool:
    with suppress(Exception), closing(_open(home, path)) as store:
        return store.setting(_BLAMED) is not None
    return False


def _blame(home: Home, path: str) -> None:
    with suppress(Exception), closing(_open(home, path)) as store, store.writing():
        store.put_setting(_BLAMED, "1")


def _quoted(path: str) -> str:
    # urllib.parse would take 6 ms to import
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
