"""The index on PostgreSQL beside that of SQLite: equal rows and answers; roles; what is wrong with
a server."""

import itertools
import random
import signal

import postgres
import pytest
from plainmind.formats.evidence import Scope
from plainmind.ground.errors import Busy, Misconfigured, NoInput, Unavailable, Usage
from plainmind.ground.paths import Home
from plainmind.index import engine_in_use
from plainmind.index.engine import Index
from plainmind.index.postgres import tables
from plainmind.index.postgres.address import Address
from plainmind.index.sqlite import opening as sqlite
from plainmind.recall.search import Query
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW
from unit.index import stores
from unit.index.engines import engine_on
from unit.index.vaults import write

pytestmark = pytest.mark.usefixtures("unsynced")
SHAPES = [stores.Shape(seed, 60, 4, embedded=0.8, pins=3) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def homes(server, tmp_path_factory):
    """Three homes, with the index that each engine makes of them."""
    engine, made = engine_on(server), []
    for shape in SHAPES:
        folder = tmp_path_factory.mktemp("home")
        home = Home(str(folder / "home"))
        stores.fill(home, shape)
        hostile = "a \0 of \x01 and \x01\x02", " restart \0\0 pm2 "
        drafts = [EventDraft(NOW, "user", text, {"author": "A\x01"}) for text in hostile]
        Log(home).append("test/0", drafts, NOW)
        for number in range(4):
            text = stores.a_content(random.Random(number), [])
            write(home, f"page-{number}", f"# The {number}\n\n{text}", triples="[[a, owns, b]]")
        with sqlite.made_in(home, home.index) as index:
            stores.embed_some(index, shape)
            # what the vectors were made for is in both
        pair = engine.made_in(home, home.index), sqlite.made_in(home, str(folder / "again"))
        for index in pair:
            index.model()
        made.append(pair)
    yield made
    for index in itertools.chain(*made):
        index.close()


def test_rows_are_equal(homes):
    for ours, theirs in homes:
        rows, other = ours.rows(), theirs.rows()
        assert rows.keys() == other.keys()
        for table in rows:
            assert [*rows[table]] == [*other[table]], table
        assert ours.graph() == theirs.graph()


def ask(index: Index, rnd: random.Random) -> list:
    words = rnd.choices(stores.VOCABULARY, k=rnd.randrange(1, 6))
    vector = stores.Fake().vector(" ".join(words)) if rnd.random() < 0.7 else None
    query = Query(" ".join(words), NOW, vector, stores.MODEL if vector else "")
    scope = Scope(context=rnd.choice([None, None, "test", "talk/1"]))
    floor = rnd.choice([-1.0, 0.0, 0.2])
    hits = stores.search(index, query, scope, rnd.choice([3, 10]), floor).hits
    return [(hit.ref, hit.pick.score) for hit in hits]


def compare(homes, seeds) -> None:
    for seed in seeds:
        for ours, theirs in homes:
            found, other = (ask(index, random.Random(seed)) for index in (ours, theirs))
            assert found == other, seed


def test_answers_are_equal_to_the_bit(homes):
    compare(homes, range(15))


@pytest.mark.slow
def test_a_thousand_answers_are_equal_to_the_bit(homes):
    compare(homes, range(15, 350))


# --- roles


def test_the_server_counts_the_rows_of_tables_that_grew(homes, monkeypatch):
    index = homes[0][0]

    def counted() -> int:
        sql = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'events'::regclass"
        return index.db.execute(sql).fetchone()[0]

    (count,) = index.db.execute("SELECT count(*) FROM events").fetchone()
    index.optimize()
    assert counted() == -1  # of so few it reads all, anyway
    monkeypatch.setattr(tables, "GROWN", 0)
    index.optimize()
    assert counted() == count > 0
    statements = []
    monkeypatch.setattr(index.db, "execute", _noting(index.db.execute, statements))
    index.optimize()
    assert statements and not any("ANALYZE" in sql for sql in statements)


def _noting(execute, statements):
    def noted(sql, *parameters):
        statements.append(sql)
        return execute(sql, *parameters)

    return noted


def test_others_see_nothing_until_they_are_let_and_nothing_after_that(server, tmp_path):
    import psycopg

    ann, bob = Home(str(tmp_path / "ann")), Home(str(tmp_path / "bob"))
    engine = engine_on(server)
    Log(ann).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    for home in (ann, bob):
        with engine.made_in(home, home.index) as index:
            index.counts()
    hers, his = server.role_of(ann), server.role_of(bob)
    look = f"SELECT content FROM {hers}.events"
    tries = [look, f"SELECT * FROM {hers}.words", f"DELETE FROM {hers}.events",
             f"DROP SCHEMA {hers} CASCADE", f"GRANT USAGE ON SCHEMA {hers} TO {his}",
             f"SET ROLE {hers}", f"CREATE TABLE {hers}.mine (a int)"]  # fmt: skip
    for sql in tries:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.sql(sql, role=his)
    with engine.made_in(ann, ann.index) as index:
        index.share(his)
    engine.rebuild(ann)  # what was let stays let
    with engine.made_in(ann, ann.index) as index:
        assert index.counts()["turns"] == 1 and index.readers() == [his]
    assert server.sql(look, role=his) == [("the zebra",)]
    for sql in [
        sql for sql in tries[2:] if not sql.startswith("GRANT")
    ]:  # only warns, and does not
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.sql(sql, role=his)
    with engine.made_in(ann, ann.index) as index:
        index.unshare(his)
        assert index.readers() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.sql(look, role=his)


def test_who_is_no_role_is_let_read_nothing(server, home):
    with engine_on(server).made_in(home, home.index) as index:
        for name in ("nobody", "public", 'a"; DROP TABLE events; --'):
            with pytest.raises(NoInput, match="no role"):
                index.share(name)
        with pytest.raises(Usage, match="own role"):
            index.share(server.role_of(home))
    with sqlite.made_in(home, home.path("file")) as index:
        assert index.readers() == []
        with pytest.raises(Misconfigured, match="is a file"):
            index.share("bob")


def test_a_schema_is_of_one_memory_folder(server, tmp_path):
    one, other = Home(str(tmp_path / "one")), Home(str(tmp_path / "other"))
    engine = engine_in_use(server.url_of(one))
    with engine.made_in(one, one.index) as index:
        index.counts()
    with pytest.raises(Misconfigured, match="of another memory folder"):
        engine.made_in(other, other.index)
    engine.rebuild(other)
    with engine.made_in(other, other.index) as index:
        assert index.counts()["turns"] == 0


# --- what is wrong with a server


@pytest.mark.parametrize(
    "url",
    [
        "mysql://a@b/c",
        "postgresql",
        "postgresql://ann:secret@host/db",
        "postgres://h/d?password=secret",
        "postgresql://ann:se/secret@host/db",
        "postgresql://ann:s@secret@host/db",
        "postgresql://ann:s?secret@host/db",
    ],
)
def test_an_address_is_one_without_a_password(url):
    with pytest.raises(Misconfigured) as caught:
        engine_in_use(url)
    assert "secret" not in str(caught.value)


def test_what_is_said_of_an_address_names_nobody():
    assert str(Address("postgresql://ann@host:5/db?user=bob", "secret")) == "postgresql://host:5/db"


def test_a_server_that_is_gone_is_said(home, tmp_path):
    pytest.importorskip("psycopg")
    engine = engine_in_use(f"postgresql://ann@/x?host={tmp_path}")
    for call in (lambda: engine.made_in(home, home.index), lambda: engine.rebuild(home)):
        with pytest.raises(Unavailable, match="no answer of the PostgreSQL server"):
            call()


def test_a_role_that_is_not_there_is_said(home, server):
    with pytest.raises(Misconfigured, match="does not exist"):
        engine_in_use(server.url("nobody")).made_in(home, home.index)


def test_a_database_without_pgvector_is_said(home, server):
    server.sql("CREATE DATABASE bare", "CREATE ROLE plain LOGIN", database="postgres")
    # as of a server on which it is not installed: the extension is trusted
    server.sql("GRANT CREATE ON DATABASE bare TO plain", database="bare")
    server.sql("REVOKE CREATE ON DATABASE bare FROM plain", database="bare")
    with pytest.raises(Unavailable, match="has no pgvector.*CREATE EXTENSION vector"):
        engine_in_use(server.url("plain", "bare")).made_in(home, home.index)


def test_a_lock_that_another_session_holds_is_said(home, server, monkeypatch):
    import psycopg
    from plainmind.ground import files
    from plainmind.index.postgres.tables import lock_key

    monkeypatch.setattr(files, "LOCK_WAIT", 0.05)
    engine = engine_on(server)
    with engine.made_in(home, home.index) as index:
        index.counts()
        Log(home).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    with psycopg.connect(server.url()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(server.role_of(home)),))
        with engine.made_in(home, home.index) as index, pytest.raises(Busy, match="in use"):
            index.model()
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1


@pytest.mark.parametrize(
    "what",
    [
        "DELETE FROM settings",
        "DROP TABLE words",
        "UPDATE settings SET value = '1' WHERE name = 'version'",
    ],
)
def test_what_is_missing_or_of_another_version_is_made_again_once(home, server, what):
    engine, said = engine_on(server), []
    Log(home).append("test/1", [EventDraft(NOW, "user", "the zebra", {})], NOW)
    with engine.made_in(home, home.index) as index:
        index.counts()
    role = server.role_of(home)
    server.sql(f"SET search_path TO {role}", what, role=role)
    for index in engine.opened(home, said.append):
        with index:
            query = Query("zebra", NOW)
            found = stores.search(index, query, Scope(), 9, -1.0).hits
    assert len(found) == 1 and len(said) == 1 and "made again" in said[0]


def test_a_server_that_is_killed_is_said_and_the_next_run_goes_on(tmp_path, home):
    if why := postgres.why_not():
        pytest.skip(f"no PostgreSQL here: {why}")
    own = postgres.Server()
    try:
        engine = engine_on(own)
        log = Log(home)
        log.append("test/1", [EventDraft(NOW, "user", "one zebra", {})], NOW)
        index = engine.made_in(home, home.index)
        index.model()
        own.stop(signal.SIGKILL)
        log.append("test/1", [EventDraft(NOW, "user", "two zebras", {})], NOW)  # does not notice
        with pytest.raises(Unavailable):
            index.counts()
        index.close()
        with pytest.raises(Unavailable):
            next(engine_in_use(own.url_of(home)).opened(home, print))
        own.start()
        with engine.made_in(home, home.index) as index:
            assert index.counts()["turns"] == 2
    finally:
        own.close()
