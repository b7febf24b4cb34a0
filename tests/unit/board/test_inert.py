"""What others wrote stays text: in every field of every page, in answers to programs, in files and
in messages; and no secret is in any of them."""

import html
import itertools
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

import hostile
import pytest
from asking import ask, make_board
from board_home import HOSTILE, SECRET, fill, open_memory
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from plainmind.board import api, publishing, rendering
from plainmind.board.links import FileLinks, LiveLinks
from plainmind.board.pages import PAGES, BoardPage
from plainmind.ground.errors import Failure
from plainmind.ground.masks import Mask

pytestmark = pytest.mark.usefixtures("unsynced")
#: parts that each page shows of a home, the first ones
SHOWN = 6
LEADS = {"href", "src", "action", "formaction", "data", "xlink:href", "poster", "srcset"}
PIECES = (
    "<script id=planted>1</script>", "'\"><img src=x onerror=planted()>", "javascript:planted()",
    "data:text/html,x", "//evil.example/x", "</title></textarea></style><b id=planted>", "{{7*7}}",
    "&lt;b&gt;", "\x1b[31m", "\u202e", "\u200b", "\u061c", "\U000e0041", "\ud800", "\x00", "]]>",
    SECRET, *hostile.PIECES,
)  # fmt: skip


class Reader(HTMLParser):
    """Notes what a browser would run, follow elsewhere, or obey."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        seen = html.unescape(text)
        if SECRET in seen or SECRET in unquote(seen):
            self.found.append("a secret")
        unseen = set(rendering._UNSEEN.findall(seen)) - {"\r"}
        self.found += [f"unseen {character!r}" for character in sorted(unseen)]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if given.get("id") == "planted" or len(given) < len(attributes):
            self.found.append(f"planted <{tag}>")
        self.found += [f"{name} of <{tag}>" for name in given if name.startswith("on")]
        if "style" in given or tag in ("style", "base", "iframe", "object", "embed"):
            self.found.append(f"inline <{tag}>")
        for name in LEADS & given.keys():
            url = urlsplit((given[name] or "").strip())
            # a link may lead elsewhere, and nothing else may
            out = url.scheme or url.netloc
            if out and not (tag == "a" and url.scheme in ("http", "https")):
                self.found.append(f"{name} of <{tag}>: {given[name]}")
        if tag == "script" and not (given.get("src") or "").lstrip("/").startswith("static/"):
            self.found.append("a script")


def find_active(text: str) -> list[str]:
    return Reader(text).found


@pytest.mark.parametrize(
    "text", [*PIECES[:5], f"<a href='{PIECES[2]}'>", *PIECES[8:17][:1], SECRET]
)
def test_what_is_active_is_found(text):
    """The control: as markup, each of these is noticed somewhere."""
    places = (f"<p>{text}</p>", f'<a href="{text}">x</a>', f"<a title='{text}'>x</a>")
    assert any(find_active(place) for place in places)


def parts_of(page: BoardPage, memory: Any) -> list[str]:
    parts = page.module.list_parts(memory) if page.has_parts else ()
    return ["", *itertools.islice((part for part in parts if part), SHOWN)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A memory in which everybody wrote what is not to be obeyed."""
    from plainmind.ground.paths import Home

    return fill(Home(str(tmp_path_factory.mktemp("told") / "home")), hostile=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_everybody_wrote_stays_text(page, told):
    app = make_board(lambda: told)
    for part in parts_of(page, told):
        answer = ask(app, LiveLinks().to(page.name, part) or page.path)
        assert answer.status == 200, (part, answer.text)
        assert find_active(answer.text) == []
    for query in ("q=the+move", f"q={HOSTILE[:60]}", "at=1", "from=x&to=y"):
        asked = ask(app, f"{page.path}?{query}")
        assert asked.status in (200, 400, 404) and find_active(asked.text) == [], query


@pytest.fixture(scope="module")
def shapes(told):
    """(page, part, its data, the places of its texts) of every page; a place is a path in which a
    row is *, so that one text stands for a column."""
    found = []
    for page in PAGES:
        for part in parts_of(page, told)[:3]:
            data = rendering.show(page.module.read(told, part, {}), told.env.mask)
            places = sorted({place for place, _ in texts_of(data)}, key=repr)
            free = [place for place in places if draws(page, part, put(data, {place}, "a b"))]
            assert not places or len(free) > len(places) / 3, page.name
            found.append((page, part, data, free))
    return found


def texts_of(value: Any, place: tuple = ()) -> Iterator[tuple[tuple, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_of(inner, (*place, key))
    elif isinstance(value, list | tuple):
        names = value._fields if hasattr(value, "_fields") else itertools.repeat("*")
        for name, inner in zip(names, value):
            yield from texts_of(inner, (*place, name))


def put(value: Any, places: set[tuple], text: str, place: tuple = ()) -> Any:
    """The data with a text in these places."""
    if isinstance(value, str):
        return text if place in places else value
    if isinstance(value, dict):
        return {key: put(inner, places, text, (*place, key)) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = zip(value._fields, value)
        return type(value)(*(put(inner, places, text, (*place, name)) for name, inner in pairs))
    if isinstance(value, list | tuple):
        return [put(inner, places, text, (*place, "*")) for inner in value]
    return value


def draws(page: BoardPage, part: str, data: Any, links: Any = None) -> str:
    """A page of this data; '' where a template cannot take it: a time, or the name of a state."""
    try:
        return rendering.render(page, data, links or LiveLinks(), 1_769_782_982_000, part=part)
    except (Failure, ValueError, LookupError, TypeError, AttributeError, TemplateError):
        return ""


texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@settings(max_examples=12)
@given(text=texts | hostile.texts)
def test_whatever_a_field_holds_stays_text(told, shapes, text):
    for page, part, data, free in shapes:
        # what the links of a page are made of is a part, and the name of a file
        for links in (LiveLinks(), FileLinks({(page.name, part)})):
            shown = rendering.show(put(data, set(free), text), told.env.mask)
            if drawn := draws(page, part, shown, links):
                assert find_active(drawn) == [], page.name


@settings(max_examples=30)
@given(text=texts | hostile.texts)
def test_messages_stay_text(told, text):
    shown = rendering.show(text, told.env.mask)
    for drawn in (
        rendering.render_message("Not found", shown, LiveLinks(), 1),
        rendering.render_token(shown, LiveLinks()),
    ):
        assert find_active(drawn) == []


def test_no_secret_is_in_an_answer_to_a_program_or_in_a_file(told, tmp_path):
    app = make_board(lambda: told)
    for name in api.ANSWERS:
        answer = ask(app, f"/api/{name.replace('{part}', 'backend')}")
        assert answer.status == 200 and SECRET not in unquote(answer.text)
        assert "\x1b" not in answer.text and "\u202e" not in answer.text
    for address in (f"/api/gamification/agent/{SECRET}", f"/sessions/{SECRET}", f"/{SECRET}"):
        answer = ask(app, address)
        assert answer.status in (400, 404) and SECRET not in html.unescape(answer.text)
    award = f'{{"agent": "backend", "amount": 1, "reason": "for {SECRET} \\u001b[31m"}}'.encode()
    answer = ask(app, "/api/gamification/award-xp", "POST", award)
    assert (answer.status, answer.value["reason"]) == (201, "for *** \x1b[31m")
    assert b"\x1b" not in answer.body
    names = publishing.publish(told, str(tmp_path), pytest.fail)
    for name in names:
        assert SECRET not in name and find_active((tmp_path / name).read_text()) == []


NASTY = (
    "../../../../etc/passwd", "..", "%2e%2e/%2e%2e/.env", "../.env", "/etc/passwd", "a\0b", "~root",
    "x" * 5000, "con", "a/../../.env", "\\..\\.env", ".env", "%00", "logs/../../.env", "%ed%a0%80",
)  # fmt: skip


@pytest.mark.parametrize("page", [page for page in PAGES if page.has_parts], ids=lambda p: p.name)
def test_no_part_leads_out_of_the_memory_folder(page, told):
    """Nor is any of them our own fault."""
    app = make_board(lambda: told)
    for part in NASTY:
        answer = ask(app, f"/{page.name}/{part}")
        assert answer.status in (400, 403, 404), (part[:40], answer.text)
        assert "root:" not in answer.text and "OPENAI" not in answer.text


def test_no_file_but_the_boards_own_is_served(home):
    app = make_board(lambda: open_memory(home))
    for part in NASTY:
        assert ask(app, f"/static/{part}").status == 404
    assert ask(app, "/static/").status == ask(app, "/static").status == 404


def fails(error: Exception) -> Callable[..., Any]:
    def read(*_: Any) -> Any:
        raise error

    return read


def test_what_nobody_thought_of_is_told_without_a_secret(told, monkeypatch):
    """Outside that it failed, and no more; inside once, masked."""
    said: list[str] = []
    app = make_board(lambda: told._replace(say=said.append))
    for name in ("sessions", "agents"):
        monkeypatch.setitem(api.ANSWERS, name, fails(RuntimeError(f"with {SECRET}")))
    answer = ask(app, "/api/sessions")
    assert (answer.status, SECRET in answer.text, "RuntimeError" in answer.text) == (
        500,
        False,
        False,
    )
    assert said == [f"/api/sessions: RuntimeError: with {SECRET}"]  # `say` masks


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {*filter(None, map(str, value))}.union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list | tuple) else set()


def test_a_password_that_is_a_word_of_ours_breaks_no_page(told, shapes):
    words = {"completed", "in_progress", "knowledge", "sessions", "reminders", "warning"}
    words |= {key for _, _, data, _ in shapes for key in keys_of(data)}
    mask = Mask(word for word in words if len(word) > 5)
    for page, part, _, _ in shapes:
        data = rendering.show(page.module.read(told, part, {}), mask)
        assert rendering.render(page, data, LiveLinks(), 1_769_782_982_000, part=part, mask=mask)
    answer = [{"sessionId": "a", "b": {"agent-x": 1}}]
    assert rendering.clean(answer, Mask(["sessionId", "agent-x"])) == [
        {"sessionId": "a", "b": {"***": 1}}
    ]
