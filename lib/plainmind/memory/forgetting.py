"""Letting go what retention says: files, index, caches and traces together.

Owns the order (a tombstone, then what only the page can be looked for in, then the file, then the index) and proving that what
was forgotten is gone, byte for byte. Killed anywhere, the next run goes on. Logs keep what was said.
"""

import json
import os
from collections.abc import Iterator, Sequence
from functools import partial

from ..formats.page import page
from ..ground import files
from ..ground.errors import Failure, InputOutput
from ..index import cache, store, text
from ..index import pages as rows
from ..index.store import Store
from ..truth.pages import maintenance, retention
from ..truth.pages.retention import DeletedFile, Expired, Unfinished
from .moments import Means

MARKS, SHORTEST_MARK = (
    2,
    12,
)  # lines by which a forgotten text is looked for, and their least characters


def past(means: Means) -> list[Expired]:
    """What retention would delete."""
    return list(retention.find_expired(means.home, means.now()))


def forget(means: Means) -> list[Expired]:
    """Delete what retention says, and take it out of index, caches and traces. InputOutput when some of it is still there."""
    with maintenance.lock(means.home):
        return [each.expired for each in _forget(means)]


def retain(means: Means) -> None:
    """The same after a write, whose caller holds the lock; that it could not end is said, and takes nothing back."""
    try:
        gone = _forget(means)
    except (Failure, OSError) as error:  # what was written is written; the next write tries again
        failure = files.to_failure(error) if isinstance(error, OSError) else error
        means.say(f"retention could not end: {failure}")
        return
    if gone:
        count = f"{len(gone)} file{'s' if len(gone) > 1 else ''}"
        means.say(f"retention deleted {count}; see 'mem-lint --prune' and raw/maintenance-log")


def _forget(means: Means) -> list[DeletedFile]:
    unfinished = None
    try:
        gone = retention.delete_expired(means.home, means.now(), partial(_take_out, means))
    except Unfinished as failure:
        gone, unfinished = failure.gone, failure
    _out_of_index(means, gone)
    maintenance.record_retention(means.home, means.now())
    if unfinished:
        raise unfinished
    return gone


def _take_out(means: Means, going: Sequence[DeletedFile]) -> None:
    """The texts of pages that are about to go, out of everything that only they can be looked for in."""
    if not going:
        return
    texts = [page.parse(each.data, each.expired.path) for each in going]
    if os.path.isdir(means.home.index):
        cache.forget(
            means.home, {cache.content_hash(said) for read in texts for said in rows.embedded(read)}
        )
        _out_of_copies(means)
    _out_of_traces(
        means,
        [read.path for read in texts] + [mark for read in texts for mark in _marks(read.body)],
    )


def _out_of_index(means: Means, gone: Sequence[DeletedFile]) -> None:
    """What went, out of the index, and what others let go who were killed before this."""
    if not os.path.exists(os.path.join(means.home.index, "mind.db")):
        return

    def work(opened: Store) -> None:
        rows.take_in(opened)
        rows.purge(opened)

    store.use(means.home, work, means.say)
    _prove(
        means,
        [mark for each in gone for mark in _marks(page.parse(each.data, each.expired.path).body)],
    )


def _prove(means: Means, marks: Sequence[str]) -> None:
    """InputOutput when a file of the index or the caches still has one of these lines, and no turn or page says it."""
    for folder in (means.home.index, means.home.vectors):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            full = os.path.join(folder, name)
            held = _held(full, marks) if os.path.isfile(full) else []
            if held and not store.use(means.home, partial(_all_live, held), means.say):
                raise InputOutput(
                    "what was forgotten is still in it",
                    place=full,
                    cure="delete it: it is made anew",
                )


def _all_live(said: Sequence[str], opened: Store) -> bool:
    return all(rows.lives(opened, each) for each in said)


_LOOK = """
import json, sys
needles = [needle.encode("latin-1") for needle in json.load(sys.stdin)]
longest, before, found = max(map(len, needles)), b"", set()
with open(sys.argv[1], "rb") as file:
    while chunk := file.read(1 << 24):
        data = before + chunk
        found |= {n for n, needle in enumerate(needles) if needle in data}
        before = data[-longest:]
print(json.dumps(sorted(found)))
"""


def _held(path: str, marks: Sequence[str]) -> list[str]:
    """Which of these a file holds, byte for byte. Another process looks: closing the index here would drop SQLite's own locks."""
    import subprocess
    import sys

    if not marks:
        return []
    needles = json.dumps(
        [mark.encode("utf-8", "surrogatepass").decode("latin-1") for mark in marks]
    ).encode()
    looked = subprocess.run(
        [sys.executable, "-IS", "-c", _LOOK, path], input=needles, capture_output=True
    )
    if looked.returncode and os.path.exists(path):  # a journal may have gone meanwhile
        raise InputOutput(
            "it cannot be looked through for what was forgotten",
            place=path,
            cure="delete it: it is made anew",
        )
    return [marks[number] for number in json.loads(looked.stdout or b"[]")]


def _marks(body: str) -> list[str]:
    """Two lines by which a text is known again, the longest; a word or two tell nothing, and one alone is in the index of others."""
    lines = {line.strip() for line in body.split("\n")}
    telling = (line for line in lines if len(line) >= SHORTEST_MARK and len(text.tokens(line)) > 1)
    return sorted(telling, key=lambda line: (-len(line), line))[:MARKS]


def _out_of_copies(means: Means) -> None:
    """Indexes that were set aside because they were damaged: nobody needs them, and they hold old texts."""
    for name in os.listdir(means.home.index):
        if ".bad" in name and name.startswith("mind.db"):
            os.unlink(os.path.join(means.home.index, name))


def _out_of_traces(means: Means, said: Sequence[str]) -> None:
    """Records that show one of these, out of the traces that commands were told to write."""
    # a trace has a page's text on one line, as JSON; or a block of JSON that a model was given, as JSON
    shown = {*said, *(" ".join(each.split()) for each in said)}
    needles = {level.encode("utf-8", "surrogatepass") for each in shown for level in _as_json(each)}
    for trace in maintenance.read_traces(means.home):
        if not os.path.isfile(trace):
            continue
        try:
            data = files.read(trace)
            kept = [
                line for line in data.split(b"\n") if not any(needle in line for needle in needles)
            ]
            if len(kept) < data.count(b"\n") + 1:
                files.replace(trace, b"\n".join(kept))
                means.say(f"{trace}: records that showed what is forgotten were removed")
        except OSError as error:
            means.say(
                f"{trace}: what is forgotten may still be in it: {files.to_failure(error).what}"
            )


def _as_json(said: str) -> Iterator[str]:
    for _ in range(3):
        yield said
        said = json.dumps(said, ensure_ascii=False)[1:-1]
