"""Two versions of a window made one: a window only grows, and bodies in it are blanked.

Events are the same if their line and digest are. So one version is the other with more events
behind it, and with blanks for what `mem-forget` took back, which win. Anything else is not the work
of one machine: the two have `forked`, as after a home was set back to an older copy and appended
to, or one was altered.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..log import event as events
from ..log import forgotten
from ..log.event import Gap, RawEvent

Entry = RawEvent | Gap
#: whether an event, by its line and digest, was taken back as the log says
IsForgotten = Callable[[int, str], bool]


class MergedWindow(NamedTuple):
    """`tail`: the events of ours that are not in `data`, since the two have forked. `altered`: the
    line of the first event of ours that somebody changed, 0 for none; then `data` is theirs."""

    data: bytes
    tail: Sequence[RawEvent] = ()
    altered: int = 0


def merge_window(ours: bytes, theirs: bytes, is_forgotten: IsForgotten) -> MergedWindow:
    """Theirs with all of ours that goes with it."""
    if ours == theirs or theirs.startswith(ours):
        return MergedWindow(theirs)
    if ours.startswith(theirs):
        return MergedWindow(ours)
    mine, other = events.scan(ours), events.scan(theirs)
    start = _title_of(theirs)
    if _title_of(ours) != start:
        return MergedWindow(theirs, altered=1) if not mine else _fork(theirs, mine, other)
    parts, number = [start], 0
    for number, (one, their) in enumerate(zip(mine, other, strict=False)):
        chosen = _choose(ours, one, theirs, their, is_forgotten)
        if chosen is None:
            return _part(parts, ours, mine[number:], theirs, other[number:])
        parts.append(chosen)
    both = min(len(mine), len(other))
    longer, rest = (ours, mine[both:]) if len(mine) > both else (theirs, other[both:])
    return MergedWindow(b"".join([*parts, *(longer[one.offset : one.end] for one in rest)]))


def _title_of(data: bytes) -> bytes:
    return data[: data.find(b"\n\n") + 2]


def _choose(
    ours: bytes, one: Entry, theirs: bytes, other: Entry, is_forgotten: IsForgotten
) -> bytes | None:
    """The bytes of what stands in the same place of both; None where they do not go together."""
    mine, their = ours[one.offset : one.end], theirs[other.offset : other.end]
    if mine == their:
        return mine
    if not isinstance(one, RawEvent) or not isinstance(other, RawEvent):
        return None
    if (one.line, one.digest) != (other.line, other.digest):
        return None
    if not is_forgotten(one.line, one.digest):
        return None
    blanks = [raw for event, raw in ((one, mine), (other, their)) if forgotten.is_blank(event)]
    return min(blanks, key=len) if blanks else None  # the shorter one's header is blanked, too


def _part(
    parts: list[bytes], ours: bytes, mine: list[Entry], theirs: bytes, other: list[Entry]
) -> MergedWindow:
    """Both from where they no longer go together: `mine` and `other` are what is left of each."""
    left, more = ours[mine[0].offset :], theirs[other[0].offset :]
    if more.startswith(left) or left.startswith(more):  # a torn end, which one of them has closed
        return MergedWindow(b"".join(parts) + max(left, more, key=len))
    whole = b"".join(parts) + more
    return _fork(whole, mine, other)


def _fork(whole: bytes, mine: list[Entry], other: list[Entry]) -> MergedWindow:
    known = {one.digest for one in other if isinstance(one, RawEvent)}
    tail = [one for one in mine if isinstance(one, RawEvent)]
    if any(one.digest in known for one in tail):
        return MergedWindow(whole, altered=mine[0].line)
    return MergedWindow(whole, tail)


def render_moved(
    title: bytes, notice: Callable[[str], tuple[bytes, str]], tail: Sequence[RawEvent], key: bytes
) -> bytes:
    """A window that has a `notice`, made on the digest before it, and then these events, chained
    again: their bodies, headers and metadata are the same."""
    found = events.parse_title(title)
    assert found
    data, digest = notice(found.line)
    parts = [title, data]
    for one in tail:
        digest = events.chain_digest(digest, events.header_without_digest(one), one.body, key)
        parts.append(events.render_raw(one._replace(digest=digest)))
    return b"".join(parts)


def find_moved(data: bytes, path: str) -> dict[str, int]:
    """What was moved from a window into this one: the digest that each event had there, and its
    line here."""
    if b'"moved":' not in data:
        return {}
    found: dict[str, int] = {}
    waiting: list[str] = []
    for one in events.scan(data):
        if not isinstance(one, RawEvent):
            continue
        if waiting:
            found[waiting.pop(0)] = one.line
        elif one.role == "system":
            moved = events.parse_meta(one).get("moved")
            if isinstance(moved, dict) and moved.get("from") == path:
                waiting = list(map(str, moved.get("h") or ()))
    return found


def find_blanked(here: bytes, merged: bytes) -> list[tuple[RawEvent, bool]]:
    """The events that have their text here, and not in what it is merged to; and whether words of
    their headers have gone, too."""
    there = {
        (one.line, one.digest): one for one in events.scan(merged) if isinstance(one, RawEvent)
    }
    found = []
    for one in events.scan(here):
        other = there.get((one.line, one.digest)) if isinstance(one, RawEvent) else None
        if isinstance(one, RawEvent) and other and (one.body, one.meta) != (other.body, other.meta):
            found.append((one, one.meta != other.meta))
    return found


def with_texts(here: bytes, merged: bytes) -> bytes:
    """What it is merged to, but for texts that are still here."""
    mine = {(one.line, one.digest): one for one in events.scan(here) if isinstance(one, RawEvent)}
    parts, at = [], 0
    for one in events.scan(merged):
        if isinstance(one, RawEvent) and (own := mine.get((one.line, one.digest))):
            parts += [merged[at : one.offset], here[own.offset : own.end]]
            at = one.end
    return b"".join([*parts, merged[at:]])
