"""Getting an answer to Discord: once, whole, in order, whatever the network does.

Each part has a nonce of its own, by which Discord shows it once if it is sent again soon. A nonce
is forgotten after some minutes, so a part that may be there already is looked for first: one that
was being posted when the relay died, or whose answer was lost.

Owns how an answer is cut into messages, what is in the ledger before and after each, and
relay/dead.jsonl, what could not be answered or posted.
"""

import asyncio
import io
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import discord

from ...formats import chunks
from ...ground import clock, files, masks, stream
from ...ground.paths import Home
from . import attachments
from .attempts import ANSWERED
from .contexts import place_of
from .ledger import (
    Files,
    Incoming,
    PendingTurn,
    RefusedAnswer,
    answered_step,
    done_step,
    gone_step,
    posted_step,
    posting_step,
    refused_step,
    told_step,
)
from .removals import compose_notice
from .requests import Refused
from .services import Services

LOOKED_AT = 1000  # messages in which one of ours is looked for: others may have said much before it

MOST = 10  # messages; a longer answer goes as a file
MOST_REFUSED = 100  # answers that are kept to be posted when it is allowed again


class AnswerPart(NamedTuple):
    """One message. `whole`: an answer too long for messages, which goes as a file."""

    content: str
    files: Files = ()
    whole: str = ""


class PartDelivery(NamedTuple):
    """One part on its way: where it goes, by what it is known, and after which message it comes."""

    channel: int
    part: AnswerPart
    nonce: str
    after: int
    reply_to: int | None = None


class Outbox:
    def __init__(self, services: Services):
        self.services = services
        self.client, self.writer = services.client, services.writer
        self._telling = asyncio.Lock()

    async def write_down(self, of: Sequence[Incoming], text: str, how: str) -> None:
        """Have an answer in the ledger, and the files that it names beside it, as they are now."""
        id, copies = of[-1].id, Files()
        if how == ANSWERED:
            text, copies = await asyncio.to_thread(_take_along, self.services.home, id, text)
        await self.writer.write(answered_step(id, text, how, copies))

    async def deliver(self, turn: PendingTurn) -> None:
        """Post what is not posted yet of an answer, and what was refused in its place earlier."""
        parts = split_answer(turn.text or "", turn.files)
        number = 0
        try:
            for number, part in enumerate(parts):
                if number not in turn.posted:
                    id = await self._post_part(turn, number, part)
                    last = [done_step(m.id for m in turn.of)] if number == len(parts) - 1 else []
                    await self.writer.write(posted_step(turn.id, number, id), *last)
        except Refused as refused:
            self.services.say(f"an answer to {turn.context} could not be posted: {refused}")
            await self.write_off(turn.of, f"not posted: {refused}", turn.text or "", turn.files)
            if refused.may_be_allowed_later and len(self.services.ledger.refused) < MOST_REFUSED:
                rest = "\n".join(part.whole or part.content for part in parts[number:])
                rest = rest if number else turn.text or ""
                refusal = RefusedAnswer(
                    turn.id, turn.context, turn.channel, rest, str(refused), turn.files
                )
                await self.writer.write(refused_step(refusal))
        else:
            await self.tell_refused(turn.context)
        if turn.id in self.services.ledger.turns:  # nothing to post, or nothing that Discord takes
            await self.writer.write(done_step(m.id for m in turn.of))
        if turn.id not in self.services.ledger.refused:
            await asyncio.to_thread(attachments.remove_outgoing, self.services.home, turn.files)

    async def tell_refused(self, context: str = "") -> None:
        """Post the answers that were refused, in a context or anywhere, where it is allowed now."""
        async with self._telling:
            for answer in list(self.services.ledger.refused.values()):
                if context in ("", answer.context):
                    await self._tell(answer)

    async def tell_gone(self) -> None:
        """Say in the channel which threads were deleted, and that the log keeps them."""
        for thread in [one for one in self.services.ledger.gone.values() if not one.told]:
            place, id = self.services.places.channel, place_of(thread.context)
            part = AnswerPart(compose_notice(thread))
            try:
                await self.post(PartDelivery(place, part, f"{id}-gone", id), in_doubt=True)
            except Refused as refused:
                if refused.may_be_allowed_later:
                    return
            await self.writer.write(gone_step(thread._replace(told=True)))

    async def _tell(self, answer: RefusedAnswer) -> None:
        said = f"(this answer could not be posted before: {answer.why})\n{answer.text}"
        after = answer.turn
        try:
            for number, part in enumerate(split_answer(said, answer.files)):
                reply_to = None if number else answer.turn
                nonce = f"{answer.turn}-r{number}"
                one = PartDelivery(answer.channel, part, nonce, after, reply_to)
                after = await self.post(one, in_doubt=True)  # it may be there from before a death
        except Refused as refused:
            if refused.may_be_allowed_later:
                return
            self.services.say(f"an answer to {answer.context} is given up: {refused}")
        await self.writer.write(told_step(answer.turn))
        await asyncio.to_thread(attachments.remove_outgoing, self.services.home, answer.files)

    async def _post_part(self, turn: PendingTurn, number: int, part: AnswerPart) -> int:
        after, reply_to = turn.posted.get(number - 1, turn.id), None if number else turn.id
        one = PartDelivery(turn.channel, part, f"{turn.id}-{number}", after, reply_to)
        in_doubt = turn.posting == number  # the relay died over it
        if not in_doubt:
            await self.writer.write(posting_step(turn.id, number))
        try:
            return await self.post(one, in_doubt)
        except Refused as refused:
            if not part.files:
                raise
            text = f"{part.content}\n(its files could not be sent: {refused})".strip()
            bare = AnswerPart(text[-2000:], (), part.whole)
            return await self.post(one._replace(part=bare, nonce=f"{one.nonce}-t"))

    async def post(self, one: PartDelivery, in_doubt: bool = False) -> int:
        """The id of the message this part has become. When in doubt it is looked for first."""
        place = self.client.get_partial_messageable(one.channel)

        async def send() -> int:
            nonlocal in_doubt
            if in_doubt and (there := await self._find(one)):
                return there
            in_doubt = True
            nobody = discord.AllowedMentions.none()
            options: dict[str, Any] = {"nonce": one.nonce, "allowed_mentions": nobody}
            if one.reply_to:
                options["reference"] = discord.MessageReference(
                    message_id=one.reply_to, channel_id=one.channel, fail_if_not_exists=False
                )
            if attached := await asyncio.to_thread(_open_files, self.services.home, one.part):
                options["files"] = attached
            return (await place.send(one.part.content or None, **options)).id

        who, what = f"channel {one.channel}", f"a message to {one.channel}"
        return await self.services.requests.ask(send, what, who=who)

    async def _find(self, one: PartDelivery) -> int | None:
        """The message that this part became, if it did, among those after another one."""
        me = self.client.id
        async for message in self.client.get_partial_messageable(one.channel).history(
            after=discord.Object(one.after), limit=LOOKED_AT, oldest_first=True
        ):
            if message.author.id != me:
                continue
            to = message.reference.message_id if message.reference else None
            if message.nonce == one.nonce or (
                to == one.reply_to and message.content.strip() == one.part.content.strip()
            ):
                return message.id
        return None

    async def write_off(
        self, of: Sequence[Incoming], why: str, text: str = "", copies: Files = ()
    ) -> None:
        """A line for a person to find, about what had no answer or could not be posted."""
        at, ids = clock.to_text(clock.system_now()), [m.id for m in of]
        line = {"at": at, "context": of[0].context, "of": ids, "why": masks.mask(why)}
        lost = {"answer": text, "files": [name for name, _ in copies]}
        data = stream.json_record(line | {key: value for key, value in lost.items() if value})
        path = self.services.home.path("relay", "dead.jsonl")
        await asyncio.to_thread(_append, path, data)


def _take_along(home: Home, turn: int, text: str) -> tuple[str, Files]:
    """An answer without the links to the files that it names, and copies of those. Failure when
    the disk does not take them."""
    text = masks.mask(text.encode("utf-8", "replace").decode())
    linked = attachments.extract_files(home, text)
    if len(chunks.split(linked.text)) > MOST:  # it is one of them itself
        linked = attachments.extract_files(home, text, attachments.MOST - 1)
    try:
        return linked.text, attachments.copy_outgoing(home, turn, linked.files)
    except OSError as error:  # elsewhere it means that Discord may be tried again
        raise files.to_failure(error) from error


def split_answer(text: str, copies: Files = ()) -> list[AnswerPart]:
    """An answer cut into messages, its files with the last."""
    text = masks.mask(text.encode("utf-8", "replace").decode())
    pieces = chunks.split(text)
    if len(pieces) > MOST:
        rest = "(the whole answer is in the file)"
        return [AnswerPart(pieces[0]), AnswerPart(rest, copies, text)]
    parts = [AnswerPart(piece) for piece in pieces]
    if copies:
        last = parts.pop() if parts else AnswerPart("")
        parts.append(last._replace(files=copies))
    return parts


def _open_files(home: Home, part: AnswerPart) -> list[discord.File]:
    opened = [discord.File(io.BytesIO(part.whole.encode()), "answer.md")] if part.whole else []
    found = attachments.read_outgoing(home, part.files)
    return opened + [discord.File(io.BytesIO(file.data), file.name) for file in found]


def _append(path: str, data: bytes) -> None:
    files.make_folder(os.path.dirname(path))
    files.append(path, data)
