"""From SQLite to PostgreSQL and back, as somebody does it: one setting, and mem-index --rebuild."""

import os

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def run(home, command):
    return lambda name, *more, **how: command(name, *more, home=home, **how).decode()


def configure(home, engine: str) -> None:
    with open(home.path("config.toml"), "w") as file:
        file.write(f'[index]\nengine = "{engine}"\n')


def test_there_and_back_is_one_setting_and_a_rebuild(server, home, run):
    for text in (b"The door key is under the fern.", b"The router is under the stairs."):
        run("mem-append", "--context", "note/home", "--role", "user", stdin=text)
    run("mem-note", "--type", "user", "--tier", "L1", stdin=b"Ann wants answers in German.")
    run("mem-embed")
    ask = lambda: (
        run("mem-recall", "where is the key"),
        run("mem-recall", "--knowledge", "German"),
    )
    before = ask()
    assert "fern" in before[0]
    configure(home, server.url_of(home))
    run("mem-index", "--rebuild")
    assert not os.path.exists(home.path("index/mind.db"))
    assert ask() == before and run("mem-index", "--verify") == ""
    assert "postgresql" in run("mem-index", "--status")
    assert run("mem-embed", "--status").count("pending\t0") == 1  # nothing is paid for again
    # another may read it, until it is taken back
    server.sql("CREATE ROLE reader LOGIN")
    run("mem-index", "--share", "reader")
    assert run("mem-index", "--shared") == "reader\n"
    look = f"SELECT count(*) FROM {server.role_of(home)}.events"
    assert server.sql(look, role="reader") == [(2,)]
    run("mem-index", "--unshare", "reader")
    assert run("mem-index", "--shared", code=1) == ""
    run("mem-index", "--share", "nobody", code=66)
    configure(home, "sqlite")
    run("mem-index", "--share", "reader", code=78)
    run("mem-index", "--rebuild")
    assert ask() == before and run("mem-index", "--verify") == ""
