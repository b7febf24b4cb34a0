"""The faults are about the disk, and play on one: in $DISK, when $TMPDIR is memory."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from plainmind.ground import files
from scene import PATIENCE

_HERE = os.path.dirname(os.path.abspath(__file__))

sys.path.insert(0, _HERE)
sys.path.append(
    os.path.join(os.path.dirname(_HERE), "unit", "agent")
)  # the scripted model, the rungs


class Disk:
    """pytest's tmp_path_factory, as far as these tests use it."""

    def mktemp(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ.get("DISK") or None))


@pytest.fixture(scope="session")
def tmp_path_factory() -> Disk:
    return Disk()


@pytest.fixture
def patient(monkeypatch):
    """Locks are waited for as long as it takes: the 5 s are not for very many on a busy machine."""
    monkeypatch.setattr(files.lock.__wrapped__, "__defaults__", (10.0 * PATIENCE,))


@pytest.fixture
def tmp_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("faults")
    yield path
    shutil.rmtree(path, ignore_errors=True)
