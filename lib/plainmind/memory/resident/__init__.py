"""Resident memory put together: what of which files is always in mind."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ...formats.resident import excerpt
from ...ground.errors import Failure
from ...recall import resident_block
from ...recall.resident_block import ShownFile
from ...truth.resident import scopes, trust
from ...truth.resident.scopes import LOCAL, MemoryScope
from .. import Memory

T = TypeVar("T")


def find_scopes(memory: Memory, folder: str | None) -> list[MemoryScope]:
    """The scopes of the home and of the trusted project that `folder` is in."""
    # who cannot tell trusts nobody
    find = partial(trust.find_project, memory.home, folder) if folder else lambda: None
    project = _ask(memory, find, None)
    return scopes.find(memory.home, project, memory.say)


def find_in_prompt(
    memory: Memory, folder: str | None, context: str | None = None
) -> list[MemoryScope]:
    """Those that go into a prompt: none where resident memory is switched off."""
    if not _ask(memory, lambda: trust.is_on(memory.home, context), True):
        return []
    return [scope for scope in find_scopes(memory, folder) if scope.config.enabled]


def _ask(memory: Memory, question: Callable[[], T], otherwise: T) -> T:
    """The answer of a record in resident/; no prompt fails because one is broken."""
    try:
        return question()
    except (Failure, OSError) as failure:
        memory.say(str(failure))
        return otherwise


def build_block(memory: Memory, found: Sequence[MemoryScope]) -> str:
    """The block of these scopes, as their files are now, but for what is masked everywhere."""
    folders = [(scope.name, scope.folder) for scope in found if scope.name != LOCAL]
    shown = [file for scope in found if (file := read_index(memory, scope))]
    if any(scope.config.page_table for scope in found):
        from . import paging

        shown = paging.fill(memory, found, shown)
    return memory.env.mask(resident_block.render(folders, shown))


def read_index(memory: Memory, scope: MemoryScope) -> ShownFile | None:
    """As much of a scope's index as a prompt is given; None when there is nothing to read."""
    most = scope.config.max_bytes
    try:
        data = scope.read(scope.file, most + 1)
    except OSError as error:
        scope.report(scope.file, error, memory.say)
        return None
    if not data or not data.strip():
        return None
    return ShownFile(scope.name, scope.path, excerpt.cut(data, scope.config.max_lines, most))
