"""Resident memory as pages: read from the scopes, chosen within a budget, compared with sidecars.

    resident/<scope>/page-table.jsonl    {"page","path","line","type","digest","tokens"}

A sidecar only tells what the files said when it was made; nothing is lost with it.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ...formats.resident import memory_pages
from ...formats.resident.excerpt import IndexExcerpt
from ...formats.resident.memory_pages import NAMES, MemoryPage
from ...ground import clock, files
from ...ground.stream import json_record
from ...recall import residency
from ...recall.residency import OUT, Residency
from ...recall.resident_block import ShownFile
from ...truth.resident import records
from ...truth.resident.scopes import GLOBAL, MemoryScope
from .. import Memory

#: kinds of faults: docs/resident.md says what went wrong
FAULTS = (
    *("refetch", "duplicate-tool", "post-compaction-bootstrap"),
    *("flush-miss", "silent-recall", "pinned-invariant"),
)
LARGEST = 256 * 1024  # bytes of a file that is read as pages


class ChosenPages(NamedTuple):
    """The pages of scopes that share a budget, with what was chosen of them."""

    scopes: list[MemoryScope]
    pages: list[MemoryPage]
    choice: Residency

    @property
    def budget(self) -> int:
        return self.scopes[0].config.max_tokens

    @property
    def id(self) -> str:
        """The same for the same files and budget."""
        told = [(page.id, page.digest) for page in self.pages], self.budget, self.scopes[0].path
        return "tr-" + hashlib.sha256(repr(told).encode()).hexdigest()[:12]

    def render(self, scope: str) -> str:
        """The pages of a scope as a prompt has them, in the order of the files; what is missing is
        said."""
        shown = [one for one in zip(self.pages, self.choice.fidelities) if one[0].scope == scope]
        parts = [page.texts[level] for page, level in shown if level != OUT]
        if left_out := len(shown) - len(parts):
            parts.append(
                f"(Memory fault: pages not shown: {left_out} of {len(shown)}. The least takes "
                f"{self.choice.least} tokens, and maxMemoryTokens is {self.budget}: move details "
                "into topic files.)"
            )
        return "\n\n".join(parts)


def fill(
    memory: Memory, found: Sequence[MemoryScope], shown: Sequence[ShownFile]
) -> list[ShownFile]:
    """The files of a block, with chosen pages where a scope's configuration asks for them."""
    texts: dict[str, IndexExcerpt] = {}
    for group in group_scopes(found):
        chosen = choose(memory, group)
        note(memory, chosen)
        for scope in group:
            texts[scope.name] = IndexExcerpt(chosen.render(scope.name), 0, 0, True)
    return [file._replace(excerpt=texts.get(file.scope, file.excerpt)) for file in shown]


def group_scopes(found: Iterable[MemoryScope]) -> list[list[MemoryScope]]:
    """The scopes whose pages are chosen, by the budget that they share."""
    groups: dict[str, list[MemoryScope]] = {}
    for scope in found:
        if scope.config.page_table:
            groups.setdefault(scope.folder, []).append(scope)
    return list(groups.values())


def read_pages(memory: Memory, scope: MemoryScope) -> list[MemoryPage]:
    """The pages of a scope: of its index, then of the topic files that it points to."""
    data = _read(memory, scope, scope.file)
    if not data:
        return []
    pages = memory_pages.of_index(data, scope.name, scope.path, memory.env.mask)
    for name in memory_pages.find_topics(data):
        if text := _read(memory, scope, name):
            path = os.path.join(scope.folder, name)
            page = memory_pages.of_topic(text, scope.name, path, name, memory.env.mask)
            pages.append(page)
    return pages


def choose(memory: Memory, found: list[MemoryScope]) -> ChosenPages:
    """What of scopes that share a budget is in mind."""
    pages: dict[str, MemoryPage] = {}
    for scope in found:
        for page in read_pages(memory, scope):
            place = page.path if page.id.endswith(".md") else page.id
            pages.setdefault(place, page)  # two indexes may point to one topic file
    listed = list(pages.values())
    return ChosenPages(found, listed, residency.choose(listed, found[0].config.max_tokens))


def note(memory: Memory, chosen: ChosenPages) -> None:
    """Keep a trace of a choice that is another than the last of its scope, and its fault."""
    if memory.dry or not chosen.pages:
        return
    name, told = chosen.scopes[0].name, records.read(memory.home, records.TRACES)
    ids = [one.get("id") for one in told if one.get("scope") == name]
    if ids[-1:] == [chosen.id]:
        return
    rows = list(list_rows(chosen))
    if chosen.scopes[0].config.trace:
        trace: dict[str, Any] = {"id": chosen.id, "at": clock.to_text(memory.now())}
        trace |= {"did": "choose", "scope": name, "budget": chosen.budget}
        trace |= {"used": chosen.choice.used, "pages": rows}
        records.append(memory.home, records.TRACES, [trace])
    if chosen.choice.is_fault:
        missing = [row[0] for row in rows if row[2] == "out"]
        fault(memory, "pinned-invariant", name, missing, chosen.id)


def fault(memory: Memory, kind: str, scope: str, what: Iterable[str], trace: str = "") -> None:
    """Keep a fault of one of FAULTS."""
    if not memory.dry:
        told: dict[str, Any] = {"at": clock.to_text(memory.now()), "type": kind, "scope": scope}
        told |= {"what": list(what)[:50], "trace": trace}
        records.append(memory.home, records.FAULTS, [told])


def list_rows(chosen: ChosenPages) -> Iterator[tuple[str, str, str, int]]:
    """Id, type, fidelity and tokens of every page."""
    for page, level in zip(chosen.pages, chosen.choice.fidelities):
        name = "out" if level == OUT else NAMES[level]
        yield page.id, page.type, name, 0 if level == OUT else page.costs[level]


# --- sidecars


def sidecar_path(memory: Memory, scope: MemoryScope) -> str:
    """Where a scope's page table is."""
    name = scope.name
    if scope.name != GLOBAL:
        digest = hashlib.sha256(os.fsencode(scope.root)).hexdigest()[:12]
        name = f"{scope.name}-{digest}"
    return memory.home.path("resident", name, "page-table.jsonl")


def render_table(pages: Sequence[MemoryPage]) -> bytes:
    return b"".join(json_record(to_record(page)) for page in pages)


def to_record(page: MemoryPage) -> dict[str, Any]:
    costs = dict(zip(NAMES, page.costs))
    told = {"page": page.id, "path": page.path, "line": page.line, "type": page.type}
    return {**told, "floor": NAMES[page.floor], "digest": page.digest, "tokens": costs}


def find_drift(memory: Memory, scope: MemoryScope, pages: Sequence[MemoryPage]) -> list[str]:
    """The pages whose line in the sidecar is another, or missing; [] where there is no sidecar."""
    try:
        data = files.read(sidecar_path(memory, scope))
    except FileNotFoundError:
        return []
    known: dict[str, str] = {}
    for line in data.split(b"\n"):
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            value = json.loads(line)
            known[str(value["page"])] = str(value["digest"])
    there = {page.id: page.digest for page in pages}
    return sorted(id for id in {*known, *there} if known.get(id) != there.get(id))


def rebuild(memory: Memory, scope: MemoryScope, pages: Sequence[MemoryPage]) -> None:
    """Write a scope's page table, if there is something to tell, or there was."""
    path, data = sidecar_path(memory, scope), render_table(pages)
    if not memory.dry and (data or os.path.exists(path)):
        old = files.read(path) if os.path.exists(path) else None
        if old != data:
            files.replace(path, data)


def _read(memory: Memory, scope: MemoryScope, name: str) -> bytes:
    """A file of a scope; b'' with a remark for one that cannot be read. A long one is cut."""
    path = os.path.join(scope.folder, name)
    try:
        data = scope.read(name, LARGEST + 1) or b""
    except OSError as error:
        scope.report(name, error, memory.say)
        return b""
    if len(data) > LARGEST:
        memory.say(f"{path}: more than {LARGEST:,} bytes are not read as pages; split it")
        return data[:LARGEST].rpartition(b"\n")[0]
    return data
