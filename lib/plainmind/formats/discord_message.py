"""A Discord message as words and files: all that it says, in whatever field Discord keeps it.

Pure, and the only place that knows: the relay gives it what REST and the gateway tell, an importer
what DiscordChatExporter wrote (`from_export`). Mentions, channels, roles, emoji and times are
written as people saw them; `seen` has each id with what stands for it. Code stays as it is. Field
names and numbers are those of Discord's API v10; of a field or kind that is not known here, the
words are read all the same.

What others wrote, and a message only brings along (what it forwards, the link it previews), is
quoted, a > before each line: it is not its author's.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..ground import zone
from . import quotation

DEFAULT, REPLY, THREAD_STARTER = 0, 19, 21
VOICE_MESSAGE = 1 << 13  # in `flags`
QUOTED = 1000  # characters of what a message replies to
NOTHING = "(a message without text)"

#: the name of a `user`, `channel` or `role` by its id; '' when it is not known
FindName = Callable[[str, str], str]

#: what happened, by the type of a message that nobody wrote. `{}` is its content
SYSTEM = {
    1: "added {}", 2: "removed {}", 3: "started a call", 4: "changed the channel's name: {}",
    5: "changed the channel's icon", 6: "pinned a message", 7: "joined the server",
    8: "boosted the server {}", 9: "boosted the server {} (level 1)",
    10: "boosted the server {} (level 2)", 11: "boosted the server {} (level 3)",
    12: "added {} to this channel", 13: "is live {}",
    14: "this server was removed from Server Discovery",
    15: "this server is in Server Discovery again",
    16: "this server has failed Discovery's requirements for 1 week",
    17: "this server has failed Discovery's requirements for 3 weeks",
    18: "started a thread: {}", 22: "invite people to this server",
    24: "a message was blocked by AutoMod: {}", 25: "subscribed {}",
    26: "showed a premium feature {}", 27: "started the stage {}", 28: "ended the stage {}",
    29: "is now a speaker", 30: "asked to speak", 31: "changed the stage's topic: {}",
    32: "subscribed to an application {}", 36: "enabled security actions until {}",
    37: "disabled security actions", 38: "reported a raid", 39: "reported a false alarm",
    44: "made a purchase {}", 46: "a poll has ended {}", 63: "added a new emoji: {}",
}  # fmt: skip

#: what a component is, where its words alone would not tell
_COMPONENTS = {
    2: "button", 3: "menu", 4: "input", 5: "menu", 6: "menu", 7: "menu", 8: "menu", 11: "picture",
    12: "pictures", 13: "file", 19: "upload", 21: "choice", 22: "choices", 23: "checkbox",
}  # fmt: skip
_WORDS = "label", "title", "content", "text", "placeholder", "description"
_INNER = "component", "components", "accessory", "options", "items"
DEEPEST = 20  # levels of components, and of messages within messages

_MARKUP = re.compile(
    r"\\[<`]|```.*?```|``.*?``|`[^`]*`"  # what Discord does not read
    r"|<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)"
    r"|(?P<command>/[^<>:\n]{1,100}):(?P<command_id>\d+)"
    r"|a?:(?P<emoji>\w+):(?P<emoji_id>\d+)"
    r"|t:(?P<time>-?\d{1,17})(?::(?P<style>[tTdDfFRsS]))?"
    r"|id:(?P<page>customize|browse|guide|linked-roles)[^<>\s]*)>",
    re.DOTALL | re.ASCII,
)
_MARKS = {"user": "@", "role": "@", "channel": "#"}
_PAGES = {
    "customize": "Channels & Roles", "browse": "Browse Channels", "guide": "Server Guide",
    "linked-roles": "Linked Roles",
}  # fmt: skip


class MessageFile(NamedTuple):
    """A file of a message. `size`: bytes, as Discord tells it; `description`: a person's words."""

    name: str
    url: str
    size: int
    description: str = ""


class MessageWords(NamedTuple):
    """`text` is '' when a message says nothing. `seen`: by id, what stands for it in the text."""

    text: str
    files: tuple[MessageFile, ...]
    seen: dict[str, str]


def read_message(
    message: dict[str, Any], find_name: FindName = lambda kind, id: ""
) -> MessageWords:
    """All that a message says, and its files, those of what it forwards among them."""
    reader = _MessageReader(find_name)
    text = "\n".join(line for line in reader.lines_of(message) if line.strip())
    return MessageWords(text, tuple(reader.files), reader.seen)


def read_quote(message: dict[str, Any], find_name: FindName = lambda kind, id: "") -> str:
    """What a reply replies to, and who wrote it, in one line; '' for none, or when Discord does not
    tell."""
    original = _mapping(message.get("referenced_message"))
    if message.get("type") != REPLY or not original:
        return ""
    words = read_message(original, find_name)
    attached = [f"(attached: {file.name})" for file in words.files]
    text = " ".join(" ".join([words.text, *attached]).split())
    if text and (name := name_author(original)):
        text = f"{name}: {text}"
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"


def name_author(message: dict[str, Any]) -> str:
    """The author's name as people see it in the server."""
    return _name_user(_mapping(message.get("author")), _mapping(message.get("member")))


def _name_user(user: dict[str, Any], member: dict[str, Any]) -> str:
    """On one line, whatever a server tells."""
    names = member.get("nick"), user.get("global_name"), user.get("username")
    return next(filter(None, (_one_line(_text(name)) for name in names)), "")


class _MessageReader:
    """Gathers files and what stands for ids while the lines are read."""

    def __init__(self, find_name: FindName):
        self._find_name, self._known = find_name, dict[tuple[str, str], str]()
        self.files: list[MessageFile] = []
        self.seen: dict[str, str] = {}

    def lines_of(self, message: dict[str, Any], depth: int = 0) -> Iterator[str]:
        if depth > DEEPEST:
            return
        self._learn(message)
        type, content = message.get("type"), self.show(_text(message.get("content")))
        if happened := SYSTEM.get(type) if isinstance(type, int) else None:
            yield f"({happened.replace('{}', content).strip()})"
            yield content if "{}" not in happened else ""
        else:
            yield content
        if type == THREAD_STARTER:
            original = _mapping(message.get("referenced_message"))
            if name := name_author(original):
                yield f"({name} wrote)"
            yield from quotation.quote(self.lines_of(original, depth + 1))
        for snapshot in _mappings(message.get("message_snapshots")):  # without their author
            place = _text(_mapping(message.get("message_reference")).get("channel_id"))
            name = _one_line(self._find_name("channel", place)) if place.isdecimal() else ""
            yield f"(forwarded from #{name})" if name else "(forwarded)"
            yield from quotation.quote(self.lines_of(_mapping(snapshot.get("message")), depth + 1))
        yield from self._other_lines(message)
        for embed in _mappings(message.get("embeds")):
            yield from self._embed(embed, content)
        for component in _mappings(message.get("components")):
            yield from self._component(component, depth)
        for kind in ("sticker_items", "stickers"):
            for sticker in _mappings(message.get(kind)):
                yield f"(sticker: {_text(sticker.get('name'))})"
        yield from self._attachments(message)

    def _learn(self, message: dict[str, Any]) -> None:
        """The names that a message brings with it."""
        resolved = _mapping(message.get("resolved"))
        users = [*_mappings(message.get("mentions")), *_values(resolved.get("users"))]
        members = _mapping(resolved.get("members"))
        for user in users:
            id = _text(user.get("id"))
            member = _mapping(user.get("member")) or _mapping(members.get(id))
            self._known["user", id] = _name_user(user, member)
        channels = [*_mappings(message.get("mention_channels")), *_values(resolved.get("channels"))]
        for kind, found in (("channel", channels), ("role", _values(resolved.get("roles")))):
            for one in found:
                self._known[kind, _text(one.get("id"))] = _text(one.get("name"))

    def show(self, text: str) -> str:
        """A text as people see it."""
        return _MARKUP.sub(self._show, text)

    def _show(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind in _MARKS:
            id = match[kind]
            name = _one_line(self._find_name(kind, id) or self._known.get((kind, id), ""))
            shown = f"{_MARKS[kind]}{name or f'unknown-{kind}-{id}'}"
        elif match["page"]:
            return f"#{_PAGES[match['page']]}"
        elif match["command"]:
            id, shown = match["command_id"], match["command"]
        elif match["emoji"]:
            id, shown = match["emoji_id"], f":{match['emoji']}:"
        elif match["time"]:
            id, shown = match[0][1:-1], _show_time(match["time"], match["style"] or "f")
        else:
            return match[0]
        self.seen[id] = shown
        return shown

    # --- what else a message may have

    def _other_lines(self, message: dict[str, Any]) -> Iterator[str]:
        used = _mapping(message.get("interaction"))
        if name := _text(used.get("name")):
            yield f"(used /{name.removeprefix('/')})"
        if message.get("activity"):
            application = _text(_mapping(message.get("application")).get("name"))
            yield f"(an invitation to an activity {application}".rstrip() + ")"
        call = _mapping(message.get("call"))
        if call.get("ended_timestamp"):
            yield "(the call has ended)"
        subscription = _mapping(message.get("role_subscription_data"))
        if tier := _text(subscription.get("tier_name")):
            yield f"({tier}, {subscription.get('total_months_subscribed')} months)"
        bought = _mapping(message.get("purchase_notification"))
        product = _mapping(bought.get("guild_product_purchase"))
        if name := _text(product.get("product_name")):
            yield f"(bought {name})"
        yield from self._poll(_mapping(message.get("poll")))

    def _poll(self, poll: dict[str, Any]) -> Iterator[str]:
        if not poll:
            return
        results = _mapping(poll.get("results"))
        counts = {
            _text(count.get("id")): count.get("count")
            for count in _mappings(results.get("answer_counts"))
        }
        yield f"(poll) {self._medium(_mapping(poll.get('question')))}"
        for answer in _mappings(poll.get("answers")):
            votes = counts.get(_text(answer.get("answer_id")), 0 if results else None)
            told = "" if votes is None else f": {votes} vote{'' if votes == 1 else 's'}"
            yield f"- {self._medium(_mapping(answer.get('poll_media')))}{told}"
        if results.get("is_finalized"):
            yield "(the poll has ended)"
        elif until := _show_iso(_text(poll.get("expiry"))):
            yield f"(the poll is open until {until})"

    def _medium(self, medium: dict[str, Any]) -> str:
        return " ".join(filter(None, (_emoji(medium), self.show(_text(medium.get("text"))))))

    def _embed(self, embed: dict[str, Any], content: str) -> Iterator[str]:
        fields = _mappings(embed.get("fields"))
        if embed.get("type") == "poll_result":
            told = {_text(f.get("name")): _text(f.get("value")) for f in fields}
            votes = f"{told.get('victor_answer_votes', 0)} of {told.get('total_votes', 0)} votes"
            emoji = told.get("victor_answer_emoji_name", "")
            winner = f"{emoji} {told.get('victor_answer_text', '')}".strip() or "no answer"
            yield f"(poll) {told.get('poll_question_text', '')}: {winner}, {votes}"
            return
        heads = [_text(_mapping(embed.get(of)).get("name")) for of in ("provider", "author")]
        url, title = _text(embed.get("url")), self.show(_text(embed.get("title")))
        media = [_mapping(embed.get(of)) for of in ("image", "thumbnail", "video")]
        lines = [
            " · ".join(part for part in (*heads, title) if part.strip()),
            "" if url in content else url,
            self.show(_text(embed.get("description"))),
            *(f"{self._cell(f, 'name')}: {self._cell(f, 'value')}" for f in fields),
            *(_text(one.get("description")) for one in media),
            self.show(_text(_mapping(embed.get("footer")).get("text"))),
        ]
        lines = [line for line in lines if line.strip()]
        if lines:
            kind = "embed" if embed.get("type", "rich") == "rich" else "link preview"
            yield f"({kind}) " + "\n> ".join("\n".join(lines).splitlines())

    def _cell(self, field: dict[str, Any], name: str) -> str:
        return self.show(_text(field.get(name))).strip()

    def _component(self, component: dict[str, Any], depth: int) -> Iterator[str]:
        if depth > DEEPEST:
            return
        type = component.get("type")
        kind = _COMPONENTS.get(type, "") if isinstance(type, int) else ""
        words = [self._cell(component, name) for name in _WORDS] + [_emoji(component)]
        words.append(_text(component.get("url")) or self._medium_file(component))
        words += [_text(component.get("value"))] if type == 4 else []
        words += ["" if component.get("checked") is not True else "(checked)"]
        told = ": ".join(word for word in words if word)
        if told:
            yield f"({kind}) {told}" if kind else told
        for name in _INNER:
            inner = component.get(name)
            for one in _mappings([inner] if isinstance(inner, dict) else inner):
                yield from self._component(one, depth + 1)

    def _medium_file(self, component: dict[str, Any]) -> str:
        """A picture or file of a component: one of Discord's goes with the message's files, of
        another the address is words: who wrote it must not have us ask there."""
        medium = _mapping(component.get("media")) or _mapping(component.get("file"))
        url = _text(medium.get("url"))
        if not url or not medium.get("attachment_id"):
            return url
        base = url.partition("?")[0].rpartition("/")[2]
        name = _text(component.get("name")) or base
        self._add(MessageFile(name, url, _size(component.get("size") or medium.get("size"))))
        return name

    def _attachments(self, message: dict[str, Any]) -> Iterator[str]:
        flags = message.get("flags")
        voice = isinstance(flags, int) and bool(flags & VOICE_MESSAGE)
        for one in _mappings(message.get("attachments")):
            name, title = _text(one.get("filename")), _text(one.get("title"))
            words = [title if title not in name else "", self._cell(one, "description")]
            told = ": ".join(word for word in words if word)
            self._add(MessageFile(name, _text(one.get("url")), _size(one.get("size")), told))
            if voice:
                seconds = one.get("duration_secs")
                length = f", {seconds:.0f} s" if isinstance(seconds, int | float) else ""
                yield f"(voice message{length})"
            if told:
                yield f"({name}: {told})"

    def _add(self, file: MessageFile) -> None:
        if file.url.partition("?")[0] not in [one.url.partition("?")[0] for one in self.files]:
            self.files.append(file._replace(name=_one_line(file.name)))


def from_export(message: dict[str, Any]) -> dict[str, Any]:
    """A message as DiscordChatExporter writes it, in the form of Discord's API. What it says of a
    message that nobody wrote is words already, and so are mentions, emoji and times."""
    author, reference = _mapping(message.get("author")), _mapping(message.get("reference"))
    forwarded = _mapping(message.get("forwardedMessage"))
    return {
        **message,
        "type": REPLY if message.get("type") in ("Reply", REPLY, "19") else DEFAULT,
        "author": {
            "id": author.get("id"),
            "username": author.get("name"),
            "global_name": author.get("nickname"),
            "bot": author.get("isBot"),
        },
        "message_reference": {"message_id": reference.get("messageId")},
        "message_snapshots": [{"message": from_export(forwarded)}] if forwarded else [],
        "attachments": [
            {"filename": one.get("fileName"), "url": one.get("url"),
             "size": one.get("fileSizeBytes"), "description": one.get("description")}
            for one in _mappings(message.get("attachments"))
        ],
    }  # fmt: skip


def _show_time(seconds: str, style: str) -> str:
    try:
        local = zone.to_local(int(seconds) * 1000)
    except (OverflowError, ValueError):
        return f"the time {seconds}"
    return _show_moment(local, style)


def _show_moment(local: datetime, style: str = "f") -> str:
    """A date as people write it; a time of day never without its day, for the log is read later."""
    day = f"{local.day} {local:%B} {local.year}"
    if style in "dD":
        return day
    return f"{local:%A}, {day} {local:{'%H:%M:%S' if style in 'TS' else '%H:%M'}}"


def _show_iso(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
        return _show_moment(zone.to_local(int(since.total_seconds() * 1000)))
    except (ValueError, TypeError, OverflowError):
        return text


def _emoji(of: dict[str, Any]) -> str:
    emoji = _mapping(of.get("emoji"))
    name = _text(emoji.get("name"))
    return f":{name}:" if name and emoji.get("id") else name


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _size(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _values(value: Any) -> Iterable[dict[str, Any]]:
    return _mappings(list(_mapping(value).values()))
