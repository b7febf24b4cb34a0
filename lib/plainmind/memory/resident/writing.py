"""remember, flush, drop: what is staged for an index, by whom, and what came of it."""

import os
from collections.abc import Iterable, Iterator

from ...formats import reference, secrets
from ...formats.resident import bullets, operation
from ...formats.resident.bullets import Bullet
from ...formats.resident.operation import Operation
from ...ground import chance, clock, zone
from ...ground.errors import BadData, NoInput, NotPermitted, Usage
from ...truth.resident import journal, trust
from ...truth.resident.scopes import MemoryScope
from ...truth.resident.writing import LARGEST, Flushed, Writeback
from .. import Memory
from . import find_scopes, paging

TOPIC = "Notes"


def stage(
    memory: Memory,
    folder: str | None,
    scope: str,
    text: str,
    *,
    topic: str | None = None,
    replaces: str | None = None,
) -> Operation:
    """Stage a bullet for a scope's index. NotPermitted where no project is trusted; BadData for
    a text that cannot be a bullet, or is a secret: of that, only a digest is kept."""
    found = find_one(memory, folder, scope)
    cleaned = operation.clean(text)
    if not cleaned:
        what = f"a bullet is one line of 1 to {operation.LONGEST:,} printable characters"
        raise BadData(what, cure="put details into a topic file, and point to it")
    base = find_bullet(memory, [found], replaces)[1] if replaces else None
    heading = base.topic if base else operation.clean(topic or TOPIC).lstrip("# ")
    day = zone.to_day(memory.now()).isoformat()
    made = Operation(
        f"op-{chance.draw(6).hex()}",
        found.name,
        found.project,
        "replace" if base else "add",
        heading or TOPIC,
        bullets.date(cleaned, day),
        base.text if base else "",
        "agent" if memory.inside else "user",
    )
    put(memory, made, found)
    return made


def put(memory: Memory, made: Operation, scope: MemoryScope) -> None:
    """Stage an operation. BadData for a secret, of which only a digest is kept."""
    at = clock.to_text(memory.now())
    shaped = memory.env.mask(made.text) != made.text
    secret = shaped or scope.config.strict and bool(secrets.find(made.text))
    if not memory.dry:
        with trust.lock(memory.home):
            if secret:
                journal.append(
                    memory.home, operation.render_reject(made.id, at, "secret", made.digest)
                )
            else:
                journal.stage(memory.home, made, at)
    if secret:
        raise BadData(f"rejected as {made.id}: {operation.REASONS['secret']}", cure="leave it out")


def flush(memory: Memory) -> Flushed:
    """Commit what is staged. The journal is only looked at where there is one."""
    if not os.path.exists(memory.home.writeback_journal):
        return Flushed([], [], [])
    back = Writeback(memory.home, clock.to_text(memory.now()), memory.say, dry=memory.dry)
    if memory.dry:
        return back.flush()
    with trust.lock(memory.home):
        flushed = back.flush()
    for scope in flushed.written:
        paging.rebuild(memory, scope, paging.read_pages(memory, scope))
    protected = [one.id for one in flushed.rejected if one.reason == "invariant"]
    if protected:
        paging.fault(memory, "pinned-invariant", "", protected)
    return flushed


def drop(memory: Memory, ids: Iterable[str]) -> None:
    """Take operations out of the journal. NoInput for one that is not in it."""
    there, at = journal.read(memory.home), clock.to_text(memory.now())
    for id in ids:
        if id not in there.staged and id not in there.rejected:
            raise NoInput(f"no operation '{id}'", cure="see 'mem-resident show'")
    if memory.dry:
        return
    with trust.lock(memory.home):
        lines = (operation.render_step("drop", at, [], id=id) for id in ids)
        journal.tidy(memory.home, at, b"".join(lines))


def list_operations(memory: Memory) -> Iterator[tuple[str, str, str]]:
    """The operations that wait or were rejected: id, state, text."""
    there = journal.read(memory.home)
    for id, one in there.staged.items():
        yield id, f"staged for {one.scope}", one.text
    for id, (reason, digest, kept) in there.rejected.items():
        why = operation.REASONS.get(reason, reason)
        yield id, f"rejected ({reason}): {why}", kept.text if kept else digest
    if there.malformed:
        memory.say(f"{memory.home.writeback_journal}: {there.malformed} lines are not ours")


def confirm(memory: Memory, folder: str | None, refs: Iterable[str]) -> Flushed:
    """Date bullets as confirmed today, and commit it."""
    for ref in refs:
        scope, bullet = find_bullet(memory, find_scopes(memory, folder), ref)
        stage(memory, folder, scope.name, bullet.fact, replaces=ref)
    return flush(memory)


def find_one(memory: Memory, folder: str | None, name: str) -> MemoryScope:
    """A scope by its name. NotPermitted for a project where none is trusted."""
    if name not in operation.SCOPES:
        raise Usage(f"unknown scope '{name}'", cure="use global, project or local")
    found = [scope for scope in find_scopes(memory, folder) if scope.name == name]
    if not found:
        cure = "trust it with 'mem-resident trust', or name it with --project"
        raise NotPermitted("no trusted project here", cure=cure)
    return found[0]


def find_bullet(
    memory: Memory, found: Iterable[MemoryScope], ref: str
) -> tuple[MemoryScope, Bullet]:
    """The bullet of an index that a reference, `path:line`, is in. NoInput when there is none."""
    path, line, _ = reference.parse(ref)
    full = os.path.normpath(os.path.join(memory.home.root, path))
    for scope in found:
        if full == os.path.normpath(scope.path) or os.path.abspath(path) == scope.path:
            data = scope.read(scope.file, LARGEST) or b""
            for bullet in bullets.parse(data).bullets:
                if (
                    bullet.line
                    <= line
                    <= bullet.line + data[bullet.start : bullet.end].count(b"\n")
                ):
                    return scope, bullet
    raise NoInput(f"no bullet at '{ref}'", cure="see the indexes with 'mem-resident show'")
