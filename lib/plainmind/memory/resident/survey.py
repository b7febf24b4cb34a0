"""What `mem-resident show` tells: the scopes, their files, and how much of them is in a prompt."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from ...truth.resident import trust
from ...truth.resident.scopes import LOCAL, PROJECT, MemoryScope
from .. import Memory
from . import find_scopes, paging, read_index, writing


class ShownPart(NamedTuple):
    """A folder of a scope, with its state, a file in it, or an operation. Sizes in bytes."""

    scope: str
    path: str
    state: str  # of a folder; how a file is used
    bytes: int = 0
    injected: int = 0
    capped: int = 0  # of an index, what is beyond the caps

    def __str__(self) -> str:
        sizes = f"{self.bytes}\tinjected {self.injected}\tcapped {self.capped}\t"
        return f"{self.scope}\t{self.path}\t{sizes if self.state in _USES else ''}{self.state}"


_USES = ("index", "topic")


def list_files(memory: Memory, folder: str | None, context: str | None) -> Iterator[ShownPart]:
    """Each scope's folder, then its files. An index that is longer than its caps is remarked on."""
    on = trust.is_on(memory.home, context)
    found = find_scopes(memory, folder)
    for scope in found:
        if scope.name != LOCAL:
            state = f"{_describe(scope, on)}, page table {_describe_table(memory, scope)}"
            yield ShownPart(scope.name, f"{scope.folder}/", state)
        yield from _list_of(memory, scope, on)
    if len(found) == 1:
        state = "no trusted project here; see mem-resident trust"
        yield ShownPart(PROJECT, "", state)
    for id, state, text in writing.list_operations(memory):
        yield ShownPart(id, text, state)


def _describe(scope: MemoryScope, on: bool) -> str:
    states = ["off" if not on or not scope.config.enabled else "on"]
    states += ["trusted"] if scope.project else []
    states += [] if os.path.isdir(scope.folder) else ["nothing there yet"]
    return ", ".join(states)


def _describe_table(memory: Memory, scope: MemoryScope) -> str:
    if not os.path.exists(paging.sidecar_path(memory, scope)):
        return "none"
    drift = paging.find_drift(memory, scope, paging.read_pages(memory, scope))
    return "stale" if drift else "current"


def _list_of(memory: Memory, scope: MemoryScope, on: bool) -> Iterator[ShownPart]:
    config, size = scope.config, scope.measure(scope.file)
    if size is not None:
        shown = read_index(memory, scope) if on and config.enabled else None
        injected = shown.excerpt.size if shown else 0
        capped = size - injected if shown else 0
        yield ShownPart(scope.name, scope.path, "index", size, injected, capped)
        if capped:
            caps = f"{config.max_lines} lines and {config.max_bytes} bytes"
            what = f"only the first {injected} of {size} bytes are in prompts, for {caps} are"
            memory.say(f"{scope.path}: {what} the most; move details into topic files")
    for name in scope.list_topics() if scope.name != LOCAL else ():
        size = scope.measure(name)
        if size is not None:
            yield ShownPart(scope.name, os.path.join(scope.folder, name), "topic", size)
