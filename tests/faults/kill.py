"""A writer meets a fault at every one of its system calls, and is run again; what must hold is
asked after each."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import traced
import writers
from plainmind.ground.errors import Failure
from plainmind.ground.paths import Home
from power import Disk
from scene import THOROUGH

WORKERS = 4  # most of a case is waiting for the disk
DEATH = "signal=SIGKILL"
_TRUTH = ("logs/", "knowledge/", "memory/", "raw/observations/", "raw/compaction/")


class Report(NamedTuple):
    faults: int
    wrong: list[str]


def grid(
    writer: writers.Writer,
    folder: str,
    fault: str = DEATH,
    sabotage: str = "",
    again: str = "",
    only: Callable[[traced.Call], bool] | None = None,
    until: str = "",
) -> Report:
    """The fault at every call, or at a sample. `sabotage` breaks a promise in the run that meets
    it, `again` in the one after; then every call has its turn, until this is noticed."""
    template = os.path.join(folder, "template")
    writer.prepare(Home(template))
    calls = strike(writer, template, os.path.join(folder, "whole"), "", None, sabotage, again)
    if isinstance(calls, str):
        return Report(0, [calls])
    points = [call for call in calls if call.name != "exit_group"]
    if not THOROUGH:
        points = [call for call in points if changes(call)]
    points = [call for call in points if only(call)] if only else points
    if fault != DEATH:  # an interpreter that cannot read its own library is not our fault
        points = [
            call for call in points if call.fd == 1 or os.path.join(folder, "whole") in call.text
        ]
        # a lock that was not let go because the call never happened: no system does that
        points = [call for call in points if not (call.name == "close" and "/.lock" in call.text)]

    def one(n: int) -> str | None:
        place = os.path.join(folder, str(n))
        wrong = strike(writer, template, place, fault, points[n], sabotage, again)
        shutil.rmtree(place)
        return wrong if isinstance(wrong, str) else None

    numbers = list(range(len(points)))
    if not THOROUGH and not until:
        numbers = choose(points, os.path.join(folder, "whole") if fault == DEATH else "")
    return Report(len(points), wrong_in(one, numbers, until))


def wrong_in(one: Callable[[int], str | None], numbers: list[int], until: str = "") -> list[str]:
    """What is wrong in these cases, or in the first of them, until this is said."""
    wrong: list[str] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for at in range(0, len(numbers), WORKERS):
            wrong += filter(None, pool.map(one, numbers[at : at + WORKERS]))
            if until and any(until in said for said in wrong):
                break
    return wrong


def sample(points: list) -> list:
    """Every third, the last one among them; all in `make faults`."""
    return points if THOROUGH else points[::-3][::-1]


def choose(points: list[traced.Call], home: str) -> list[int]:
    """Which of these `make test` tries: those that tell somebody, or change what is found in the
    files that count, and every sixth of the others. Without a home every third."""
    numbers = list(range(len(points)))
    told = {n for n in numbers if home and tells(points[n], home)}
    rest = [n for n in numbers if n not in told]
    return sorted({*told, *rest[:: -6 if told else -3]})


def changes(call: traced.Call) -> bool:
    """Whether a disk, or a reader, may see that the call happened; dying before any other is dying
    before the next of these."""
    return call.name not in ("close", "flock") and (call.name != "openat" or "O_CREAT" in call.text)


def tells(call: traced.Call, home: str) -> bool:
    """Whether somebody is told by it, or finds other bytes or names in the files that count."""
    made = call.name in ("openat", "mkdir", "mkdirat", "fsync", "fdatasync", "fchmod")
    return call.fd == 1 or (home in call.text and "/index/" not in call.text and not made)


def strike(
    writer: writers.Writer,
    template: str,
    place: str,
    fault: str,
    at: traced.Call | None,
    sabotage: str,
    again: str,
):
    """One fault (or none), and the run after it. Gives what is wrong, else the calls of the first
    run."""
    os.mkdir(place)
    root = os.path.join(place, "home")
    shutil.copytree(template, root)
    home, disk = Home(root), Disk(root)
    inject = f"{at.name}:{fault}:when={at.nth}" if at else ""
    printed: list[str] = []
    try:
        first = once(writer, home, disk, printed, inject, sabotage)
        if at:
            once(writer, home, disk, printed, "", again)
        return first
    except (AssertionError, Failure) as error:
        return f"{fault} at {at}: {str(error)[:400]}"


def once(
    writer: writers.Writer, home: Home, disk: Disk, printed: list[str], inject: str, sabotage: str
) -> list[traced.Call]:
    """One run: what it printed is there, what it did not print did no harm, and nothing was said
    too early."""
    trace = os.path.join(os.path.dirname(home.root), "trace")
    run = traced.run(
        home.root,
        writer.argv,
        writer.stdin,
        trace,
        sabotage=sabotage or writer.through,
        inject=inject,
    )
    said = run.complaints.decode()
    if "SIGKILL" in inject:
        assert run.code in (-9, 137), f"it was not killed: {run.code} {said}"
    elif inject:
        assert run.code in (0, 74), f"ended with {run.code}: {said}"
    else:
        assert run.code in writer.codes, f"ended with {run.code}: {said}"
    if "SIGKILL" not in inject:
        assert said.count("\n") == bool(run.code) and "internal error" not in said, said
    refs = [line.decode() for line in run.out.split(b"\n")[:-1]]
    assert not refs or run.code != 74 or writer.through, "it failed, and acknowledged all the same"
    ended = run.code == 0 or not inject
    writer.check(home, printed + refs, ended)
    if ended:
        writers.heard(home)
    printed += refs
    disk.play(run.calls, lambda text: [home.path(path) for path in vouched(text)])
    assert not disk.lost, disk.lost[0]
    return run.calls


def vouched(text: str) -> list[str]:
    """The files that printed references and paths are about."""
    words = [
        word.rpartition(":")[0] or word
        for word in text.split("\n")
        if word.startswith(_TRUTH) and ".md" in word
    ]
    return sorted({word for word in words if word.endswith(".md")})
