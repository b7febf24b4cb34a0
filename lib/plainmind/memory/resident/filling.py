"""Another tool's memory folder brought into a scope: its index bullet by bullet, its topic files as
they are. Nothing that is there already is changed, and the folder is only read."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...formats import copies, secrets
from ...formats.resident import bullets, operation
from ...formats.resident.operation import Operation
from ...ground import chance, files
from ...ground.errors import BadData, Failure, NoInput
from ...truth.resident import trust
from ...truth.resident.scopes import MemoryScope
from ...truth.resident.writing import add_topic
from .. import Memory
from . import paging, writing


class FilledFile(NamedTuple):
    """A bullet or a topic file that was brought: where it is now."""

    ref: str
    text: str

    def __str__(self) -> str:
        return f"{self.ref}: {self.text}"


def fill(
    memory: Memory, folder: str | None, scope: str, paths: Iterable[str]
) -> Iterator[FilledFile | Failure]:
    """Bring Markdown files, or those of folders, into a scope. What fails costs only itself."""
    found = writing.find_one(memory, folder, scope)
    for path in paths:
        for file in _list_files(path):
            try:
                data = _read(file)
                if os.path.basename(file) == "MEMORY.md":
                    yield from _stage_bullets(memory, found, data)
                else:
                    yield from _bring_topic(memory, found, os.path.basename(file), data)
            except (Failure, OSError) as error:
                yield error if isinstance(error, Failure) else files.to_failure(error)
    flushed = writing.flush(memory)
    for one in flushed.committed:
        yield FilledFile(f"{one.path}:{one.line}", one.text)
    for rejected in flushed.rejected:
        yield BadData(f"rejected: {operation.REASONS[rejected.reason]}", place=rejected.id)


def _list_files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    names = [n for n in sorted(os.listdir(path)) if n.endswith(".md") and not copies.is_copy(n)]
    if not names:
        raise NoInput("no Markdown files", place=path, cure="name the folder that has MEMORY.md")
    return [os.path.join(path, name) for name in names]


def _read(file: str) -> bytes:
    data = files.read(file, 0, paging.LARGEST + 1)
    if len(data) > paging.LARGEST:
        raise BadData(f"more than {paging.LARGEST:,} bytes", place=file, cure="split it")
    return data


def _stage_bullets(memory: Memory, scope: MemoryScope, data: bytes) -> Iterator[Failure]:
    for one in bullets.parse(data).bullets:
        topic, id = operation.clean(one.topic) or writing.TOPIC, f"op-{chance.draw(6).hex()}"
        made = Operation(
            id, scope.name, scope.project, "add", topic, operation.clean(one.text), "", "user"
        )
        try:
            if not made.text:
                raise BadData("a bullet that is not one line", place=f"MEMORY.md:{one.line}")
            writing.put(memory, made, scope)
        except Failure as failure:
            yield failure


def _bring_topic(
    memory: Memory, scope: MemoryScope, name: str, data: bytes
) -> Iterator[FilledFile]:
    if secrets.find(data.decode("utf-8", "replace")):
        what = "it looks as if it holds a key or a password"
        raise BadData(what, place=name, cure="take it out, or copy the file yourself")
    if not memory.dry:
        with trust.lock(memory.home):
            added = add_topic(scope, name, data)
    else:
        added = scope.measure(name) is None
    if added:
        yield FilledFile(os.path.join(scope.folder, name), "new")
