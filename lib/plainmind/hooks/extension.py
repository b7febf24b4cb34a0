"""A file of our own among a client's extensions, which loads the one of integrations/. Pure.

It names that file and the command to run, and does nothing when the file is gone. Whatever else is
in its place is somebody else's."""

import json
import shlex
from typing import Any

from ..ground.errors import BadData
from .configuration import Hook, Undo

FIRST = "// Written by 'mem-hook {client} --install'; 'mem-hook {client} --uninstall' removes it.\n"
COMMAND = "const command = "
TEXT = """\
import {{ existsSync }} from "node:fs";

const extension = {extension};
const command = {command};
const load = async () => (existsSync(extension) ? (await import(extension)).default : undefined);

const settings = {{ command, timeout: {timeout} }};

export default async (host) => (await load())?.(host, settings) ?? {{}};
"""


def describe(hooks: list[Hook], client: str) -> dict[str, Any]:
    """Event -> what is to stand there. The event of a hook is the file that is to be loaded."""
    (hook,) = hooks
    text = FIRST.format(client=client) + TEXT.format(
        extension=json.dumps(hook.event),
        command=json.dumps(shlex.split(hook.command)),
        timeout=hook.timeout,
    )
    return {"extension": text}


def find(data: bytes, client: str) -> dict[str, Any]:
    """The same of what stands there. BadData for what is somebody else's."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if not text.strip():
        return {}
    if not text.startswith(FIRST.format(client=client)):
        raise BadData("not a file of mem-hook's", cure="move it away")
    return {"extension": text}


def list_commands(found: dict[str, Any], client: str) -> list[str]:
    """The command in what was found."""
    lines = str(found.get("extension", "")).split("\n")
    try:
        words = json.loads(
            next(line for line in lines if line.startswith(COMMAND))[len(COMMAND) : -1]
        )
        return [shlex.join(words)]
    except (StopIteration, ValueError, TypeError, RecursionError):
        return []


def add(data: bytes, hooks: list[Hook], client: str, undo: Undo) -> tuple[bytes, Undo]:
    wanted = describe(hooks, client)
    if (found := find(data, client)) == wanted:
        return data, undo
    return wanted["extension"].encode(), undo if found else Undo(data.decode())


def remove(data: bytes, client: str, undo: Undo) -> bytes:
    return (undo.blank or "").encode() if find(data, client) else data
