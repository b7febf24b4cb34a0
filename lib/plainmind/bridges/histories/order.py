"""The order of what was imported: by time within a context, whatever order the files had.

An export in parts, a package that begins with its newest message, two exports of one channel: the
log gets one history. Events wait in a temporary file until all have been read. Memory: 16 bytes for
each event, 2 MB of events, and one context's numbers while it is sorted."""

import pickle
import tempfile
from array import array
from collections.abc import Iterator

from .items import HistoryEvent, Skipped

IN_MEMORY = 2 * 1024 * 1024  # bytes of events; what is more goes to the disk


class Turns:
    """Events of all contexts, that come back in order: contexts as they appeared, the events of one
    by their `turn`, and those of one time as they came. What two files have comes once."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        self._contexts: dict[str, tuple[array[int], array[int]]] = {}  # turns and offsets

    def __enter__(self) -> "Turns":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, event: HistoryEvent) -> None:
        turns, offsets = self._contexts.setdefault(event.context, (array("q"), array("q")))
        turns.append(event.turn or event.instant)
        offsets.append(self._file.tell())
        pickle.dump(tuple(event), self._file, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[HistoryEvent | Skipped]:
        for turns, offsets in self._contexts.values():
            turn, known = 0, dict[str, int]()  # by id, a hash of what was said at this time
            for number in sorted(range(len(turns)), key=turns.__getitem__):
                if self._file.tell() != offsets[number]:
                    self._file.seek(offsets[number])
                # our own bytes, from a file that has no name: nobody else can have written them
                event = HistoryEvent(*pickle.load(self._file))
                if turns[number] != turn:
                    turn, known = turns[number], {}
                id = event.id or f"{event.role} {event.content}"
                if id not in known:
                    yield event
                elif known[id] != hash(event.content):
                    yield Skipped("other version of a message", event.content)
                known.setdefault(id, hash(event.content))
