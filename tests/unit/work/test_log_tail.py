"""The ends of logs, and what is added to them."""

import os

import pytest
from plainmind.ground import clock
from plainmind.ground.errors import BadData, NoInput, NotPermitted
from plainmind.work import log_tail

ID = "session-1770451234"
FOLDER = f"work/logs/{ID}"


def write(home, agent, data: bytes, mode="wb") -> str:
    path = home.path(FOLDER, f"{agent}.log")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, mode) as file:
        file.write(data)
    return path


def tail(home, agent=None, count=10, mask=lambda text: text, going_on=None) -> list[str]:
    return [row.text for row in log_tail.read_rows(home, ID, agent, count, mask, going_on)]


@pytest.mark.parametrize("data, count, expected", [
    (b"", 3, []),
    (b"one", 3, ["one"]),
    (b"one\n", 3, ["one"]),
    (b"one\n\n", 3, ["one", ""]),
    (b"\n", 3, [""]),
    (b"one\ntwo\nthree\nfour\n", 2, ["three", "four"]),
    (b"one\ntwo\nthree\nfour", 2, ["three", "four"]),
    (b"one\ntwo\nthree\nfour\n", 4, ["one", "two", "three", "four"]),
    (b"one\ntwo\n", 0, []),
    (b"one\r\ntwo\x1b[2J\tx\xe2\x80\xae\xff\n", 2, ["one\\x0d", "two\\x1b[2J\tx\\x202e\udcff"]),
    (b"x" * 200_000 + b"\nlast\n", 1, ["last"]),
    (b"first\n" + b"x" * 200_000 + b"\n", 2, ["first", "x" * 200_000]),
    (b"".join(b"%d\n" % n for n in range(50_000)), 3, ["49997", "49998", "49999"]),
    (b"".join(b"%d\n" % n for n in range(50_000)), 40_000, [str(n) for n in range(10_000, 50_000)]),
], ids=lambda value: repr(value)[:30])  # fmt: skip
def test_the_last_lines(home, data, count, expected):
    write(home, "backend", data)
    assert tail(home, "backend", count) == expected


def test_all_the_logs_of_a_session(home):
    write(home, "backend", b"1\n2\n3\n")
    write(home, "frontend", b"4")
    write(home, "Not An Agent", b"5\n")
    os.mkdir(home.path(FOLDER, "infra.log"))
    assert tail(home, None, 2) == ["backend: 2", "backend: 3", "frontend: 4"]
    (row,) = log_tail.read_rows(home, ID, "frontend", 1, lambda text: text)
    assert row.record == {"agent": "frontend", "line": "4", "path": f"{FOLDER}/frontend.log"}


def test_no_logs(home):
    with pytest.raises(NoInput, match="no logs; redirect"):
        tail(home)
    write(home, "backend", b"")
    with pytest.raises(NoInput, match="frontend.log: no log"):
        tail(home, "frontend")
    for name in ("../backend", "a/b", ""):
        with pytest.raises(BadData):
            tail(home, name)
    with pytest.raises(BadData):
        list(log_tail.read_rows(home, "../x", None, 1, str))


@pytest.mark.parametrize("agent", [None, "backend"])
def test_the_first_log_is_waited_for_while_somebody_may_write_it(home, monkeypatch, agent):
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    looks = iter([lambda: True, lambda: write(home, "backend", b"one\ntwo\n"), lambda: False])
    lines = tail(home, agent, 1, going_on=lambda: bool(next(looks)()))
    assert [line.rpartition(" ")[2] for line in lines] == ["one", "two"]
    os.unlink(home.path(FOLDER, "backend.log"))
    looks = iter([lambda: True, lambda: False])
    with pytest.raises(NoInput):
        tail(home, agent, going_on=lambda: next(looks)())


def test_a_log_that_leads_out_of_the_home(home, tmp_path):
    (tmp_path / "secret").write_text("words")
    write(home, "backend", b"")
    os.symlink(tmp_path / "secret", home.path(FOLDER, "frontend.log"))
    for agent in ("frontend", None):
        with pytest.raises(NotPermitted):
            tail(home, agent)


def test_secrets_are_masked(home):
    write(home, "backend", b"token abc\nabc\n")
    assert tail(home, "backend", mask=lambda text: text.replace("abc", "***")) == [
        "token ***",
        "***",
    ]


def test_following(home, monkeypatch):
    """Each look prints the whole lines that were added; the last one what is left.

    Nothing is printed twice or left out.
    """
    path = write(home, "backend", b"old\nold\nlast\nha")
    additions = [
        lambda: None,
        lambda: write(home, "backend", b"lf\n", "ab"),
        lambda: (write(home, "backend", b"more\nno end", "ab"), write(home, "frontend", b"new\n")),
        lambda: (os.truncate(path, 0), write(home, "backend", b"anew\n", "ab")),
        lambda: write(home, "backend", b"rest", "ab"),
    ]
    waits = []
    monkeypatch.setattr(clock, "sleep", waits.append)

    def going_on() -> bool:
        additions.pop(0)()
        return bool(additions)

    assert tail(home, None, 1, going_on=going_on) == [
        "backend: half", "backend: more", "frontend: new", "backend: anew", "backend: rest",
    ]  # fmt: skip
    assert waits == [log_tail.PAUSE] * 4
