"""What `mem-resident show` tells: the scopes, their files, and how much of them is in a prompt."""

import os
from collections.abc import Iterable, Iterator
from functools import partial
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
    injected: int = 0  # of an index; of the pages, where they are chosen
    capped: int = 0  # of an index, what is beyond the caps

    def __str__(self) -> str:
        sizes = f"{self.bytes}\tinjected {self.injected}\tcapped {self.capped}\t"
        return f"{self.scope}\t{self.path}\t{sizes if self.state in _USES else ''}{self.state}"


_USES = ("index", "topic")


def list_files(memory: Memory, folder: str | None, context: str | None) -> Iterator[ShownPart]:
    """Each scope's folder, then its files. An index that is longer than its caps is remarked on."""
    on = trust.is_on(memory.home, context)
    found = find_scopes(memory, folder)
    chosen = _render_chosen(memory, found)
    for scope in found:
        if scope.name != LOCAL:
            state = f"{_describe(scope, on)}, page table {_describe_table(memory, scope)}"
            yield ShownPart(scope.name, f"{scope.folder}/", state)
        yield from _list_of(memory, scope, on, chosen.get(scope.name))
    if len(found) == 1:
        state = "no trusted project here; see mem-resident trust"
        yield ShownPart(PROJECT, "", state)
    for id, state, text in writing.list_operations(memory):
        yield ShownPart(id, text, state)


def _render_chosen(memory: Memory, found: Iterable[MemoryScope]) -> dict[str, str]:
    """What is in a prompt of each scope whose pages are chosen."""
    groups = map(partial(paging.choose, memory), paging.group_scopes(found))
    return {scope.name: one.render(scope.name) for one in groups for scope in one.scopes}


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


def _list_of(
    memory: Memory, scope: MemoryScope, on: bool, chosen: str | None
) -> Iterator[ShownPart]:
    config, size = scope.config, scope.measure(scope.file)
    if size is not None:
        shown = read_index(memory, scope) if on and config.enabled else None
        injected = shown.excerpt.size if shown else 0
        capped = size - injected if shown else 0
        if shown and chosen is not None:
            injected, capped = len(chosen.encode()), 0
        yield ShownPart(scope.name, scope.path, "index", size, injected, capped)
        if capped:
            caps = f"{config.max_lines} lines and {config.max_bytes} bytes"
            what = f"only the first {injected} of {size} bytes are in prompts, for {caps} are"
            memory.say(f"{scope.path}: {what} the most; move details into topic files")
    for name in scope.list_topics() if scope.name != LOCAL else ():
        size = scope.measure(name)
        if size is not None:
            yield ShownPart(scope.name, os.path.join(scope.folder, name), "topic", size)
