"""A database in which somebody else was before, or that is not made for this: nothing of theirs is
dropped or called, and what is wrong is said. test_postgres_faults.py has what goes wrong later."""

import os

import forks
import pytest
from plainmind.ground.errors import Misconfigured, Unavailable
from plainmind.index import engine_in_use
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW, ROOT

pytestmark = pytest.mark.usefixtures("unsynced")


def open_both_ways(engine, home) -> list[str]:
    """What is said when an index is asked for, and when it is made again."""
    said = []
    for call in (lambda: engine.made_in(home, home.index), lambda: engine.rebuild(home)):
        with pytest.raises(Misconfigured) as caught:
            call()
        said.append(str(caught.value))
    return said


def test_a_schema_with_other_things_in_it_is_refused_and_stays(server, home):
    """An application's, say, that has a table of settings, too."""
    role = server.role_of(home)
    server.sql(
        f"CREATE SCHEMA {role}",
        f"CREATE TABLE {role}.settings (k text, v text)",
        f"INSERT INTO {role}.settings VALUES ('precious', '1')",
        role=role,
    )
    engine = engine_in_use(server.url(role))
    for said in open_both_ways(engine, home):
        assert f"the schema '{role}' has other things in it than an index; name a role" in said
        assert said.endswith(f'if nothing in it is needed: DROP SCHEMA "{role}" CASCADE')
    with pytest.raises(Misconfigured):
        next(engine.opened(home, lambda text: None))
    assert server.sql(f"SELECT k FROM {role}.settings", role=role) == [("precious",)]


def test_an_index_without_our_mark_is_dropped_as_the_message_says(server, home, command):
    """One that an earlier version made, say."""
    role = server.role_of(home)
    Log(home).append("test/1", [EventDraft(NOW, "user", "zebra", {})], NOW)
    with engine_in_use(server.url(role)).made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1
    server.sql(f"COMMENT ON SCHEMA {role} IS NULL", role=role)
    with open(home.path("config.toml"), "w") as file:
        file.write(f'[index]\nengine = "{server.url(role)}"\n')
    for words in (["mem-recall", "zebra"], ["mem-index", "--rebuild"], ["mem-index", "--status"]):
        env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root}
        ended = forks.run([os.path.join(ROOT, "bin", words[0]), *words[1:]], env)
        assert ended.code == 78
        told = ended.complaints.decode().strip()
        assert told.startswith(f"{words[0]}: postgresql:///plainmind: the schema '{role}' has ")
    server.sql(told.rpartition(": ")[2], role=role)
    assert b"zebra" in command("mem-recall", "zebra", home=home)


def test_a_schema_that_is_another_roles_is_refused(server, home):
    """Whoever owns it could put in it what we would call, and drop what is in it."""
    role = server.role_of(home)
    server.sql("CREATE ROLE mallory LOGIN")
    server.sql(f"CREATE SCHEMA {role}", f"GRANT ALL ON SCHEMA {role} TO {role}", role="mallory")
    for said in open_both_ways(engine_in_use(server.url(role)), home):
        assert f"the schema '{role}' is another role's; name another role" in said
        assert said.endswith(f'if nothing in it is needed: DROP SCHEMA "{role}" CASCADE')
    server.sql(f"DROP SCHEMA {role} CASCADE", f"CREATE SCHEMA {role} AUTHORIZATION {role}")
    with engine_in_use(server.url(role)).made_in(home, home.index) as index:
        assert index.counts()["turns"] == 0  # one that was made for it, and is empty


def test_a_database_whose_texts_are_not_in_utf_8_is_said(server, home):
    role = server.role_of(home)
    made = "ENCODING LATIN1 TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    server.sql(f"CREATE DATABASE latin {made}", database="postgres")
    with pytest.raises(Unavailable, match=r"in LATIN1; .*ENCODING 'UTF8'"):
        engine_in_use(server.url(role, "latin")).made_in(home, home.index)


def test_what_lies_in_a_shell_leads_to_no_server(server, home, monkeypatch):
    monkeypatch.setenv("PGHOST", server.folder)
    monkeypatch.setenv("PGOPTIONS", "-c search_path=evil")
    with pytest.raises((Unavailable, Misconfigured)):
        engine_in_use("postgresql://postgres@/plainmind").made_in(home, home.index)
    assert os.environ["PGHOST"] == server.folder


@pytest.mark.parametrize("url", ["postgresql://a@h/d?sslmdoe=x", "postgresql://a@h/d%zz"])
def test_an_address_that_cannot_be_read_is_said(home, url):
    pytest.importorskip("psycopg")
    with pytest.raises(Misconfigured, match="index.engine: invalid"):
        engine_in_use(url).made_in(home, home.index)


@pytest.mark.parametrize("role", ["Ann", "o'd \"x; --"])
def test_a_role_may_have_any_name(server, home, role):
    from urllib.parse import quote

    name, reader = role.replace('"', '""'), f"{role} too"
    server.sql(f'CREATE ROLE "{name}" LOGIN', f'CREATE ROLE "{name} too" LOGIN')
    engine = engine_in_use(server.url(quote(role)))
    Log(home).append("test/1", [EventDraft(NOW, "user", "zebra", {})], NOW)
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1
        index.share(reader)
    engine.rebuild(home)
    with engine.made_in(home, home.index) as index:
        assert index.counts()["turns"] == 1
        assert index.readers() == [reader]
        index.unshare(reader)
        assert index.readers() == []
