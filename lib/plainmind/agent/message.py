"""A user's message, and which events of a log belong to the turn that answers it. Pure."""

from typing import Any, NamedTuple

from ..formats.log.event import Event, render_meta


class UserMessage(NamedTuple):
    """What a user wrote.

    `meta` has author, author_id, message_id, quoted and attachments, as far as there are any.
    """

    text: str
    meta: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.meta.get("message_id", ""))

    @property
    def author(self) -> str:
        return str(self.meta.get("author") or "")

    @property
    def mark(self) -> dict[str, Any]:
        """What the meta of every event of its turn has."""
        return {"for": self.id} if self.id else {}

    @property
    def id_in_header(self) -> bytes:
        """The id as an event's header has it; b"" without one."""
        return render_meta({"": self.id})[5:-2].encode()

    def is_logged_as(self, event: Event) -> bool:
        """Whether an event is this message."""
        return (
            bool(self.id)
            and event.role == "user"
            and str(event.meta.get("message_id", "")) == self.id
        )

    def is_marked_on(self, event: Event) -> bool:
        """Whether an event is something its turn did."""
        return bool(self.id) and event.meta.get("for") == self.id

    def is_answered_by(self, event: Event) -> bool:
        return event.role == "agent" and event.meta.get("reply_to") == self.id
