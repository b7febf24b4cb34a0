"""Who may ask the board: other sites, other names, and who has no token."""

import html
import os
import re
from urllib.parse import urlencode

import pytest
from asking import HOST, ask, make_board
from board_home import open_memory
from plainmind.board import access, application, guard, server
from plainmind.board.access import Doors
from plainmind.ground import clock
from plainmind.ground.errors import Failure, Misconfigured

TOKEN = "correct-horse-battery-\u00e9"  # a header's bytes are not its characters
NAVIGATES = {"sec-fetch-mode": "navigate"}


@pytest.fixture
def board(home):
    return make_board(lambda: open_memory(home))


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(guard, "_PAUSE", 0)


@pytest.fixture
def closed(home):
    return make_board(lambda: open_memory(home), TOKEN)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, None),
        ("GET", {"host": "LOCALHOST:3030"}, None),
        ("GET", {"host": "[::1]:3030"}, None),
        ("POST", {"origin": f"http://{HOST}"}, None),
        ("POST", {"sec-fetch-site": "same-origin", "origin": f"http://{HOST}"}, None),
        ("GET", {"sec-fetch-site": "cross-site", **NAVIGATES}, None),
        # a name that was pointed at this machine, and what only looks like ours
        ("GET", {"host": "evil.example:3030"}, 421),
        ("GET", {"host": ""}, 421),
        ("GET", {"host": "127.0.0.1"}, 421),
        ("GET", {"host": "127.0.0.1:80"}, 421),
        ("GET", {"host": "127.0.0.1:3030@evil.example"}, 421),
        ("GET", {"host": "me@127.0.0.1:3030"}, 421),
        ("GET", {"host": "127.0.0.1:3030/x"}, 421),
        ("GET", {"host": "127.0.0.1:3030?x"}, 421),
        ("GET", {"host": "localhost.:3030"}, 421),
        ("GET", {"host": "127.0.0.1.evil.example:3030"}, 421),
        # what another site told a browser to ask
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "http://127.0.0.1:8080"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("GET", {"origin": "http://evil.example"}, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ("POST", {"sec-fetch-site": "cross-site", **NAVIGATES}, 403),
        ("POST", {"sec-fetch-site": "same-site", **NAVIGATES}, 403),
    ],
)
def test_who_may_ask(method, headers, status):
    found = Doors(3030).judge(method, {"host": HOST, **headers})
    assert (found.status if found else None) == status


def test_every_answer_has_the_rules_of_its_browser(board, closed, home):
    """Found, not found, wrong, refused, a file: nothing inline, nothing from elsewhere."""
    asked = [
        (board, "/", "GET", {}, 200), (board, "/static/board.css", "GET", {}, 200),
        (board, "/api/agents", "GET", {}, 200), (board, "/events", "HEAD", {}, 200),
        (board, "/nothing", "GET", {}, 404), (board, "/api/nothing", "GET", {}, 404),
        (board, "/static/nothing", "GET", {}, 404), (board, "/", "POST", {}, 405),
        (board, "/api/gamification/award-xp", "GET", {}, 405),
        (board, "/api/gamification/award-xp", "POST", {}, 400),
        (board, "/", "GET", {"host": "evil.example"}, 421),
        (closed, "/", "GET", {}, 401), (closed, "/api/agents", "GET", {}, 401),
        (closed, "/token", "POST", {}, 401),
    ]  # fmt: skip
    for app, address, method, headers, status in asked:
        answer = ask(app, address, method, **headers)
        assert answer.status == status, address
        assert answer.headers.items() >= access.HEADERS.items(), address
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "unsafe" not in answer.headers["content-security-policy"]
        if address.startswith("/api/") and status != 200:
            assert set(answer.value) == {"error"}
    assert set(ask(board, "/", "POST").headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_what_is_too_much_to_send_is_refused(board):
    most = ask(board, "/api/gamification/award-xp", "POST", b"x" * 70_000)
    assert (most.status, most.headers.items() >= access.HEADERS.items()) == (413, True)


def test_a_token_opens_as_a_header_or_by_a_cookie_that_does_not_tell_it(closed):
    bearer = {"authorization": f"Bearer {TOKEN}".encode().decode("latin-1")}
    assert ask(closed, "/api/agents", **bearer).status == 200
    for wrong in (TOKEN[:-1], TOKEN + "x", "", "é" * 30):
        given = {"authorization": f"bearer {wrong}".encode().decode("latin-1")}
        assert ask(closed, "/api/agents", **given).status == 401
        form = ask(closed, "/token", "POST", f"token={wrong}".encode())
        assert (form.status, "set-cookie" in form.headers) == (401, False)
    assert "www-authenticate" in ask(closed, "/").headers
    assert ask(closed, "/static/board.css").status == 200  # what the form looks like
    assert 'action="/token"' in ask(closed, "/").text
    let_in = ask(closed, "/token", "POST", b"token=correct-horse-battery-%C3%A9")
    assert (let_in.status, let_in.headers["location"]) == (303, "/")
    cookie = let_in.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "correct" not in cookie
    kept = cookie.partition(";")[0]
    assert ask(closed, "/", cookie=f"a={{; {kept}; b").status == 200
    assert ask(closed, "/token", cookie=kept).status == 303
    assert (
        ask(closed, "/", cookie=f"{access.COOKIE}={TOKEN}".encode().decode("latin-1")).status == 401
    )
    # neither is of use to another site
    assert ask(closed, "/", cookie=kept, origin="http://evil.example").status == 403
    assert ask(closed, "/token", "POST", b"", origin="http://evil.example").status == 403
    # a proxy has its own name, and says when it was asked by TLS
    assert ask(closed, "/", cookie=kept, host="board.example.org").status == 200


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("/reminders", "/reminders"), ("/log/cli/a%20b", "/log/cli/a%20b"),
        ("/log?q=a+b%26c&k=3", "/log?q=a+b%26c&k=3"), ("/", "/"), ("/?month=2026-01", "/"),
        ("/memory?x=" + "y" * 5000, "/"), ("//evil.example/", "/"), ("/token", "/"),
    ],
)  # fmt: skip
def test_who_is_let_in_gets_the_page_that_was_asked_for(closed, asked, expected):
    form = ask(closed, asked)
    (field,) = re.findall(r'name="asked" value="([^"]*)"', form.text)
    field = html.unescape(field)
    assert field == expected
    for token in ("wrong", TOKEN):  # who mistypes gets there, too
        body = urlencode({"token": token, "asked": field}).encode()
        answer = ask(closed, "/token", "POST", body)
        assert f'value="{html.escape(field)}"' in answer.text or token == TOKEN
    assert (answer.status, answer.headers["location"]) == (303, expected)


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "", "x",
     "/\t/evil.example", "/\r\nset-cookie: a=b", "javascript:alert(1)", "/x\n//evil.example",
     "/ /x", "/token", "///", "/x\u00e9", "%2f%2fevil.example"],
)  # fmt: skip
def test_it_leads_to_no_other_site(closed, address):
    body = urlencode({"token": TOKEN, "asked": address}).encode()
    answer = ask(closed, "/token", "POST", body)
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_a_session_ends(home, monkeypatch):
    """By a button, with a week, and with another token; each browser has its own."""
    held = [TOKEN]

    def opened():
        memory = open_memory(home)
        memory.env._process = {access.TOKEN: held[0]}
        return memory

    def enter(token):
        answer = ask(app, "/token", "POST", f"token= {token} ".encode())
        return answer.headers["set-cookie"].partition(";")[0]

    app = application.make(opened, lambda token: Doors(3030, token=token))
    first, second = enter(TOKEN), enter(TOKEN)
    assert first != second and 'action="/logout"' in ask(app, "/", cookie=first).text
    assert ask(app, "/logout", cookie=first).status == 303  # a link ends nothing
    assert ask(app, "/", cookie=first).status == 200
    assert ask(app, "/logout", "POST", cookie=first).status == 303
    assert [ask(app, "/", cookie=one).status for one in (first, second)] == [401, 200]
    at = clock.monotonic()
    with monkeypatch.context() as later:
        later.setattr(clock, "monotonic", lambda: at + 8 * 86400)
        assert ask(app, "/", cookie=second).status == 401

    def change(token):
        held[0] = token
        os.makedirs(home.root, exist_ok=True)
        with open(home.path(".env"), "a") as file:
            file.write("# changed\n")

    assert ask(app, "/", cookie=second).status == 200
    change("another-token-of-ours")
    assert ask(app, "/", cookie=second).status == 401
    assert ask(app, "/", authorization=f"Bearer {held[0]}").status == 200
    change("")
    gone = ask(app, "/", authorization="Bearer another-token-of-ours")
    assert (gone.status, "no MIND_BOARD_TOKEN" in gone.text) == (503, True)


def test_another_site_makes_no_search(board):
    for site, address, status in (
        ("cross-site", "/log?q=tea", 403), ("same-site", "/knowledge?%71=tea", 403),
        ("cross-site", "/log?at=3", 200), ("none", "/log?q=", 200), ("same-origin", "/log?q=", 200),
    ):  # fmt: skip
        answer = ask(board, address, sec_fetch_site=site, sec_fetch_mode="navigate")
        assert answer.status == status, (site, address)


def test_a_form_that_never_ends_is_left(closed, monkeypatch):
    assert ask(closed, "/token", "POST", b"token=" + b"x" * 9000).status == 401


@pytest.mark.parametrize(
    ("address", "token", "opens"),
    [
        ("127.0.0.1", "", True), ("localhost", "", True), ("::1", "", True),
        ("127.0.0.2", "", True), ("0.0.0.0", "", False), ("::", "", False),
        ("192.168.1.4", "", False), ("box.lan", "", False), ("0.0.0.0", "x" * 15, False),
        ("127.0.0.1", "short", False), ("0.0.0.0", "x" * 16, True),
        ("0.0.0.0", " " * 16, False), ("127.0.0.1", " " * 16, False),
    ],
)  # fmt: skip
def test_where_others_can_reach_it_a_token_is_needed(address, token, opens):
    if opens:
        host = f"{'[::1]' if address == '::1' else address}:3030"
        found = server.find_doors(address, 3030, token).judge("GET", {"host": host})
        assert (found.status if found else None) == (401 if token else None)
    else:
        with pytest.raises(Misconfigured, match="MIND_BOARD_TOKEN"):
            server.find_doors(address, 3030, token)


def test_an_address_is_what_a_browser_takes(monkeypatch):
    monkeypatch.setattr(server, "_find_own", {"192.0.2.1": "192.168.1.4", "2001:db8::1": ""}.get)
    told = [
        server.tell_addresses(*one) for one in (("0.0.0.0", 1), ("::", 2), ("fe80::1", 3), ("x", 4))
    ]
    assert told == [
        ["http://127.0.0.1:1/", "http://192.168.1.4:1/"], ["http://[::1]:2/"],
        ["http://[fe80::1]:3/"], ["http://x:4/"],
    ]  # fmt: skip
    monkeypatch.undo()
    assert server._find_own("127.0.0.9") == "127.0.0.1"
    assert server._find_own("no address") == ""
    for address, code in (("no.such.host.invalid", 2), ("192.0.2.1", 2), ("x" * 300, 2)):
        with pytest.raises(Failure) as failure:
            server.listen(address, 0)
        assert failure.value.code == code
