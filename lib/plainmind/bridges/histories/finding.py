"""Which files of a history are read: those that are named, and what is wanted of folders and of the
.zip an export comes as.

Owns walking, in sorted order, part 2 before part 10; what is left out: a synchroniser's copies; and
what is told of an export's other files. Refuses to know what the files hold."""

import os
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from ...formats import copies
from ...ground import files
from ...ground.errors import BadData, Failure, NoInput
from . import sources
from .items import Skipped, Unread
from .sources import HistoryReader, Source

COPY = "copy of a synchroniser"
#: endings of files that may hold what somebody wrote
WORDS = (".json", ".md", ".txt", ".csv", ".html", ".htm")


def find_sources(
    paths: Sequence[str], history: HistoryReader
) -> Iterator[Source | Skipped | Failure]:
    """The files of `paths`: each that is named, and those of folders and archives that are wanted,
    but for copies of a synchroniser's. What is not wanted of an export, or stands beside what is,
    and may hold words, is told."""
    for path in paths:
        try:
            if os.path.isdir(path):
                yield from _files_of(path, history)
            elif not os.path.exists(path):
                yield NoInput("no such file or folder", place=path)
            elif path.lower().endswith(".zip"):
                yield from _members_of(path, history)
            else:
                folder, name = os.path.split(path)
                names = os.listdir(folder or ".") if history.pages else [name]
                copy = name in _find_copies(names, partial(_beginning_of, folder), history)
                yield Skipped(COPY) if copy else sources.find_file(path)
        except OSError as error:
            yield files.to_failure(error)
        except (zipfile.BadZipFile, ValueError):
            yield BadData("not a zip archive", place=path, cure="export it again")


def _find_copies(
    names: Sequence[str], read: Callable[[str], bytes], history: HistoryReader
) -> set[str]:
    """The copies among the names of a folder. Of pages, also those whose names leave a doubt: other
    records have ids, and two files may each have some that the other has not."""
    return {*(copies.find_copies(names, read) if history.pages else filter(copies.is_copy, names))}


def _files_of(root: str, history: HistoryReader) -> Iterator[Source | Skipped | Failure]:
    failures: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=failures.append):
        folders.sort(key=_natural)
        yield from [files.to_failure(error) for error in failures]
        failures.clear()
        paths = {name: os.path.join(folder, name) for name in names}
        found = [n for n, path in paths.items() if history.wanted(path) and os.path.isfile(path)]
        others = _find_copies(found, partial(_beginning_of, folder), history)
        for name in sorted(found, key=_natural):
            yield Skipped(COPY) if name in others else sources.find_file(paths[name])
        beside = {*names} - {*found} if found else ()
        left = [paths[name] for name in beside if os.path.isfile(paths[name])]
        yield from _unread([os.path.relpath(path, root) for path in left], history)
    yield from [files.to_failure(error) for error in failures]


def _unread(paths: Iterable[str], history: HistoryReader) -> Iterator[Skipped]:
    """Why files of an export are not read, by their names, or by the folder in it they are in."""
    for path in paths if history.export else ():
        first, _, rest = path.replace(os.sep, "/").partition("/")
        if path.lower().endswith(WORDS) and first.isprintable() and first[:1] != ".":
            yield Unread(f"file in '{first}'" if rest else f"file '{first}'")


def _beginning_of(folder: str, name: str) -> bytes:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(copies.COMPARED)
    except OSError:
        return b""


def _members_of(path: str, history: HistoryReader) -> Iterator[Source | Skipped]:
    folders: dict[str, dict[str, zipfile.ZipInfo]] = defaultdict(dict)
    for info in sorted(
        sources.open_archive(path).infolist(), key=lambda info: _natural(info.filename)
    ):
        if history.wanted(info.filename) and not info.is_dir():
            folder, name = os.path.split(info.filename)
            folders[folder][name] = info
        else:
            yield from _unread([info.filename], history)
    for infos in folders.values():
        others = _find_copies([*infos], partial(_beginning_in, path, infos), history)
        for name, info in infos.items():
            yield Skipped(COPY) if name in others else sources.find_member(path, info)


def _beginning_in(zip: str, infos: dict[str, zipfile.ZipInfo], name: str) -> bytes:
    try:
        with sources.open_archive(zip).open(infos[name]) as member:
            return member.read(copies.COMPARED)
    except sources.ZIP_ERRORS:
        return b""


def _natural(name: str) -> list[tuple[int, str]]:
    """A name's place among others: numbers in it by what they count."""
    parts = re.split(r"(\d{1,18})", name, flags=re.ASCII)
    return [(int(part), "") if n % 2 else (-1, part) for n, part in enumerate(parts)]
