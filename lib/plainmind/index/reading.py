"""What changed: which windows were appended to, which pages are other ones, and pins.

Owns what 'up to date' means. For the logs there are two ways: `grown_windows` reads the journal of
window heads, which every append writes, and names only windows that grew; `changed_windows` looks
at every window, and then a window that changed is read as a whole (index.window_reading). What the
first one cannot see, a person's own edit, `stands` finds in the few events that are about to be
shown. Knows no engine, and no grammar of a log: where nothing changed, none is loaded.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..ground import clock, file_states, files, regular
from ..ground.digests import digest_63
from ..ground.errors import Failure
from ..ground.paths import Home, window_sort_key

EMBEDDED = ("user", "agent")  # roles whose events get vectors


class FileState(NamedTuple):
    """What tells that a file changed. `changed` cannot be set back, as `modified` can."""

    inode: int
    modified: int  # ns
    changed: int  # ns; 0 when that was too lately to be trusted
    size: int


class EventPlace(NamedTuple):
    """The bytes of an event in its window, and what tells that they are as they were."""

    offset: int
    size: int
    checksum: int


def stands(home: Home, path: str, places: Iterable[EventPlace]) -> bool:
    """Whether all of these events of a window are in its file as they were read."""
    try:
        with regular.open_file(home.path(path)) as file:
            for offset, size, checksum in places:
                file.seek(offset)
                if digest_63(file.read(size)) != checksum:
                    return False
    except OSError:
        return False
    return True


def utf8(text: str) -> str:
    """Text as a database takes it: what came in as bytes that are not UTF-8 becomes '?'."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# --- what changed


def grown_windows(
    home: Home, seen: Mapping[str, Any] | None
) -> tuple[list[str], dict[str, Any]] | None:
    """(windows that the journal names after the position `seen`, the position now).

    None when the journal cannot tell, and all windows are to be looked at: it is new or was
    replaced, or the machine was started since (its last lines need not have reached the disk); or a
    line of it is damaged.
    """
    now = journal_position(home)
    if not seen or not now["boot"] or seen["size"] > now["size"]:
        return None
    if (seen["boot"], seen["inode"]) != (now["boot"], now["inode"]):
        return None
    # one that was emptied, or removed and made again with the same inode, may have any size now
    has_grown = seen["size"] < now["size"]
    tail = _journal_tail(home, seen["size"]) if has_grown else now["tail"]
    if seen.get("tail") != tail:
        return None
    if not has_grown:
        return [], now
    from ..formats.log import window_heads

    data = files.read(home.window_heads, seen["size"])
    whole = data[: data.rfind(b"\n") + 1]
    size = seen["size"] + len(whole)
    position = {**now, "size": size, "tail": _journal_tail(home, size)}
    heads = window_heads.parse(whole)
    if len(heads) < whole.count(b"\n"):
        return None
    return sorted(window_heads.latest_by_window(heads)), position


Times = list[int]  # both, of a folder, in JSON
KnownWindow = tuple[str, int, int, int]  # path, both times, size


class WindowLook(NamedTuple):
    """What a look at every window found. `folders`: the two times of each context's, none when it
    is to be listed again."""

    changed: list[str]  # and new
    gone: list[str]
    folders: dict[str, Times]


def changed_windows(
    home: Home, known: Mapping[str, KnownWindow], listed: Mapping[str, Times]
) -> WindowLook:
    """Compare every window with what is `known` by its path: times (FileState) and size, each by
    itself, or whoever may write it could set one back by as much as the other moved on; and the
    times of each folder that was `listed`. A window costs a look at its file, and little more
    (docs/decisions/log.md)."""
    root, stat = f"{home.root}/", os.stat
    gone: list[str] = []
    try:
        changed = [
            path
            for path, modified, last, size in known.values()
            if (at := stat(root + path)).st_ctime_ns != last
            or at.st_mtime_ns != modified
            or at.st_size != size
        ]
    except (FileNotFoundError, NotADirectoryError):
        there = {path: _look_or_none(root, path) for path in known}
        changed = [path for path, row in there.items() if row not in (None, known[path])]
        gone = [path for path, row in there.items() if row is None]
    folders = {}
    for context in home.list_contexts():
        folder = f"logs/{context}"
        try:
            at = stat(root + folder)
        except FileNotFoundError:  # gone meanwhile
            continue
        folders[folder] = [at.st_mtime_ns, at.st_ctime_ns]
        if folders[folder] != listed.get(folder):
            names = home.list_windows(context)
            changed += [path for name in names if (path := f"{folder}/{name}") not in known]
            everything = home.list_windows(context, every=True)
            if not file_states.is_settled(at.st_ctime_ns) or len(names) < len(everything):
                folders[folder] = []  # a link may lead to a window later
    started = lambda path: (window_sort_key(os.path.basename(path)), path)
    return WindowLook(sorted(changed, key=started), gone, folders)


def journal_position(home: Home) -> dict[str, Any]:
    """How far the journal of window heads goes; JSON."""
    inode, _, _, size = _state_or_zeros(home.window_heads)
    tail = _journal_tail(home, size)
    return {"inode": inode, "size": size, "boot": clock.boot_id(), "tail": tail}


def _journal_tail(home: Home, size: int) -> str:
    """What stands in the journal before `size`: its last line has a digest that no other has."""
    if not size:
        return ""
    start = max(0, size - 256)
    try:
        return files.read(home.window_heads, start, size - start).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def is_away(home: Home) -> bool:
    """Whether a disk with files of the home is not there: nobody removed them."""
    folders = (home.logs, home.path("knowledge"), home.path("raw"))
    return any(os.path.islink(folder) and not os.path.isdir(folder) for folder in folders)


def pins_state(home: Home) -> list[int]:
    """What tells that the pins changed; JSON."""
    return _state_or_zeros(home.pins)


def _look_or_none(root: str, path: str) -> KnownWindow | None:
    try:
        at = os.stat(root + path)
        return path, at.st_mtime_ns, at.st_ctime_ns, at.st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _state_or_zeros(path: str) -> list[int]:
    try:
        return list(file_states.state_of(os.stat(path)))
    except FileNotFoundError:
        return [0, 0, 0, 0]


def pins(home: Home) -> list[tuple[str, int]]:
    """(path, line) of every pinned event."""
    from ..formats.log.pins import parse

    try:
        return [(pin.path, pin.line) for pin in parse(files.read(home.pins))]
    except FileNotFoundError:
        return []


# --- pages


class PageFile(NamedTuple):
    """A page whose file looks new or changed. `data` is None when it cannot be read."""

    path: str
    state: FileState
    data: bytes | None
    digest: str


def are_as_listed(
    home: Home, known: Iterable[tuple[str, int, int, int]], folders: Mapping[str, Times]
) -> bool:
    """Whether each page has the times and the size that are known of it, and each folder that was
    listed its times, or is still missing: then no page changed, came or went. Each is compared by
    itself: whoever may write a page could set one back by as much as the other moved on."""
    root, stat = f"{home.root}/", os.stat
    try:
        for folder, before in folders.items():
            if _folder_times(root + folder) != before:
                return False
        for path, modified, changed, size in known:
            at = stat(root + path)
            if at.st_mtime_ns != modified or at.st_ctime_ns != changed or at.st_size != size:
                return False
    except OSError:
        return False
    return True


def list_page_folders(home: Home, known: Collection[str]) -> dict[str, Times]:
    """The times of each folder that may have pages, after a look that found these and no change;
    none of one that is missing. Of no folder at all where times do not tell: a folder changed in
    the last moments, a link may lead elsewhere, or what a file says keeps it from being a page."""
    from ..truth.pages import page_files

    found: dict[str, Times] = {}
    left = [page_files.KNOWLEDGE, "raw"]
    while left:
        folder = left.pop()
        path = home.path(folder)
        try:
            found[folder] = _folder_times(path)
            if os.path.islink(path) or not file_states.is_settled(os.stat(path).st_ctime_ns):
                return {}
            entries = list(os.scandir(path))
        except FileNotFoundError:
            continue
        except OSError:
            return {}
        ours = page_files.OURS if folder == "raw" else ()
        for entry in entries:
            name = entry.name
            if name[0] == "." or (name in ours and f"raw/{name}" != page_files.COMPACTION):
                continue
            if entry.is_symlink():
                return {}
            if entry.is_dir():
                left.append(f"{folder}/{name}")
            elif name[-3:] == ".md" and f"{folder}/{name}" not in known:
                return {}
    return found


def _folder_times(path: str) -> Times:
    """None where there is no folder."""
    try:
        at = os.stat(path)
    except FileNotFoundError:
        return []
    return [at.st_mtime_ns, at.st_ctime_ns]


def changed_pages(
    home: Home, known: Mapping[str, Sequence[int]]
) -> tuple[list[PageFile], list[str]]:
    """(pages whose files look new or changed, pages that are gone)."""
    from ..truth.pages import page_files

    before = dict(known)
    found: list[tuple[str, FileState]] = []
    for path, entry in page_files.list_recalled(home):
        try:
            state = file_states.state_of(entry.stat())
        except FileNotFoundError:  # gone meanwhile
            before.pop(path, None)
            continue
        if state != before.pop(path, None) and page_files.is_printable(path):
            found.append((path, FileState(*state)))
    return list(_page_files(home, found)), sorted(before)


def _page_files(home: Home, found: list[tuple[str, FileState]]) -> Iterator[PageFile]:
    if not found:
        return
    import hashlib

    contents = [page_content(home, path) for path, _ in found]
    for (path, state), data in zip(found, contents, strict=True):
        digest = hashlib.sha256(data).hexdigest() if data is not None else ""
        yield PageFile(path, FileState(*file_states.settle(state)), data, digest)


def embedded_text(title: str, passage: str) -> str:
    """What is embedded of a passage: the page's title, and what it says."""
    passage = passage.strip()
    return f"{title}\n{passage}" if passage and not passage.startswith("#") else passage


def page_content(home: Home, path: str) -> bytes | None:
    """A page's bytes; None when it is gone, cannot be read, or is another program's and not text:
    then it is not recalled."""
    from ..truth.pages import page_files

    try:
        data = page_files.read_content(home, path)
    except (OSError, Failure):
        return None
    return None if page_files.is_foreign(path) and b"\0" in data else data
