"""Which context the messages of a channel or thread belong to."""

from collections import OrderedDict
from typing import Any

from .history import ChannelHistory

CHANNEL, THREAD = "discord-channel/", "discord-thread/"
KNOWN = 1000  # threads


class Places:
    """The one channel and the threads made from it; what a thread belongs to is asked once."""

    def __init__(self, channel: int, history: ChannelHistory):
        self.channel, self.history = channel, history
        self._parents: OrderedDict[int, int] = OrderedDict()

    async def context_of(self, place: Any) -> str:
        """'' for a place that is not ours. `place` has an id, and maybe a parent."""
        if place.id == self.channel:
            return f"{CHANNEL}{place.id}"
        parent = getattr(place, "parent_id", None) or self._parents.get(place.id)
        if parent is None:
            parent = await self.history.find_parent(place.id)
            self._parents[place.id] = parent
            if len(self._parents) > KNOWN:
                self._parents.popitem(last=False)
        return f"{THREAD}{place.id}" if parent == self.channel else ""


def thread_of(context: str) -> int | None:
    """The id of the thread that is a context, None for the channel."""
    return int(context.removeprefix(THREAD)) if context.startswith(THREAD) else None
