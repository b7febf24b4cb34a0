"""Files that come with messages, and files that go with answers.

What comes is kept on receipt, for Discord's addresses expire: images in raw/images/, the rest in
relay/files/, under names of ours, by what they are and not by what they are called. What goes is
named by the agent in its answer as a markdown link; only files below its workspace and those
folders go, whatever the link says.
"""

import asyncio
import os
import re
from typing import NamedTuple
from urllib.parse import unquote

import aiohttp

from ...ground import files
from ...ground.paths import Home
from .ledger import Attached, Incoming

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
            called = " ".join(attached.name.split())[:100]
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


class LinkedAnswer(NamedTuple):
    """An answer with the files it names taken out of it: they go with it."""

    text: str
    files: list[str]


def extract_files(home: Home, text: str, most: int = MOST) -> LinkedAnswer:
    """The files that an answer's links name, so many at most. Any other link stays as it is."""
    paths: list[str] = []
    room = OUTGOING

    def take_out(match: re.Match[str]) -> str:
        nonlocal room
        path = None if match["code"] else _outgoing(home, match["path"].strip())
        try:
            size = os.path.getsize(path or "")
        except OSError:
            return match[0]
        assert path
        label = match["label"] or os.path.basename(path)
        if path not in paths and (size > room or len(paths) == most):
            why = f"{size / 1e6:.1f} MB" if size > room else f"more than {most}"
            return f"{label} (not attached: {why})"
        if path not in paths:
            paths.append(path)
            room -= size
        return label

    lines, fenced = [], ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if fence and (not fenced or fence[1] == fenced):
            fenced = "" if fenced else fence[1]
        lines.append(line if fenced or fence else _LINK.sub(take_out, line))
    return LinkedAnswer("\n".join(lines), paths)


def _outgoing(home: Home, link: str) -> str | None:
    """The file a link names, if it may go out."""
    if link.startswith("file://"):
        link = unquote(link.removeprefix("file://"))
    if "\0" in link or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link):
        return None
    for path in {link: 0, unquote(link): 0}:
        real = os.path.realpath(os.path.join(home.workspace, path))
        for folder in (home.workspace, home.path("raw", "images"), home.path("relay", "files")):
            if real.startswith(os.path.realpath(folder) + os.sep) and os.path.isfile(real):
                return real
    return None
