"""The board's pages as files in one folder, for who mails or publishes them."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from ..ground import files, stream
from ..ground.errors import Failure, NoInput, NotPermitted
from ..memory import Memory
from . import rendering
from .links import FileLinks, name_file
from .pages import PAGES, PUBLISHED, BoardPage

#: names what was written, so that the next run takes out what is there no more
LIST = ".work-board"
_LONGEST = 16 << 20  # bytes of it
_MARK = b'<meta name="generator" content="Plainmind work-board">'  # near a page's beginning


def publish(memory: Memory, folder: str, report: Callable[[Failure], None]) -> list[str]:
    """Write every page, and what pages have in parts; the names of the files. What an earlier run
    wrote and is a page no more goes; what is in the folder besides stays. A page that fails is
    reported, and says so."""
    root = os.path.realpath(memory.home.root)
    if os.path.commonpath((root, os.path.realpath(folder))) == root:
        what = "in the memory folder, which holds no pages of the board"
        raise NotPermitted(what, place=folder, cure="name a folder outside it")
    wanted = list(_list_wanted(memory, report))
    _check_room(folder, [name_file(page, part) for page, part in wanted])
    files.make_folder(folder)
    links = FileLinks({(page.name, part) for page, part in wanted})
    before, names = _read_list(folder), {name_file(page, part) for page, part in wanted}
    # before they are there: a run that is killed leaves none that nobody knows of
    _write(folder, LIST, "".join(f"{name}\n" for name in sorted(before | names)))
    for page, part in wanted:
        _write(folder, name_file(page, part), _render(memory, page, part, links, report))
    for name in before - names:  # a list may be somebody else's
        if _is_ours(path := os.path.join(folder, name)):
            with suppress(FileNotFoundError):
                os.unlink(path)
    _write(folder, LIST, "".join(f"{name}\n" for name in sorted(names)))
    _copy_static(folder)
    return sorted(names)


def _list_wanted(
    memory: Memory, report: Callable[[Failure], None]
) -> Iterator[tuple[BoardPage, str]]:
    """Pages, and their parts; not those whose name holds a secret, as the name of a file would."""
    for page in PAGES:
        yield page, ""
        if page.has_parts:
            try:
                parts = [part for part in page.module.list_parts(memory) if part]
            except (Failure, OSError) as error:
                report(files.to_failure(error))
                continue
            yield from ((page, part) for part in parts if memory.env.mask(part) == part)


def _render(
    memory: Memory, page: BoardPage, part: str, links: FileLinks, report: Callable[[Failure], None]
) -> str:
    try:
        data = rendering.show(page.module.read(memory, part, PUBLISHED), memory.env.mask)
        mask = memory.env.mask
        return rendering.render(page, data, links, memory.now(), part=part, mask=mask)
    except (Failure, OSError) as error:
        failure = files.to_failure(error)
        if not (part and isinstance(failure, NoInput)):  # gone since it was listed
            report(failure)
        told = rendering.show(str(failure), memory.env.mask)
        return rendering.render_message("Not found", told, links, memory.now())


def _write(folder: str, name: str, text: str) -> None:
    files.replace(os.path.join(folder, name), stream.encode(text))


def _read_list(folder: str) -> set[str]:
    """What an earlier run wrote: names of pages, whatever stands in the list."""
    try:
        text = stream.decode(files.read(os.path.join(folder, LIST), 0, _LONGEST))
    except OSError:
        return set()
    return {name for name in text.split("\n") if re.fullmatch(r"[\w~-][\w.~-]*\.html", name)}


def _check_room(folder: str, names: Iterable[str]) -> None:
    """NotPermitted where something else has the name of a page, or of what a page needs."""
    paths = [os.path.join(folder, name) for name in names]
    if not os.path.lexists(os.path.join(folder, LIST)):
        paths.append(os.path.join(folder, "static"))
    for path in paths:
        if os.path.lexists(path) and not _is_ours(path):
            cure = "name another folder, or remove it"
            raise NotPermitted("there, and not a page of the board", place=path, cure=cure)


def _is_ours(path: str) -> bool:
    try:
        return not os.path.islink(path) and _MARK in files.read(path, 0, 300)
    except OSError:
        return False


def _copy_static(folder: str) -> None:
    """NotPermitted where a link would lead it elsewhere."""
    for base, _, names in os.walk(rendering.STATIC):
        part = os.path.relpath(base, os.path.dirname(rendering.STATIC))
        target = os.path.join(folder, part)
        if os.path.islink(target):
            raise NotPermitted("a link", place=target, cure="remove it")
        for name in names:
            files.replace(os.path.join(target, name), files.read(os.path.join(base, name)))
