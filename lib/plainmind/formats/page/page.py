r"""A page of knowledge: YAML frontmatter between two lines `---`, then Markdown.

    ---
    date: 2026-05-08
    type: project
    tier: L2
    tags: [auth, decision]
    triples:
    - [alice, owns, auth-service]
    ---
    # Sessions or tokens

    We chose tokens, because of the phones. See [[mobile-clients]].

    key                    value
    date                   ISO 8601: 2026-05-08, or with a time; required
    type                   user, project, agent-feedback, reference or compaction; required
    tier                   L1: given to every turn; L2: when it matters to the message; required
    tags                   list of words, none of them a type or a tier
    triples                list of [subject, predicate, object]; predicates in snake_case, names
                           without spaces, unless they have capitals (DeepSeek V4)
    source                 who wrote it: explicit, compaction, observe, or any text
    image                  a file below the memory folder, shown in the body as
                           ![](../raw/images/tea.png), and kept there when the body changes
    sources                list of 'logs/…md:LINE sha256:…': the events it rests on, each with a
                           digest of what it said
    supersedes             the name of the page that this one replaces, or a list of names
    valid_from, valid_to   the first and the last day on which it holds

Other keys are yours and are kept. The name of a page is that of its file, without `.md`. `[[name]]`
links to it; case does not matter, and a space may stand for a hyphen. Of two pages of one name, the
one beside or below the linking page is meant, then the one in fewer folders; `[[folder/name]]` says
which. The names in `aliases` and `name` are the page's too. In code, nothing is a link; in the head
a text is, if it is one and no more (`related: "[[tea]]"`). When a page is recalled, so are those
that it links to.

A page of somebody's vault, outside the memory folder, need not say any of this, unless it says a
tier of ours. Nor need one without a tier in `knowledge/`, if Obsidian keeps that (`.obsidian/`).
mem-lint tells of it what is wrong by anybody's rules: a head that YAML refuses, a key twice, links
and pictures that lead nowhere, copies, secrets; nothing of a template, known by the vault's
settings or by what is to be filled in in its head (`{{date}}`, `<% … %>`). Links may lead to all of
the vault, from the folder that has `.obsidian/` down, else from the one that is named. mem-lint
--fix puts in quotes there what YAML refuses, and changes nothing else.

Owns the grammar and what is wrong with a page taken alone. Refuses to know files, other pages and
the time. The YAML is composed, never constructed (yaml_nodes).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from ...ground import masks
from ...ground.errors import BadData
from .. import decode_utf8, reference
from . import head_lines
from .head_lines import ReadHead
from .page_keys import (
    FALLBACK_TIER,
    FALLBACK_TYPE,
    TIERS,
    TYPES,
    Citation,
    KeyReader,
    PageProblem,
    StatedTriple,
)
from .yaml_nodes import FIRST, YamlEntry

MOST_HEAD = 256 * 1024  # characters of YAML
_HEAD = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$(?:\n|\Z)", re.S | re.M)
#: what a plugin fills in when it makes a page of a template
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}|<%.*?%>", re.S)
_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z", re.ASCII)
LONGEST_NAME = 96


class PageParts(NamedTuple):
    """A file's text, taken apart. Offsets are characters of the text."""

    text: str  # without a byte order mark
    marked: bool  # there was one
    yaml: str
    at: int  # where the YAML starts
    body: str
    body_line: int
    headed: bool

    @property
    def newline(self) -> str:
        first = self.text.partition("\n")[0]
        return "\r\n" if first.endswith("\r") else "\n"


class Page(NamedTuple):
    """What a page says.

    What its head does not say, or says wrongly, is as if it were not there, and among the problems.
    """

    path: str
    body: str
    body_line: int
    problems: list[PageProblem]
    lines: Mapping[str, int] = {}  # of the head's keys
    day: date | None = None
    type: str = FALLBACK_TYPE
    tier: str = FALLBACK_TIER
    tags: Sequence[str] = ()
    triples: Sequence[StatedTriple] = ()
    source: str = ""
    image: str = ""
    sources: Sequence[Citation] = ()
    supersedes: Sequence[str] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    aliases: Sequence[str] = ()  # Obsidian's, and the `name:` of Claude's memory
    linked: Sequence[tuple[str, int]] = ()  # by the head: values that are a "[[link]]", and lines

    @property
    def name(self) -> str:
        return name_of(self.path)

    @property
    def is_ours(self) -> bool:
        """Whether it says a tier of ours: no other tool's page does."""
        return "tier" in self.lines and all(one.code != "tier" for one in self.problems)

    @property
    def title(self) -> str:
        """The first heading of the body, or the name with spaces."""
        match = re.search(r"^#{1,6}[ \t]+(\S.*)", self.body, re.M)
        return match[1].rstrip() if match else re.sub(r"[-_]+", " ", self.name)


def name_of(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".md")


def check_name(name: str) -> str:
    """A name that a command gives a page, or BadData."""
    if not _NAME.match(name) or len(name) > LONGEST_NAME:
        raise BadData(
            f"'{name[:LONGEST_NAME]}' is not a valid page name",
            cure=f"use a-z, 0-9 and single hyphens between, at most {LONGEST_NAME}",
        )
    return name


def slugify(text: str) -> str:
    """A name made of a title's first words."""
    from ..fold import fold

    plain = fold(re.sub("['’]", "", text)).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain)
    made = ""
    for word in words[:8]:
        if made and len(made) + len(word) > 60:
            break
        made += f"-{word}" if made else word[:60]
    return made


def split(data: bytes, path: str) -> PageParts:
    """Head and body of a file. BadData when it is not valid UTF-8."""
    text = decode_utf8(data, path)
    marked = text.startswith("\ufeff")
    text = text[marked:]
    match = _HEAD.match(text)
    if not match:
        return PageParts(text, marked, "", 0, text, 1, False)
    body, line = text[match.end() :], 1 + match[0].count("\n")
    return PageParts(text, marked, match[1], match.start(1), body, line, True)


def has_frontmatter(body: str) -> bool:
    """Whether a body begins with frontmatter of its own, which nobody reads below the first."""
    match = _HEAD.match(body.lstrip())
    return bool(match and re.match(r"[A-Za-z_]+:(?:\s|$)", match[1]))


def is_to_fill_in(text: str) -> bool:
    """Whether a head, or a link, has what is filled in when a page is made of a template."""
    return ("{{" in text or "<%" in text) and bool(_PLACEHOLDER.search(text))


def is_template(data: bytes) -> bool:
    """Whether the head of a page is one that other pages are made of."""
    match = _HEAD.match(data.decode("utf-8", "replace")) if b"{{" in data or b"<%" in data else None
    return bool(match and is_to_fill_in(match[1]))


def parse(data: bytes, path: str) -> Page:
    """The page of a file's bytes, as far as it can be read; it never raises."""
    try:
        parts = split(data, path)
    except BadData as failure:
        return Page(path, data.decode("utf-8", "replace"), 1, [_problem(failure, "text")])
    if not parts.headed:
        what = "no frontmatter; begin with a line ---, date:, type: and tier:"
        if parts.text.startswith("---"):
            what = "frontmatter that does not end; close it with a line ---"
        return Page(path, parts.body, 1, [PageProblem(1, "head", what)])
    try:
        if len(parts.yaml) > MOST_HEAD:
            what = f"frontmatter of more than {MOST_HEAD // 1024} KB"
            raise BadData(what, place=f"{path}:1", cure="move the text below the frontmatter")
        head = head_lines.read(parts.yaml, path, aliases=True)
    except BadData as failure:
        return Page(path, parts.body, parts.body_line, [_problem(failure, "yaml")])
    return _of_entries(parts, path, head)


def _problem(failure: BadData, code: str) -> PageProblem:
    line = failure.place.rpartition(":")[2]
    what = f"{failure.what}; {failure.cure}"
    return PageProblem(int(line) if line.isdigit() else 1, code, what)


def _of_entries(parts: PageParts, path: str, head: ReadHead) -> Page:
    problems = [
        PageProblem(line, "yaml", _refusal(what, text)) for line, what, text in head.refused
    ]
    nodes: dict[str, YamlEntry] = {}
    for entry in head.entries:
        if nodes.setdefault(entry.key, entry) is not entry:
            what = f"'{entry.key}' appears twice; remove one"
            problems.append(PageProblem(entry.line, "twice", what))
    reader = KeyReader(head.text, nodes, problems)
    rows = parts.yaml.split("\n")
    lost = {rows[one.line - FIRST].partition(":")[0].strip() for one in head.refused}
    needed = ("date", "type") if reader.is_older() else ("date", "type", "tier")
    reader.require(*(key for key in needed if key not in lost))
    page = Page(
        path, parts.body, parts.body_line, problems,
        lines={key: entry.line for key, entry in nodes.items()},
        day=reader.day("date"),
        type=reader.choice("type", TYPES) or FALLBACK_TYPE,
        tier=reader.choice("tier", TIERS) or FALLBACK_TIER,
        tags=tuple(reader.tags()), triples=tuple(reader.triples()),
        source=reader.text("source"), image=reader.text("image"), sources=tuple(reader.sources()),
        supersedes=tuple(reader.names("supersedes")),
        valid_from=reader.day("valid_from"), valid_to=reader.day("valid_to"),
        aliases=tuple(reader.aliases()), linked=tuple(reader.links()),
    )  # fmt: skip
    if page.valid_from and page.valid_to and page.valid_to < page.valid_from:
        what = "it ends before it begins; fix valid_from or valid_to"
        problems.append(PageProblem(page.lines["valid_to"], "validity", what))
    problems.sort()
    return page


def _refusal(what: str, text: str) -> str:
    if text:
        what = what.partition(";")[0]
        return f"{what}; read as {masks.cut(text.strip(), 60)}, which mem-lint --fix makes it"
    return f"{what}; the line is not read"


def cite(ref: str, content: str) -> str:
    """An entry of `sources` for an event."""
    return f"{reference.parse(ref)} sha256:{digest_content(content)}"


def digest_content(content: str) -> str:
    import hashlib

    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]
