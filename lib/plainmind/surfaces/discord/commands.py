"""What people may ask of the relay by commands of Discord: each runs a command of the suite, and shows what it says.

Every answer is deferred first, for Discord waits three seconds and no more. Only for those who are allowed, in the channel and its
threads. Owns the commands' names and words; what they do is the suite's.
"""

import asyncio
import hashlib
import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from ...formats import chunks
from ...ground import files
from ...ground.errors import NO_MATCH, UNAVAILABLE, BadData, Failure
from ...truth.log import reader
from .delivery import TROUBLE, told_of
from .life import state
from .programs import Outcome

if TYPE_CHECKING:
    from .answering import Answering
    from .tools import Tools

Asked = discord.Interaction[Any]

RECURRENCES = [
    app_commands.Choice(name=name, value=name) for name in ("none", "daily", "weekly", "monthly")
]


class Tree(app_commands.CommandTree):
    """The commands, for allowed users only."""

    tools: "Tools"

    async def interaction_check(self, interaction: Asked, /) -> bool:
        user = interaction.user.id
        if user not in self.tools.allowed:
            if self.tools.life.stranger(user):
                self.tools.say(f"user {user} is not in relay.allow, and is ignored")
            return False
        return True

    async def on_error(self, interaction: Asked, error: app_commands.AppCommandError, /) -> None:
        cause = error.__cause__ or error
        said = str(cause) if isinstance(cause, Failure) else told_of(cause)
        self.tools.say(
            f"/{interaction.command.qualified_name if interaction.command else '?'}: {said}"
        )
        try:
            await _tell(self.tools, interaction, f"That did not work: {said}")
        except (Failure, *TROUBLE):
            pass


def tree(tools: "Tools", answering: "Answering") -> Tree:
    """All commands, bound to what answers."""
    made = Tree(tools.client)
    made.tools = tools
    suite = tools.suite

    async def context(asked: Asked) -> str:
        """Where it was asked; deferred first, which must not wait for anything."""
        await asked.response.defer(ephemeral=True, thinking=True)
        found = await tools.places.context(asked.channel or discord.Object(asked.channel_id or 0))
        if not found:
            raise BadData(f"this is not my channel; ask in <#{tools.history.channel}>")
        return found

    @made.command(
        description="Start afresh: what was said here stays recallable, and is no history any more"
    )
    async def new(asked: Asked) -> None:
        where = await context(asked)
        async with answering.held(where) as stopped:
            outcome = await suite.run("mem-new", where)
        done = f"A new window: `{outcome.out.strip()}`{' (a turn was stopped)' if stopped else ''}"
        await _tell(tools, asked, _or_complaint(outcome, done))

    @made.command(description="Pin a text, or the last message here, so that recall puts it first")
    @app_commands.describe(text="What to remember")
    async def remember(asked: Asked, text: str = "") -> None:
        where = await context(asked)
        await tools.start_thread(where)
        if text.strip():
            outcome = await suite.run("mem-pin", "--text=-", f"--context={where}", given=text)
        else:
            outcome = await suite.run("mem-pin", await asyncio.to_thread(_last, tools, where))
        await _tell(tools, asked, _or_complaint(outcome, f"Pinned: `{outcome.out.strip()}`"))

    @made.context_menu(name="Remember this")
    async def remember_this(asked: Asked, message: discord.Message) -> None:
        where = await context(asked)
        await tools.start_thread(where)
        if ref := await asyncio.to_thread(_logged, tools, where, message):
            outcome = await suite.run("mem-pin", ref)
        elif text := "\n".join(
            [message.content, *(f"(attached: {file.filename})" for file in message.attachments)]
        ).strip():
            outcome = await suite.run("mem-pin", "--text=-", f"--context={where}", given=text)
        else:
            raise BadData("that message has no text")
        await _tell(tools, asked, _or_complaint(outcome, f"Pinned: `{outcome.out.strip()}`"))

    @made.command(description="What must always be in mind (not there yet)")
    async def memory(asked: Asked) -> None:
        await context(asked)
        await _tell(
            tools,
            asked,
            "There is no resident memory yet. /remember pins what recall is to put first.",
        )

    @made.command(description="Look for moments of the past")
    @app_commands.describe(query="What about")
    async def recall(asked: Asked, query: str) -> None:
        await context(asked)
        outcome = await suite.run("mem-recall", "-", given=query)
        found = _or_complaint(outcome, _fenced(outcome.out))
        await _tell(tools, asked, "Nothing comes to mind." if outcome.code == NO_MATCH else found)

    @made.command(description="Stop the answer that is being made here")
    async def stop(asked: Asked) -> None:
        where = await context(asked)
        await _tell(
            tools, asked, "Stopped." if await answering.stop(where) else "Nothing is running here."
        )

    @made.command(description="How it is going")
    async def status(asked: Asked) -> None:
        await context(asked)
        outcome = await suite.run("mem-embed", "--status", "--json")
        await _tell(
            tools,
            asked,
            "\n".join(
                [
                    *state(tools.client, tools.ledger, tools.life, answering.running),
                    _backlog(outcome),
                ]
            ),
        )

    remind = app_commands.Group(name="remind", description="Reminders")

    @remind.command(name="add", description="Add a reminder")
    @app_commands.describe(
        when="tomorrow 09:00, friday 5pm, 2026-03-28 09:30, in 2h",
        message="What to be reminded of",
        recur="How often",
    )
    @app_commands.choices(recur=RECURRENCES)
    async def add(asked: Asked, when: str, message: str, recur: str = "none") -> None:
        await context(asked)
        after = when.strip().lower().removeprefix("in ")
        option = f"--in={after}" if after != when.strip().lower() else f"--at={when}"
        await _tell(
            tools,
            asked,
            _line(await suite.run("remind-add", option, f"--recur={recur}", "-", given=message)),
        )

    @remind.command(name="list", description="What is to come")
    async def list_(asked: Asked) -> None:
        await context(asked)
        outcome = await suite.run("remind-list")
        await _tell(
            tools,
            asked,
            "Nothing is to come."
            if outcome.code == NO_MATCH
            else _or_complaint(outcome, _fenced(outcome.out)),
        )

    @remind.command(name="remove", description="Remove a reminder")
    @app_commands.describe(id="Its id, which /remind list shows")
    async def remove(asked: Asked, id: str) -> None:
        await context(asked)
        await _tell(tools, asked, _line(await suite.run("remind-rm", "--", id)))

    made.add_command(remind)
    return made


async def publish(made: Tree, tools: "Tools", server: int) -> None:
    """Tell Discord which commands there are, when they are others than last time."""
    guild = discord.Object(server)
    made.copy_global_to(guild=guild)
    wanted = json.dumps(
        [command.to_dict(made) for command in made.get_commands(guild=guild)], sort_keys=True
    )
    mark = hashlib.sha256(f"{tools.client.application_id} {server} {wanted}".encode()).hexdigest()
    path = tools.home.path("relay", "commands")
    if os.path.exists(path) and files.read(path) == mark.encode():
        return
    try:
        await tools.post.patiently(lambda: made.sync(guild=guild), "the commands")
    except TROUBLE as error:  # they are there still from last time, or never
        tools.say(
            f"Discord does not take the commands: {told_of(error)}; invite the bot with the scope applications.commands"
        )
        return
    files.make_folder(os.path.dirname(path))
    files.replace(path, mark.encode())


async def _tell(tools: "Tools", asked: Asked, text: str) -> None:
    """The answer to what was deferred, and as many messages after it as it takes."""
    first, *more = chunks.split(text) or ["(nothing)"]
    await tools.post.patiently(lambda: asked.edit_original_response(content=first), "an answer", 5)
    for piece in more[:4]:
        await tools.post.patiently(
            partial(asked.followup.send, piece, ephemeral=True), "an answer", 5
        )


def _or_complaint(outcome: Outcome, text: str) -> str:
    return f"That did not work: {outcome.complaint}" if outcome.code else text


def _line(outcome: Outcome) -> str:
    """What a command of reminders wrote: also when only its confirmation was not sent."""
    if outcome.code and not (outcome.code == UNAVAILABLE and outcome.out):
        return _or_complaint(outcome, "")
    return _fenced(outcome.out)


def _fenced(text: str) -> str:
    return "```\n" + text.strip().replace("```", "'''") + "\n```"


def _backlog(outcome: Outcome) -> str:
    try:
        found = json.loads(outcome.out)
        return f"embeddings: {found['ok']} made, {found['pending']} to be made"
    except (ValueError, KeyError, TypeError):
        return (
            f"embeddings: {outcome.complaint}"
            if outcome.code
            else f"embeddings: {' '.join(outcome.out.split())}"
        )


def _last(tools: "Tools", context: str) -> str:
    """The reference of the last message of a context. Failure when there is none."""
    path = tools.home.current_window(context)
    for block in reversed(reader.read_window(tools.home, path).blocks() if path else []):
        if block.role == "user":
            return f"{path}:{block.line}"
    raise BadData("nothing has been said here yet; give a text")


def _logged(tools: "Tools", context: str, message: discord.Message) -> str:
    """The reference of a message of Discord in the log: a person's, or the answer to one; '' when it is not there."""
    mine = message.author.id == (tools.client.user.id if tools.client.user else 0)
    asked = message.reference.message_id if mine and message.reference else message.id
    id = str(asked or "")
    for name in reversed(tools.home.windows(context) if id else []):
        opened = reader.read_window(tools.home, f"logs/{context}/{name}")
        if id.encode() not in opened.data:
            continue
        for block in opened.blocks():
            meta = opened.event(block).meta if id.encode() in block.meta else {}
            if str(meta.get("reply_to" if mine else "message_id", "")) == id and block.role == (
                "agent" if mine else "user"
            ):
                return f"{opened.path}:{block.line}"
    return ""
