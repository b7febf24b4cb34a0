"""Appending to windows, and starting them. What `append` returned is on disk.

Owns: which window is current, closing torn tails, chaining digests, skipping ids that are there,
the journal of window heads. All of it happens under the home's lock, held for one batch at a time.
"""

import os
from typing import Any, NamedTuple

from ...formats.log import event as events
from ...formats.log import window_heads
from ...formats.log.window_heads import WindowHead
from ...ground import clock, file_states, files, regular
from ...ground.digests import sha256
from ...ground.errors import BadData, InputOutput
from ...ground.paths import Home
from ...ground.stream import encode
from .. import machines
from . import context_ends
from .context_ends import ContextEnd, WindowEnd, id_of

LARGE = 256 * 1024  # bytes of a tool's result that are kept in the log as they are
KEPT = 8 * 1024  # bytes of its head, and of its tail, when it is larger
LIMIT = 16 * 1024 * 1024  # bytes of any other event


class EventDraft(NamedTuple):
    """An event that is still to be written. `instant` in ms since the epoch."""

    instant: int
    role: str
    content: str
    meta: dict[str, Any]

    @property
    def id(self) -> str:
        """What makes an event the same as another, '' when nothing does."""
        return id_of(self.meta)

    def check_words(self) -> None:
        """BadData for a message of nothing, which a pipe gives when what feeds it fails."""
        more = self.meta.keys() - {"author", "id"}  # attachments, say
        if self.role in ("user", "agent") and not self.content.strip() and not more:
            cure = "give its text, or metadata that says what it was"
            raise BadData("the message is blank", cure=cure)


class AppendResult(NamedTuple):
    """Where an event is. Not `fresh`: its id was in the context already."""

    path: str
    line: int
    fresh: bool

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"


class _Window(NamedTuple):
    """The window to append to. `path` is relative to the home, `full` is not."""

    path: str
    full: str
    size: int
    lines: int
    tail: events.Tail
    title: bytes = b""  # of a window that is still to be made


class Log:
    """The logs of one home, for a process that appends. `key` makes the digests HMACs."""

    def __init__(self, home: Home, key: bytes = b""):
        self.home, self.key = home, key
        self._ends: dict[str, ContextEnd] = {}
        self._acknowledged: set[str] = set()

    def append(
        self, context: str, drafts: list[EventDraft], now: int, *, records: bool = False
    ) -> list[AppendResult]:
        """Write the drafts as one block of bytes, in order, to the context's current window.

        One fsync for all. A draft whose meta has an `id` that the context has is not written again.
        `records`: they are of what was forgotten, as nothing else may be. Raises BadData, Busy,
        InputOutput; then nothing was acknowledged and the window is as it was."""
        self.home.check_folder(context)
        for draft in drafts if not records else ():
            check_meta(draft.meta)
        drafts = [self.limit_size(draft) for draft in drafts]
        ids = [id for draft in drafts if (id := draft.id)]
        end = self._end(context)
        if ids:
            end.prepare()
        with files.lock(self.home.lock):
            try:
                names = self.home.list_writable(context)
                end.read(names, bool(ids))
                window = self._read_window(context, names, end)
                last = window or self._next_window(context, names, now, goes_on=True)
                return self._write(last, drafts, end, end.find(ids), now)
            except BaseException:
                self._ends.pop(context, None)
                raise

    def _end(self, context: str) -> ContextEnd:
        return self._ends.setdefault(context, ContextEnd(self.home, context))

    def has(self, context: str, id: str) -> bool:
        """Whether a context has an event with this id."""
        end = self._end(context)
        end.prepare()
        return bool(end.find([id]))

    def start_window(self, context: str, now: int) -> str:
        """End the current window of the context, start the next one, and return its path."""
        self.home.check_folder(context)
        with files.lock(self.home.lock):
            names = self.home.list_writable(context)
            window = self._next_window(context, names, now)
            self._put(window, b"", WindowHead(window.path, window.size, 1, window.tail.digest))
            if names:
                regular.change_mode(os.path.join(os.path.dirname(window.full), names[-1]), 0o400)
            return window.path

    def acknowledge_again(self, path: str) -> None:
        """Make sure that the last event of a window is on disk, and in the journal."""
        with files.lock(self.home.lock):
            self._acknowledge({path})

    def _write(
        self,
        window: _Window,
        drafts: list[EventDraft],
        end: ContextEnd,
        known: dict[str, tuple[str, int]],
        now: int,
    ) -> list[AppendResult]:
        path, torn, folder = window.path, window.tail.torn, os.path.dirname(window.path)
        parts, line = [window.tail.closing], window.lines + 1 + window.tail.closing.count(b"\n")
        if torn:
            drafts = [_torn_notice(torn, now), *drafts]
        head, name = WindowHead(path, 0, line, window.tail.digest), os.path.basename(path)
        results: list[AppendResult] = []
        added: list[tuple[str, int]] = []
        for draft in drafts:
            id = draft.id
            if id in known:
                there, at = known[id]
                results.append(AppendResult(f"{folder}/{there}", at, fresh=False))
                continue
            data, digest = events.render(head.digest, *draft, self.key)
            parts.append(data)
            results.append(AppendResult(path, line, fresh=True))
            if id:
                known[id] = name, line
                added.append((id, line))
            head = WindowHead(path, 0, line, digest)
            line += data.count(b"\n")
        data = b"".join(parts)
        again = {result.path for result in results if not result.fresh}
        self._acknowledge(again - ({path} if data else set()), end.end)
        if data:
            size = window.size + len(data)
            self._put(window, data, head._replace(size=size))
            self._acknowledged.add(path)
            state = file_states.state_of(os.stat(window.full))
            at = size - len(parts[-1])
            last = WindowEnd(name, state, at, head.line, head.digest, size, line - 1)
            end.wrote(last, added)
        return results[1:] if torn else results

    def _put(self, window: _Window, data: bytes, head: WindowHead) -> None:
        """The window's new bytes, then the journal's line; a failure of either takes both back."""
        if window.title:
            from ...ground import exchange

            exchange.sweep(os.path.dirname(window.full))  # all writers of logs hold the lock
            files.create(window.full, window.title + data)
        else:
            files.append(window.full, data)
        try:
            self.journal(head)
        except BaseException:
            if window.title:
                os.unlink(window.full)
            else:
                os.truncate(window.full, window.size)
            raise

    def _acknowledge(self, paths: set[str], known: WindowEnd | None = None) -> None:
        """Windows whose events are acknowledged a second time, because their ids were there.
        Whoever wrote them may have been killed before the fsync, or before the journal's line."""
        for path in paths - self._acknowledged:
            full, name = self.home.path(path), os.path.basename(path)
            files.sync_path(full)
            end = known if known and known.name == name else context_ends.find_end(full)
            self.journal(WindowHead(path, end.state[3], end.line, end.digest))
            self._acknowledged.add(path)

    def journal(self, head: WindowHead) -> None:
        line = window_heads.render(head)
        try:
            files.append(self.home.window_heads, line, durable=False)
        except FileNotFoundError:
            files.make_folder(os.path.dirname(self.home.window_heads))
            files.append(self.home.window_heads, line, durable=False)

    def _next_window(
        self, context: str, names: list[str], now: int, *, goes_on: bool = False
    ) -> _Window:
        """A window that sorts after all there are, even when the clock went back."""
        machine = machines.read(self.home)
        stamp = machine.name_window(clock.to_stamp(now), names[-1] if names else "")
        more = (machine.host, goes_on) if machine.number else ()
        path, title = f"logs/{context}/{stamp}.md", events.render_title(context, stamp, *more)
        tail = events.Tail(events.first_digest(context, stamp, title), None, b"")
        return _Window(path, self.home.path(path), len(title), 2, tail, title)

    def _read_window(self, context: str, names: list[str], end: ContextEnd) -> _Window | None:
        """The current window, None when the next one is to be started."""
        if not names or not machines.read(self.home).owns(names[-1]):
            return None
        path = f"logs/{context}/{names[-1]}"
        full = self.home.path(path)
        stat = os.stat(full)
        if not stat.st_size:
            return None  # without even a title it is not a window of ours
        if stat.st_nlink > 1:
            files.finish_creating(full)
        last = end.end
        if last and last.is_whole:
            return _Window(path, full, last.end, last.lines, events.Tail(last.digest, None, b""))
        offset, line = (last.offset, last.line) if last else (0, 1)
        data, stamp = files.read(full, offset), names[-1].removesuffix(".md")
        tail = events.read_tail(data, line, context, stamp)
        if tail is None:
            what = "the title of the window is damaged"
            raise InputOutput(what, place=path, cure="run mem-lint --logs")
        lines = line - 1 + data.count(b"\n")
        return _Window(path, full, stat.st_size, lines, tail)

    def limit_size(self, draft: EventDraft) -> EventDraft:
        """The draft, with a large tool result moved to a file of its own that the meta names.
        BadData when it is larger than any event may be."""
        if len(draft.content) <= LARGE // 4:
            return draft
        data = encode_any(draft.content)
        if draft.role != "tool":
            if len(data) > LIMIT:
                what = f"an event of {len(data)} bytes is too large"
                raise BadData(what, cure=f"send at most {LIMIT}")
            return draft
        if len(data) <= LARGE:
            return draft
        name = f"work/logs/tool-{sha256(data).hexdigest()[:16]}.txt"
        if os.path.exists(self.home.path(name)):
            # whoever wrote it may have been killed before that
            files.sync_with_parent(self.home.path("work", "logs"))
        else:
            files.replace(self.home.path(name), data)
        content = shorten(data, KEPT, f"the whole is in {name}")
        meta = {**draft.meta, "bytes": len(data), "full": name}
        return draft._replace(content=content, meta=meta)


def check_meta(meta: dict[str, Any]) -> None:
    """BadData for metadata by which an event would be taken for the record of a forgotten one."""
    if events.FORGOT in meta:
        raise BadData(f"only mem-forget writes '{events.FORGOT}' in meta", cure="leave it out")


def shorten(data: bytes, kept: int, where: str) -> str:
    """Head and tail of `data`, cut between characters; a line between says how much is left out."""
    head = data[:kept].decode("utf-8", "ignore")
    tail = data[-kept:].decode("utf-8", "ignore")
    return f"{head}\n… {len(data) - 2 * kept} bytes left out; {where} …\n{tail}"


def encode_any(content: str) -> bytes:
    """Content as bytes even when it holds surrogates that stand for no byte."""
    try:
        return encode(content)
    except UnicodeEncodeError:
        return content.encode("utf-8", "surrogatepass")


def _torn_notice(torn: events.Gap, now: int) -> EventDraft:
    content = f"A write was cut off at {torn.lines}; it was never acknowledged."
    return EventDraft(now, "system", content, {"torn": [torn.line, torn.end_line]})
