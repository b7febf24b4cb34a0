"""Rewriting history without texts that were taken back: their events are blank in every commit, as
they are now, and old versions of other files lose what they had of the text.

What stands in the files now stays as it is: whoever still says the text says it for themselves.
Digests do not change, as a blanked event keeps its own. Owns what is replaced in which blob."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..formats import reference
from ..formats.log import event as events
from ..formats.log import forgotten
from ..formats.log.event import RawEvent
from ..ground.errors import BadData
from ..ground.paths import Home
from ..truth.log import reader
from .repository import MAIN, Repository

LEAST = 8  # characters of a line that is looked for in other files
GONE = b"(forgotten)"
_FILE = re.compile(rb"M (\d{6}) ([0-9a-f]{40}) (.*)\n\Z", re.S)


class PurgedEvent(NamedTuple):
    """An event that was taken back, as it stands."""

    path: str
    block: RawEvent


def find_targets(home: Home, refs: Iterable[str]) -> list[PurgedEvent]:
    """The events at references. BadData for one whose text was not taken back."""
    found = []
    for text in refs:
        ref = reference.parse(text)
        opened = reader.read_window(home, ref.path)
        for block in reader.find_events(opened, ref.line, ref.end_line):
            if not forgotten.is_blank(block):
                cure = "take it back first: mem-forget"
                raise BadData(
                    "its text is still here", place=f"{opened.path}:{block.line}", cure=cure
                )
            found.append(PurgedEvent(opened.path, block))
    return found


def rewrite(repository: Repository, main: str, targets: list[PurgedEvent]) -> tuple[str, int]:
    """A history without these texts, which no ref names yet; and how many old files it changes."""
    named = list(_list_blobs(repository, main))
    current = set(repository.read_tree(main).values())
    texts: set[str] = set()
    changed: dict[str, str] = {}
    by_path: dict[str, list[PurgedEvent]] = {}
    for target in targets:
        by_path.setdefault(target.path, []).append(target)
    for path, oid in named:
        if path in by_path:
            data, said = _blank(repository.read(oid), by_path[path])
            texts |= said
            if said:
                changed[oid] = repository.put(data)
    for _, oid in named:
        if oid not in current and oid not in changed:
            data = repository.read(oid)
            if (new := _without(data, texts)) != data:
                changed[oid] = repository.put(new)
    return (_rewrite(repository, changed), len(changed)) if changed else (main, 0)


def _blank(data: bytes, targets: list[PurgedEvent]) -> tuple[bytes, set[str]]:
    """A window with these events as they are now, and the texts that went."""
    wanted = {(one.block.line, one.block.digest): one.block for one in targets}
    parts, at, said = [], 0, set()
    for block in events.scan(data):
        now = wanted.get((block.line, block.digest)) if isinstance(block, RawEvent) else None
        if isinstance(block, RawEvent) and now and block.body != now.body:
            said |= set(events.decode_content(block).split("\n"))
            parts += [data[at : block.offset], events.render_raw(now)]
            at = block.end
    return b"".join([*parts, data[at:]]), said


def _without(data: bytes, texts: Iterable[str]) -> bytes:
    for text in texts:
        if len(text.strip()) >= LEAST:
            plain = text.encode("utf-8", "surrogateescape")
            for form in (plain, json.dumps(text)[1:-1].encode(), events.escape(text).encode(
                "utf-8", "surrogateescape"
            )):  # fmt: skip
                data = data.replace(form, GONE)
    return data


def _list_blobs(repository: Repository, main: str) -> Iterator[tuple[str, str]]:
    """(path, oid) of every version of every file."""
    known = set()
    for line in _export(repository, main):
        if (match := _FILE.match(line)) and match[2] not in known:
            known.add(match[2])
            yield _unquote(match[3]), match[2].decode()


def _rewrite(repository: Repository, changed: Mapping[str, str]) -> str:
    main = repository.refs()[MAIN]
    lines = []
    for line in _export(repository, main):
        match = _FILE.match(line)
        if match and (new := changed.get(match[2].decode())):
            line = b"M %s %s %s\n" % (match[1], new.encode(), match[3])
        lines.append(line)
    return repository.import_history(lines, list(changed.values()))


def _export(repository: Repository, main: str) -> Iterator[bytes]:
    """The commands of fast-import that make a history; a message is one piece, whatever it says."""
    options = ("--no-data", "--reencode=no", "--show-original-ids")
    data = repository.git.run("fast-export", *options, MAIN)
    at = 0
    while at < len(data):
        end = data.index(b"\n", at) + 1
        line = data[at:end]
        if line.startswith(b"data "):
            end += int(line[5:])
        elif line.startswith(b"original-oid "):
            at = end
            continue
        yield data[at:end]
        at = end


def _unquote(path: bytes) -> str:
    if path.startswith(b'"'):
        path = path[1:-1].decode("unicode_escape").encode("latin-1")
    return path.decode("utf-8", "surrogateescape")
