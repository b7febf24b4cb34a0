"""The engines whose indexes the tests open: each runs the same tests."""

import importlib

import pytest
from plainmind import index

ENGINES = {"sqlite": "plainmind.index.sqlite.opening"}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """An engine, which is also the one that the product takes."""
    chosen = importlib.import_module(ENGINES[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "engine_in_use", lambda: chosen)
        yield chosen


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
