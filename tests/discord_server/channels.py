"""A channel or thread and its messages, in the order of their ids. Knows nothing of the wire."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

TEXT, DIRECT, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12


@dataclass
class Message:
    id: str
    channel: "Channel"
    author: dict
    content: str
    type: int
    ms: int
    pinged: dict
    attachments: list[dict] = field(default_factory=list)
    embeds: list[dict] = field(default_factory=list)
    flags: int = 0
    reference: dict | None = None
    #: what only some messages have: webhook_id, application_id, interaction_metadata
    more: dict = field(default_factory=dict)
    nonce: str | int | None = None
    enforce_nonce: bool = False
    allowed_mentions: dict | None = None
    edited: int | None = None
    thread: "Channel | None" = None
    reactions: list[str] = field(default_factory=list)
    live: bool = True


@dataclass
class Channel:
    id: str
    type: int
    name: str
    position: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    last: str | None = None
    #: of threads only
    parent: "Channel | None" = None
    owner: str = ""
    made: int = 0
    archived: bool = False
    archived_at: int = 0
    locked: bool = False
    members: set[str] = field(default_factory=set)
    sent: int = 0

    @property
    def is_thread(self) -> bool:
        return self.parent is not None

    def seen_by(self, user: str) -> bool:
        """A private thread is there for its members only."""
        return self.type != PRIVATE_THREAD or user in self.members

    def add(self, message: Message) -> None:
        self.messages[message.id] = message
        insort(self.order, int(message.id))
        self.last = str(self.order[-1])
        # the message a thread was made from is not counted by it
        self.sent += message.type != 21

    def remove(self, message: Message) -> None:
        del self.messages[message.id]
        del self.order[bisect_left(self.order, int(message.id))]

    def page(
        self, limit: int, before: int | None, after: int | None, around: int | None
    ) -> Iterator[Message]:
        """Newest first, always; with `after`, the oldest ones after it."""
        order = self.order
        if around is not None:
            middle = bisect_left(order, around)
            start = max(0, middle - limit // 2)
            ids = order[start : start + limit]
        elif after is not None:
            start = bisect_right(order, after)
            ids = order[start : start + limit]
        else:
            end = len(order) if before is None else bisect_left(order, before)
            ids = order[max(0, end - limit) : end]
        return (self.messages[str(i)] for i in reversed(ids))
