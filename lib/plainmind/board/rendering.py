"""Data to HTML, by a template; and what of the data may leave: one place for every answer."""

import os
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ..ground import masks
from ..ground.masks import Mask
from . import markdown, wording
from .links import Links, link_refs, refer
from .pages import PAGES, BoardPage

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
STATIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "static")
#: what turns a line around, or that nobody sees: it is shown as its number
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(value: Any, mask: Mask) -> Any:
    """An answer to a program, its records as they may leave: without secrets. What their fields are
    called is ours, and no secret."""
    if isinstance(value, list):
        return [clean(one, mask) for one in value]
    if isinstance(value, dict):
        return {key: _map_texts(inner, _except_words(mask)) for key, inner in value.items()}
    return _map_texts(value, _except_words(mask))


def show(value: Any, mask: Callable[[str], str]) -> Any:
    """The same for people: without what a browser obeys unseen."""
    # most texts of a page are there many times: names, times, the keys of records
    change = _except_words(lambda text: _UNSEEN.sub(_tell, mask(text)))
    return _map_texts(value, lru_cache(None)(change))


def _except_words(change: Callable[[str], str]) -> Callable[[str], str]:
    """It leaves alone what templates ask for and compare with: a word of ours that is somebody's
    password, too, is told by the program itself."""
    words = _list_words()
    return lambda text: text if text in words else change(text)


@lru_cache(1)
def _list_words() -> frozenset[str]:
    """The names and texts that are in the templates."""
    environment = make_environment()
    found = {page.name for page in PAGES}
    for name in environment.list_templates():
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            for _, kind, word in environment.lex(file.read()):
                if kind in ("name", "string"):
                    found.add(word.strip("\"'"))
    return frozenset(found)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_map_texts(key, change): _map_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return type(value)(*(_map_texts(inner, change) for inner in value))
    if isinstance(value, list | tuple):
        return [_map_texts(inner, change) for inner in value]
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"not plain data: {type(value).__name__}")  # nobody looked into it


def _tell(match: re.Match) -> str:
    return f"\\u{ord(match[0]):04x}"


@lru_cache(1)
def make_environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS)
    return environment


def render(
    page: BoardPage,
    data: dict[str, Any],
    links: Links,
    now: int,
    *,
    part: str = "",
    mask: Callable[[str], str] = masks.mask,
) -> str:
    """A page; its data is what `show` returned, by the same mask."""
    shown = {
        "links": links,
        "link": links.to,
        "refer": partial(refer, links),
        "linked": partial(link_refs, links),
        "markdown": partial(markdown.render, links, partial(show, mask=mask)),
        "pages": PAGES,
        "page": page,
        "part": part,
        "now": now,
        # a file is read on another day
        "time": partial(wording.time, now=now if links.live else None),
        "ago": partial(wording.ago, now=now if links.live else None),
    }
    return make_environment().get_template(f"{page.name}.html").render(**data, **shown)


def render_message(title: str, text: str, links: Links, now: int) -> str:
    """A page that says one thing: why what was asked for is not there."""
    return _render_alone("message.html", links, now, title=title, text=text)


def render_token(text: str, links: Links, asked: str = "/") -> str:
    """The page that asks for the token, and then goes on to what was asked for."""
    return _render_alone("token.html", links, 0, text=text, asked=asked)


def _render_alone(template: str, links: Links, now: int, **data: Any) -> str:
    shown = {"links": links, "link": links.to, "pages": PAGES, "page": None, "part": "", "now": now}
    return make_environment().get_template(template).render(**data, **shown)
