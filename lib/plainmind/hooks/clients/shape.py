"""What is known of an agent that calls us, and what it tells of a session, in one form for all.
Pure.

An event is a JSON object. Claude Code's shape, which others took over:

    {"hook_event_name", "session_id", "transcript_path", "cwd", …}, and
    SessionStart       "source": startup, resume, clear or compact
    UserPromptSubmit   "prompt", "prompt_id"
    Stop               "last_assistant_message", "prompt_id"; "stop_hook_active" when a hook made
                       it go on after an answer, so that the turn has several
    PostCompact        "compact_summary"
    SessionEnd         "reason"

What extensions of ours (integrations/) send has the same form, and with it
    "entries"          what is to be kept, as the client itself keeps it: its importer reads it
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ...formats.log import injected_blocks
from ...ground.digests import sha256
from ...ground.errors import BadData

START, PROMPT, ANSWER, SUMMARY, END = "start", "prompt", "answer", "summary", "end"

#: starts after which the client's prompt has nothing of ours; on a resume it still has
FRESH = ("startup", "clear", "compact")

_PLAIN = re.compile(r"[\w.-]{1,80}\Z", re.ASCII)


def utf16(text: str) -> int:
    """The length of a text as JavaScript counts it."""
    return len(codecs.utf_16_le_encode(text, "surrogatepass")[0]) // 2


#: a summary's id, timestamp and text
Summary = tuple[str, str, str]


class Place(NamedTuple):
    """Where a client keeps its configuration, and its sessions; and what is to be told."""

    variable: str  # names the folder, instead of `folder` in the home directory
    folder: str
    file: str
    project_file: str
    sessions: str  # below the folder, unless it begins with '~'
    tool: str  # as mem-import names it
    hooks: tuple[tuple[str, str], ...] = ()  # event, matcher
    todo: str = ""
    trusted: bool = True  # it runs what stands there; else a person allows it first
    extension: str = ""  # the file of integrations/ that `file`, all ours, has it load
    project_folder: str = ""  # if it is not `folder`
    project_todo: str = ""  # what a person allows before it runs what stands in a project
    below: str = ""  # the folder's name, where the variable names the one that it is in
    comments: bool = False  # it reads JSON with comments
    second: int = 1  # what it counts a timeout in
    longest: Mapping[str, int] = {}  # event -> seconds, where it takes no more
    notify: str = ""  # its setting that names a program to run after each answer
    #: from its settings.json and the folder of that, the name of a package of ours that calls us,
    #: '' without
    find_package: "Callable[[Mapping[str, Any], str], str] | None" = None
    take_out: str = ""  # the command that takes out a package, without the name


class Client(NamedTuple):
    """`events`: its name of an event -> ours, and the key of the text that it is about."""

    events: Mapping[str, tuple[str, str]]
    place: Place
    limit: int  # of what one hook may print, as `measure` counts
    measure: Callable[[str], int] = utf16
    turn: str = "prompt_id"  # the key that names the turn
    show: Callable[[str], str] = str  # what is printed of what it is to be given
    #: what entries say, as an import would have it; raises what a reader of histories raises
    read_entries: "Callable[[Told], Iterable[Any]] | None" = None
    #: its events are those of an import, tools' with them; else one context is a project's
    as_imported: bool = False
    names_turns: bool = True  # else only their texts tell which answer belongs to a prompt
    asked: str = ""  # the key of an answer that has its prompt
    greets: bool = True  # when a session starts; else with its first prompt
    #: those in a session's file, for who does not tell of them
    find_summaries: Callable[[str], Iterable[Summary]] | None = None
    clean: Callable[[str], str] = str  # takes out what hooks put into a text


class Told(NamedTuple):
    """What a client told of a session; '' is what it did not say. `text` is the prompt, the answer
    or the summary, without what was injected."""

    kind: str
    session: str
    turn: str
    text: str
    source: str
    cwd: str
    transcript: str
    again: bool  # the turn had an answer before
    entries: tuple[Any, ...] = ()
    asked: str = ""  # the prompt of an answer

    def id(self, what: str) -> str:
        """The id of one of the session's events; '' when the client does not tell turns apart."""
        if not (self.session and self.turn):
            return ""
        more = f"-{digest(self.text)[:8]}" if self.again else ""
        return f"{_plain(self.session)}/{_plain(self.turn)}/{what}{more}"

    def id_of(self, part: str) -> str:
        """The id of what the client names `part`."""
        return f"{_plain(self.session)}/{_plain(part)}"

    def owns(self, id: Any) -> bool:
        """Whether an event with this id is of the session."""
        return bool(self.session) and str(id).startswith(f"{_plain(self.session)}/")


EVENTS = {
    "SessionStart": (START, ""),
    "UserPromptSubmit": (PROMPT, "prompt"),
    "Stop": (ANSWER, "last_assistant_message"),
    "PostCompact": (SUMMARY, "compact_summary"),
    "SessionEnd": (END, ""),
}


def read(client: Client, data: bytes) -> Told | None:
    """What an event says; None when there is nothing to do at one of this name. BadData."""
    try:
        value = json.loads(data.removeprefix(codecs.BOM_UTF8).decode())
    except (ValueError, RecursionError):
        raise BadData("not JSON", place="<stdin>", cure="give the client's event") from None
    if not isinstance(value, dict):
        raise BadData("not a JSON object", place="<stdin>", cure="give the client's event")
    kind, key = client.events.get(_text(value, "hook_event_name"), ("", ""))
    if not kind:
        return None
    entries = value.get("entries")
    entries = entries if isinstance(entries, list) else []
    return Told(
        kind,
        _text(value, "session_id"),
        _text(value, client.turn),
        _said(client, value, key),
        _text(value, "source"),
        _path(value, "cwd"),
        _path(value, "transcript_path"),
        value.get("stop_hook_active") is True,
        tuple(entry for entry in entries if isinstance(entry, dict)),
        _said(client, value, client.asked) if kind == ANSWER else "",
    )


def show_json(text: str) -> str:
    """For an extension of ours: that there is an answer says that all was kept."""
    return json.dumps({"context": text}) + "\n"


def _said(client: Client, value: Mapping[str, Any], key: str) -> str:
    """What somebody said, less what hooks put into it."""
    text = _text(value, key) if key else ""
    return injected_blocks.strip(client.clean(text), echoes=False)


def _text(value: Mapping[str, Any], key: str) -> str:
    """A text of an object, which UTF-8 can carry; '' where there is none."""
    text = value.get(key)
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else ""


def _path(value: Mapping[str, Any], key: str) -> str:
    """The same of a path, which has no NUL."""
    path = _text(value, key)
    return "" if "\0" in path else path


def _plain(id: str) -> str:
    """An id as a part of another one."""
    return id if _PLAIN.match(id) else digest(id)


def digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
