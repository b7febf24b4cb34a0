"""Whether a scan may run: on this machine, one at a time, and not for too long."""

import os

from ..ground import clock, files, stream
from ..ground.paths import Home
from . import last_scan


def find_other_host(host: str) -> str:
    """Who fires, where it is not this machine: `host` is its name, or the first part of it."""
    name = os.uname().nodename
    here = name.lower()
    return (
        ""
        if host.lower() in ("", here, here.partition(".")[0])
        else f"host '{host}' fires, this is '{name}'"
    )


def hold_lock(home: Home):
    """The lock of a scan, which nobody waits for."""
    return files.lock(last_scan.lock_path(home), wait=0)


def note_overrun(home: Home, what: str) -> None:
    """Write down that a run took too long, in the maintenance log."""
    path = home.path("raw", "maintenance-log", "remind-scan.jsonl")
    files.make_folder(os.path.dirname(path))
    files.append(
        path,
        stream.encode(
            stream.json_line({"at": clock.to_text(clock.system_now()), "what": what}) + "\n"
        ),
    )
