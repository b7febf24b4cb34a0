"""OpenClaw's sessions: `~/.openclaw/agents/<agent>/sessions/<id>.jsonl`, in pi's format, with
`sessions.json` beside them.

`…jsonl.reset.<time>` is a session that /new ended, and history; `.deleted.` was deleted by its
owner, `.bak.`, `.checkpoint.<uuid>.jsonl` and `.trajectory.jsonl` repeat others. What OpenClaw
itself put among the user's messages (heartbeats, greetings, other sessions' messages) is not the
user's. `delivery-mirror` repeats what was sent to a channel."""

import re
from collections.abc import Callable, Container, Iterator

from . import items, pi
from .items import HistoryEvent, HistoryItem, Skipped, as_mapping
from .sources import RawRecord, Records, Source, read_lines

_SESSION = re.compile(
    r"(?!.*\.trajectory\.)(?!.*\.checkpoint\.[0-9a-f-]{36}\.).+\.jsonl(\.reset\.[^/]*)?\Z", re.I
)
_MACHINE = re.compile(
    r"A new session was started via /new or /reset\b|Read HEARTBEAT\.md if it "
    r"exists\b|Pre-compaction memory flush\b"
)
_SILENT = re.compile(r"\s*(HEARTBEAT_OK|NO_REPLY)\s*\Z")
_TRAILER = re.compile(r"\[message_id: [^\]\n]*\]\s*")


class OpenClaw(pi.Pi):
    surface = "openclaw"

    def wanted(self, path: str) -> bool:
        return bool(_SESSION.match(path.rpartition("/")[2]))

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        lines, left = read_lines(source, note), pi.find_left(source)
        return read_events(lines, lambda first: pi.find_lineage(first, source), left)


def read_events(records: Records, ancestry, left: Container[str]) -> Iterator[HistoryItem]:
    """The events of a session, less what OpenClaw said to itself."""
    answer = ""
    for one in pi.read_events(_people(records), "openclaw", ancestry, left):
        if isinstance(one, HistoryEvent) and one.role == "user":
            if _MACHINE.match(one.content):
                one = Skipped("hidden", one.content)
            else:
                one = items.clean_event(one, "", content=_strip_trailer(one.content))
        elif isinstance(one, HistoryEvent) and one.role == "agent":
            mirror = one.meta.get("model", "").startswith("openclaw:")
            if _SILENT.match(one.content) or (mirror and one.content == answer):
                one = Skipped("hidden", one.content)
            else:
                answer = one.content
        yield one


def _strip_trailer(text: str) -> str:
    at = max(0, text.rfind("[message_id: "))
    return text[:at].removesuffix("\n") if _TRAILER.fullmatch(text, at) else text


def _people(records: Records) -> Records:
    """The records, without the role of messages that no person sent."""
    for record in records:
        if isinstance(record, RawRecord):
            message = as_mapping(record.value.get("message"))
            kind = as_mapping(message.get("provenance")).get("kind")
            if message.get("role") == "user" and kind in ("inter_session", "internal_system"):
                message["role"] = "system"
        yield record
