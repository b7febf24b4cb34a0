"""What people change and take back: before it was answered, and after it was logged.

A message that waits is answered as it stands in the channel when its turn begins, or not at all. A
change of one that was logged is an event after it; a person's own message that was deleted, by
whomever, is forgotten (mem-forget), unless relay.deleted says keep. Both are in the ledger until
they are in the log, and wait for the turn that the message is in. What happened while nobody
listened is looked for among the messages of the last hours that the log has (relay.catchup).
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import discord

from ...ground import clock
from ...ground.errors import BUSY, INPUT_OUTPUT, NO_MATCH, UNAVAILABLE, USAGE, Failure
from . import logged
from .contexts import THREAD, place_of
from .history import PAGE
from .ledger import Change, Incoming, changed_step, done_step, noted_step, settled_step
from .messages import (
    RawMessage,
    is_from_person,
    to_edit_event,
    to_event,
    to_id,
    to_incoming,
    to_instant,
)
from .removals import Removals
from .requests import TROUBLE, Refused, describe
from .services import Services

PAGES = 5  # of a context's messages that are looked at after a time away
REASON = "deleted in Discord"


class Changes:
    """`fetch` gets what is attached to a message; `tell` has somebody say what is untold."""

    def __init__(
        self, services: Services, fetch: Callable[[Incoming], None], tell: Callable[[], None]
    ):
        self.services, self.fetch = services, fetch
        self.ledger, self.writer = services.ledger, services.writer
        self.removals = Removals(services, self._drop, tell)
        self.keep = services.settings["relay.deleted"] == "keep"
        self.wanted = asyncio.Event()  # something may be there to be settled

    # --- what is heard

    async def hear_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A message was changed; Discord tells of its links, threads and polls in the same way."""
        data: Any = payload.data
        author = int((data.get("author") or {}).get("id") or 0)
        if not data.get("edited_timestamp") or author not in self.services.allowed.users:
            return
        if "content" in data and is_from_person({"type": 0, **data}):
            await self._note_edit({"channel_id": payload.channel_id, **data})

    async def _note_edit(self, data: RawMessage) -> None:
        place = int(data["channel_id"])
        if context := await self.services.places.find_context(place):
            message = to_incoming(data, context, self.services.client.find_name)
            if message.id in self.ledger.waiting.get(context, {}):
                await self._replace(message)
            else:
                await self._note(Change("edited", message.id, context, message))

    async def hear_deletion(self, place: int, ids: Iterable[int]) -> None:
        context = await self.services.places.find_context(place)
        waiting = self.ledger.waiting.get(context, {})
        logged = [id for id in ids if id not in waiting] if context and not self.keep else []
        await self._note(*(Change("deleted", id, context) for id in logged))
        for id in [id for id in ids if id in waiting] if context else ():
            await self._drop(id)

    async def _note(self, *changes: Change) -> None:
        await self.writer.write(*map(noted_step, changes))
        self.wanted.set()

    async def _replace(self, message: Incoming) -> None:
        await self.writer.write(changed_step(message))
        self.fetch(message)

    async def _drop(self, id: int) -> None:
        """No turn for a message that is not there any more, nor a word of it in the ledger."""
        files = self.ledger.kept[id].files if id in self.ledger.kept else []
        await self.writer.write(done_step([id]))
        await self.writer.compact(now=True)
        for path in files:
            with suppress(FileNotFoundError):
                os.unlink(path)

    # --- when a turn begins

    async def reread(self, of: list[Incoming]) -> list[Incoming]:
        """The messages of a turn as they stand in their channel; as they came, if nobody can
        tell."""
        try:
            page = await self.services.history.read_page(of[0].channel, of[0].id - 1)
            stands = {int(one["id"]): one for one in page}
            last = max(stands, default=0) if len(page) >= PAGE else of[-1].id
            for message in of:
                if raw := stands.get(message.id):
                    new = to_incoming(raw, message.context, self.services.client.find_name)
                    # the name in the server is told by the gateway alone
                    new = new._replace(author=message.author)
                    if new._replace(attached=()) != message._replace(attached=()):
                        await self._replace(new)
                elif message.id <= last and await self._is_gone(of[0].channel, message.id):
                    await self._drop(message.id)
        except TROUBLE as error:
            gone = isinstance(error, Refused) and await self.removals.note_refusal(
                of[0].context, error
            )
            if not gone:
                self.services.say(f"a message could not be read again: {describe(error)}")
        waiting = self.ledger.waiting.get(of[0].context, {})
        return [waiting[message.id] for message in of if message.id in waiting]

    async def _is_gone(self, place: int, id: int) -> bool:
        """Asked for by itself: a page that lacks it is not enough to forget it."""
        return await self.services.history.find_message(place, id) is None

    # --- when it is logged

    async def run(self) -> None:
        """Log and forget what is noted, as soon as the turn that it waits for is over."""
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            due = [c for c in self.ledger.changes.values() if c.id not in self.ledger.open]
            # edits one by one, deletions in a row together: a purge is one search for what is to go
            for _, several in itertools.groupby(due, lambda c: (c.context, c.message and c.key)):
                changes = list(several)
                try:
                    if await self._settle(changes):
                        await self.writer.write(*map(settled_step, changes))
                except (Failure, *TROUBLE) as error:  # tried again within a minute
                    self.services.say(f"a change in {changes[0].context}: {describe(error)}")

    async def _settle(self, changes: list[Change]) -> bool:
        """Whether nothing is left to be done for changes of one kind in one context."""
        first = changes[0]
        if not first.message:
            return await self._forget(changes)
        await self._log_edit(first, first.message)
        return True

    async def _log_edit(self, change: Change, message: Incoming) -> None:
        find, home = logged.find, self.services.home
        found = await asyncio.to_thread(find, home, change.context, [change.id])
        said = [one for one in found if one.role == "user"]
        if any(one.edited >= message.edited for one in found):  # it was logged like that
            return
        others = [one for one in said[-1].ids if one != change.id] if said else []
        together = [*await self._read_others(change.context, others), message]
        event = to_edit_event(sorted(together, key=lambda one: one.id), message)
        if said:
            event["meta"]["changes"] = [one.ref for one in found]
        await self.services.log.append(change.context, event)

    async def _read_others(self, context: str, ids: Iterable[int]) -> list[Incoming]:
        """The other messages of an event, as they stand now; none in a thread that is gone."""
        find, name = self.services.history.find_message, self.services.client.find_name
        try:
            raws = [await find(place_of(context), id) for id in ids]
        except Refused as refused:
            if not await self.removals.note_refusal(context, refused):
                raise
            return []
        return [to_incoming(raw, context, name) for raw in raws if raw]

    async def _forget(self, changes: list[Change]) -> bool:
        """Forget messages of one context at once, a moderator's purge among them: whether nothing
        is left to be done."""
        services, refs = self.services, []
        gone, whole = {change.id for change in changes}, changes[0].context
        threads = {f"{THREAD}{id}": {id} for id in gone}
        starters = {
            context: ids for context, ids in threads.items() if _is_logged(services, context)
        }
        for context, ids in {whole: gone, **starters}.items():
            for one in await asyncio.to_thread(logged.find, services.home, context, ids):
                own = one.role == "system" or one.author_id in services.allowed.users
                refs += [one.ref] if own else []
                others = [id for id in one.ids if id not in gone]
                if own and one.role == "user" and others:  # they stay, in an event of their own
                    stay = await self._read_others(whole, others)
                    await services.log.append(context, *(to_event(m, read=True) for m in stay))
        if not refs:
            return True
        await self.writer.compact(now=True)
        lines = "".join(f"{ref}\n" for ref in refs)
        for why in (("--reason", REASON), ()):  # a message may say just that
            options = "--metadata", "--yes", *why, "-"
            outcome = await services.suite.run("mem-forget", *options, given=lines)
            if outcome.code != USAGE:
                break
        if outcome.code not in (0, NO_MATCH):
            services.say(f"mem-forget ended with {outcome.code}: {outcome.complaint}")
        return outcome.code >= 0 and outcome.code not in (BUSY, INPUT_OUTPUT, UNAVAILABLE)

    # --- what nobody heard

    async def look_back(self) -> None:
        """Find what was changed and deleted while nobody listened."""
        hours = self.services.settings["relay.catchup"]
        since = clock.system_now() - int(hours * 3600 * clock.SECOND)
        for context in await asyncio.to_thread(logged.list_recent, self.services.home, since):
            try:
                await self._look_at(context, since)
            except Refused as refused:  # a thread that was deleted, or is not for us
                await self.removals.note_refusal(context, refused)

    async def _look_at(self, context: str, since: int) -> None:
        allowed = self.services.allowed.users
        found = await asyncio.to_thread(logged.find, self.services.home, context)
        edited: dict[int, str] = {}
        for one in found:
            ours = one.role == "system" or one.author_id in allowed
            if ours and not one.starter:  # a thread does not have the message it was made from
                edited |= {id: max(one.edited, edited.get(id, "")) for id in one.ids}
        known = sorted(id for id in edited if to_instant(id) >= since)
        after = max(known[0] - 1, to_id(since)) if known else 0
        for _ in range(PAGES if known else 0):
            page = await self.services.history.read_page(place_of(context), after)
            stands = {int(raw["id"]): raw for raw in page}
            last = max(stands, default=0) if len(page) >= PAGE else known[-1]
            for id in [id for id in known if after < id <= last]:
                if id not in stands:
                    if await self._is_gone(place_of(context), id):
                        await self.hear_deletion(place_of(context), [id])
                elif (when := stands[id].get("edited_timestamp")) and when > edited[id]:
                    await self._note_edit(stands[id])
            after = last
            if len(page) < PAGE:
                return


def _is_logged(services: Services, context: str) -> bool:
    return os.path.isdir(services.home.path("logs", context))
