"""The engines whose indexes the tests open: each runs the same tests."""

import importlib

import pytest
from plainmind.index import engine as engines

ENGINES = {"sqlite": "plainmind.index.sqlite.opening"}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """An engine, which is also the one that the product takes."""
    chosen = importlib.import_module(ENGINES[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "chosen", lambda: chosen)
        yield chosen


@pytest.fixture(scope="module")
def small_blocks(engine):
    """Vectors are packed in blocks so small that small stores have many."""
    from plainmind.index.sqlite import vectors

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BLOCK", 8)
        yield
