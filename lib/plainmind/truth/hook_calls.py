"""What is known of other agents' calls: when each was last heard of, what went wrong, and what was
written into their configurations. In `raw/maintenance-log/`:

    hook-<CLIENT>.json   {"time", "event"} of its last call
    hook-<YYYY-MM>.jsonl {"time", "client", "event", "reason"} of a call that failed
    hooks.json           what was written where (hooks.installing)

None of it is durable, and none waits for a lock: a call must not be delayed by it."""

import json
import os
from typing import Any

from ..ground import clock, files, regular
from ..ground.paths import Home
from ..ground.stream import json_line


def _path(home: Home, name: str) -> str:
    return os.path.join(os.path.dirname(home.window_heads), name)


def record(home: Home, now: int, client: str, event: str) -> None:
    """A call that was answered."""
    line = json_line({"time": clock.to_text(now), "event": event})
    path = _path(home, f"hook-{client}.json")
    how = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, how, 0o600)
    try:
        # one write over the old one: both are of about one length, and spaces end it
        os.write(fd, f"{line:<99}\n".encode())
    finally:
        os.close(fd)


def find_last(home: Home, client: str) -> str:
    """When a client last called, '' when it never did."""
    time = read(home, f"hook-{client}.json").get("time")
    return time if isinstance(time, str) else ""


def note_failure(home: Home, now: int, client: str, event: str, reason: str) -> None:
    if os.path.isdir(home.root):  # a mistyped one is not made by a failure
        time = clock.to_text(now)
        line = {"time": time, "client": client, "event": event, "reason": reason}
        path = _path(home, f"hook-{time[:7]}.jsonl")
        files.make_folder(os.path.dirname(path))
        files.append(path, json_line(line).encode() + b"\n", durable=False)


def read(home: Home, name: str) -> dict[str, Any]:
    """An object of this folder; {} when there is none that can be read."""
    try:
        with regular.open_file(_path(home, name)) as file:
            value = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write(home: Home, name: str, value: dict[str, Any]) -> None:
    files.replace(_path(home, name), json.dumps(value, indent=2).encode() + b"\n")
