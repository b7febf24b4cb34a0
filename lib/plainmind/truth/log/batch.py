"""`mem-append --jsonl`: thousands of events an fsync, one bad line never stopping the rest."""

from collections.abc import Iterable, Iterator

from ...ground import files, stream
from ...ground.errors import BadData, Failure
from ...ground.paths import check_context
from .writer import EventDraft, Log, draft_from_json

EVENTS = 4000  # a batch ends at so many events,
BYTES = (
    8 * 1024 * 1024
)  # or so many bytes of input: neither memory nor the time under the lock grows


def append_lines(log: Log, lines: Iterable[bytes], context: str | None, session) -> int:
    """Append the events of `lines` and print each reference after its fsync. Returns the exit code.

    `session` gives the clock and takes reports (cli.Session).
    """
    if context is not None:
        check_context(context)
    skipped = 0
    failed: set[str] = set()
    for batch in _batches(lines):
        drafts: list[tuple[str, EventDraft]] = []
        for number, line in batch:
            try:
                named, draft = draft_from_json(line, session.now)
                if named is None and context is None:
                    raise BadData("no 'context'", cure="name one in the line or with --context")
                drafts.append((context if named is None else named, log.bounded(draft)))  # type: ignore[arg-type]
            except Failure as failure:
                session.report(BadData(failure.what, place=f"<stdin>:{number}", cure=failure.cure))
        skipped += _append(log, drafts, failed, session)
    if skipped and session.verbose:
        session.say(f"{skipped} events were already there")
    return 0


def _append(log: Log, drafts: list[tuple[str, EventDraft]], failed: set[str], session) -> int:
    """Write a batch, context by context. One that `failed` gets nothing more: its events stay in order."""
    places: dict[str, list[int]] = {}
    for number, (context, _) in enumerate(drafts):
        if context in failed:
            continue
        places.setdefault(context, []).append(number)
    refs = [""] * len(drafts)
    skipped = 0
    for context, numbers in places.items():
        try:
            done = log.append(context, [drafts[n][1] for n in numbers], session.now)
        except (
            Failure,
            OSError,
        ) as failure:  # the other contexts' events are written, and acknowledged
            session.report(failure if isinstance(failure, Failure) else files.to_failure(failure))
            failed.add(context)
            continue
        for number, written in zip(numbers, done):
            if written.fresh:
                refs[number] = (
                    stream.json_line({"ref": written.ref}) if session.json else written.ref
                )
            else:
                skipped += 1
    if any(refs):
        try:
            stream.write("\n".join([ref for ref in refs if ref]) + "\n")
            stream.flush()
        except stream.ReaderLeft:  # ending with 0 says that everything was written
            pass
    return skipped


def _batches(lines: Iterable[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        batch.append((number, line))
        size += len(line)
        if len(batch) >= EVENTS or size >= BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
