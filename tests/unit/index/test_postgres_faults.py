"""What goes wrong with a PostgreSQL server, or with us while it writes: clear words, no wrong
answer, and the next run says what the files say. test_postgres.py has the others."""

import os
import shutil
import signal
import tempfile

import postgres
import psycopg
import pytest
from plainmind.ground.errors import Unavailable
from plainmind.index import engine_in_use
from plainmind.index.postgres import connection, opening
from plainmind.index.sqlite import opening as sqlite
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, THOROUGH
from unit.index import stores
from unit.index.engines import engine_on
from unit.index.vaults import write

pytestmark = pytest.mark.usefixtures("unsynced")


def say(home, *texts: str) -> None:
    Log(home).append("test/1", [EventDraft(NOW, "user", text, {}) for text in texts], NOW)


def check_rows(home, engine) -> None:
    """The index says what one of SQLite's, made now, says."""
    with (
        tempfile.TemporaryDirectory() as folder,
        engine.made_in(home, home.index) as ours,
        sqlite.made_in(home, folder) as file,
    ):
        rows, other = ours.rows(), file.rows()
        for table in rows:
            assert [*rows[table]] == [*other[table]], table


# --- a full disk under the server


def test_a_full_disk_under_the_server_is_said_and_the_next_run_goes_on(server, home):
    if not server.size:
        pytest.skip(f"PostgreSQL has no small disk here: {postgres.why_no_mounts()}")
    filler = f"TO '{server.small}/filler'"
    server.sql(f"CREATE TABLESPACE small LOCATION '{server.small}'", database="postgres")
    server.sql("CREATE DATABASE tight TABLESPACE small", database="postgres")
    server.sql("CREATE EXTENSION vector", "GRANT CREATE ON DATABASE tight TO PUBLIC",
               database="tight")  # fmt: skip
    role = server.role_of(home)
    engine = engine_in_use(server.url(role, "tight"))
    say(home, "the first zebra")
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1
    with pytest.raises(psycopg.errors.DiskFull):
        server.sql(f"COPY (SELECT repeat('x', 1000000) FROM generate_series(1, 99)) {filler}")
    say(home, *(f"{number} zebras {'and more' * 50}" for number in range(300)))
    refused = pytest.raises(Unavailable, match=r"the server is full.*free its disk")
    with engine.made_in(home, home.index) as index, refused:
        index.counts()
    server.sql(f"COPY (SELECT 1 WHERE false) {filler}")
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 301


def test_a_full_disk_of_the_servers_log_of_writes_is_said_and_the_next_run_goes_on(home):
    """PostgreSQL stops as a whole then, and starts again when there is room."""
    if why := postgres.why_not() or postgres.why_no_mounts() or not shutil.which("nsenter"):
        pytest.skip(f"PostgreSQL has no small disk here: {why}")
    own = postgres.Server("12m", writes=True)
    try:
        engine = engine_in_use(own.url_of(home))
        say(home, "the first zebra")
        with engine.made_in(home, home.index) as index:
            assert index.counts()["turns"] == 1
        filler = os.path.join(own.small, "filler")
        own.on_disk("dd", "if=/dev/zero", f"of={filler}", "bs=64k")
        refused = None
        for number in range(30):  # until what it has made ahead is full, too
            say(home, *(f"{number} zebras {'and more' * 50}" for _ in range(200)))
            try:
                with engine.made_in(home, home.index) as index:
                    index.counts()
            except Unavailable as error:
                refused = str(error)
                break
        assert refused and ("the server is full" in refused or "no answer of" in refused)
        say(home, "the last zebra")  # does not notice
        own.on_disk("rm", filler)
        own.stop(signal.SIGKILL)
        own.start()
        check_rows(home, engine)
    finally:
        own.close()


# --- kill -9 of us


def run_to_death(home, engine, die_at: int) -> int:
    """Take in and embed in a process that is killed as it begins the so manyth thing that it asks
    of the server; how many it asked, if it was not."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code, asked = 1, 0
        try:

            def dying(function):
                def ask(*given, **more):
                    nonlocal asked
                    asked += 1
                    if asked == die_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return function(*given, **more)

                return ask

            for name in ("execute", "executemany", "script", "copy"):
                own = getattr(connection.ServerConnection, name)
                setattr(connection.ServerConnection, name, dying(own))
            with engine.made_in(home, home.index) as index:
                index.counts()
                stores.run(index, stores.Fake())
            os.write(writing, str(asked).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        asked = int(told.read() or 0)
    _, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL)
    return asked


def test_kill_9_of_us_while_taking_in_leaves_nothing_half(server, home):
    engine = engine_on(server)
    server.role_of(home)
    say(home, "the first zebra", "and the second")
    write(home, "one", "# The one\n\nIt has a [[link]].")
    engine.rebuild(home)
    total = run_to_death(home, engine, 0)
    assert total > 40
    for number in range(1, total, 1 if THOROUGH else total // 3):
        engine.rebuild(home)
        run_to_death(home, engine, number)
        say(home, f"zebra {number}")  # mem-append does not notice
        with engine.made_in(home, home.index) as index:
            index.counts()
            stores.run(index, stores.Fake())
        check_rows(home, engine)


# --- another version, a replica


def test_a_server_that_is_too_old_is_said(server, home, monkeypatch):
    monkeypatch.setattr(connection.ServerConnection, "version", 140009)
    with pytest.raises(Unavailable, match="PostgreSQL 14; PostgreSQL 15 or later is needed"):
        engine_on(server).made_in(home, home.index)


def test_a_pgvector_that_is_too_old_is_said(server, home, monkeypatch):
    monkeypatch.setattr(opening, "LEAST_VECTOR", (99, 0))
    with pytest.raises(Unavailable, match=r"pgvector 0\.\S+ is too old; .* ALTER EXTENSION"):
        engine_on(server).made_in(home, home.index)


def test_a_server_that_takes_no_changes_is_said(server, home):
    engine, role = engine_on(server), server.role_of(home)
    say(home, "the zebra")
    with engine.made_in(home, home.index) as index:
        index.counts()
    server.sql(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1  # nothing is new
    say(home, "another")
    refused = pytest.raises(Unavailable, match=r"takes no changes \(a replica\?\)")
    with engine.made_in(home, home.index) as index, refused:
        index.counts()
    server.sql(f"ALTER ROLE {role} RESET default_transaction_read_only")
    check_rows(home, engine)


# --- what the commands say


def test_commands_say_that_the_server_is_gone_and_mem_append_does_not_notice(home, command):
    pytest.importorskip("psycopg")
    os.makedirs(home.root)
    with open(home.path("config.toml"), "w") as file:
        file.write(f'[index]\nengine = "postgresql://ann@/x?host={home.path("nowhere")}"\n')
    append = ("--context", "note/home", "--role", "user")
    assert command("mem-append", *append, stdin=b"the zebra", home=home)
    assert command("mem-recall", "zebra", home=home, code=69) == b""
    assert command("mem-embed", home=home, code=69) == b""
    assert command("mem-log", home=home)
