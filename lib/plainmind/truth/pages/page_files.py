"""Pages on disk: which there are, making one, changing one that a person may be saving. Knows no
index.

`knowledge/*.md` is curated; `raw/compaction/` has summaries of conversations, `raw/observations/`
what was noticed. All are pages (formats.page). Markdown in other folders of `raw/` belongs to the
programs that put it there: it is read, and never changed. The caller of what writes holds the lock
(truth.pages.maintenance)."""

import errno
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from ...formats import copies
from ...ground import anchored, files, regular, stream
from ...ground.errors import NO_MATCH, BadData, Failure, NoInput, NotPermitted
from ...ground.paths import Home
from .foreign import ForeignVault

if TYPE_CHECKING:  # a turn lists the pages; unless one changed, none is parsed
    from ...formats.page.page import Page

KNOWLEDGE, COMPACTION, OBSERVATIONS = "knowledge", "raw/compaction", "raw/observations"
PLACES = (KNOWLEDGE, COMPACTION, OBSERVATIONS)
#: where a synchroniser's copies are looked for; the reminders lie in the memory folder itself
COPIED = ("", KNOWLEDGE, "memory", "raw", "skills")
RECALLED = (KNOWLEDGE, COMPACTION)  # what a turn may be given
#: folders of raw/ that are ours; every other one is its program's
OURS = frozenset("compaction images maintenance-log observations sessions".split())
DEEPEST, MOST = 16, 20_000  # folders below raw/, and entries of other programs that are looked at
LARGEST = 1 << 20  # bytes of a page that is read; of a larger one, the beginning

_UNSAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def places(home: Home) -> tuple[str, ...]:
    """The folders whose pages are our own; of somebody else's vault, all of it."""
    return ("",) if isinstance(home, ForeignVault) else PLACES


def list_paths(home: Home, chosen: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of all pages, relative to the home. A folder, a hidden file, a pipe and what leads out
    of the home are none."""
    for place in chosen or places(home):
        for path, _ in list_entries(home, place):
            yield path


def list_entries(
    home: Home, place: str, matches: Callable[[str], bool] | None = None
) -> list[tuple[str, "os.DirEntry[str]"]]:
    """The same for one place, as the system lists them, by path. Folders below knowledge/, and of
    somebody else's vault, are read, unless they are hidden or links. With `matches`, only those of
    folders in which a name does."""
    pages: dict[str, os.DirEntry[str]] = {}
    folders = [place]
    while folders:
        folder = folders.pop()
        try:
            home.relative(os.path.join(folder, "x"))
            found = list(os.scandir(home.path(folder)))
        except (OSError, NotPermitted):
            continue
        above = os.path.join(folder, "")
        if not matches or any(matches(entry.name) for entry in found):
            named = {entry.name: entry for entry in found if _is_page(home, folder, entry)}
            for name in list_copies(home, folder, named):
                del named[name]
            pages |= {above + name: entry for name, entry in named.items()}
        if place in ("", KNOWLEDGE) and folder.count("/") < DEEPEST:
            inner = [one for one in found if one.is_dir(follow_symlinks=False)]  # few of them
            folders += [above + one.name for one in inner if is_shown_folder(one)]
    return [(path, pages[path]) for path in sorted(pages)]


def is_shown_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder of a vault, and not .obsidian, .trash or .git."""
    return entry.is_dir(follow_symlinks=False) and entry.name[0] != "."


def list_copies(home: Home, place: str, names: Collection[str]) -> list[str]:
    """Names in a folder that a synchroniser gave to copies: not pages."""

    def read(name: str) -> bytes:
        try:
            with open_page(home, os.path.join(place, name)) as file:
                return file.read(copies.COMPARED)
        except (OSError, Failure):
            return b""

    return list(copies.find_copies(names, read))


def find_copies(home: Home, chosen: Iterable[str] = ()) -> Iterator[str]:
    """Paths of the copies that synchronisers made in these folders of the home and below them."""
    theirs = isinstance(home, ForeignVault)
    for place in chosen or (places(home) if theirs else COPIED):
        for folder, folders, names in os.walk(home.path(place)):
            deeper = sorted(one for one in folders if one[0] != ".")
            folders[:] = deeper if place or theirs else []
            part = os.path.relpath(folder, home.root)
            shown = sorted(one for one in (*names, *folders) if one[0] != ".")
            likely = [one for one in shown if one.endswith(".md") or copies.is_copy(one)]
            for name in list_copies(home, part, likely):
                yield os.path.normpath(os.path.join(part, name))


def list_recalled(home: Home) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """What a turn may be given: our pages, then what other programs put under raw/."""
    for place in RECALLED:
        yield from list_entries(home, place)
    yield from list_foreign(home)


def list_foreign(home: Home) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Markdown of other programs below raw/, sorted. Links, hidden names and what is not a
    file are passed over, and so is what lies too deep or is too much (DEEPEST, MOST)."""
    folders, seen = ["raw"], 0
    while folders and seen < MOST:
        folder = folders.pop()
        try:
            home.relative(f"{folder}/x")
            entries = sorted(os.scandir(home.path(folder)), key=lambda entry: entry.name)
        except (OSError, NotPermitted):
            continue
        below, pages = [], [one.name for one in entries if one.name.endswith(".md")]
        passed = {*list_copies(home, folder, pages), *(OURS if folder == "raw" else ())}
        for entry in entries[: MOST - seen]:
            path = f"{folder}/{entry.name}"
            if entry.name.startswith(".") or entry.name in passed:
                continue
            if entry.is_dir(follow_symlinks=False):
                below.append(path)
            elif path.endswith(".md") and entry.is_file(follow_symlinks=False):
                yield path, entry
        seen += len(entries)
        folders += reversed(below if folder.count("/") < DEEPEST else [])


def is_knowledge(path: str) -> bool:
    return path.startswith(f"{KNOWLEDGE}/")


def is_curated(home: Home, path: str) -> bool:
    """Whether links lead to a page: it is one of knowledge, or of somebody else's vault."""
    return is_knowledge(path) or isinstance(home, ForeignVault)


def is_foreign(path: str) -> bool:
    """Whether a path relative to the home is Markdown of another program, by its name."""
    top, _, rest = path.partition("/")
    first, *inner = rest.split("/")
    return top == "raw" and path.endswith(".md") and (not inner or first not in OURS)


def _is_page(home: Home, place: str, entry: "os.DirEntry[str]") -> bool:
    name = entry.name
    if name[-3:] != ".md" or name[0] == ".":
        return False
    if entry.is_file(follow_symlinks=False):
        return True
    try:  # a link within the home, or within a folder that is itself a link; not one to itself
        if not entry.is_symlink() or not entry.is_file():
            return False
        home.relative(os.path.join(place, entry.name))
    except (NotPermitted, OSError):
        return False
    return True


def find_outside(home: Home, place: str) -> Iterator[str]:
    """Paths of one folder that would be pages, and lead out of the home."""
    folder = home.path(place)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        is_page = name.endswith(".md") and not name.startswith(".")
        if is_page and os.path.islink(os.path.join(folder, name)):
            try:
                home.relative(f"{place}/{name}")
            except NotPermitted:
                yield f"{place}/{name}"


def is_printable(path: str) -> bool:
    """Whether a line of output can name it."""
    return not _UNSAYABLE.search(path)


def to_printable(path: str) -> str:
    """The path as a line of output has it."""
    return _UNSAYABLE.sub("\ufffd", path)


def open_page(home: Home, path: str) -> BinaryIO:
    """A page's file, to be read. NotPermitted when it leads out of the home, NoInput when it is not
    a file: a pipe never ends."""
    part, real = home.resolve(path)
    first, _, rest = part.partition("/")
    try:
        if is_foreign(path):  # nobody asked for what a link of another program's leads to
            return regular.open_file_below(home.path(first), rest)
        return regular.open_direct(real)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EISDIR):
            raise
        what = f"'{to_printable(path)}' is not a file"
        raise NoInput(what, cure="move it away, or give another name") from None


def read_whole(home: Home, path: str) -> bytes:
    """All bytes of a page."""
    with open_page(home, path) as file:
        return file.read()


def read_content(home: Home, path: str) -> bytes:
    """What is read of a page."""
    with open_page(home, path) as file:
        return cut_content(file.read(LARGEST + 1))


def cut_content(data: bytes) -> bytes:
    """What is read of a page's bytes; of too many, whole lines, unless the last one is most of
    them."""
    if len(data) <= LARGEST:
        return data
    end = data.rfind(b"\n", 0, LARGEST) + 1
    return data[:end] if end > LARGEST // 2 else files.truncate_text(data, LARGEST)


def read_rest(home: Home, path: str, start: int) -> Iterator[bytes]:
    """What of a page comes after its beginning, in pieces."""
    if start <= LARGEST // 2:  # it is all of it
        return
    with open_page(home, path) as file:
        file.seek(start)
        while piece := file.read(LARGEST):
            yield piece


def read_page(home: Home, path: str) -> "Page":
    from ...formats.page import page

    return page.parse(read_content(home, path), path)


def place_of(home: Home, path: str) -> str:
    """The folder of a page, ours or another program's; '' when a path can be none."""
    part = home.relative(path)
    folder = os.path.dirname(part)
    is_place = folder in PLACES or is_knowledge(part) or is_foreign(part)
    return folder if is_place else ""


#: of a page that is shown as an object
SHOWN_KEYS = ("ref", "path", "line", "name", "type", "tier", "date", "tags", "title", "content")


def render_page(home: Home, path: str, *, parsed: bool) -> tuple[dict[str, Any], str]:
    """A page as an object ({} unless `parsed`), and as it stands in its file. NoInput when there
    is none."""
    part = home.relative(path)
    try:
        data = read_whole(home, part)
    except FileNotFoundError:
        raise describe_missing(home, f"no such page: '{path}'") from None
    text = stream.decode(data).removesuffix("\n")
    if not parsed:
        return {}, text
    from ...formats.page import page

    one = page.parse(data, part)
    record = {"ref": f"{part}:{one.body_line}", "path": part, "line": one.body_line}
    record |= {"name": one.name, "type": one.type, "tier": one.tier, "date": str(one.day or "")}
    record |= {"tags": list(one.tags), "title": one.title, "content": one.body}
    return record, text


def describe_missing(home: Home, what: str) -> NoInput:
    """The failure of looking for a page that is not there."""
    return NoInput(what, cure=f"see the names with: ls {home.shell_path('knowledge')}")


def find_page(home: Home, name: str) -> str:
    """The path of the page that a name, a link or a path means; of several, the one that is not in
    a folder of its own. NoInput when there is none, BadData when it may be one or another."""
    from ...formats.page.page import name_of

    place = next((place for place in PLACES if name.startswith(f"{place}/")), KNOWLEDGE)
    matches = find_alike(home, place, name)
    ending = f"/{name.removesuffix('.md')}.md"
    found = [path for path in matches if f"/{path}".endswith(ending)]
    found = found or [path for path in matches if name_of(path) == name_of(name)] or matches
    if not found:
        raise describe_missing(home, f"no page '{name_of(name)}'")
    found = [path for path in found if os.path.dirname(path) == place] or found
    if len({*map(os.path.dirname, found)}) > 1:
        what = f"'{name}' may be {found[0]} or {found[1]}"
        raise BadData(what, cure="say which, with its folder")
    return found[0]


def short_name(home: Home, path: str) -> str:
    """What a link or a command calls a page: its name; in its folder, where another has that."""
    from ...formats.page.page import name_of

    try:
        if not is_knowledge(path) or find_page(home, name_of(path)) == path:
            return name_of(path)
    except (NoInput, BadData):  # gone meanwhile, or another has it
        pass
    return path.removeprefix(f"{KNOWLEDGE}/").removesuffix(".md")


def find_alike(home: Home, place: str, name: str) -> list[str]:
    """The pages of a folder that a link by this name, or by the name in this path, could mean."""
    from ...formats.page.link import link_key
    from ...formats.page.page import name_of

    key = link_key(name_of(name))
    # how most pages end: sparing them the making of a key
    others = {one for one in map(chr, range(128)) if one.isalnum() and one.casefold() != key[-1:]}

    def matches(path: str) -> bool:
        return path[-4:-3] not in others and link_key(name_of(path)) == key

    return [path for path, _ in list_entries(home, place, matches) if matches(path)]


def create_page(home: Home, place: str, name: str, data: bytes, *, numbered: bool = False) -> str:
    """A new page, on disk. A name that is taken is a Failure with code 1, unless it may get a
    number."""
    from .. import changes

    number = 1
    while True:
        path = f"{place}/{name}{f'-{number}' if number > 1 else ''}.md"
        real = home.resolve(path)[1]  # a link in its place must not lead out of the home
        full = home.path(path)
        taken = os.path.lexists(full) or place == KNOWLEDGE and find_alike(home, place, path)
        if not taken:
            try:
                with changes.admission(home) as admit:
                    anchored.create(real, admit(partial(name_kind, home), path, None, data))
                return path
            except FileExistsError:  # a person was faster
                pass
        if not numbered:
            by = "" if os.path.isfile(full) else " by something that is not a page"
            cure = "give another one, or move away what has it"
            raise Failure(f"the name of '{path}' is taken{by}", cure=cure, code=NO_MATCH)
        number += 1


def change_page(
    home: Home, path: str, edit: Callable[[bytes], bytes], *, settled: bool = False
) -> list[str]:
    """Change a page that a person may be saving at this moment. Returns where saves that collided
    with it are kept. `settled`: what a change that was killed had left in its folder is cleared up
    already."""
    from ...ground import exchange
    from .. import changes

    real = home.resolve(path)[1]
    if not settled:
        exchange.recover(real)
    try:
        with changes.admission(home) as admit:

            def admitted(data: bytes) -> bytes:
                return admit(partial(name_kind, home), path, data, edit(data))

            return exchange.edit(real, admitted, follow=False).conflicts
    except FileNotFoundError:
        raise describe_missing(home, f"no page '{path}'") from None


def name_kind(home: Home, path: str, before: bytes | None, after: bytes | None) -> str:
    """What a change of a page is to `turn.may`: "L1" if it changes what is in every prompt, as a
    page also does that takes the place of one that is, or gives it back; '' for what no turn is
    given."""
    from ...formats.page import page
    from ...formats.page.link import link_key, parse_link

    if not is_knowledge(path):
        return "" if path.startswith(f"{OBSERVATIONS}/") else "pages"
    both = [page.parse(data, path) for data in (before, after) if data is not None]
    if any(each.tier == "L1" for each in both):
        return "L1"
    supersedes = [{parse_link(name).name for name in each.supersedes} for each in both]
    replaced = set.symmetric_difference(*supersedes) if len(both) == 2 else supersedes[0]
    for other in list_paths(home, (KNOWLEDGE,)) if replaced else ():
        try:
            one = read_page(home, other)
        except (OSError, Failure):
            continue
        if one.tier == "L1" and replaced.intersection(map(link_key, (one.name, *one.aliases))):
            return "L1"
    return "pages"
