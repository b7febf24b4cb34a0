"""Brave's web search. What strangers wrote comes back as plain lines: no markup, no control
characters, never the key."""

import re
from typing import Any, NamedTuple

from ..ground import masks
from ..ground.environment import Environment
from ..ground.errors import BadData, Failure, Misconfigured, Unavailable
from . import http

WHO = "Brave"
URL = "https://api.search.brave.com"
PATH = "/res/v1/web/search"

# the API's own limits
MOST, LONGEST, MOST_WORDS = 20, 400, 50  # results, characters and words of a query
FRESHNESS = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}

LONGEST_TITLE, LONGEST_ADDRESS, LONGEST_SNIPPET = 200, 2000, 1000  # characters that are passed on

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


class WebQuery(NamedTuple):
    text: str
    most: int = 10
    freshness: str | None = None  # a key of FRESHNESS
    country: str | None = None  # two letters

    def parameters(self) -> dict[str, Any]:
        """As the API wants them. BadData for a query it would refuse."""
        if len(self.text) > LONGEST or len(self.text.split()) > MOST_WORDS:
            what = f"the query has more than {LONGEST} characters or {MOST_WORDS} words"
            raise BadData(what, cure="shorten it")
        found: dict[str, Any] = {"q": self.text, "count": self.most, "text_decorations": "false"}
        if self.freshness:
            found["freshness"] = FRESHNESS[self.freshness]
        if self.country:
            found["country"] = self.country.upper()
        return found


class WebResult(NamedTuple):
    title: str
    url: str
    snippet: str


def search(env: Environment, question: WebQuery, timeout: float) -> list[WebResult]:
    """What Brave finds, best first. Misconfigured without a key, else as http says."""
    from urllib.parse import urlencode

    key = env.get("BRAVE_API_KEY").strip()
    if not key:
        cure = "get one at https://brave.com/search/api and put it in .env"
        raise Misconfigured("BRAVE_API_KEY is not set", cure=cure)
    base = env.get("BRAVE_BASE_URL", URL).rstrip("/")
    url = f"{base}{PATH}?{urlencode(question.parameters(), errors='replace')}"
    headers = {"Accept": "application/json", "X-Subscription-Token": key}
    try:
        answer = http.get(url, headers=headers, timeout=timeout, who=WHO)
    except Failure as failure:
        raise _clearer(failure) from None
    return _results(answer, key)[: question.most]


def _clearer(failure: Failure) -> Failure:
    """Brave says what is wrong in a JSON object, and 422 to a wrong key as to a wrong parameter."""
    if detail := re.search(r'"detail":\s*"([^"\\]+)"', failure.what):
        failure.what = f"{failure.what.partition(':')[0]}: {detail[1]}"
    if isinstance(failure, BadData):
        if re.search(r"subscription[ _]token", failure.what, re.I):
            return Misconfigured(failure.what, cure="check BRAVE_API_KEY")
        failure.cure = "word the query differently, or check the country"
    return failure


def _results(answer: Any, key: str) -> list[WebResult]:
    # there is no 'web' at all where nothing was found
    web = answer.get("web", {"results": []}) if isinstance(answer, dict) else None
    rows = web.get("results") if isinstance(web, dict) else None
    if not isinstance(rows, list):
        raise Unavailable(f"{WHO} answered something other than results")
    found = []
    for row in rows:
        fields = row if isinstance(row, dict) else {}
        address = _ADDRESS.fullmatch(to_plain_line(fields.get("url"), LONGEST_ADDRESS, key))
        if address:
            title = to_plain_line(fields.get("title"), LONGEST_TITLE, key)
            snippet = to_plain_line(fields.get("description"), LONGEST_SNIPPET, key)
            found.append(WebResult(title, address[0], snippet))
    return found


def to_plain_line(value: Any, most: int, key: str) -> str:
    """One line of text, '' for anything else: no tags, entities read, spaces for controls."""
    from html import unescape

    text = masks.cut(value, 8 * most) if isinstance(value, str) else ""
    text = masks.mask(unescape(_TAG.sub("", text)).replace(key, masks.HIDDEN))
    printable = (c if c.isprintable() else " " for c in text)
    line = " ".join("".join(printable).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
