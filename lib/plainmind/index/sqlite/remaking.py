"""An index that is made beside the one there is, and takes its place when it is whole: until then
the old one answers, and nobody waits for the new one."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    then itself. None without `fill`."""
    if not fill:
        yield []
        return
    folder = os.path.join(home.index, FOLDER)
    with files.lock(os.path.join(home.index, "rebuild.lock")):
        discard(home)
        try:
            with made_in(home, folder) as index:
                fill(index)
                name = os.path.basename(index.path)
            others = sorted({*os.listdir(folder)} - {"lock", name})
            place = lambda one: (os.path.join(folder, one), os.path.join(home.index, one))
            yield [place(one) for one in (*others, name)]
        finally:
            discard(home)


def discard(home: Home) -> None:
    """Remove what one left that was killed, or whatever stands in its place."""
    folder = os.path.join(home.index, FOLDER)
    if os.path.isdir(folder) and not os.path.islink(folder):
        regular.change_mode(folder, 0o700)
        shutil.rmtree(folder)
    elif os.path.lexists(folder):  # a pipe would be waited for
        os.unlink(folder)
