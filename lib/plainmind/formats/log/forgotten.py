r"""What stands in the place of a text that its owner took back (mem-forget), and the record of it.

    ## 2026-01-30T14:23:55.120Z user n=2 h=9f2c41d07a3b {"author":"Ann"}
    > (forgotten)
    > (forgotten)

The header stays, its `h` too, so no line moves and the chain goes on. The record is a `system`
event of the same context, whose metadata says where and what: `{"forgot":{"ref":"logs/…md:3",
"h":"9f2c41d07a3b","blank":"51e0aa17c2d9"}}`. `blank` is the digest that the event has now, by the
rule of every event, over its header and the lines in its place. So whoever blanks an event by hand,
or puts anything else in its place, is found; and so is a forgotten text that comes back.

A digest stays, and by it a guess can be tried: of what is short enough to be guessed, a PIN or a
word of a dictionary, it tells whether the guess is right, unless MIND_FORGOT was set.
"""

import re
from collections.abc import Set
from typing import Any, NamedTuple

from .event import FORGOT, RawEvent, chain_digest, header_without_digest, parse_meta

# patterns, compiled where something was taken back: most recalls take in nothing of it

#: what a record says before its reason
_RECORD = r"The text of \S+ \([0-9a-f]*\) was taken back[^:.]*[:.] ?"
LINE = b"> (forgotten)\n"
#: metadata by which events are found, chained and counted; the rest of it may hold words
STRUCTURE = frozenset(
    """agent author author_id bytes call code cut edited edits exit for forgot full id message_id
    model name of pinned reply_to route session step torn usage""".split()
)
_NAME = r"[A-Za-z_]{1,32}|\(forgotten\)\**"


class Forgotten(NamedTuple):
    """An event that was taken back, as its record names it. `blank`: the digest it has now."""

    path: str
    line: int
    digest: str
    blank: str

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"

    def meta(self) -> dict[str, Any]:
        """The record's metadata; its id makes it one, however often it is tried."""
        value = {"ref": self.ref, "h": self.digest, "blank": self.blank}
        return {"id": f"forget {self.ref} {self.digest} {self.blank}", FORGOT: value}


def parse_record(block: RawEvent) -> Forgotten | None:
    """What an event says was forgotten, None when it is not a record."""
    if block.role != "system" or f'"{FORGOT}":'.encode() not in block.meta:
        return None
    value = parse_meta(block).get(FORGOT)
    if not isinstance(value, dict):
        return None
    path, _, line = str(value.get("ref")).rpartition(":")
    number = int(line) if line.isascii() and line.isdecimal() and len(line) < 13 else 0
    return Forgotten(path, number, str(value.get("h")), str(value.get("blank")))


def words_of(content: str, meta: dict[str, Any]) -> str:
    """What somebody said in an event: of a record, the reason alone."""
    return re.sub(_RECORD, "", content, count=1) if FORGOT in meta else content


def is_blank(block: RawEvent) -> bool:
    """Whether an event's body is what stands in the place of one that was taken back."""
    return block.body.startswith(LINE) and block.body == LINE * block.body.count(b"\n")


def is_silent(block: RawEvent) -> bool:
    """Whether an event is a blank, or the record of one."""
    return is_blank(block) or parse_record(block) is not None


def blank(block: RawEvent, meta: bytes | None = None) -> RawEvent:
    """The event with its body blanked, and with other metadata if `meta` is not None."""
    body = LINE * block.body.count(b"\n")
    return block._replace(body=body, meta=block.meta if meta is None else meta)


def digest_now(block: RawEvent, previous: str, key: bytes) -> str:
    """The digest of an event as it stands, whatever its header says."""
    return chain_digest(previous, header_without_digest(block), block.body, key)


def blank_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """A header's metadata without words: what events are found by stays."""
    return _blank(meta, STRUCTURE)


def words_of_meta(meta: dict[str, Any]) -> dict[str, list[str]]:
    """The texts in a header's metadata, by key."""
    found = {name: _texts({name: value}) for name, value in meta.items() if name not in STRUCTURE}
    return {name: texts for name, texts in found.items() if texts}


def _blank(value: Any, kept: Set[str] = frozenset()) -> Any:
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for name, inner in value.items():
            place = name if _is_name(name) else "(forgotten)"
            while place in made:
                place += "*"
            made[place] = inner if name in kept else _blank(inner)
        return made
    if isinstance(value, list):
        return [_blank(inner) for inner in value]
    return "(forgotten)" if isinstance(value, str) and value else value


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = [*(name for name in value if not _is_name(name)), *value.values()]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) and value not in ("", "(forgotten)") else []


def _is_name(key: str) -> bool:
    """Whether a key is one that a program has, or stands in the place of one that had words."""
    return bool(re.fullmatch(_NAME, key))
