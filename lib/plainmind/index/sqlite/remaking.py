"""An index that is made beside the one there is, and takes its place when it is whole: until then
the old one answers, and nobody waits for the new one."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from ...ground import files, regular
from ...ground.paths import Home
from .tables import FileTables

FOLDER = "again"  # in index/: a file is renamed within one file system only


@contextmanager
def filled(
    home: Home,
    made_in: Callable[[Home, str], FileTables],
    fill: Callable[[FileTables], None] | None,
) -> Iterator[list[tuple[str, str]]]:
    """Files of a new index, made in another folder, and where each belongs: what its rows speak of,
    then itself. None without `fill`, or when somebody deleted it meanwhile."""
    if not fill:
        yield []
        return
    folder = os.path.join(home.index, FOLDER)
    with _lock(home):
        _remove(folder)
        try:
            index = made_in(home, folder)
            index.retried = True
            with index:
                fill(index)
            if index.failure and not index.moved:
                from . import damage

                raise damage.system_failure(index.failure, index.path) or index.failure
            name = os.path.basename(index.path)
            others = sorted({*os.listdir(folder)} - {"lock", name}) if not index.moved else []
            place = lambda one: (os.path.join(folder, one), os.path.join(home.index, one))
            yield [] if index.moved else [place(one) for one in (*others, name)]
        finally:
            _remove(folder)


def discard(home: Home, wait: float = files.LOCK_WAIT) -> None:
    """Remove what one left that was killed. One that runs is waited for: it may have read what is
    to be forgotten; Busy without a `wait`."""
    folder = os.path.join(home.index, FOLDER)
    if os.path.lexists(folder):
        with _lock(home, wait):
            _remove(folder)


def _lock(home: Home, wait: float = files.LOCK_WAIT) -> AbstractContextManager[None]:
    return files.lock(os.path.join(home.index, "rebuild.lock"), wait)


def _remove(folder: str) -> None:
    while os.path.lexists(folder):
        import shutil

        with suppress(FileNotFoundError):  # somebody else deletes it, too
            if os.path.islink(folder) or not os.path.isdir(folder):
                os.unlink(folder)  # whatever stands in its place: a pipe would be waited for
            else:
                regular.change_mode(folder, 0o700)
                shutil.rmtree(folder)
