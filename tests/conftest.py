"""What every test starts from: an empty home, a fixed clock, no settings or secrets of the
machine's owner."""

import os
import re
import select
import shlex
import signal
import subprocess
from types import SimpleNamespace

import forks
import pytest
from hypothesis import HealthCheck, settings
from plainmind.ground import clock, files
from plainmind.ground.environment import SECRET_NAME
from plainmind.ground.paths import Home
from plainmind.truth.log.writer import Log
from pool import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_report_teststatus,
    pytest_terminal_summary,
    pytest_xdist_make_scheduler,
)
from scene import ROOT, THOROUGH

for name in [n for n in os.environ if n.startswith("MIND_") or re.search(SECRET_NAME, n)]:
    del os.environ[name]

# what a script starts in the background ignores this, and so would a command that is interrupted
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# derandomized: the same cases on every run and every machine
settings.register_profile(
    "plainmind",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=2400 if THOROUGH else 100,  # where a test does not want fewer
    # a folder that one test's examples share is emptied by the test, or named by the example
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("plainmind")


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(str(tmp_path / "home"))


@pytest.fixture
def log(home) -> Log:
    return Log(home)


@pytest.fixture
def expire(monkeypatch):
    """`expire(when)`: every time limit is over once `when()`, however slow the machine is until
    then. The seconds to give as a limit."""

    def set_end(when) -> int:
        monotonic = clock.monotonic
        monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + (1000 if when() else 0))
        return 500

    return set_end


@pytest.fixture
def look_away(monkeypatch):
    """`look_away(module)`: its first look at a pipe sees nothing, and lasts until the process that
    it started last has ended, as on a machine that is too busy to let it look in time."""

    def patch(module) -> None:
        started: list[subprocess.Popen] = []
        looks = iter([True])

        class Popen(subprocess.Popen):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **options)
                started.append(self)

        def look(*arguments):
            if next(looks, False):
                started[-1].wait()
                return [], [], []
            return select.select(*arguments)

        monkeypatch.setattr(subprocess, "Popen", Popen)
        monkeypatch.setattr(module, "select", SimpleNamespace(select=look))

    return patch


@pytest.fixture(scope="module")
def unsynced():
    """No fsync in this module: they are most of its time, and tests/faults proves them from
    traces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "sync", lambda fd: None)
        yield


@pytest.fixture(scope="session")
def command():
    """Run a command of bin/ to its end and return what it printed; fails when it fails."""

    def run(name: str, *arguments, stdin: bytes = b"", home: Home, code: int = 0) -> bytes:
        env = {"PATH": os.environ["PATH"], "MIND_HOME": home.root}
        ended = forks.run(
            [os.path.join(ROOT, "bin", name), *map(os.fsdecode, arguments)], env, stdin
        )
        assert ended.code == code, ended.complaints.decode("utf-8", "replace")
        return ended.out

    return run


@pytest.fixture(scope="session")
def forked(tmp_path_factory) -> dict[str, str]:
    """Of an environment: NURSERY, and FORKED, a folder for the PATH in which each command of bin/
    is forked by it."""
    folder, place = tmp_path_factory.mktemp("forked"), forks.nursery().place
    client = os.path.join(ROOT, "tests", "bats", "forked.py")
    page = folder / "page"
    page.write_text(
        f'#!/bin/sh\nexec {shlex.join([forks.PYTHON, "-IS", client, place])} "$0" "$@"\n'
    )
    page.chmod(0o755)
    for name in os.listdir(os.path.join(ROOT, "bin")):
        (folder / name).symlink_to(page)
    return {"NURSERY": place, "FORKED": str(folder)}


@pytest.fixture
def known_for_long(monkeypatch):
    """Retention has known every page for years, and the clock is right."""
    from plainmind.truth.pages.first_seen import Sightings

    monkeypatch.setattr(Sightings, "days_known", lambda seen, path: 10_000)
    monkeypatch.setattr(Sightings, "is_plausible", lambda seen, now: True)
