"""Answers of models as they came, kept while the turn they belong to goes on.

A provider wants its own message back with the results of its calls, including thoughts and
signatures that the log does not hold. A turn that is killed goes on in another process: so they
are kept in work/turns/, and the metadata of the answer's first call names their digest: nothing
but what this turn wrote is read. They are removed when the turn has its reply.
"""

import hashlib
import json
import os
from contextlib import AbstractContextManager, suppress
from typing import Any

from ...ground import files, regular
from ...ground.paths import Home

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def keep(home: Home, context: str, message_id: str, answer: dict[str, Any]) -> str:
    """Write an answer, durable when this returns; its digest."""
    data = json.dumps(answer, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()[:32]
    path = _path(home, context, message_id, digest)
    files.make_folder(os.path.dirname(path))
    with _open_folder(home, context) as fd:  # a link in its place leads to what is not ours
        name = os.path.basename(path)
        temporary = f".{name}.{os.getpid()}-0.tmp"
        try:
            with open(os.open(temporary, _WRITE, 0o600, dir_fd=fd), "wb") as file:
                file.write(data)
                file.flush()
                files.sync(file.fileno())
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=fd)
            raise
        files.sync(fd)
    return digest


def load(home: Home, context: str, message_id: str, digest: Any) -> dict[str, Any] | None:
    """An answer that was kept; None when it is gone, or is another one."""
    if not isinstance(digest, str) or not digest.isalnum():
        return None
    try:
        data = files.read(_path(home, context, message_id, digest))
        answer = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    same = hashlib.sha256(data).hexdigest()[:32] == digest
    return answer if same and isinstance(answer, dict) else None


def remove(home: Home, context: str, message_id: str) -> None:
    """Remove the answers of a message whose turn is over."""
    name = os.path.basename(_path(home, context, message_id, ""))
    # what stays is of no use, and does no harm
    with suppress(OSError), _open_folder(home, context) as fd:
        for entry in os.listdir(fd):
            if entry.startswith(name.removesuffix(".json")):
                os.unlink(entry, dir_fd=fd)


def _open_folder(home: Home, context: str) -> AbstractContextManager[int]:
    return regular.open_folder(home.root, os.path.join("work", "turns", context))


def _path(home: Home, context: str, message_id: str, digest: str) -> str:
    mark = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return home.path("work", "turns", context, f"{mark}-{digest}.json")
