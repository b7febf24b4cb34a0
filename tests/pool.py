"""How the tests share a machine: which start first, which may run apart, and what is left to say.

A pytest plugin. The pool is pytest-xdist's: a file's tests run one after the other in one process,
as many share a server; the processes are more than the cores, as many tests wait.
"""

import os
import sys

import pytest
from scene import ROOT, THOROUGH

#: files that take long, the longest first: started last, one would run on while the others idle
LONG = (
    "tests/faults/test_relay_kill.py",
    "tests/faults/test_relay_faults.py",
    "tests/unit/board/test_browser.py",
    "tests/unit/truth/pages/test_vault.py",
    "tests/unit/work/test_overnight.py",
    "tests/bats/test_bats.py",
    "tests/faults/test_kill.py",
    "tests/faults/test_turn_kill.py",
    "tests/faults/test_firing_kill.py",
    "tests/faults/test_errors.py",
    "tests/faults/test_event_forgetting_kill.py",
    "tests/faults/test_forgetting_kill.py",
    "tests/faults/test_damaging.py",
    "tests/faults/test_disk.py",
    "tests/faults/test_many.py",
)
#: files whose tests share nothing, and need not run in one process
APART = (*LONG[5:],)


def rank(path: str) -> int:
    """Units come last: what ends together are small files."""
    return LONG.index(path) if path in LONG else len(LONG) + path.startswith("tests/unit/")


def scope(nodeid: str) -> str:
    """What is run in one process: a file, or a test of a file that is long."""
    path = nodeid.partition("::")[0]
    if os.path.basename(path).startswith("test_postgres"):
        return "postgres"  # they share a server
    return nodeid if path in APART else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # they are in order

    class Pool(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    return Pool(config, log)


def pytest_configure(config):
    """Begin elsewhere in each process: what one compiled, the others only read."""
    own = getattr(config, "workerinput", None)
    if own and all(map(os.path.isdir, config.args)):
        parts = [entry for folder in config.args for entry in list_tests(folder)]
        number, count = int(own["workerid"].removeprefix("gw")), own["workercount"]
        first = len(parts) * number // count
        config.args = parts[first:] + parts[:first]


def list_tests(folder: str) -> list[str]:
    """The files of tests and the folders in a folder."""
    found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    return [
        entry.path
        for entry in found
        if entry.name.startswith("test_") or (entry.is_dir() and entry.name != "__pycache__")
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if not THOROUGH:
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
    paths = {path: os.path.relpath(path, ROOT) for path in {item.path for item in items}}
    items.sort(key=lambda item: (rank(paths[item.path]), paths[item.path]))


def pytest_report_teststatus(report):
    """No dots but at a terminal: on success the output is its last lines."""
    if report.when == "call" and report.passed and not sys.stdout.isatty():
        return "passed", "", "PASSED"
    if report.skipped and not hasattr(report, "wasxfail") and not sys.stdout.isatty():
        return "skipped", "", "SKIPPED"
    return None


def missing(reasons: list[str]) -> str:
    """One line of what was skipped, the most frequent first."""
    counts = {reason: reasons.count(reason) for reason in reasons}
    parts = [f"{reason} ({count})" for reason, count in sorted(counts.items(), key=lambda c: -c[1])]
    return f"not shown on this machine: {'; '.join(parts)}" if parts else ""


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    line = missing([report.longrepr[2].removeprefix("Skipped: ") for report in skipped])
    if line:
        terminalreporter.write_line(line)
