"""Summaries of conversations that other tools made, kept as pages of raw/compaction/.

Taken without being asked: by `mem-import`, and by `mem-hook` as they happen. One summary is
one page, however often it comes. Owns what of one is kept, and for how long it is worth taking.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from ..formats.log import injected_blocks
from ..formats.page import page_edit, summary
from ..formats.page.summary import ConversationSummary
from ..ground import clock, files
from ..ground.errors import BadData, Failure
from ..ground.paths import check_context
from ..ground.zone import to_day
from ..truth.pages import maintenance, page_files
from . import Memory, writing
from .drafting import LARGEST
from .writing import PageWritten


def keep(memory: Memory, one: ConversationSummary) -> PageWritten | None:
    """The page of a summary, on disk. None: its time was over before it came, or retention deleted
    it already, or nothing of it is its own. BadData for what cannot be kept."""
    from ..truth.pages import retention

    source = check_context(one.context)
    body = injected_blocks.strip(one.content, echoes=False).replace("\0", " ")
    body = body.encode("utf-8", "replace").decode().strip("\n")
    if len(body.encode()) > LARGEST:
        what = f"a summary of more than {LARGEST // 1024} KB"
        raise BadData(what, cure="write the part that matters with mem-note --compaction")
    digest = hashlib.sha256(f"{source} {one.id}".encode("utf-8", "replace")).hexdigest()[:12]
    tool = source.partition("/")[0]
    mark = f"-{tool}-{digest}"  # not the time: a client that says it twice says no time
    name = f"{clock.to_stamp(one.instant).lower()}{mark}"
    fields = {"date": to_day(one.instant), "type": "compaction", "tier": "L2"}
    data = page_edit.compose({**fields, "source": source}, body)
    old = memory.now() - one.instant > retention.SUMMARY[1] * clock.DAY
    with maintenance.lock(memory.home):
        for path in page_files.list_paths(memory.home, (page_files.COMPACTION,)):
            if path.endswith(f"{mark}.md"):
                files.sync_with_parent(os.path.dirname(memory.home.path(path)))
                return PageWritten(path, False)
        gone = any(
            dead.endswith(f"{mark}.md") for dead, _ in maintenance.map_tombstones(memory.home)
        )
        if old or gone or not body.strip():
            return None
        path = page_files.create_page(memory.home, page_files.COMPACTION, name, data)
        writing.count(memory)
    if memory.env.mask(body) != body:
        memory.say(f"{path}: something in it looks like a secret; mem-audit shows where")
    return PageWritten(path, True)


def keep_lines(memory: Memory, lines: Iterable[bytes], session: Any) -> None:
    """Keep the summary of each line, and print the references of those that are new; a line that
    cannot be kept is reported, and the others are (session: cli.Session)."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            written = keep(memory, summary.parse(line))
            session.acknowledge([written.ref] if written and written.fresh else [])
        except Failure as failure:
            failure.place = failure.place or f"<stdin>:{number}"
            session.report(failure)


def take(memory: Memory, found: Iterable[Any], old: Any) -> Iterator[Any]:
    """What an import found, its summaries kept on the way: `old` in place of one that is not, and
    the failure in place of one that cannot be."""
    for one in found:
        if isinstance(one, ConversationSummary) and not memory.dry:
            try:
                one = one if keep(memory, one) else old
            except Failure as failure:
                one = failure
        yield one
