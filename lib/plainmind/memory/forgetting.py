"""Letting go what retention says: files, index, caches and traces together.

Owns the order (a tombstone, then what only the page can be looked for in, then the file, then the
index) and proving that what was forgotten is gone, byte for byte. Killed anywhere, the next run
goes on. Logs keep what was said.
"""

import json
import os
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from ..formats.page import page
from ..ground import files
from ..ground.errors import Failure, InputOutput
from ..index import cache
from ..index.engine import Index, Removed
from ..index.page_reading import embedded
from ..truth.pages import maintenance, page_facts, retention
from ..truth.pages.retention import DeletedFile, Expired, Unfinished
from . import Memory, absence

#: keys of the record of a turn, and of a recall
TRACES = ({"now", "request", "reply"}, {"trace", "question", "turns"})
MARKS = 2  # lines by which a forgotten page is looked for


def past(memory: Memory) -> list[Expired]:
    """What retention would delete."""
    return list(retention.find_expired(memory.home, memory.now()))


def forget(memory: Memory) -> list[Expired]:
    """Delete what retention says, and take it out of index, caches and traces. InputOutput when
    some of it is still there."""
    if not os.path.isdir(memory.home.root):  # a lock would make it
        return []
    with maintenance.lock(memory.home):
        return [each.expired for each in _forget(memory)]


def retain(memory: Memory) -> None:
    """The same after a write, whose caller holds the lock; a failure undoes nothing."""
    try:
        gone = _forget(memory)
    except (Failure, OSError) as error:  # what was written is written; the next write tries again
        memory.say(f"retention could not end: {files.to_failure(error)}")
        return
    if gone:
        count = f"{len(gone)} file{'s' if len(gone) > 1 else ''}"
        memory.say(f"retention deleted {count}; see 'mem-lint --prune' and raw/maintenance-log")


def _forget(memory: Memory) -> list[DeletedFile]:
    unfinished = None
    try:
        gone = retention.delete_expired(memory.home, memory.now(), partial(_take_out, memory))
    except Unfinished as failure:
        gone, unfinished = failure.gone, failure
    _out_of_index(memory, gone)
    maintenance.record_retention(memory.home, memory.now())
    if unfinished:
        raise unfinished
    return gone


def _take_out(memory: Memory, going: Sequence[DeletedFile]) -> None:
    """Texts of pages about to go, out of all that only they can be looked for in."""
    if not going:
        return
    pages = [page.parse(each.data, each.expired.path) for each in going]
    page_facts.discard(memory.home)
    if os.path.isdir(memory.home.index):
        hashes = {cache.content_hash(text) for read in pages for text in embedded(read)}
        cache.forget(memory.home, hashes)
        # damaged indexes that were set aside: nobody needs them, and they hold old texts
        memory.engine.discard_set_aside(memory.home)
    marks = [mark for read in pages for mark in _marks(read.body)]
    clean_traces(memory, [*(read.path for read in pages), *marks])


def _out_of_index(memory: Memory, gone: Sequence[DeletedFile]) -> None:
    """What went, out of the index, and what others let go who were killed before this."""
    memory.engine.discard_set_aside(memory.home)  # a rebuild may have read it after all
    if not memory.engine.exists(memory.home):
        return
    for index in memory.opened():
        with index:
            index.purge()
    pages = (page.parse(each.data, each.expired.path) for each in gone)
    _prove(memory, [mark for read in pages for mark in _marks(read.body)])


def _prove(memory: Memory, marks: Sequence[str]) -> None:
    """InputOutput when a file of the index or the caches still has one of these lines, and no event
    or page says it."""
    for folder in (memory.home.index, memory.home.vectors):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            full = os.path.join(folder, name)
            needles = {mark.encode("utf-8", "surrogatepass"): mark for mark in marks}
            held = absence.find_held(full, needles) if os.path.isfile(full) else []
            if held and not _all_stand(memory, [needles[needle] for needle in held]):
                what = "what was forgotten is still in it"
                raise InputOutput(what, place=full, cure=absence.REMAKE)


def _all_stand(memory: Memory, texts: Sequence[str]) -> bool:
    """Whether others say all of these, too."""
    for index in memory.opened():
        with index:
            stand = all(index.says(text) for text in texts)
    return stand


def _marks(body: str) -> list[str]:
    """Two lines by which a text is known again, the longest; a word or two tell nothing, and one
    alone is in the index of others."""
    return sorted(absence.split_lines(body), key=lambda line: (-len(line), line))[:MARKS]


def clean_removed(memory: Memory, gone: Sequence[Removed], standing: AbstractSet[str]) -> None:
    """The same for texts that files no longer hold, whoever took them out; in what stands in their
    files now they may have parts."""
    texts = [f'"{one.path}",{one.line},' for one in gone]
    texts += [f'"path":"{one.path}","line":{one.line},' for one in gone]
    texts += [
        piece
        for one in gone
        for piece in absence.pieces(one.text)
        if not any(piece in text for text in standing)
    ]
    clean_traces(memory, texts)


def clean_traces(memory: Memory, texts: Sequence[str]) -> None:
    """Records that show one of these, out of the traces that commands were told to write; said, and
    in a dry run only said."""
    # a trace has a text on one line, as JSON; or a block of JSON that a model was given, as JSON
    shown = {*texts, *(" ".join(text.split()) for text in texts)}
    needles = {
        level.encode("utf-8", "surrogatepass") for text in shown for level in absence.as_json(text)
    }
    _clean_traces(memory, lambda line: any(needle in line for needle in needles))


def clean_unknown(memory: Memory, index: Index) -> None:
    """The same with recalls of events that do not stand: a new index cannot tell what went."""

    def is_gone(line: bytes) -> bool:
        try:
            hits = [row["hit"] for row in json.loads(line)["turns"]]
            return not all(index.has(hit[0], hit[1], hit[6]) for hit in hits)
        except (ValueError, RecursionError, KeyError, TypeError, IndexError):
            return False  # of a turn, or no trace at all

    _clean_traces(memory, is_gone)


def _clean_traces(memory: Memory, is_gone: Callable[[bytes], bool]) -> None:
    for trace in maintenance.read_traces(memory.home):
        if not os.path.isfile(trace) or os.path.islink(trace):
            continue
        try:
            lines = files.read(trace).split(b"\n")
            kept = [line for line in lines if not is_gone(line) or not _is_trace(line)]
            if len(kept) < len(lines):
                if not memory.dry:
                    mode = os.stat(trace).st_mode & 0o7777
                    files.replace(trace, b"\n".join(kept), mode=mode)
                done = "would be removed" if memory.dry else "were removed"
                memory.say(f"{trace}: records that show what is forgotten {done}")
        except OSError as error:
            why = files.to_failure(error).what
            memory.say(f"{trace}: what is forgotten may still be in it: {why}")


def _is_trace(line: bytes) -> bool:
    """Whether a line is a record of a turn or of a recall: what was a trace may be a person's."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and any(keys <= value.keys() for keys in TRACES)
