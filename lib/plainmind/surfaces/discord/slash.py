"""Discord's slash commands: each runs a command of the suite, and shows what it prints.

Every answer is deferred first, for Discord waits three seconds and no more. Only for those who are
allowed, in the channel and its threads. Owns the commands' names and words.
"""

import asyncio
import hashlib
import json
import os
from contextlib import suppress
from functools import partial
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import AppCommandError, Choice, command, context_menu

from ...formats import chunks
from ...formats.discord_message import NOTHING
from ...formats.quotation import quote_text
from ...ground import files, masks
from ...ground.errors import NO_MATCH, UNAVAILABLE, BadData, Failure
from ...truth.log import reader
from .lanes import Lanes
from .messages import describe_stranger, name_stranger, to_event, to_incoming
from .programs import Outcome
from .requests import TROUBLE, describe
from .services import Services

Interaction = discord.Interaction[Any]

MOST = 5  # messages of an answer
RECURRENCES = [
    Choice(name=name, value=name) for name in ("none", "daily", "weekly", "monthly", "yearly")
]
#: of mem-resident
MEMORY_VERBS = [
    Choice(name=verb, value=verb)
    for verb in (
        "show remember flush recall stale confirm drop pages verify faults traces trace on off "
        "trust untrust"
    ).split()
]
MEMORY_SCOPES = [Choice(name=scope, value=scope) for scope in ("global", "project", "local")]


class SlashTree(app_commands.CommandTree):
    """The commands, for allowed users only, bound to what answers them."""

    def __init__(self, services: Services, lanes: Lanes):
        super().__init__(services.client)
        self.services, self.lanes = services, lanes
        services.client.tree = self
        commands: list[Any] = [new, remember, remember_this, memory, recall, stop, status, remind]
        for one in (*commands, list_changes, allow_change, undo_change):
            self.add_command(one)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        return self.services.allowed.admits(interaction.user.id)

    async def on_error(self, interaction: Interaction, error: AppCommandError, /) -> None:
        cause = error.__cause__ or error
        what = str(cause) if isinstance(cause, Failure) else describe(cause)
        name = interaction.command.qualified_name if interaction.command else "?"
        self.services.say(f"/{name}: {what}")
        with suppress(Failure, *TROUBLE):
            await _reply(self.services, interaction, f"That did not work: {what}")


class Ask:
    """One use of a command, in the context it was used in."""

    def __init__(self, interaction: Interaction, context: str):
        tree = interaction.client.tree
        self.interaction, self.context = interaction, context
        self.services: Services = tree.services
        self.lanes: Lanes = tree.lanes
        self.run = self.services.suite.run

    @classmethod
    async def begin(cls, interaction: Interaction) -> "Ask":
        """Deferred first, which must not wait for anything. BadData outside our channel."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        services: Services = interaction.client.tree.services
        place = interaction.channel or discord.Object(interaction.channel_id or 0)
        context = await services.places.context_of(place)
        if not context:
            raise BadData(f"this is not my channel; ask in <#{services.history.channel}>")
        return cls(interaction, context)

    async def reply(self, text: str) -> None:
        await _reply(self.services, self.interaction, text)

    async def reply_pinned(self, outcome: Outcome) -> None:
        await self.reply(_or_complaint(outcome, f"Pinned: `{outcome.out.strip()}`"))

    async def reply_list(self, outcome: Outcome, nothing: str) -> None:
        listed = _or_complaint(outcome, _fenced(outcome.out))
        await self.reply(nothing if outcome.code == NO_MATCH else listed)

    async def reply_changed(self, outcome: Outcome) -> None:
        """What a command of reminders wrote: also when only its confirmation was not sent."""
        unconfirmed = outcome.code == UNAVAILABLE and outcome.out
        changed = _fenced(outcome.out)
        await self.reply(changed if unconfirmed else _or_complaint(outcome, changed))

    async def pin_text(self, text: str) -> Outcome:
        return await self.run("mem-pin", "--text=-", f"--context={self.context}", given=text)


# --- the commands


@command(
    description="Start afresh: what was said here can be recalled, and is not history any more"
)
async def new(interaction: Interaction) -> None:
    ask = await Ask.begin(interaction)
    async with ask.lanes.hold(ask.context) as stopped:
        outcome = await ask.run("mem-new", ask.context)
    text = f"A new window: `{outcome.out.strip()}`{' (a turn was stopped)' if stopped else ''}"
    await ask.reply(_or_complaint(outcome, text))


@command(description="Pin a text, or the last message here, so that recall puts it first")
@app_commands.describe(text="What to remember")
async def remember(interaction: Interaction, text: str = "") -> None:
    ask = await Ask.begin(interaction)
    await ask.services.log.start_thread(ask.context)
    if text.strip():
        outcome = await ask.pin_text(text)
    else:
        ref = await asyncio.to_thread(_find_last, ask.services, ask.context)
        outcome = await ask.run("mem-pin", ref)
    await ask.reply_pinned(outcome)


@context_menu(name="Remember this")
async def remember_this(interaction: Interaction, message: discord.Message) -> None:
    ask = await Ask.begin(interaction)
    await ask.services.log.start_thread(ask.context)
    if ref := await asyncio.to_thread(_find_logged, ask.services, ask.context, message):
        outcome = await ask.run("mem-pin", ref)
    else:
        raw = await ask.services.history.find_message(message.channel.id, message.id)
        if raw is None:
            raise BadData("that message is not there any more")
        said = to_incoming(raw, ask.context, ask.services.client.find_name)
        if said.text == NOTHING:
            raise BadData("that message has no text")
        text = str(to_event(said)["content"])
        me, users = ask.services.client.id, ask.services.allowed.users
        if stranger := describe_stranger(raw, users, me):
            text = f"{name_stranger(said, stranger)} wrote:\n{quote_text(text)}"
        outcome = await ask.pin_text(text)
    await ask.reply_pinned(outcome)


@command(description="What is always in mind: MEMORY.md of the user and of a trusted project")
@app_commands.describe(
    verb="What to do; without one, what there is",
    text="Its words: a fact, a question, ids, references, a folder",
    scope="Whose memory (remember, recall)",
)
@app_commands.choices(verb=MEMORY_VERBS, scope=MEMORY_SCOPES)
async def memory(
    interaction: Interaction, verb: str = "show", text: str = "", scope: str = ""
) -> None:
    ask = await Ask.begin(interaction)
    outcome = await ask.run("mem-resident", *_of_memory(verb, text, scope, ask.context), given=text)
    if outcome.out.strip() and outcome.code not in (0, NO_MATCH):  # flush: some were rejected
        complaint = f"That did not work: {outcome.complaint}"
        await ask.reply(f"{_fenced(outcome.out)}\n{complaint}")
    elif outcome.code == 0 and verb == "remember":
        id = outcome.out.strip()
        await ask.reply(f"Staged as `{id}`: `/memory flush` writes what is staged.")
    else:
        done = outcome._replace(out=outcome.out if outcome.out.strip() else "(done)")
        await ask.reply_list(done, "There is nothing.")


def _of_memory(verb: str, text: str, scope: str, context: str) -> list[str]:
    """The arguments of mem-resident; a text is read from standard input."""
    if verb == "remember":
        return [verb, "--", scope or "global", "-"]
    if verb == "recall":
        only = [f"--scope={scope}"] if scope else []
        return [verb, *only, f"--context={context}", "--", "-"]
    if verb in ("show", "on", "off"):
        return [verb, f"--context={context}"]
    return [verb, *(["--", *text.split()] if text.strip() else [])]


@command(description="Look for moments of the past")
@app_commands.describe(query="What about")
async def recall(interaction: Interaction, query: str) -> None:
    ask = await Ask.begin(interaction)
    await ask.reply_list(await ask.run("mem-recall", "-", given=query), "Nothing comes to mind.")


@command(description="Stop the answer that is being made here")
async def stop(interaction: Interaction) -> None:
    ask = await Ask.begin(interaction)
    stopped = await ask.lanes.stop(ask.context)
    await ask.reply("Stopped." if stopped else "Nothing is running here.")


@command(description="How it is going")
async def status(interaction: Interaction) -> None:
    ask = await Ask.begin(interaction)
    outcome = await ask.run("mem-embed", "--status", "--json")
    services = ask.services
    lines = services.presence.describe(services.client, services.ledger, ask.lanes.running)
    await ask.reply("\n".join([*lines, _backlog(outcome)]))


@command(name="changes", description="What of the agent's waits for a yes, or can be undone")
async def list_changes(interaction: Interaction) -> None:
    ask = await Ask.begin(interaction)
    await ask.reply_list(await ask.run("agent-changes"), "Nothing waits, and nothing to undo.")


@command(name="allow", description="Say yes to a change that waits for it")
@app_commands.describe(id="Its id, which is under the answer, and in /changes")
async def allow_change(interaction: Interaction, id: str) -> None:
    ask = await Ask.begin(interaction)
    await ask.reply_changed(await ask.run("agent-changes", f"--allow={id}"))


@command(name="undo", description="Undo what the agent changed for good")
@app_commands.describe(id="Its id, which is under the answer, and in /changes")
async def undo_change(interaction: Interaction, id: str) -> None:
    ask = await Ask.begin(interaction)
    await ask.reply_changed(await ask.run("agent-changes", f"--undo={id}"))


remind = app_commands.Group(name="remind", description="Reminders")


@remind.command(name="add", description="Add a reminder")
@app_commands.describe(
    when="tomorrow 09:00, friday 5pm, 2026-03-28 09:30, in 2h",
    message="What to be reminded of",
    recur="How often",
)
@app_commands.choices(recur=RECURRENCES)
async def add_reminder(
    interaction: Interaction, when: str, message: str, recur: str = "none"
) -> None:
    ask = await Ask.begin(interaction)
    outcome = await ask.run("remind-add", f"--at={when}", f"--recur={recur}", "-", given=message)
    await ask.reply_changed(outcome)


@remind.command(name="list", description="What is to come")
async def list_reminders(interaction: Interaction) -> None:
    ask = await Ask.begin(interaction)
    await ask.reply_list(await ask.run("remind-list"), "Nothing is to come.")


@remind.command(name="remove", description="Remove a reminder")
@app_commands.describe(id="Its id, which /remind list shows")
async def remove_reminder(interaction: Interaction, id: str) -> None:
    ask = await Ask.begin(interaction)
    await ask.reply_changed(await ask.run("remind-rm", "--", id))


async def publish(tree: SlashTree, server: int) -> None:
    """Tell Discord which commands there are, when they are others than last time."""
    services, guild = tree.services, discord.Object(server)
    tree.copy_global_to(guild=guild)
    commands = [c.to_dict(tree) for c in tree.get_commands(guild=guild)]
    told = f"{services.client.application_id} {server} {json.dumps(commands, sort_keys=True)}"
    mark = hashlib.sha256(told.encode()).hexdigest().encode()
    path = services.home.path("relay", "commands")
    if os.path.exists(path) and files.read(path) == mark:
        return
    try:
        await services.requests.ask(lambda: tree.sync(guild=guild), "the commands")
    except TROUBLE as error:  # they are there still from last time, or never
        cure = "invite the bot with the scope applications.commands"
        services.say(f"Discord does not take the commands: {describe(error)}; {cure}")
    else:
        files.replace(path, mark)


# --- what is shown


async def _reply(services: Services, interaction: Interaction, text: str) -> None:
    """The answer to what was deferred, and as many messages after it as it takes."""
    first, *more = chunks.split(masks.mask(text)) or ["(nothing)"]
    ask = services.requests.ask
    await ask(lambda: interaction.edit_original_response(content=first), "an answer", 5)
    for piece in more[: MOST - 1]:
        await ask(partial(interaction.followup.send, piece, ephemeral=True), "an answer", 5)


def _or_complaint(outcome: Outcome, text: str) -> str:
    return f"That did not work: {outcome.complaint}" if outcome.code else text


def _fenced(text: str) -> str:
    return "```\n" + text.strip().replace("```", "'''") + "\n```"


def _backlog(outcome: Outcome) -> str:
    try:
        status = json.loads(outcome.out)
        return f"embeddings: {status['ok']} made, {status['pending']} to be made"
    except (ValueError, KeyError, TypeError):
        text = outcome.complaint if outcome.code else " ".join(outcome.out.split())
        return f"embeddings: {text}"


# --- messages in the log


def _find_last(services: Services, context: str) -> str:
    """The reference of the last message of a context. BadData when there is none."""
    path = services.home.current_window(context)
    for block in reversed(reader.read_window(services.home, path).blocks() if path else []):
        if block.role == "user":
            return f"{path}:{block.line}"
    raise BadData("nothing has been said here yet; give a text")


def _find_logged(services: Services, context: str, message: discord.Message) -> str:
    """The reference of a person's message, or of the answer to one; '' for none in the log."""
    mine = message.author.id == services.client.id
    asked = message.reference.message_id if mine and message.reference else message.id
    id, key, role = str(asked or ""), *(("reply_to", "agent") if mine else ("message_id", "user"))
    for name in reversed(services.home.list_windows(context) if id else []):
        opened = reader.read_window(services.home, f"logs/{context}/{name}")
        if id.encode() not in opened.data:
            continue
        for block in opened.blocks():
            meta = opened.event(block).meta if id.encode() in block.meta else {}
            if str(meta.get(key, "")) == id and block.role == role:
                return f"{opened.path}:{block.line}"
    return ""
