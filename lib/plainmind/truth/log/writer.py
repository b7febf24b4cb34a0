"""Appending to windows, and starting them. What `append` returned is on disk.

Owns: which window is current, closing torn tails, chaining digests, skipping known ids, the journal of
heads. All of it happens under the home's lock, held for one batch at a time.
"""

import hashlib
import json
import os
from typing import Any, NamedTuple

from ...formats.log import event as events
from ...formats.log import window_heads
from ...ground import clock, files
from ...ground.errors import BadData, InputOutput
from ...ground.paths import Home, check_context
from ...ground.stream import encode

LARGE = 256 * 1024  # bytes of a tool's result that are kept in the log as they are
KEPT = 8 * 1024  # bytes of its head, and of its tail, when it is larger
LIMIT = 16 * 1024 * 1024  # bytes of any other event


class EventDraft(NamedTuple):
    """An event that is still to be written. `instant` in ms since the epoch."""

    instant: int
    role: str
    content: str
    meta: dict[str, Any]


class AppendResult(NamedTuple):
    ref: str
    fresh: bool  # False: its id was in the context already, and `ref` is where


class _Window(NamedTuple):
    path: str  # relative to the home
    size: int
    lines: int
    tail: events.Tail


class Log:
    """The logs of one home, for a process that appends. `key` makes the digests HMACs."""

    def __init__(self, home: Home, key: bytes = b""):
        self.home, self.key = home, key
        self._windows: dict[str, _Window] = {}
        self._ids: dict[str, _Ids] = {}
        self._settled: set[str] = set()

    def append(self, context: str, drafts: list[EventDraft], now: int) -> list[AppendResult]:
        """Write the drafts as one block of bytes, in order, to the context's current window.

        One fsync for all. A draft whose meta has an `id` that the context knows is not written again.
        Raises BadData, Busy, InputOutput; then nothing was acknowledged and the window is as it was.
        """
        self._check(context)
        drafts = [self.bounded(draft) for draft in drafts]
        with files.lock(self.home.lock):
            path = self.home.current_window(context)
            if path and not os.path.getsize(self.home.path(path)):
                path = None  # a file without even a title is no window of ours: the next one is started
            window = self._state(path, context) if path else self._unborn(context, now)
            known = self._known_ids(context) if any(_id(d.meta) for d in drafts) else None
            return self._write(window, context, drafts, known, now, new=path is None)

    def start_window(self, context: str, now: int) -> str:
        """End the current window of the context, start the next one, and return its path."""
        self._check(context)
        with files.lock(self.home.lock):
            ended = self.home.current_window(context)
            window = self._unborn(context, now)
            self._put(
                window,
                context,
                b"",
                window_heads.WindowHead(window.path, window.size, 1, window.tail.digest),
                new=True,
            )
            if ended:
                os.chmod(self.home.path(ended), 0o400)
            return window.path

    def _check(self, context: str) -> None:
        """A context that may be, and that no link leads out of the home."""
        self.home.relative(f"logs/{check_context(context)}/window.md")

    def _write(
        self,
        window: _Window,
        context: str,
        drafts: list[EventDraft],
        known: "_Ids | None",
        now: int,
        new: bool,
    ) -> list[AppendResult]:
        parts, digest, line = [], window.tail.digest, window.lines + 1
        if window.tail.torn:
            parts.append(window.tail.closing)
            line += window.tail.closing.count(b"\n")
            drafts = [_torn_notice(window.tail.torn, now), *drafts]
        written: list[AppendResult] = []
        last = line
        for draft in drafts:
            id = _id(draft.meta)
            if id and known and id in known.refs:
                written.append(AppendResult(known.refs[id], False))
                continue
            block, digest = events.render(
                digest, draft.instant, draft.role, draft.content, draft.meta, self.key
            )
            parts.append(block)
            ref = f"{window.path}:{line}"
            written.append(AppendResult(ref, True))
            if id and known:
                known.refs[id] = ref
            last = line
            line += block.count(b"\n")
        data = b"".join(parts)
        size = window.size + len(data)
        try:
            self._settle(
                {w.ref.rpartition(":")[0] for w in written if not w.fresh}
                - ({window.path} if data else set())
            )
            if data:
                self._put(
                    window,
                    context,
                    data,
                    window_heads.WindowHead(window.path, size, last, digest),
                    new,
                )
        except BaseException:
            self._ids.pop(context, None)
            self._windows.pop(window.path, None)
            raise
        if data:
            self._windows[window.path] = _Window(
                window.path, size, line - 1, events.Tail(digest, None, b"")
            )
            self._settled.add(window.path)
            if known:
                known.read[window.path] = size
        return written[1:] if window.tail.torn else written

    def _put(
        self, window: _Window, context: str, data: bytes, head: window_heads.WindowHead, new: bool
    ) -> None:
        """The window's new bytes, then the journal's line; a failure of either takes both back."""
        full = self.home.path(window.path)
        if new:
            files.create(full, events.render_title(context, _stem(window.path)) + data)
        else:
            files.append(full, data)
        try:
            self._journal(head)
        except BaseException:
            if new:
                os.unlink(full)
            else:
                os.truncate(full, window.size)
            raise

    def settle(self, path: str) -> None:
        """A window whose last event is acknowledged once more: on disk, and in the journal."""
        with files.lock(self.home.lock):
            self._settle({path})

    def _settle(self, paths: set[str]) -> None:
        """Windows whose events are acknowledged a second time, because their ids were known.

        Whoever wrote them may have been killed before the fsync, or before the journal's line.
        """
        for path in paths - self._settled:
            full = self.home.path(path)
            files.sync_path(full)
            data = files.read(full)
            last = [entry for entry in events.scan(data) if isinstance(entry, events.RawEvent)][-1]
            self._journal(window_heads.WindowHead(path, len(data), last.line, last.digest))
            self._settled.add(path)

    def _journal(self, head: window_heads.WindowHead) -> None:
        files.make_folder(os.path.dirname(self.home.heads))
        files.append(self.home.heads, window_heads.render(head), durable=False)

    def _unborn(self, context: str, now: int) -> _Window:
        """The next window of a context. Its name sorts after all there are, even when the clock went back."""
        names = self.home.windows(context)
        stamp = clock.to_stamp(now)
        if names:
            newest, _, number = names[-1].removesuffix(".md").partition("_")
            if stamp <= newest:
                stamp = f"{newest}_{int(number or 0) + 1:04d}"
        path = f"logs/{context}/{stamp}.md"
        first = events.first_digest(context, stamp)
        return _Window(
            path, len(events.render_title(context, stamp)), 2, events.Tail(first, None, b"")
        )

    def _state(self, path: str, context: str) -> _Window:
        full = self.home.path(path)
        stat = os.stat(full)
        if stat.st_nlink > 1:
            files.finish_creating(full)
        size = stat.st_size
        known = self._windows.get(path)
        if known and known.size == size:
            return known
        first = events.first_digest(context, _stem(path))
        length = 64 * 1024
        lines = files.count_lines(full, size)
        while True:
            start = max(0, size - length)
            data = files.read(full, start, size - start)
            cut = data.find(b"\n## ") + 1 if start else 0
            if not start or cut:
                # lines are counted from the end of the file, so that only its tail is parsed
                tail = events.read_tail(data[cut:], lines + 1 - data.count(b"\n", cut), first)
                if tail:
                    return _Window(path, size, lines, tail)
            if not start:
                raise InputOutput(
                    "no window of ours: its title is damaged",
                    place=path,
                    cure="run mem-lint --logs",
                )
            length *= 8

    def _known_ids(self, context: str) -> "_Ids":
        """Every id in the context; only what was appended since the last look is read."""
        known = self._ids.setdefault(context, _Ids({}, {}))
        for name in self.home.windows(context):
            path = f"logs/{context}/{name}"
            full = self.home.path(path)
            start, size = known.read.get(path, 0), os.stat(full).st_size
            if size <= start:
                continue
            line = files.count_lines(full, start) + 1
            for block in events.scan(files.read(full, start, size - start), line):
                if isinstance(block, events.RawEvent) and b'"id":' in block.meta:
                    id = _id(events.parse_meta(block))
                    if id:
                        known.refs.setdefault(id, f"{path}:{block.line}")
            known.read[path] = size
        return known

    def bounded(self, draft: EventDraft) -> EventDraft:
        """The draft, with a large tool result moved to a file of its own that the meta names.

        BadData when it is larger than any event may be.
        """
        if len(draft.content) <= LARGE // 4:
            return draft
        data = encode_any(draft.content)
        if draft.role != "tool":
            if len(data) > LIMIT:
                raise BadData(
                    f"an event of {len(data)} bytes is too large", cure=f"send at most {LIMIT}"
                )
            return draft
        if len(data) <= LARGE:
            return draft
        name = f"work/logs/tool-{hashlib.sha256(data).hexdigest()[:16]}.txt"
        if os.path.exists(self.home.path(name)):
            files.sync_with_parent(
                self.home.path("work", "logs")
            )  # whoever wrote it may have been killed before that
        else:
            files.replace(self.home.path(name), data)
        content = shorten(data, KEPT, f"the whole is in {name}")
        return draft._replace(
            content=content, meta={**draft.meta, "bytes": len(data), "full": name}
        )


def _id(meta: dict[str, Any]) -> str:
    """What makes an event the same as another, '' when nothing does."""
    id = meta.get("id")
    return str(id) if type(id) in (str, int) else ""


class _Ids(NamedTuple):
    refs: dict[str, str]
    read: dict[str, int]  # window -> bytes read


def shorten(data: bytes, kept: int, where: str) -> str:
    """Head and tail of `data`, cut between characters, with a line between that says how much is left out."""
    head = data[:kept].decode("utf-8", "ignore")
    tail = data[-kept:].decode("utf-8", "ignore")
    return f"{head}\n… {len(data) - 2 * kept} bytes left out; {where} …\n{tail}"


def encode_any(content: str) -> bytes:
    """Content as bytes even when it holds surrogates that stand for no byte."""
    try:
        return encode(content)
    except UnicodeEncodeError:
        return content.encode("utf-8", "surrogatepass")


def draft_from_json(line: bytes, now: int) -> tuple[str | None, EventDraft]:
    """(context or None, draft) from one line of `mem-append --jsonl`. BadData says what is wrong.

    Keys: timestamp, role, content; author, context, meta, id. Others are passed over, so that what
    `mem-show --json` printed can be read back.
    """
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadData(f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadData("no JSON object")
    get = value.get
    role, content, meta = get("role"), get("content"), get("meta")
    if role not in events.ROLES:
        raise BadData(
            f"unknown role {role!r}" if role else "no 'role'",
            cure="use one of " + ", ".join(events.ROLES),
        )
    if type(content) is not str:
        raise BadData("'content' is no text" if "content" in value else "no 'content'")
    if meta is not None and type(meta) is not dict:
        raise BadData("'meta' is no object")
    full: dict[str, Any] = {}
    for name in ("author", "id"):
        extra = get(name)
        if extra is not None and extra != "":
            if type(extra) not in (str, int):
                raise BadData(f"'{name}' is no text")
            full[name] = str(extra)
    if meta:
        full.update((k, v) for k, v in meta.items() if k not in full)
        events.render_meta(full)  # one that cannot be written is this line's fault, not its batch's
    context = get("context")
    if context is not None:
        check_context(context if type(context) is str else repr(context))
    stamp = get("timestamp")
    return context, EventDraft(now if stamp is None else clock.parse(stamp), role, content, full)


def _torn_notice(torn: events.Gap, now: int) -> EventDraft:
    return EventDraft(
        now,
        "system",
        f"A write was cut off at {torn.lines}; it was never acknowledged.",
        {"torn": [torn.line, torn.end_line]},
    )


def _stem(path: str) -> str:
    return os.path.basename(path).removesuffix(".md")
