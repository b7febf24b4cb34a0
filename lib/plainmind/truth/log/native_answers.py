"""Answers of models as they came, kept while the turn they belong to goes on.

A provider wants its own message back with the results of its calls, including thoughts and
signatures that the log does not hold. A turn that is killed goes on in another process: so they
are kept in work/turns/, and the metadata of the answer's first call names their digest: nothing
but what this turn wrote is read. They are removed when the turn has its reply.
"""

import hashlib
import json
import os
from contextlib import suppress
from typing import Any

from ...ground import files
from ...ground.paths import Home


def keep(home: Home, context: str, message_id: str, answer: dict[str, Any]) -> str:
    """Write an answer, durable when this returns; its digest."""
    data = json.dumps(answer, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()[:32]
    files.replace(_path(home, context, message_id, digest), data)
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
    folder, name = os.path.split(_path(home, context, message_id, ""))
    with suppress(OSError):  # what stays is of no use, and does no harm
        for entry in os.listdir(folder):
            if entry.startswith(name.removesuffix(".json")):
                os.unlink(os.path.join(folder, entry))


def _path(home: Home, context: str, message_id: str, digest: str) -> str:
    mark = hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return home.path("work", "turns", context, f"{mark}-{digest}.json")
