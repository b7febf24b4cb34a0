import email.utils
import gzip
import time

import pytest
from plainmind.ground.errors import BadData, Misconfigured, Unavailable
from plainmind.providers import http
from provider_servers import dribbles, hangs, resets, says, streams
from scene import PATIENCE

KEY = {"Authorization": "Bearer canary-1234567890"}


def post(url, timeout=PATIENCE, headers=KEY):
    return http.post(
        url, {"text": "héllo \udc80"}, headers=headers, timeout=timeout, who="The server"
    )


def test_an_answer(serve):
    server = serve(says({"a": "ü"}))
    assert post(server.url + "/x") == {"a": "ü"}
    seen = server.seen[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/x", {"text": "héllo ?"})
    assert seen.headers["authorization"] == KEY["Authorization"]


def test_a_compressed_answer(serve):
    assert post(serve(says(gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")).url) == {"a": 1}


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 301, 308])
def test_what_only_settings_can_cure(serve, status):
    with pytest.raises(Misconfigured, match=str(status)):
        post(serve(says({"error": "no"}, status, Location="/elsewhere")).url)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_text_is_to_blame_for(serve, status):
    with pytest.raises(BadData, match=f"answered {status}: .*no"):
        post(serve(says({"error": "no"}, status)).url)


@pytest.mark.parametrize("status", [204, 408, 429, 500, 502, 503, 529])
def test_what_is_worth_another_try(serve, status):
    with pytest.raises(Unavailable, match=str(status)) as caught:
        post(serve(says(b"", status)).url)
    assert caught.value.retry_after is None


def test_googles_400_to_a_wrong_key_is_about_the_key(serve):
    with pytest.raises(Misconfigured):
        post(
            serve(
                says({"error": {"message": "API key not valid. Please pass a valid API key."}}, 400)
            ).url
        )


def test_retry_after(serve):
    with pytest.raises(Unavailable) as caught:
        post(serve(says({}, 429, Retry_After="7")).url)
    assert caught.value.retry_after == 7
    assert http.parse_retry_after("1.5") == 1.5
    assert http.parse_retry_after("-3") == 0
    assert 50 < http.parse_retry_after(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 60
    assert http.parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    for unreadable in ("", "soon", "nan", "inf", "1e999", "Wed, 99 Oct 2015", None):
        assert http.parse_retry_after(unreadable) is None


def test_a_server_that_resets(serve):
    with pytest.raises(Unavailable, match="cannot be reached|broke off"):
        post(serve(resets).url)


def test_nobody_there():
    with pytest.raises(Unavailable, match="cannot be reached: connection refused"):
        post("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "answer",
    [
        hangs,
        dribbles(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        dribbles(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        dribbles(b"", b"H"),
        dribbles(b"HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n"),
        streams(b"{", then=hangs),
    ],
    ids=["silent", "body", "header", "status line", "error", "half"],
)
def test_a_slow_server_is_left_in_time(serve, answer):
    start = time.monotonic()
    with pytest.raises(Unavailable):
        post(serve(answer).url, timeout=0.3)
    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize(
    "answer",
    [
        says(b"<html>"),
        says(b""),
        says(b"\xff\xfe"),
        says(b"[" * 100_000),
        lambda handler, seen: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"),
        says(b"not gzip", Content_Encoding="gzip"),
        lambda handler, seen: handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"
        ),
        lambda handler, seen: handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"
        ),
        lambda handler, seen: handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"
        ),
    ],
)
def test_garbage(serve, answer):
    with pytest.raises(Unavailable):
        post(serve(answer).url)


def test_an_endless_answer(serve, monkeypatch):
    monkeypatch.setattr(http, "MOST", 200_000)
    with pytest.raises(Unavailable, match="more than"):
        post(serve(says(b" " * 300_000)).url)


def test_a_redirect_does_not_take_the_key_along(serve):
    other = serve(says({}))
    with pytest.raises(Misconfigured):
        post(serve(says({}, 307, Location=other.url)).url)
    assert other.seen == []


def test_a_server_that_echoes_the_key(serve):
    for status in (400, 401, 500):
        with pytest.raises((BadData, Misconfigured, Unavailable)) as caught:
            post(serve(says({"error": "wrong key canary-1234567890"}, status)).url)
        assert "***" in str(caught.value)
        assert "canary" not in str(caught.value)


def test_an_address_with_a_password_is_in_no_message():
    with pytest.raises(Unavailable) as caught:
        post("http://user:canary@127.0.0.1:1/")
    assert "canary" not in str(caught.value)


def test_netrc_does_not_replace_the_key(serve, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ann password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr(http, "is_this_machine", lambda url: False)
    server = serve(says({}))
    post(server.url)
    assert server.seen[0].headers["authorization"] == KEY["Authorization"]


def test_no_proxy_is_asked_for_a_server_on_this_machine(serve, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert post(serve(says({})).url) == {}


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://[::1", "http://127.0.0.1:99999/"]
)
def test_an_address_that_is_none(url):
    with pytest.raises((Misconfigured, Unavailable)) as caught:
        post(url)
    assert isinstance(caught.value, Misconfigured) or "99999" in url


def test_a_key_with_a_line_end(serve):
    with pytest.raises(Misconfigured, match="malformed"):
        post(serve(says({})).url, headers={"Authorization": "Bearer a\nb"})


def test_lines_come_as_they_are_sent(serve):
    """The server sends its second line only after the first one was read."""
    server = serve(
        streams(
            b"one\ntw",
            then=lambda handler, seen: (
                handler.server.outer.done.wait(PATIENCE),
                handler.wfile.write(b"o\nthree"),
            ),
        )
    )
    lines = http.post_lines(server.url, {}, headers={}, timeout=PATIENCE, who="The server")
    assert next(lines) == b"one"
    server.done.set()
    assert list(lines) == [b"two", b"three"]
