"""One node split in two, as docs/decisions/postgres.md has it: the large tables of a memory folder
are distributed by window, each on the database that has its rows, and answers are the same."""

import random

import pytest
from plainmind.ground.paths import Home
from plainmind.index.postgres import schema
from unit.index import stores
from unit.index.engines import engine_on
from unit.index.test_postgres import ask

pytestmark = [pytest.mark.usefixtures("unsynced"), pytest.mark.slow]

#: table -> the column whose high part is the window
DISTRIBUTED = {"events": "id", "episodes": "id", "words": "id", "vectors": "owner"}
NODES = 2


def split(server, role: str) -> None:
    """Move the rows of the distributed tables out to two databases with the same tables."""
    own = f"SET search_path TO {role}, public"
    statements = ["CREATE EXTENSION IF NOT EXISTS postgres_fdw"]
    for node in range(NODES):
        name = f"node_{node}"
        server.sql(f"CREATE DATABASE {name}", database="postgres")
        server.sql(f"CREATE EXTENSION vector; CREATE SCHEMA {role} AUTHORIZATION {role}",
                   database=name)  # fmt: skip
        server.sql(own, *schema.statements(), role=role, database=name)
        statements += [
            f"CREATE SERVER {name} FOREIGN DATA WRAPPER postgres_fdw "
            f"OPTIONS (host '{server.folder}', dbname '{name}', extensions 'vector')",
            f"CREATE USER MAPPING FOR {role} SERVER {name} "
            f"OPTIONS (user '{role}', password_required 'false')",
            f"GRANT USAGE ON FOREIGN SERVER {name} TO {role}",
        ]
    server.sql(*statements)
    for table, column in DISTRIBUTED.items():
        server.sql(
            own,
            f"ALTER TABLE {table} RENAME TO {table}_whole",
            f"CREATE TABLE {table} (LIKE {table}_whole) "
            f"PARTITION BY LIST ((({column} >> 24) % {NODES}))",
            *(
                f"CREATE FOREIGN TABLE {table}_{node} PARTITION OF {table} FOR VALUES IN ({node}) "
                f"SERVER node_{node} OPTIONS (schema_name '{role}', table_name '{table}')"
                for node in range(NODES)
            ),
            f"INSERT INTO {table} SELECT * FROM {table}_whole",
            f"TRUNCATE {table}_whole",
            role=role,
        )


def test_answers_of_two_nodes_are_those_of_one(server, tmp_path):
    home, shape = Home(str(tmp_path / "home")), stores.Shape(7, 80, 6, embedded=0.8, pins=3)
    engine = engine_on(server)
    stores.fill(home, shape)
    questions = [random.Random(seed) for seed in range(20)]
    with engine.made_in(home, home.index) as index:
        stores.embed_some(index, shape)
        whole = [ask(index, rnd) for rnd in questions]
    role = server.role_of(home)
    split(server, role)
    for node in range(NODES):
        for table, column in DISTRIBUTED.items():
            rows = server.sql(
                f"SELECT DISTINCT ({column} >> 24) % {NODES} FROM {role}.{table}",
                database=f"node_{node}",
            )
            assert rows == [(node,)], table
    questions = [random.Random(seed) for seed in range(20)]
    with engine.made_in(home, home.index) as index:
        assert [ask(index, rnd) for rnd in questions] == whole
        assert index.db.execute("SELECT count(*) FROM events_whole").fetchone() == (0,)
        plans = [
            index.db.execute(f"EXPLAIN (VERBOSE, COSTS OFF) {sql}", given).fetchall()
            for sql, given in (
                ("SELECT id, opening, rest FROM words WHERE term = ? ORDER BY id", ("restart",)),
                ("SELECT owner, -(embedding <#> '[1,1,1,1,1,1,1,1]'::halfvec) FROM vectors "
                 "WHERE kind = 'event' ORDER BY embedding <#> '[1,1,1,1,1,1,1,1]'::halfvec LIMIT 9",
                 ()),
            )
        ]  # fmt: skip
    for plan in plans:  # each node is asked, and does the work
        asked = [line.strip() for (line,) in plan if "Remote SQL" in line]
        assert len(asked) == NODES, plan
