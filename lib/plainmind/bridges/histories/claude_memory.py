"""Claude Code's auto memory: `~/.claude/projects/<project>/memory/*.md`, one fact a file, as pages
of knowledge.

    ---
    name: Sessions or tokens
    description: what was decided, in a line
    type: user|feedback|project|reference      (newer: below `metadata:`, with `modified:`)
    ---
    We chose tokens. See [the clients](mobile-clients.md).

MEMORY.md is an index of them, and no page where every line is a link. A name becomes the page's
heading, a description its first paragraph, unless the body says it already; a link to a sibling
becomes [[its-name]]."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from ...formats.log import injected_blocks
from ...ground import clock
from ...ground.errors import BadData
from . import items
from .conservation import conserve
from .items import HistoryItem, HistoryPage, Skipped, as_mapping, as_text
from .sources import HistoryReader, Source

#: a page's type, by what Claude calls it
TYPES = {name: name for name in ("user", "agent-feedback", "project", "reference")}
TYPES["feedback"] = "agent-feedback"
LARGEST = 256 * 1024  # bytes of a page
LONGEST_NAME = 90

_HEAD = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.S | re.M)
_KEY = re.compile(r"^[ \t]*([A-Za-z_]+):[ \t]*(.*?)[ \t]*\r?$", re.M)
_LINK = re.compile(r"\[[^\[\]\n]*\]\((?:\./)?(?P<name>[^()\s:#]+)\.md(#[^()\s]*)?\)")
_NAMED = re.compile(r"\[\[(?P<name>[^\[\]|\n]+)\]\]")


class MemoryFolder(HistoryReader):
    """A folder of Markdown files, each a page."""

    tool = "claude-memory"
    pages = export = True

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def read(self, source: Source, note: Callable[[int], None]) -> Iterator[HistoryItem]:
        text = read_text(source, note)
        if self.is_index(source, text):
            yield Skipped("index", text)
            return
        match = _HEAD.match(text)
        record = {"head": _head(match[1]) if match else {}, "body": split_head(text)}
        page = self.convert(text, self.name_page(source), source)
        linked = lambda text: link_pages(text, source.beside)
        yield from conserve(self.tool, record, [page or Skipped("empty", record)], linked)

    def is_index(self, source: Source, text: str) -> bool:
        """Whether all that a MEMORY.md says are links, with a remark each; facts make it a page."""
        lines = text.splitlines() if source.name == "MEMORY.md" else ["no index"]
        plain = (
            line for line in lines if line.strip() and not line.startswith(("#", "<!--", "---"))
        )
        return all(_LINK.search(line) or _NAMED.search(line) for line in plain)

    def convert(self, text: str, name: str, source: Source) -> HistoryPage | None:
        return parse_page(text, name, source.mtime, source.beside)

    def name_page(self, source: Source) -> str:
        """The page's name; of two projects' files with the same one, the second gets its project's
        digest."""
        name, folder = slugify(source.name.removesuffix(".md")), os.path.dirname(source.place)
        if self._taken.setdefault(name, folder) != folder:
            digest = items.digest(f"{folder} ")[:8]
            name = f"{name[: LONGEST_NAME - 9]}-{digest}"
        return name


class ClaudeMemory(MemoryFolder):
    def wanted(self, path: str) -> bool:
        """The pages; those of a project lie below its folder `memory`, where other folders hold its
        sessions."""
        return path.endswith(".md") and ("/memory/" in path or "/projects/" not in f"/{path}")


def read_text(source: Source, note: Callable[[int], None]) -> str:
    """A page's text. BadData when it is too long for one."""
    if source.size > LARGEST:
        what = f"a page of more than {LARGEST} bytes"
        raise BadData(what, place=source.place, cure="split it")
    with source.opened(note) as file:
        return file.read().decode("utf-8", "replace")


def split_head(text: str) -> str:
    """What stands below the head."""
    match = _HEAD.match(text)
    return text[match.end() :] if match else text


def slugify(text: str) -> str:
    """A name that a page may have."""
    plain_text = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return plain_text or f"memory-{items.digest(f'{text} ')[:8]}"


def parse_page(
    text: str, name: str, mtime: float, beside: Callable[[str], Any]
) -> HistoryPage | None:
    """A memory file as a page; None when it says nothing. `beside` finds a file in its folder."""
    match = _HEAD.match(text)
    head = _head(match[1]) if match else {}
    body = injected_blocks.strip(split_head(text), echoes=False).strip("\r\n")
    body = link_pages(body, beside)
    title, description = (" ".join(head.get(key, "").split()) for key in ("name", "description"))
    if not body.strip() and not description:
        return None
    if description and description not in body:
        if body.startswith("#"):
            body = _below_heading(body, description)
        else:
            body = f"{description}\n\n{body}".rstrip("\n")
    if title and slugify(title) != name and not body.startswith("#"):
        body = f"# {title}\n\n{body}"
    kind = TYPES.get(head.get("type", "").lower()) or TYPES.get(name.partition("-")[0], "project")
    instant = items.parse_instant(head.get("modified"), int(mtime * 1000)) or 0
    tier, date = "L1" if kind == "user" else "L2", clock.to_text(instant)[:10]
    return HistoryPage(name, f"{make_writable(body)}\n", date, kind, tier, "claude-memory")


def link_pages(body: str, beside: Callable[[str], Any]) -> str:
    """A body whose links to files that are `beside` are links to their pages."""

    def link_sibling(link: re.Match[str]) -> str:
        name = link["name"].strip()
        return f"[[{slugify(name)}]]" if beside(f"{name}.md") else link[0]

    return _NAMED.sub(link_sibling, _LINK.sub(link_sibling, body))


def _below_heading(body: str, description: str) -> str:
    heading, _, rest = body.partition("\n")
    return f"{heading}\n\n{description}\n\n{rest.lstrip()}".rstrip("\n")


def make_writable(body: str) -> str:
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", body)


def _head(yaml: str) -> dict[str, str]:
    """What frontmatter says, by key, those below `metadata:` too. A line that YAML
    refuses costs itself at most; where nothing helps, each line is taken for itself."""
    from yaml import YAMLError, safe_load

    from ...formats.page import head_lines

    try:
        text = head_lines.read(yaml, "", aliases=True).text
        value: dict[str, Any] = as_mapping(safe_load(text))
    except (BadData, YAMLError, ValueError, RecursionError, AttributeError, TypeError):
        value = {key: text.strip("\"'") for key, text in _KEY.findall(yaml)}
    inner = as_mapping(value.pop("metadata", None))
    return {str(key): _told(text) for key, text in {**inner, **value}.items()}


def _told(value: Any) -> str:
    if hasattr(value, "isoformat"):  # YAML reads a date where Claude wrote text
        text = value.isoformat()
        return text if len(text) <= 10 or re.search(r"(Z|[+-]\d\d:\d\d)$", text) else f"{text}Z"
    return as_text(value)
