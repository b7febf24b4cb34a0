r"""The event log: Markdown that no content can break.

    # discord-thread/123 20260130T142355Z

    ## 2026-01-30T14:23:55.120Z user n=2 h=9f2c41d07a3b {"author":"Ann"}
    > How do I restart pm2?
    > It hangs.

A file is a window. Its title line names the context and the time at which the window was started.
In a memory that several machines share (mem-sync) it goes on with ` on HOST`, and, unless somebody
began the window by hand (mem-new), with `, going on`: it carries on what was said before it.
An event is a header line, a body, and an empty line. The header gives the time, the role (user,
agent, tool or system), `n`, the number of lines in the body, `h`, the digest, and, if there is any,
metadata: a JSON object on the same line. Every line of the body begins with `>`.

The digest is the first 12 hexadecimal digits of the SHA-256 of these, joined: the previous event's
digest, a newline, the header without its `h`, a newline, and the body lines as written. With a key
(MIND_KEY) it is an HMAC-SHA-256. The first event uses the title line as its previous digest. An
event that is changed, moved or removed therefore breaks the chain; `mem-lint --logs` says where.

Escapes occur only in events whose header says `esc`: a backslash before `\`, `!`, `r`, `uXXXX` or
`UXXXXXXXX`. They stand for controls, foreign line ends, invisible characters, and the `!` of an
image that a Markdown viewer would fetch. Tabs are kept: no parser splits on them, and code without
them is hard to read.

Owns the grammar, the escapes and the digest chain of one window. Refuses to know files.
"""

import json
import re
from typing import Any, NamedTuple

from ...ground import clock
from ...ground.digests import sha256
from ...ground.errors import BadData
from .roles import ROLES

FORGOT = "forgot"  # in the meta of a record of formats.log.forgotten, and of nothing else

# controls, line ends, bidi marks, what has no width, surrogates; '![', which a viewer would fetch
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]|!(?=\\[)"
)
_ESCAPABLE = _UNSAFE.pattern + r"|\\"
_ESCAPE = re.compile(r"\\(\\|!|r|u[0-9a-f]{4}|U[0-9a-f]{8})")

_TITLE = re.compile(
    rb"# ([a-z][a-z0-9-]*/[a-z0-9_-]+) (\d{8}T\d{6}Z(?:_\d{4,})?)"
    rb"(?: on ([a-z0-9][a-z0-9.-]{0,62})(, going on)?)?\n\n"
)
# possessive: without it a body of a million lines costs a third of a gigabyte to match
_EVENT = re.compile(
    rb"^## (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (user|agent|tool|system)"
    rb" n=(0|[1-9]\d{0,11})( esc)? h=([0-9a-f]{12})( \{[\x20-\x7e]*\})?\n"
    rb"((?:>(?: [^\n]++)?+\n)*+)\n",
    re.M,
)


class Event(NamedTuple):
    """One event of a window. `path` is relative to the home; lines count from 1."""

    path: str
    line: int
    end_line: int
    timestamp: str
    role: str
    author: str
    context: str
    content: str
    meta: dict[str, Any]

    @property
    def ref(self) -> str:
        return f"{self.path}:{self.line}"

    def record(self) -> dict[str, Any]:
        """The JSON object of an event, the same everywhere."""
        return {"ref": self.ref, **self._asdict()}


class RawEvent(NamedTuple):
    """An event as it stands in the file. Offsets are bytes, `end` is after its blank line."""

    offset: int
    end: int
    line: int
    end_line: int
    timestamp: str
    role: str
    escaped: bool
    digest: str
    meta: bytes
    body: bytes


class Gap(NamedTuple):
    """Lines that hold no event: a torn write, or damage."""

    offset: int
    end: int
    line: int
    end_line: int

    @property
    def lines(self) -> str:
        """`line 12`, or `lines 12-14`."""
        one = self.line == self.end_line
        return f"line {self.line}" if one else f"lines {self.line}-{self.end_line}"


class Title(NamedTuple):
    """What a window's first line says. `host`: of the machine that began it, '' where one machine
    has the memory. `goes_on`: it carries on the conversation of the windows before it."""

    context: str
    stamp: str
    host: str = ""
    goes_on: bool = False

    @property
    def line(self) -> str:
        host = f" on {self.host}" if self.host else ""
        return f"# {self.context} {self.stamp}{host}{', going on' * self.goes_on}"


class Tail(NamedTuple):
    """What the end of a window means to the next event."""

    digest: str  # to chain on
    torn: Gap | None  # bytes after the last event
    closing: bytes  # what ends the torn lines, so that the next event stands alone


def render_title(context: str, stamp: str, host: str = "", goes_on: bool = False) -> bytes:
    return f"{Title(context, stamp, host, goes_on).line}\n\n".encode()


def parse_title(data: bytes) -> Title | None:
    """The title that `data` starts with."""
    match = _TITLE.match(data)
    if not match:
        return None
    context, stamp, host, goes_on = match.groups(b"")
    return Title(context.decode(), stamp.decode(), host.decode(), bool(goes_on))


def first_digest(context: str, stamp: str, data: bytes = b"") -> str:
    """What the first event chains on: the title that a window's bytes begin with, if it is this
    window's; else the one it would have."""
    title = parse_title(data)
    plain = Title(context, stamp)
    return title.line if title and title[:2] == plain[:2] else plain.line


def render(
    previous: str,
    instant: int,
    role: str,
    content: str,
    meta: dict[str, Any] | None = None,
    key: bytes = b"",
) -> tuple[bytes, str]:
    """An event's bytes and its digest.

    BadData for an unknown role or a meta that is not a JSON object.
    """
    if role not in ROLES:
        raise BadData(f"unknown role '{role}'", cure="use one of " + ", ".join(ROLES))
    flag = ""
    if _UNSAFE.search(content):
        content, flag = escape(content), " esc"
    lines = content.split("\n") if content else []
    body = "".join([f"> {line}\n" if line else ">\n" for line in lines]).encode()
    start = f"## {clock.to_text(instant)} {role} n={len(lines)}{flag}"
    tail = " " + render_meta(meta) if meta else ""
    digest = chain_digest(previous, f"{start}{tail}".encode(), body, key)
    return f"{start} h={digest}{tail}\n".encode() + body + b"\n", digest


def render_raw(block: RawEvent) -> bytes:
    """The bytes of an event as it stands in a file."""
    flag = " esc" if block.escaped else ""
    count = block.body.count(b"\n")
    start = f"## {block.timestamp} {block.role} n={count}{flag} h={block.digest}"
    return start.encode() + block.meta + b"\n" + block.body + b"\n"


def render_meta(meta: dict[str, Any]) -> str:
    """A header's JSON: one line of visible ASCII. BadData for what JSON cannot say."""
    try:
        text = json.dumps(meta, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise BadData("meta holds what JSON cannot say") from None
    # '![' would be an image to a viewer; DEL is the one control character JSON does not escape
    return text.replace("![", "\\u0021[").replace("\x7f", "\\u007f")


def chain_digest(previous: str, header: bytes, body: bytes, key: bytes = b"") -> str:
    """The digest of an event from the one before it; `header` is without `h`."""
    message = previous.encode() + b"\n" + header + b"\n" + body
    if key:
        import hmac

        return hmac.new(key, message, "sha256").hexdigest()[:12]
    return sha256(message).hexdigest()[:12]


def header_without_digest(block: RawEvent) -> bytes:
    """The bytes a block's digest covers before its body."""
    flag = " esc" if block.escaped else ""
    return f"## {block.timestamp} {block.role} n={block.body.count(10)}{flag}".encode() + block.meta


def scan(data: bytes, line: int = 1) -> list[RawEvent | Gap]:
    """Blocks and gaps of a window's bytes from `line` on. `data` starts at the title or at a
    header.

    Bytes are split on `\n` only. The last entry is a Gap when the end is torn.
    """
    found: list[RawEvent | Gap] = []
    start = _TITLE.match(data)
    at = start.end() if start else 0
    line += 2 if start else 0
    for match in _EVENT.finditer(data, at):
        stamp, role, count, flag, digest, meta, body = match.groups(b"")
        lines = int(count)
        if body.count(10) != lines:
            continue
        begin, end = match.span()
        if begin > at:
            ended = line + data.count(10, at, begin)
            found.append(Gap(at, begin, line, ended - 1))
            line = ended
        head = stamp.decode(), role.decode(), bool(flag), digest.decode()
        found.append(RawEvent._make((begin, end, line, line + lines, *head, meta, body)))
        at, line = end, line + lines + 2
    if at < len(data):
        ended = line + data.count(10, at) - data.endswith(b"\n")
        found.append(Gap(at, len(data), line, ended))
    return found


def read_tail(data: bytes, line: int, context: str, stamp: str) -> Tail | None:
    """What the end of a window means, from its last bytes (from a header or the title on).

    None when `data` holds no whole event and does not start at the title: read further back.
    """
    entries = scan(data, line)
    last = next((entry for entry in reversed(entries) if isinstance(entry, RawEvent)), None)
    if last is None and parse_title(data) is None and data:
        return None
    digest = last.digest if last else first_digest(context, stamp, data)
    torn = entries[-1] if entries and isinstance(entries[-1], Gap) else None
    return Tail(digest, torn, _closing(data[torn.offset :]) if torn else b"")


def _closing(torn: bytes) -> bytes:
    """Ends torn lines for good: with it appended, no parser takes them for an event.

    A header that got all its body lines would become an event by the blank line alone, so it gets
    one line too many.
    """
    close = b"" if torn.endswith(b"\n") else b"\n"
    ended = torn + close + b"\n"
    if any(isinstance(entry, RawEvent) for entry in scan(ended)):
        close += b">\n"
    return close + b"\n"


def decode_content(block: RawEvent) -> str:
    """The content byte for byte, bytes that were not valid UTF-8 as lone surrogates."""
    data = b"\n".join([row[2:] for row in block.body.split(b"\n")[:-1]])
    text = data.decode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_unescape, text) if block.escaped else text


def parse_meta(block: RawEvent) -> dict[str, Any]:
    if not block.meta:
        return {}
    try:
        value = json.loads(block.meta)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def decode(block: RawEvent, path: str, context: str) -> Event:
    meta = parse_meta(block)
    author = meta.pop("author", None)
    author = "" if author is None else str(author)
    _, _, line, end_line, stamp, role, *_ = block
    content = decode_content(block)
    return Event(path, line, end_line, stamp, role, author, context, content, meta)


def escape(content: str) -> str:
    """A content as an event whose header says `esc` has it."""
    return re.sub(_ESCAPABLE, _escape, content)


def _escape(match: re.Match) -> str:
    char = match[0]
    if char in "\\!":
        return "\\" + char
    if char == "\r":
        return "\\r"
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescape(match: re.Match) -> str:
    sign = match[1]
    if sign in "\\!":
        return sign
    if sign == "r":
        return "\r"
    code = int(sign[1:], 16)
    return chr(code) if code < 0x110000 else match[0]
