"""Machines that share a memory: a home each, and one bare repository between them."""

import shutil
import subprocess

import pytest
from sharing import make_machines


@pytest.fixture(autouse=True, scope="module")
def _quick(unsynced):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIND_BACKOFF", "0")
        yield


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> str:
    """A bare repository, to be copied: git takes longer to make one."""
    path = str(tmp_path_factory.mktemp("bare") / "remote.git")
    line = ["git", "init", "-q", "--bare", "-b", "main", "--template=", path]
    subprocess.run(line, check=True)
    return path


@pytest.fixture
def remote(tmp_path, bare) -> str:
    return shutil.copytree(bare, str(tmp_path / "remote.git"))


@pytest.fixture
def machines(tmp_path, remote):
    return make_machines(str(tmp_path), remote)
