"""Sessions of the gateway: what each has been told, numbered, while it may want to hear it again.

Knows no socket: a session has a way to send, or none while nobody is connected.
"""

import json
import secrets
from collections import deque
from collections.abc import Callable

from . import cast, shapes

#: how many events a session can be told again
REMEMBERED = 20_000
#: how many sessions are kept; the oldest without a connection go first
KEPT = 8


def readable(data: dict) -> bool:
    """Whether a bot without the MESSAGE_CONTENT intent may read it: own, direct, or naming it."""
    named = any(u["id"] == cast.BOT for u in data.get("mentions", []))
    return "guild_id" not in data or data["author"]["id"] == cast.BOT or named


def blank(data: dict) -> dict:
    shown = data | {"content": "", "embeds": [], "attachments": [], "components": []}
    origin = data.get("referenced_message")
    if origin and origin["author"]["id"] != cast.BOT:
        shown["referenced_message"] = blank(origin)
    return shown


class Session:
    def __init__(self, intents: int) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.seq = 0
        self.told: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self.send: Callable[[str, str, dict], None] | None = None

    def wants(self, name: str, data: dict) -> bool:
        if name.startswith("MESSAGE_"):
            return bool(
                self.intents
                & (shapes.GUILD_MESSAGES if "guild_id" in data else shapes.DIRECT_MESSAGES)
            )
        if name.startswith(("THREAD_", "CHANNEL_", "GUILD_")):
            return bool(self.intents & shapes.GUILDS)
        return True

    def tell(self, name: str, data: dict) -> None:
        if not self.wants(name, data):
            return
        if (
            name in ("MESSAGE_CREATE", "MESSAGE_UPDATE")
            and not self.intents & shapes.MESSAGE_CONTENT
            and not readable(data)
        ):
            data = blank(data)
        self.seq += 1
        text = json.dumps({"t": name, "s": self.seq, "op": 0, "d": data})
        self.told.append((self.seq, text))
        if self.send:
            self.send(text, name, data)

    def missed(self, seq: int) -> list[str] | None:
        """What was told after an event; None if that is no longer known, or never was."""
        if seq > self.seq or (self.told and seq + 1 < self.told[0][0]):
            return None
        return [text for number, text in self.told if number > seq]


class Sessions:
    def __init__(self) -> None:
        self.all: dict[str, Session] = {}

    def new(self, intents: int) -> Session:
        idle = [s for s in self.all.values() if not s.send]
        for session in idle[: max(0, len(self.all) - KEPT + 1)]:
            self.forget(session)
        session = Session(intents)
        self.all[session.id] = session
        return session

    def forget(self, session: Session) -> None:
        self.all.pop(session.id, None)

    def tell(self, name: str, data: dict) -> None:
        for session in list(self.all.values()):
            session.tell(name, data)
