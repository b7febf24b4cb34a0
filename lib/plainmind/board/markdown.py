"""A page's Markdown as HTML: what somebody wrote, or made a model write, so nothing in it runs, is
fetched, or leads anywhere but to pages of this board and to addresses that are shown as what they
are."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markupsafe import Markup

from .links import Links, link_refs, refer

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST = 100_000  # characters; a longer text is shown as it stands
CELLS = 10_000  # of all tables; with more, too: a row of one character has all its table's cells
LARGEST = 2_000_000  # characters of HTML
_WIKI = re.compile(r"(!?)\[\[([^\[\]\n|#]*)(#[^\[\]\n|]*)?(?:\|([^\[\]\n]*))?\]\]")
_HEADING = re.compile(r"(?<!\S)#{1,6}\s+")
_NETWORK = ("http", "https", "mailto")


def render(
    links: Links,
    show: Callable[[str], str],
    text: str,
    targets: Mapping[str, str],
    line: int = 1,
    title: str = "",
) -> Markup:
    """`show`: what hides in a text what nobody may read; `targets`: what a link is written as ->
    the part of the page Knowledge that it means; `line`: the first line's number, after which the
    blocks are called (`L12`); `title`: of the page, whose heading is not shown twice."""
    plain = Markup('<pre class="said" dir="auto">{}</pre>')
    if len(text) > LONGEST or _count_cells(text) > CELLS:
        return plain.format(text)
    reader = _reader()
    tokens = reader.parse(text)
    if [token.type for token in tokens[:2]] == ["heading_open", "inline"]:
        tokens = tokens[3:] if tokens[1].content.strip() == title.strip() else tokens
    above = 1  # the level of the heading before
    for at, token in enumerate(tokens):
        if token.attrs.pop("style", None) == "text-align:right":  # nothing inline is obeyed
            token.attrSet("class", "n")
        if token.level == 0 and token.map and token.nesting >= 0:
            token.attrSet("id", f"L{line + token.map[0]}")
        if token.type == "heading_open":
            above = max(2, min(int(token.tag[1]) + 1, above + 1, 6))
            token.tag = tokens[at + 2].tag = f"h{above}"
        token.info = ""  # the language of code, which nothing shows
        if token.type == "inline":
            children = _hide(show, token.children or [])
            token.children = _resolve(links, children, targets)
    made = reader.renderer.render(tokens, reader.options, {})
    return Markup(made) if len(made) <= LARGEST else plain.format(text)


def _count_cells(text: str) -> int:
    """At most so many cells are in the tables: a line of bars and dashes begins one, which ends at
    an empty line."""
    total = columns = 0
    for line in text.splitlines():
        if not line.strip(" \t>"):
            columns = 0
        elif not line.strip(" \t>|:-"):
            columns = max(columns, line.count("|") + 1)
        total += columns
    return total


def tell(text: str, title: str = "") -> str:
    """One line of a page in words alone, without its title."""
    text = _HEADING.sub("", text[:LONGEST]).removeprefix(title).strip()
    (line,) = _reader().parseInline(text)
    return "".join(token.content for token in line.children or [])


@lru_cache(1)
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    reader.validateLink = lambda url: True  # type: ignore[method-assign]  # see _address
    reader.inline.ruler.before("link", "wiki", _read_wiki)
    rules = {
        "table_open": '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>\n',
        "table_close": "</table></div>\n",
    }
    for name, html in rules.items():
        reader.add_render_rule(name, lambda self, tokens, at, options, env, html=html: html)
    return reader


def _read_wiki(state: "StateInline", silent: bool) -> bool:
    """[[name#place|what is shown]], and ![[name]]."""
    if state.src[state.pos] not in "[!" or not (match := _WIKI.match(state.src, state.pos)):
        return False
    if not silent:
        name = match[2].rstrip("\\").strip()
        opened = state.push("link_open", "a", 1)
        opened.attrs = {"href": name}
        opened.meta = {"wiki": True, "shows": bool(match[1])}
        state.push("text", "", 0).content = (match[4] or name + (match[3] or "")).strip()
        state.push("link_close", "a", -1)
    state.pos = match.end()
    return True


def _hide(show: Callable[[str], str], tokens: list["Token"]) -> list["Token"]:
    """A paragraph, as one text where there is something in it that nobody may read, and that was
    not to be seen before it was put together of escapes, entities and emphasis."""
    ends = ("softbreak", "hardbreak")
    text = "".join(" " if token.type in ends else token.content for token in tokens)
    addresses = [unquote(str(value)) for token in tokens for value in token.attrs.values()]
    if all(show(one) == one for one in (text, *addresses)):
        return tokens
    return [tokens[0].copy(type="text", tag="", nesting=0, attrs={}, content=show(text))]


def _resolve(links: Links, tokens: Sequence["Token"], targets: Mapping[str, str]) -> list["Token"]:
    """Links with their addresses, or no links; pictures as words; references lead to places."""
    found: list[Token] = []
    opened: list[str] = []  # what ends each link
    for token in tokens:
        if token.type == "link_open":
            address = _address(links, token, targets)
            opened.append("a" if address else "span" if token.meta.get("shows") else "")
            if opened[-1] == "span":
                found.append(_to_html(token, Markup('<span class="picture">')))
            elif address:
                token.attrs = {"href": address}
                if urlsplit(address).scheme:
                    token.attrs |= {"rel": "noreferrer noopener nofollow", "class": "away"}
                found.append(token)
        elif token.type == "link_close":
            if ends := opened.pop():
                found.append(_to_html(token, Markup(f"</{ends}>")))
        elif token.type == "image":
            shown = token.content or str(token.attrs.get("src", ""))
            html = Markup('<span class="picture" title="{}">{}</span>')
            found.append(_to_html(token, html.format(token.attrs.get("src", ""), shown)))
        elif token.type == "text" and "a" not in opened:
            found.append(_to_html(token, link_refs(links, token.content)))
        elif token.type == "code_inline" and "a" not in opened and refer(links, token.content):
            html = Markup("<code>{}</code>").format(link_refs(links, token.content))
            found.append(_to_html(token, html))
        else:
            found.append(token)
    return found


def _address(links: Links, token: "Token", targets: Mapping[str, str]) -> str:
    """Where a link may lead; '' for nowhere."""
    written = str(token.attrs.get("href", ""))
    if not token.meta.get("wiki"):
        try:
            scheme = urlsplit(written).scheme.lower()
        except ValueError:
            return ""
        if scheme:
            return written if scheme in _NETWORK else ""
    name = unquote(written).partition("#")[0].removesuffix(".md")
    if name in targets:
        return links.to("knowledge", targets[name])
    return refer(links, unquote(written).removeprefix("../"))


def _to_html(token: "Token", html: Markup) -> "Token":
    """Text that is escaped already."""
    return token.copy(type="html_inline", content=str(html))
