"""Files that come with messages, and files that go with answers.

What comes is kept on receipt, for Discord's addresses expire: images in raw/images/, the rest in
relay/files/, under names of ours, by what they are and not by what they are called. What goes is
named by the agent in its answer as a markdown link; only files below its workspace and those
folders go, whatever the link says. It is opened once, without following a link, and copied to
relay/outgoing/ when the answer is written down: a name in the workspace is the agent's to change,
and Discord may take its time.
"""

import asyncio
import os
import re
from contextlib import suppress
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote

import aiohttp

from ...ground import files, masks, regular
from ...ground.paths import Home
from .ledger import Attached, Files, Incoming, Ledger

LARGEST = 25 * 1024 * 1024  # bytes of a file that is kept
MOST = 10  # files of a message, either way; Discord takes no more
OUTGOING = 10 * 1024 * 1024  # bytes of all files of one answer; what Discord takes from a bot
SECONDS = 60.0

_IMAGES = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF87a": ".gif",
    b"GIF89a": ".gif",
}
# code in a line is left as it is
_LINK = re.compile(
    r"(?P<code>`+)(?!`).*?(?<!`)(?P=code)(?!`)"
    r"|!?\[(?P<label>[^\]\n]{0,200})\]\(<?(?P<path>[^()<>\n]{1,1000})>?\)"
)
_FENCE = re.compile(r" {0,3}(```|~~~)")


def image_ending(head: bytes) -> str:
    """The ending for an image by its first bytes, '' for what is not one."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    return next((ending for magic, ending in _IMAGES.items() if head.startswith(magic)), "")


def make_safe_name(name: str) -> str:
    """A stranger's name for a file as a part of ours: no path, no dot in front, no odd signs."""
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace("\\", "/").rpartition("/")[2]).strip(".-")
    stem, ending = os.path.splitext(kept)
    return stem[:60] + ending[:12] or "file"


async def keep(home: Home, message: Incoming) -> tuple[list[str], list[str]]:
    """Download what came with a message: the paths, and why what is missing is. Done again, it is
    the same files. Raises aiohttp.ClientError or OSError when it may work later."""
    paths, notes = [], []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        for number, attached in enumerate(message.attached):
            if number >= MOST:
                why = f"more than {MOST}"
            elif attached.size > LARGEST:
                why = f"{attached.size / 1e6:.0f} MB"
            elif isinstance(data := await _download(session, attached), str):
                why = data
            else:
                name = f"{message.id}-{number}-{make_safe_name(attached.name)}"
                paths.append(await asyncio.to_thread(_store, home, name, data))
                continue
            called = masks.cut(" ".join(attached.name.split()), 100)
            notes.append(f"attachment '{called}' was not kept: {why}")
    return paths, notes


async def _download(session: aiohttp.ClientSession, attached: Attached) -> bytes | str:
    """The file, or why there is none."""
    if not attached.url.startswith(("https://", "http://")):
        return "it has no address"
    async with session.get(attached.url, allow_redirects=False) as answer:
        if answer.status >= 500 or answer.status == 429:
            raise aiohttp.ClientError(f"HTTP {answer.status}")
        if answer.status != 200:
            return f"Discord answered {answer.status}"
        kept = bytearray()
        async for piece in answer.content.iter_chunked(1 << 16):
            kept += piece
            if len(kept) > LARGEST:
                return f"more than {LARGEST / 1e6:.0f} MB"
        return bytes(kept)


def _store(home: Home, name: str, data: bytes) -> str:
    if ending := image_ending(data[:16]):
        path = home.path("raw", "images", os.path.splitext(name)[0] + ending)
    else:
        path = home.path("relay", "files", name)
    files.replace(path, data)
    return path


class OutgoingFile(NamedTuple):
    """A file as it was when the answer was written down."""

    name: str
    data: bytes


class LinkedAnswer(NamedTuple):
    """An answer with the files it names taken out of it: they go with it."""

    text: str
    files: list[OutgoingFile]


def extract_files(home: Home, text: str, most: int = MOST) -> LinkedAnswer:
    """The files that an answer's links name, so many at most. Any other link stays as it is."""
    found: dict[str, OutgoingFile] = {}
    room = OUTGOING

    def take_out(match: re.Match[str]) -> str:
        nonlocal room
        path = "" if match["code"] else _locate(home, match["path"].strip())
        label = match["label"] or os.path.basename(path)
        if not path or path in found:
            return label if path else match[0]
        try:
            with _open(home, path) as file:
                size = os.fstat(file.fileno()).st_size
                data = file.read(room + 1) if len(found) < most and size <= room else b""
        except OSError:
            return match[0]
        if (size := max(size, len(data))) > room or len(found) == most:
            why = f"{size / 1e6:.1f} MB" if size > room else f"more than {most}"
            return f"{label} (not attached: {why})"
        found[path] = OutgoingFile(os.path.basename(path), data)
        room -= size
        return label

    lines, fenced = [], ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if fence and (not fenced or fence[1] == fenced):
            fenced = "" if fenced else fence[1]
        lines.append(line if fenced or fence else _LINK.sub(take_out, line))
    return LinkedAnswer("\n".join(lines), list(found.values()))


def _folders(home: Home) -> list[str]:
    """Whose files may go; the folder itself may be a person's link to another disk."""
    named = (home.workspace, home.path("raw", "images"), home.path("relay", "files"))
    return [*named, *(os.path.realpath(folder) for folder in named)]


def _locate(home: Home, link: str) -> str:
    """The path of a file in one of those folders that a link names, '' for none. It may be a link
    itself, or become one: only `_open` says what is there."""
    if link.startswith("file://"):
        link = unquote(link.removeprefix("file://"))
    if "\0" in link or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link):
        return ""
    paths = (os.path.normpath(os.path.join(home.workspace, one)) for one in (link, unquote(link)))
    folders = _folders(home)
    inside = (path for path in paths if any(path.startswith(f"{root}/") for root in folders))
    return next(filter(os.path.lexists, inside), "")


def _open(home: Home, path: str) -> BinaryIO:
    root = next(folder for folder in _folders(home) if path.startswith(f"{folder}/"))
    return regular.open_file_below(root, path[len(root) + 1 :])


# --- copies of what goes


def copy_outgoing(home: Home, turn: int, found: list[OutgoingFile]) -> Files:
    """Keep what goes with the answer of a turn until it has been posted."""
    copies = tuple((file.name, f"{turn}-{number}") for number, file in enumerate(found))
    for (_, copy), file in zip(copies, found, strict=True):
        files.replace(_copy_path(home, copy), file.data)
    return copies


def read_outgoing(home: Home, copies: Files) -> list[OutgoingFile]:
    """The same back; but what a person has deleted."""
    found = []
    for name, copy in copies:
        with suppress(FileNotFoundError):
            found.append(OutgoingFile(name, files.read(_copy_path(home, copy))))
    return found


def remove_outgoing(home: Home, copies: Files) -> None:
    for _, copy in copies:
        with suppress(OSError):  # the next start tries again
            os.unlink(_copy_path(home, copy))


def sweep_outgoing(home: Home, ledger: Ledger) -> None:
    """Delete the copies for answers that are posted, or given up, or were never written down. Only
    before any is written down."""
    goes = [turn.files for turn in ledger.turns.values()]
    goes += [refused.files for refused in ledger.refused.values()]
    kept = {copy for copies in goes for _, copy in copies}
    with suppress(FileNotFoundError):
        left = set(os.listdir(_copy_path(home, ""))) - kept
        remove_outgoing(home, tuple(("", copy) for copy in left))


def _copy_path(home: Home, copy: str) -> str:
    return home.path("relay", "outgoing", copy)
