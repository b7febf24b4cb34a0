"""The board in a real browser: what a person sees, hears and does there."""

import time
from typing import Any

import pytest
from board_home import fill
from browsing import (
    PHONE,
    WIDE,
    Board,
    browsing,
    check_access,
    check_ids,
    check_links,
    check_width,
    go_on,
    open_page,
)
from plainmind.board import publishing, rendering
from plainmind.board.pages import PAGES
from plainmind.ground.paths import Home
from scene import PATIENCE, THOROUGH, TIME

SESSIONS = next(page for page in PAGES if page.name == "sessions")


@pytest.fixture(scope="module")
def browser():
    with browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def memory(browser, tmp_path_factory):
    """Of a home that has something of everything, and texts that try to be markup."""
    return fill(Home(str(tmp_path_factory.mktemp("full") / "a home")), hostile=True)


@pytest.fixture(scope="module")
def board(memory):
    started = Board(memory.home.root, TIME)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def empty_board(browser, tmp_path_factory):
    started = Board(str(tmp_path_factory.mktemp("empty")), TIME)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def visitor(browser):
    """A page that goes from one address to the next: a new one takes a second of CPU to begin."""
    page = open_page(browser)
    yield page
    page.context.close()


@pytest.fixture
def open_at(browser):
    """`open_at(url, …)`: a page there; it ends with the test."""
    opened: list[Any] = []

    def go(url: str, **options: Any):
        page = open_page(browser, **options)
        opened.append(page)
        page.goto(url)
        return page

    yield go
    for page in opened:
        page.context.close()


def add(page, url: str, html: str | list[str]) -> None:
    """At its end the page there has this too: the last of these when it is asked for."""

    def answer(route) -> None:
        given = route.fetch()
        last = html if isinstance(html, str) else html[-1]
        route.fulfill(response=given, body=given.text().replace("</main>", f"{last}</main>"))

    page.route(url, answer)


def list_paths(memory, page) -> list[str]:
    """Of a page, and of the first of its parts."""
    parts = [*page.module.list_parts(memory)][:1] if page.has_parts else []
    return [page.path, *(f"/{page.name}/{part}" for part in parts)]


def check(page, *schemes: str) -> list[str]:
    """Everything that is wrong with a page, as it is open, in these colours, and on a phone."""
    found = check_ids(page)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in check_access(page)]
    page.set_viewport_size(PHONE)
    found += [f"phone: {one}" for one in check_width(page)]
    if page.evaluate("window.planted"):
        found.append("a text was run")
    return found + page.complaints


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_every_page_of_a_full_home_is_drawn_readable_and_fits(name, memory, board, visitor):
    page, shown = next(page for page in PAGES if page.name == name), visitor
    shown.complaints.clear()
    # axe is most of what these tests cost: of a page's two schemes, its parts show the other
    for path, scheme in zip(list_paths(memory, page), ("dark", "light")):
        shown.set_viewport_size(WIDE)
        go_on(shown, board.url + path)
        assert shown.locator("h1").count() == 1, path
        assert check(shown, *(["light", "dark"] if THOROUGH else [scheme])) == [], path


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_every_page_of_an_empty_home_says_what_would_be_there(name, empty_board, visitor):
    page, shown = next(page for page in PAGES if page.name == name), visitor
    shown.complaints.clear()
    shown.set_viewport_size(PHONE)
    go_on(shown, empty_board.url + page.path)
    assert check_width(shown) + shown.complaints == []
    assert shown.locator("main code").count(), "no command that makes it"


WRONG = """<p style="color: red">styled</p><pre>{}</pre><img src="/missing.png">
<a id="content" href="/"></a>
<script>window.planted = 1</script>""".format("wide" * 99)


def test_what_is_wrong_with_a_page_is_found(board, open_at):
    page = open_at("about:blank")
    add(page, board.url + SESSIONS.path, WRONG)
    page.goto(board.url + SESSIONS.path)
    page.evaluate("window.planted = 1")
    found = "\n".join(check(page, "light"))
    for sign in (
        "image-alt",
        "link-name",
        "sideways",
        "404",
        "inline style",
        "inline script",
        "twice",
    ):
        assert sign in found, sign
    assert "a text was run" in found


# --- what changes

#: what somebody writes into, on every page
FIELD = '<form id="asked"><label for="q">Search</label><input id="q" value="before"></form>'


@pytest.fixture
def tell_task(memory, command):
    """`tell_task(text)`: another process says what it does, in the session that runs."""
    session = next(iter(SESSIONS.module.list_parts(memory)))

    def tell(text: str) -> str:
        command("work-session", "task", "--agent", "frontend", "--session", session, text,
                home=memory.home)  # fmt: skip
        return text

    tell.session = session
    return tell


def wait_for(page, text: str) -> None:
    page.locator("main").get_by_text(text, exact=True).first.wait_for()


@pytest.mark.parametrize("way", ["told", "asked"])
def test_a_task_of_another_process_appears_and_nothing_is_lost(way, board, open_at, tell_task):
    page = open_at("about:blank", size=PHONE)
    if way == "asked":  # event streams are refused, as some proxies do
        page.route("**/events", lambda route: route.fulfill(status=502))
    page.goto(f"{board.url}/sessions/{tell_task.session}")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    page.evaluate("window.before = document.activeElement; scrollBy(0, 60)")
    place = "[document.activeElement === before, Math.round(before.getBoundingClientRect().top)]"
    before = page.evaluate(place)
    wait_for(page, tell_task(f"It was {way}"))
    assert page.evaluate(place) == before
    assert page.evaluate("scrollY > 0 && document.activeElement.matches(':focus-visible')")
    assert not page.locator("details").first.evaluate("one => one.open")
    assert way == "asked" or page.complaints == []


def test_who_writes_or_selects_is_not_disturbed(board, open_at, tell_task):
    page = open_at("about:blank")
    add(page, f"{board.url}/sessions/{tell_task.session}", FIELD)
    page.goto(f"{board.url}/sessions/{tell_task.session}")
    page.fill("#q", "half a wor")
    page.press("#q", "Home")
    wait_for(page, tell_task("While one writes"))
    assert page.evaluate("[q.value, q.selectionStart, q === document.activeElement]") == [
        "half a wor", 0, True,
    ]  # fmt: skip
    page.locator("h1").focus()
    wait_for(page, tell_task("Written, and not sent"))
    assert page.input_value("#q") == "half a wor"
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    text = tell_task("While one selects")
    page.get_by_text("Changes wait while text is selected").wait_for()
    assert page.get_by_text(text).count() == 0
    page.evaluate("getSelection().removeAllRanges()")
    wait_for(page, text)
    assert page.text_content("#live") == ""


def test_a_page_that_nobody_sees_asks_nothing_and_is_up_to_date_when_seen(
    board, open_at, tell_task
):
    page = open_at(f"{board.url}/sessions/{tell_task.session}")
    page.wait_for_timeout(200)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hide = """is => { Object.defineProperty(document, "hidden", {value: is, configurable: true});
      document.dispatchEvent(new Event("visibilitychange")); }"""
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/events")):
        page.evaluate(hide, True)
    asked.clear()  # what it asked before, of a change that was on its way
    text = tell_task("Not seen yet")
    page.wait_for_timeout(1500)
    assert asked == []
    page.evaluate(hide, False)
    wait_for(page, text)


def test_a_board_that_ends_and_is_back_is_told_and_followed(memory, open_at, tell_task):
    own = Board(memory.home.root, TIME)
    try:
        page = open_at(f"{own.url}/sessions/{tell_task.session}")
        own.stop()
        page.get_by_text("No answer from the board").wait_for()
        text = tell_task("While it was away")
        own.start(own.port)
        wait_for(page, text)
        page.locator("#live:empty").wait_for(state="attached")
    finally:
        own.stop()


def test_an_award_is_given_and_seen(board, open_at):
    page = open_at(f"{board.url}/management-team.html")
    page.select_option("#award-agent", "ux")
    page.fill("#award-amount", "70")
    page.fill("#award-reason", "found <b>it</b>")
    page.keyboard.press("Enter")
    page.get_by_text("Awarded 70 XP to ux").wait_for()
    assert page.input_value("#award-reason") == ""
    page.locator("#agent-ux .way").get_by_text("70 XP").wait_for()
    page.evaluate("document.querySelector('#award').noValidate = true")
    page.select_option("#award-agent", "ux")
    page.fill("#award-amount", "7000")
    page.fill("#award-reason", "too much")
    page.click("#award button")
    page.get_by_text("Not awarded: ").wait_for()
    assert [one for one in page.complaints if "400" not in one] == []
    bare = open_at(f"{board.url}/management-team.html", java_script_enabled=False)
    assert bare.is_visible("noscript code") and not bare.is_visible("#award")


def test_many_pages_share_one_stream_and_the_next_takes_it_over(board, open_at, tell_task):
    """A browser has six connections for a host, whatever is open."""
    first = open_at("about:blank")
    asked: list[Any] = []
    first.context.on("request", lambda one: asked.append(one.frame.page)
                     if one.url.endswith("/events") else None)  # fmt: skip
    pages = [first, *(first.context.new_page() for _ in range(7))]
    for page in pages:
        page.goto(f"{board.url}/sessions/{tell_task.session}", wait_until="domcontentloaded")
    text = tell_task("All of them see it")
    for page in pages:
        wait_for(page, text)
    assert len(asked) == 1
    asked[0].close()
    left = [page for page in pages if page is not asked[0]]
    wait_until(lambda: left[0].title() and len(asked) == 2)
    text = tell_task("Those that are left see it")
    for page in left:
        wait_for(page, text)


# --- charts


def wait_until(is_so) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


CHARTS = """{% import "parts.html" as parts %}
{{ parts.chart("days", "Turns", ["Day", "Turns"], days, "line") }}
{{ parts.chart("pairs", "Tasks", ["Day", "Done", "Failed"], pairs) }}"""


def draw(last: int) -> str:
    days = [("2026-01-28", 3), ("2026-01-29", None), ("2026-01-30", last)]
    return rendering.make_environment().from_string(CHARTS).render(
        days=days, pairs=[(*pair, 4) for pair in days],
    )  # fmt: skip


def test_charts_are_drawn_from_their_tables_and_change_in_place(board, open_at, tell_task):
    url = f"{board.url}/sessions/{tell_task.session}"
    page = open_at("about:blank")
    drawn = [draw(4711)]
    add(page, url, drawn)
    page.goto(url)
    canvas = page.locator("#days canvas")
    assert page.locator("canvas").count() == 2 and "4,711" in page.text_content("#days .u-legend")
    assert page.locator("#days details[open], #pairs details[open]").count() == 0
    assert page.locator("#pairs .u-legend .u-label").all_text_contents()[:2] == ["Done", "Failed"]
    canvas.evaluate("one => { window.drawn = one; }")
    drawn.append(draw(815))
    tell_task("A change that brings another number")
    page.locator("#days .u-legend").get_by_text("815").wait_for()
    assert canvas.evaluate("one => one === drawn"), "drawn again"
    picture = canvas.evaluate("one => one.toDataURL()")
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: canvas.evaluate("one => one.toDataURL()") != picture)
    page.set_viewport_size(PHONE)
    wait_until(lambda: canvas.evaluate("one => one.clientWidth") < 330)
    assert check_width(page) + check_access(page) + page.complaints == []
    page.locator("#days summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#days details table").is_visible()


# --- without a pointer, and without a server

FOCUS = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const isShown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    && box.width > 0 && box.left >= 0 && box.top >= 0 && box.bottom <= innerHeight + 1;
  return [one.textContent.trim(), isShown];
}"""


def test_the_keyboard_leads_everywhere_and_shows_where_it_is(board, open_at):
    page = open_at(board.url + SESSIONS.path)
    walked = []
    for _ in range(len(PAGES) + 3):
        page.keyboard.press("Tab")
        walked.append(page.evaluate(FOCUS))
    titles = ["Skip to content", "Plainmind", *(each.title for each in PAGES)]
    assert walked[:-1] == [[title, True] for title in titles]
    name, is_shown = walked[-1]
    assert name.startswith("session-") and is_shown
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{name}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")  # what moves sideways can be reached
    assert page.evaluate("document.activeElement.matches('[role=region], a, summary')")


def test_files_are_pages_too(memory, open_at, tmp_path):
    """Without a server; with scripts, charts are drawn, and without them their tables are open."""
    names = publishing.publish(memory, str(tmp_path), pytest.fail)
    page = open_at("about:blank")
    bare = open_at("about:blank", java_script_enabled=False)
    drawn = 0
    for name in [name for name in names if name.count(".") == 1]:
        page.goto(f"file://{tmp_path}/{name}")
        plots = page.locator(".plot canvas").count()
        assert page.locator("figure details:not([open])").count() == plots, name
        if plots:
            bare.goto(f"file://{tmp_path}/{name}")
            assert bare.locator("figure details[open]").count() == plots, name
        drawn += plots
        assert check_links(page) == [], name
    assert page.complaints + bare.complaints == []
    assert drawn
    (tmp_path / "dead.html").write_text(
        '<a href="gone.html#a">a</a> <a href="#gone">b</a> <a href="index.html#content">c</a>'
    )
    page.goto(f"file://{tmp_path}/dead.html")
    dead = [one.rpartition("/")[2] for one in check_links(page)]
    assert dead == ["gone.html#a", "dead.html#gone"]


# --- the graph


def test_a_graph_is_zoomed_and_panned_and_its_letters_keep_their_size(board, open_at):
    page = open_at(f"{board.url}/knowledge/graph")
    sheet = page.locator("#graph-sheet")
    look = "sheet => sheet.getAttribute('viewBox').split(' ').map(Number)"
    high = """sheet => Math.max(...[...sheet.querySelectorAll('a text')].map(
      text => text.getBoundingClientRect().height))"""
    whole, letters = sheet.evaluate(look), sheet.evaluate(high)
    box = sheet.locator("circle").last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 20, steps=4)
    page.mouse.up()
    assert sheet.evaluate(look)[0] > whole[0] and page.url.endswith("/graph"), "a link was followed"
    page.get_by_text("Show all").click()
    for _ in range(2):
        page.get_by_label("Zoom in").click()
    assert sheet.evaluate(look)[2] < whole[2] / 2 and abs(sheet.evaluate(high) - letters) < 3
    sheet.focus()
    before = sheet.evaluate(look)
    page.keyboard.press("ArrowLeft")
    assert sheet.evaluate(look)[0] < before[0]
    page.keyboard.press("0")
    assert sheet.evaluate(look) == whole
    frame = sheet.bounding_box()
    for _ in range(3):
        for key in ("0", "Tab", *"+++++"):
            page.keyboard.press(key)
        box = page.locator("a:focus circle").bounding_box()
        for edge, size in (("x", "width"), ("y", "height")):
            inside = frame[edge] < box[edge] < frame[edge] + frame[size]
            assert inside, "what has the focus stays in view"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.complaints == []
