"""Taking back what was said (mem-forget): events, and what was made from them or came with them.

The order, in which a death anywhere is made good by the next run:

    1  raw/maintenance-log/forgetting.json has what is to go, with its text, until all is done
    2  a record of each event, in its context, then its body goes    (truth.log.blanking)
    3  outputs and attachments it names, its pins, traces, copies in other journals
    4  the index and its vectors
    5  the proof: every byte of the memory folder is looked through  (memory.absence)

What others say, an answer, a page, is theirs: it is named, and stays. Owns this order, and what
goes with an event. Refuses to know how a body is blanked.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from ..formats import reference
from ..formats.log import event as events
from ..formats.log import forgotten
from ..ground import clock, exchange, files, lock_queue, regular, stream
from ..ground.errors import Busy, Failure, NoInput, NotPermitted, Usage
from ..ground.paths import Home
from ..index import cache, embedding
from ..truth.log import blanking, reader
from ..truth.log.blanking import UNFINISHED, TargetEvent
from ..truth.log.verify import Finding
from ..truth.log.writer import Log
from ..truth.pages import page_facts
from . import Memory, absence, copies, standing
from .forgetting import clean_traces

HISTORY = "history"  # the code of what the repository of mem-sync keeps
NEIGHBOURS = 3  # events on each side with which a turn may have been embedded


class Job(NamedTuple):
    """What is to be forgotten. `hashes`: of what was embedded of these events and around them."""

    targets: Sequence[TargetEvent]
    meta_too: bool
    reason: str
    hashes: Sequence[str] = ()

    def texts(self) -> Iterator[str]:
        for target in self.targets:
            if not forgotten.is_blank(target.block):
                yield forgotten.words_of(target.event.content, target.event.meta)
            if self.meta_too:
                for texts in forgotten.words_of_meta(events.parse_meta(target.block)).values():
                    yield from texts

    def by_path(self) -> Mapping[str, list[TargetEvent]]:
        found: dict[str, list[TargetEvent]] = {}
        for target in self.targets:
            found.setdefault(target.path, []).append(target)
        return found


def find_targets(
    memory: Memory, key: bytes, refs: Iterable[str], meta_too: bool, report: Callable
) -> list[TargetEvent]:
    """The events that references name, less those whose text has gone. Failures are reported."""
    found: dict[str, TargetEvent] = {}
    for text in refs:
        try:
            ref = reference.parse(text)
            opened = reader.read_window(memory.home, ref.path)
            if not regular.is_below(memory.home.root, opened.path):
                cure = "put the window itself here, or forget it in the memory folder it belongs to"
                raise NotPermitted("a link leads to this window", place=ref.path, cure=cure)
            records = blanking.read_records(memory.home, opened.context, key)
            for target in blanking.find_targets(opened, ref.line, ref.end_line):
                if _is_done(target, records, key, meta_too):
                    memory.say(f"{target.ref}: it has no text any more")
                else:
                    found.setdefault(target.ref, target)
        except Failure as failure:
            report(failure)
    return list(found.values())


def _is_done(target: TargetEvent, records: blanking.Records, key: bytes, meta_too: bool) -> bool:
    words = bool(forgotten.words_of_meta(events.parse_meta(target.block)))
    if meta_too and words or not target.block.body and any(copies.files_of(target)):
        return False
    now = forgotten.digest_now(target.block, target.previous, key)
    place = target.path, target.block.line, target.block.digest
    return not target.block.body or now in records.get(place, ())


def forget(
    memory: Memory,
    key: bytes,
    refs: Iterable[str],
    *,
    meta_too: bool,
    reason: str,
    report: Callable[[Failure], None],
) -> Iterator[Finding]:
    """Forget these events, after what an earlier run left undone, and say what went and where the
    text still stands. In a dry run, what would go. One file that fails is reported, and the next
    run goes on from there."""
    lock = memory.home.path("raw", "maintenance-log", ".forget.lock")
    if memory.dry or not os.path.isdir(memory.home.root):
        yield from _find(memory, key, refs, meta_too, reason, report).preview()
        return
    with files.lock(lock):
        exchange.recover(memory.home.path(UNFINISHED))  # one that was not written to its end
        left = read_unfinished(memory.home)
        failing: list[Job] = []
        while left:  # one that cannot be done keeps no other from it
            one = _Forgetting(memory, key, left.pop(0), report)
            yield from one.carry_out([*failing, *left])
            failing += [one.job] if one.failed else []
        forgetting = _find(memory, key, refs, meta_too, reason, report)
        if forgetting.job.targets:
            yield from forgetting.carry_out(failing)


def _find(
    memory: Memory, key: bytes, refs: Iterable[str], meta_too: bool, reason: str, report: Callable
) -> "_Forgetting":
    """What is to be done. Usage when the reason, which is logged, repeats the text."""
    job = Job(find_targets(memory, key, refs, meta_too, report), meta_too, reason)
    if absence.is_repeated(reason, job.texts()):
        what = "the reason repeats what is to be forgotten, and it is logged"
        raise Usage(what, cure="say why in other words")
    return _Forgetting(memory, key, job, report)


class _Forgetting:
    def __init__(self, memory: Memory, key: bytes, job: Job, report: Callable[[Failure], None]):
        self.memory, self.home, self.job = memory, memory.home, job
        self.log, self.failed, self._report = Log(memory.home, key), False, report
        self.pieces = [piece for text in job.texts() for piece in absence.pieces(text)]
        short = [text for text in job.texts() if text.strip() and not absence.pieces(text)]
        self.short = [*short, *(number for text in job.texts() for number in absence.numbers(text))]

    def preview(self) -> Iterator[Finding]:
        yield from self._announce("would be blanked")
        texts, gone = list(self.job.texts()), []
        at = clock.to_text(self.memory.now())
        for found in copies.clean(self.home, self.job.targets, texts, self._noting, at, dry=True):
            gone += [(found.path, found.line)] if found.code in ("blanked", "dropped") else []
            yield found
        clean_traces(self.memory, self.pieces)
        yield from self._look(gone)

    def carry_out(self, others: Sequence[Job]) -> Iterator[Finding]:
        """Do the job, and strike it out; `others` are still to be done, too."""
        home, targets = self.home, self.job.targets
        job = self.job if self.job.hashes else self.job._replace(hashes=self._hashes())
        self.job = job
        write_unfinished(home, [*others, job])
        for path, some in job.by_path().items():
            with self._noting():
                if not (some := self._still_there(path, some)):
                    continue
                blanking.record(self.log, some, job.meta_too, job.reason, self.memory.now())
                for kept in blanking.blank(self.log, path, some, job.meta_too):
                    self.memory.say(f"what was saved at the same moment is kept in '{kept}'")
        if self.failed:
            return
        yield from self._announce("blanked")
        at = clock.to_text(self.memory.now())
        yield from copies.clean(home, targets, list(job.texts()), self._noting, at)
        clean_traces(self.memory, self.pieces)
        with self._noting():
            self._clean_index()
        yield from self._look()
        if not self.failed:
            write_unfinished(home, others)

    def _still_there(self, path: str, targets: Sequence[TargetEvent]) -> list[TargetEvent]:
        """Those that nobody took out of the window meanwhile."""
        try:
            data = reader.read_window(self.home, path).data
        except NoInput:
            return []
        return [one for one in targets if f" h={one.block.digest}".encode() in data]

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """A failure of one step stops no other; the next run does it again."""
        try:
            yield
        except (Failure, OSError) as error:
            failure = files.to_failure(error)
            then = f"then run mem-forget again to go on; until then, {UNFINISHED} has the text"
            failure.cure = f"{failure.cure or 'see to it'}, {then}"
            self.failed = True
            self._report(failure)

    def _announce(self, what: str) -> Iterator[Finding]:
        for target in self.job.targets:
            lines = target.block.body.count(b"\n")
            count = f"{lines} line{'' if lines == 1 else 's'} {what}"
            yield Finding(target.path, target.block.line, "forgotten", count)
            names = sorted(forgotten.words_of_meta(events.parse_meta(target.block)))
            if names and not self.job.meta_too:
                named = ", ".join(f"'{name}'" for name in names)
                what_stays = f"its header keeps {named}; --metadata blanks that, too"
                yield Finding(target.path, target.block.line, "metadata", what_stays)
            if os.path.exists(self.home.path("sync", "git", "HEAD")):
                old = f"old commits have it: mem-sync, then mem-sync --purge {target.ref}"
                yield Finding(target.path, target.block.line, HISTORY, old)
        yield from standing.find_replies(self.home, self.job.targets)

    # --- index and vectors

    def _hashes(self) -> list[str]:
        """Of what is embedded of the events and of their neighbours, as the texts are now."""
        if not os.path.isdir(self.home.vectors):
            return []
        places = [
            place for path, some in self.job.by_path().items() for place in self._around(path, some)
        ]
        due: list[str] = []
        for index in self.memory.opened():
            with index:
                due = [one.text for one in index.pending("", 0, retry_failed=True, at=places)]
        alone = [target.event for target in self.job.targets]
        due += [embedding.text_of(event.author, event.content) for event in alone]
        return sorted({cache.content_hash(text).hex() for text in due if text})

    def _around(self, path: str, targets: Sequence[TargetEvent]) -> Iterator[tuple[str, int]]:
        """The events of a window that may have been embedded with one of these."""
        try:
            whole = reader.read_window(self.home, path).blocks()
        except NoInput:
            return
        blocks = [b for b in whole if b.role in ("user", "agent")]
        for target in targets:
            at = sum(block.line < target.block.line for block in blocks)
            for block in blocks[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]:
                yield path, block.line

    def _clean_index(self) -> None:
        home, engine = self.home, self.memory.engine
        page_facts.discard(home)
        engine.discard_set_aside(home)  # a rebuild that runs may have read the text
        if engine.exists(home):
            for index in self.memory.opened():
                with index:
                    index.forget(list(self.job.by_path()))
        engine.discard_set_aside(home)  # a damaged one may have been opened
        if not os.path.isdir(home.vectors):
            return
        with _without_embedding(home):
            old, new = set(self.job.hashes), set(self._replace_with_blank()._hashes())
            cache.forget(home, {bytes.fromhex(hash) for hash in old - new})
        for index in self.memory.opened():
            with index:
                if model := index.model():
                    embedding.from_cache(index, model)

    def _replace_with_blank(self) -> "_Forgetting":
        """The same with the events as they are now."""
        blank = [
            t._replace(block=t.blanked(self.job.meta_too)._replace(body=b""))
            for t in self.job.targets
        ]
        job = self.job._replace(targets=blank)
        return _Forgetting(self.memory, self.log.key, job, self._report)

    def _look(self, gone: Sequence[tuple[str, int]] = ()) -> Iterator[Finding]:
        """The proof: where the text still stands."""
        look = standing.Look(self.memory, self.job.targets, self.pieces, self.short)
        with self._noting():
            yield from look.everywhere(self.home.path(UNFINISHED), gone)


@contextmanager
def _without_embedding(home: Home) -> Iterator[None]:
    """A run of mem-embed may have the text in its hands, and keep its vector when it is made. One
    of many texts takes hours: it is waited for a minute."""
    wait = files.LOCK_WAIT * lock_queue.MOST
    with ExitStack() as held:
        try:
            held.enter_context(
                files.lock(os.path.join(home.index, "embed.lock"), wait, bounded=True)
            )
        except Busy:
            what = "mem-embed is at work, and may have the text in its hands"
            raise Busy(what, cure="end it, or wait until it has ended") from None
        yield


# --- what is to be done, on disk


def render_job(job: Job) -> str:
    raw = [
        {"path": t.path, "line": t.block.line, "previous": t.previous,
         "raw": stream.decode(events.render_raw(t.block))}
        for t in job.targets
    ]  # fmt: skip
    value = {"events": raw, "metadata": job.meta_too, "reason": job.reason}
    return json.dumps({**value, "hashes": list(job.hashes)}) + "\n"


def is_unfinished(home: Home) -> bool:
    """Whether an earlier run is to be gone on with."""
    return os.path.exists(home.path(UNFINISHED))


def write_unfinished(home: Home, jobs: Sequence[Job]) -> None:
    """Keep what is still to be done, one job a line."""
    path = home.path(UNFINISHED)
    if jobs:
        files.replace(path, "".join(map(render_job, jobs)).encode())
    else:
        os.unlink(path)
        files.sync_folder(os.path.dirname(path))


def read_unfinished(home: Home) -> list[Job]:
    """What earlier runs left undone."""
    try:
        rows = files.read(home.path(UNFINISHED)).splitlines()
        return [_to_job(json.loads(row)) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        cure = "delete it, and name the events again"
        raise NoInput("not what mem-forget left", place=home.path(UNFINISHED), cure=cure) from None


def _to_job(value: dict[str, Any]) -> Job:
    hashes = [str(hash) for hash in value["hashes"]]
    targets = list(map(_to_target, value["events"]))
    return Job(targets, bool(value["metadata"]), str(value["reason"]), hashes)


def _to_target(value: dict[str, Any]) -> TargetEvent:
    block = events.scan(stream.encode(value["raw"]), value["line"])[0]
    assert isinstance(block, events.RawEvent)
    return TargetEvent(value["path"], reader.context_of(value["path"]), block, value["previous"])
