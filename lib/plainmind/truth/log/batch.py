"""`mem-append --jsonl`: thousands of events an fsync, one bad line never stopping the rest."""

import json
from collections.abc import Iterable
from typing import Any

from ...formats.log import event as events
from ...formats.log.roles import ROLES
from ...ground import files, stream
from ...ground.errors import BadData, Failure
from ...ground.paths import check_context
from . import warning
from .writer import LIMIT, EventDraft, Log, check_meta


def append_lines(log: Log, lines: Iterable[bytes], context: str | None, session) -> int:
    """Append the events of `lines` and print each reference after its fsync. Returns the exit code.
    `session` gives the clock and takes reports (cli.Session)."""
    if context is not None:
        check_context(context)
    skipped = 0
    suspects: list[str] = []
    failed: set[str] = set()
    for batch in stream.list_batches(lines):
        now = session.now
        drafts: Drafts = []
        for number, line in batch:
            try:
                place, draft = parse_draft(line, now)
                place = context if place is None else place
                if place is None:
                    raise BadData("no 'context'", cure="name one in the line or with --context")
                if len(line) > LIMIT:
                    draft = log.limit_size(draft)
                drafts.append((place, draft))
            except Failure as failure:
                session.report(BadData(failure.what, place=f"<stdin>:{number}", cure=failure.cure))
        refs, there = _append(log, drafts, failed, now, session)
        skipped += there
        texts = [draft.content for _, draft in drafts]
        suspects += warning.find_suspects(zip(refs, texts, strict=True))
    warning.warn(session, suspects)
    if skipped and session.verbose:
        session.say(f"{skipped} events were already there")
    return 0


def parse_draft(line: bytes, now: int) -> tuple[str | None, EventDraft]:
    """(context or None, draft) from one line. BadData says what is wrong. Keys: timestamp, role,
    content; author, context, meta, id. Others are passed over, so that what `mem-show --json`
    printed can be read back."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadData("not valid JSON") from None
    if not isinstance(value, dict):
        raise BadData("not a JSON object")
    role, content, meta = value.get("role"), value.get("content"), value.get("meta")
    role = "agent" if role == "assistant" else role
    if role not in ROLES:
        what = f"unknown role {role!r}" if role else "no 'role'"
        raise BadData(what, cure="use one of " + ", ".join(ROLES))
    if type(content) is not str:
        raise BadData("'content' is not text" if "content" in value else "no 'content'")
    if meta is not None and type(meta) is not dict:
        raise BadData("'meta' is not an object")
    context, stamp = value.get("context"), value.get("timestamp")
    if context is not None:
        check_context(context if type(context) is str else repr(context))
    instant = now if stamp is None else _read_instant(stamp, now)
    return context, EventDraft(instant, role, content, _merge_meta(value, meta))


def _read_instant(stamp: Any, now: int) -> int:
    from ...ground import when  # six milliseconds, which a line without a time need not pay

    if type(stamp) is not str:
        raise BadData(f"'{stamp}' is not a time", cure=when.FORMS)
    return when.read_instant(stamp, now)


def _merge_meta(value: dict[str, Any], meta: dict[str, Any] | None) -> dict[str, Any]:
    """A line's author and id, then what its meta says besides them."""
    merged: dict[str, Any] = {}
    for name in ("author", "id"):
        extra = value.get(name)
        if extra is not None and extra != "":
            if type(extra) not in (str, int):
                raise BadData(f"'{name}' is not text")
            merged[name] = str(extra)
    if meta:
        merged.update((k, v) for k, v in meta.items() if k not in merged)
        check_meta(merged)
        events.render_meta(merged)  # what cannot be written is this line's fault, not its batch's
    return merged


Drafts = list[tuple[str, EventDraft]]  # each with its context


def _append(log: Log, drafts: Drafts, failed: set[str], now: int, session) -> tuple[list[str], int]:
    """Write a batch, context by context. Returns the references of what is new, '' for the others,
    and how many were there already. A context that `failed` gets nothing more: its events stay in
    order."""
    places: dict[str, list[int]] = {}
    for number, (context, _) in enumerate(drafts):
        if context not in failed:
            places.setdefault(context, []).append(number)
    refs = [""] * len(drafts)
    skipped = 0
    for context, numbers in places.items():
        try:
            results = log.append(context, [drafts[n][1] for n in numbers], now)
        except (Failure, OSError) as failure:  # the other contexts' events are written
            session.report(failure if isinstance(failure, Failure) else files.to_failure(failure))
            failed.add(context)
            continue
        for number, (path, line, fresh) in zip(numbers, results):
            if fresh:
                refs[number] = f"{path}:{line}"
            else:
                skipped += 1
    session.acknowledge(filter(None, refs))
    return refs, skipped
