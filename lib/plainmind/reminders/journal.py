"""The delivery ledger, `remind/journal.jsonl`: what is about to be sent, was sent, is done with.

    {"at":…,"did":"intent","nonce":…,"of":[[key,id,due],…]}   about to be sent, as one message
    {"at":…,"did":"failed","nonce":…,"of":…}                  surely did not arrive
    {"at":…,"did":"sent","nonce":…,"of":…,"messages":[…]}     arrived
    {"at":…,"did":"done","nonce":…,"of":…}                    and its line is out of the file
    {"at":…,"did":"known","nonce":"","of":[[times,id,since,0],…]}  a recurring one, from `since` on
    {"at":…,"did":"gone","nonce":"","of":…}                   a line that was told is not there now

What recurs can be missed from the moment on at which it was first seen with these times (`known`).
A line that is nearly a reminder has no id here, and a key by what it says.
The last record of a key counts. An intent with nothing after it is in doubt: its message may have
arrived. Of a message in several parts, an intent or a failure names how many arrived (`parts`), and
a digest of the text they are parts of (`said`): only what comes after them is still to be sent.
Keys stay when their line is gone, for a synchroniser may bring it back. What nobody will ask for
again is left out when the file is compacted. What a reminder said, masked and cut, is in the first
record that names it (`text`, one for each of `of`), to be shown when its line is gone: for 30 days
at least, and nothing is decided by it. The caller holds the lock of the scan.
"""

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..ground import clock, files, masks, stream
from ..ground.errors import BadData

INTENT, FAILED, SENT, DONE = "intent", "failed", "sent", "done"
KNOWN, GONE = "known", "gone"
KEPT = (
    30 * clock.DAY
)  # of a recurring reminder's occurrences, besides the last; longer than any grace
LEAST = 64 * 1024  # bytes below which nothing is compacted
LONGEST = 500  # characters of what a reminder said


#: what reading a line that nobody of us wrote may raise
MALFORMED = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, BadData,
)  # fmt: skip


class Occurrence(NamedTuple):
    """One reminder at one instant. `key` names it for ever."""

    key: str
    id: str
    due: int
    once: bool = True
    msg: str = ""  # what it says; '' where nobody knows


class LastStep(NamedTuple):
    """What was done last about an occurrence, and when."""

    did: str
    at: int
    nonce: str  # of the message
    parts: int = 0  # of it that arrived
    said: str = ""  # its digest


def make_key(id: str, due: int, msg: str | None = None) -> str:
    """20 hexadecimal digits: with the numbers of parts behind it, short enough for Discord's nonce.

    What fires once is named by its message, too: a line that says another is another reminder.
    """
    return digest(f"{id}\n{due}" if msg is None else f"{id}\n{due}\n{msg}")


def digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


class DeliveryJournal:
    """The ledger as it stands, read once; what is added is on disk when the method returns."""

    def __init__(self, path: str):
        self.path = path
        data = files.read(path) if os.path.exists(path) else b""
        self._torn = not data.endswith(b"\n") and data != b""
        self._settled = False
        self._size, self._compacted = len(data), 0
        self.steps: dict[str, LastStep] = {}
        self._arrived: dict[str, list[int]] = {}  # by id: when what arrived was due
        self._lines: dict[str, Occurrence] = {}
        self._known: dict[str, Occurrence] = {}  # by id: its times, and since when
        for line in data.split(b"\n"):
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            if "compacted" in record:
                self._compacted = int(record["compacted"])
                return
            said_of = _read_texts(record)
            of = [
                Occurrence(k, id, clock.parse(d), bool(once), said_of[n])
                for n, (k, id, d, once) in enumerate(record["of"])
            ]
            parts, said = record.get("parts", 0), record.get("said", "")
            entry = LastStep(record["did"], clock.parse(record["at"]), record["nonce"], parts, said)
            texts = (entry.did, entry.nonce, said, *(text for o in of for text in o[:2]))
            if type(parts) is not int or not all(isinstance(text, str) for text in texts):
                raise TypeError
        except MALFORMED:
            return  # torn by a crash, or nothing of ours; whatever it told is in doubt
        self._know(of, entry)

    def _know(self, of: Iterable[Occurrence], entry: LastStep) -> None:
        if entry.did == KNOWN:
            self._known.update((o.id, o) for o in of)
            return
        for occurrence in of:
            self.steps[occurrence.key] = entry
            known = self._lines.get(occurrence.key)
            msg = known.msg if known and known.msg else occurrence.msg
            self._lines[occurrence.key] = occurrence._replace(msg=msg)
            if entry.did in (SENT, DONE):
                self._arrived.setdefault(occurrence.id, []).append(occurrence.due)

    def sent_until(self, id: str, now: int) -> int | None:
        """When the last that arrived was due; what a clock fired that was ahead does not count."""
        return max((due for due in self._arrived.get(id, ()) if due <= now), default=None)

    def known_since(self, id: str, times: str, now: int) -> int | None:
        """From when on a reminder can be missed; None where it is not known with these times."""
        known = self._known.get(id)
        return known.due if known and known.key == times and known.due <= now else None

    def last_known(self, id: str) -> Occurrence | None:
        """A reminder's times as they were known last, for its key."""
        return self._known.get(id)

    def told_lines(self) -> list[Occurrence]:
        """Lines that are nearly reminders, and were said to be."""
        return [
            line
            for key, line in self._lines.items()
            if not line.id and self.steps[key].did in (SENT, DONE)
        ]

    def list_last_steps(self) -> list[tuple[Occurrence, LastStep]]:
        """Of every occurrence of a reminder what was done last."""
        steps = ((self._lines[key], step) for key, step in self.steps.items())
        return [(one, step) for one, step in steps if one.id and step.did != GONE]

    def last_step(self, occurrence: Occurrence) -> LastStep | None:
        """What is known of an occurrence.

        What fires once may be known by a key without its message, of when it recurred, or of
        earlier versions. These wrote of a line that may have said something else: it is neither to
        be passed over nor to be repeated unmarked.
        """
        found = self.steps.get(occurrence.key)
        if found or not occurrence.once:
            return found
        plain = make_key(occurrence.id, occurrence.due)
        found = self.steps.get(plain)
        if found and found.did in (SENT, DONE) and self._lines[plain].once:
            return LastStep(INTENT, 0, occurrence.key)
        return found

    def state_of(self, occurrence: Occurrence) -> str:
        """What was done last about an occurrence, '' for nothing."""
        found = self.last_step(occurrence)
        return found.did if found else ""

    def record(
        self,
        did: str,
        nonce: str,
        of: Iterable[Occurrence],
        now: int,
        messages: Iterable[str] = (),
        parts: int = 0,
        said: str = "",
    ) -> None:
        """Write down one step, durably."""
        of, entry = [self._keep_text(one) for one in of], LastStep(did, now, nonce, parts, said)
        data = (b"\n" if self._torn else b"") + _line(entry, of, list(messages))
        files.make_folder(os.path.dirname(self.path))
        self._size = files.append(self.path, data) + len(data)
        self._torn = False
        if not self._settled:
            files.sync_with_parent(os.path.dirname(self.path))
            self._settled = True
        self._know(of, entry)

    def _keep_text(self, one: Occurrence) -> Occurrence:
        """With what it says, where no record has that yet."""
        known = self._lines.get(one.key)
        return one._replace(msg="" if known and known.msg else _shorten(one.msg))

    def compact(self, now: int) -> None:
        """Write the file again, one record a step and message, when it has doubled since then."""
        if self._size < max(LEAST, 2 * self._compacted):
            return
        kept = {LastStep(KNOWN, now, ""): list(self._known.values())} if self._known else {}
        for k, entry in self.steps.items():
            occurrence = self._lines[k]
            old = not occurrence.once and occurrence.due < now - KEPT
            if old and occurrence.due != self.sent_until(occurrence.id, now):
                continue
            if entry.did == GONE or (entry.did == FAILED and not entry.parts):
                continue
            if occurrence.once and entry.did in (SENT, DONE):  # thousands of them in one record
                entry = LastStep(DONE, now, "")
            if occurrence.due < now - KEPT:
                occurrence = occurrence._replace(msg="")
            kept.setdefault(entry, []).append(occurrence)
        data = b"".join(_line(entry, of, []) for entry, of in kept.items())
        files.replace(self.path, stream.json_record({"compacted": len(data)}) + data)


def _shorten(msg: str) -> str:
    msg = masks.mask(msg)
    return msg if len(msg) <= LONGEST else f"{msg[: LONGEST - 1]}…"


def _read_texts(record: dict[str, Any]) -> list[str]:
    """Of each occurrence of a record what it said, '' where it does not say."""
    count, texts = len(record["of"]), record.get("text")
    if isinstance(texts, list) and len(texts) == count:
        return [text if isinstance(text, str) else "" for text in texts]
    return [""] * count


def _line(entry: LastStep, of: list[Occurrence], messages: list[str]) -> bytes:
    record: dict[str, Any] = {
        "at": clock.to_text(entry.at),
        "did": entry.did,
        "nonce": entry.nonce,
        "of": [[o.key, o.id, clock.to_text(o.due), int(o.once)] for o in of],
    }
    if entry.parts:
        record |= {"parts": entry.parts, "said": entry.said}
    if messages:
        record["messages"] = messages
    if any(o.msg for o in of):
        record["text"] = [o.msg for o in of]
    return stream.json_record(record)
