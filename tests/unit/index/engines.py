"""The engines whose indexes the tests open: each runs the same tests."""

import importlib
from types import ModuleType

import postgres
import pytest
from plainmind import index

#: with PostgreSQL in make faults; test_postgres.py has what make test looks at
ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server."""
    if why := postgres.why_not():
        pytest.skip(f"no PostgreSQL here: {why}")
    made = postgres.Server("" if postgres.why_no_mounts() else "16m")
    yield made
    made.close()


def engine_on(server):
    """An engine that keeps each home in a schema of its own on this server."""
    from plainmind.index.postgres.address import Address
    from plainmind.index.postgres.opening import PostgresEngine

    class EngineOfHomes(PostgresEngine):
        def _connected(self, home):
            self.address = Address(server.url_of(home))
            return super()._connected(home)

    return EngineOfHomes(Address(server.url()))


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """An engine, which is also the one that the product takes."""
    if request.param == "sqlite":
        chosen = importlib.import_module("plainmind.index.sqlite.opening")
    else:
        chosen = engine_on(request.getfixturevalue("server"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "engine_in_use", lambda *given, **more: chosen)
        yield chosen


@pytest.fixture
def index_is_a_file(engine):
    """For what is asked of the bytes of a file; test_postgres_forgetting asks the server."""
    if not isinstance(engine, ModuleType):
        pytest.skip("the index is not a file")


def engine_in_use():
    return index.engine_in_use()


@pytest.fixture(scope="module")
def small_blocks(engine):
    """Vectors are packed so few at a time, and files so soon made again, that small stores have
    that, too."""
    from plainmind.index.sqlite import vectors

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BATCH", 8)
        patch.setattr(vectors, "SPARE", 4)
        yield
