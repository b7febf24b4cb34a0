"""What each verb of mem-resident takes, and carrying it out: rows to print, and an exit code."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ...ground.errors import NO_MATCH, BadData, Failure, NoInput, NotPermitted, Usage
from ...truth.resident import trust
from ...truth.resident.scopes import GLOBAL, LOCAL, PROJECT
from .. import Memory

SCOPES = (GLOBAL, PROJECT, LOCAL)


class ResidentCall(NamedTuple):
    """A verb with its words. `folder` is where its project is looked for, None for nowhere."""

    verb: str
    words: tuple[str, ...]
    folder: str | None
    options: dict[str, Any]
    text: Callable[[tuple[str, ...]], str] = " ".join  # of words; '-' is standard input

    @property
    def context(self) -> str | None:
        return self.options.get("context")


class ResidentRow(NamedTuple):
    """A line of output, None for one that only programs get, and the same as a JSON object."""

    text: str | None
    record: dict[str, Any]


class ResidentAnswer(NamedTuple):
    """Rows, and among them failures, to be reported as they come; an exit code."""

    rows: Iterable[ResidentRow | Failure] = ()
    code: int = 0


class ResidentVerb(NamedTuple):
    """How many words stand after a verb (most -1: any), how the manual calls them, its options,
    and whether it is for a person only."""

    carry_out: Callable[[Memory, ResidentCall], ResidentAnswer]
    least: int = 0
    most: int = 0
    words: str = ""
    options: tuple[str, ...] = ()
    personal: bool = False


def parse(
    verb: str,
    words: tuple[str, ...],
    folder: str | None,
    options: dict[str, Any],
    text: Callable[[tuple[str, ...]], str] = " ".join,
) -> ResidentCall:
    """Usage where words or options do not fit the verb."""
    rule = VERBS[verb]
    used = {name: value for name, value in options.items() if value not in (None, False, ())}
    if len(words) < rule.least or len(words) > rule.most >= 0:
        raise Usage(f"expected '{f'{verb}{rule.words}'.strip()}'", cure="see 'mem-resident --help'")
    for name in used:
        if name not in rule.options:
            takers = [other or "the block" for other in VERBS if name in VERBS[other].options]
            cure = f"it goes with {', '.join(takers)}"
            raise Usage(f"--{name} does not go with '{verb or 'the block'}'", cure=cure)
    return ResidentCall(verb, words, folder, used, text)


def carry_out(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    """NotPermitted for the agent, where a verb is a person's."""
    if memory.inside and VERBS[call.verb].personal:
        what = f"refused from inside the sandbox: '{call.verb}' is for a person"
        raise NotPermitted(what, cure="ask the user to run it")
    answer = VERBS[call.verb].carry_out(memory, call)
    return answer._replace(rows=_mask(memory, answer.rows))


def _mask(memory: Memory, rows: Iterable[ResidentRow | Failure]) -> Iterator[ResidentRow | Failure]:
    """The rows with secrets as `***`: a person may have put one into a file."""
    mask = memory.env.mask
    for row in rows:
        if isinstance(row, ResidentRow):
            row = ResidentRow(row.text and mask(row.text), mask.mask_all(row.record))
        yield row


def _print_block(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import build_block, find_in_prompt

    found = find_in_prompt(memory, call.folder, call.context)
    if not found:
        memory.say("resident memory is off; 'mem-resident on' switches it on")
        return ResidentAnswer()
    text = build_block(memory, found).removesuffix("\n")
    return ResidentAnswer([ResidentRow(text, {"block": f"{text}\n"})])


def _show(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import survey

    parts = survey.list_files(memory, call.folder, call.context)
    return ResidentAnswer(ResidentRow(str(part), part._asdict()) for part in parts)


def _trust(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    project = trust.name_project(call.words[0] if call.words else call.folder or ".")
    trust.check_narrow(project)
    if not memory.dry:
        trust.trust(memory.home, project)
    return ResidentAnswer([ResidentRow(project, {"project": project})])


def _untrust(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    given = call.words[0] if call.words else call.folder or "."
    project = trust.find_project(memory.home, given) or os.path.realpath(given)
    if not memory.dry:
        trust.untrust(memory.home, project)
    return ResidentAnswer([ResidentRow(project, {"project": project})])


def _switch(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    if not memory.dry:
        trust.switch(memory.home, call.context, call.verb == "on")
    return ResidentAnswer()


def _remember(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import writing

    text = call.text(call.words[1:])
    made = writing.stage(memory, call.folder, call.words[0], text, **call.options)
    return ResidentAnswer([ResidentRow(made.id, made._asdict())])


def _flush(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import writing

    return ResidentAnswer(_rows_of(memory, writing.flush(memory)))


def _rows_of(memory: Memory, flushed: Any) -> Iterator[ResidentRow | Failure]:
    from ...formats.resident import operation
    from .recalling import name_ref

    for one in flushed.committed:
        ref = name_ref(memory, one.path, one.line)
        yield ResidentRow(f"{ref}: {one.text}", {"ref": ref, "id": one.id, "text": one.text})
    for one in flushed.rejected:
        cure = f"'mem-resident drop {one.id}' removes it"
        yield BadData(f"rejected: {operation.REASONS[one.reason]}", place=one.id, cure=cure)


def _drop(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import writing

    writing.drop(memory, call.words)
    return ResidentAnswer()


def _confirm(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import writing

    return ResidentAnswer(_rows_of(memory, writing.confirm(memory, call.folder, call.words)))


def _pages(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import find_scopes, paging

    rows = []
    for scope in find_scopes(memory, call.folder):
        for page in paging.read_pages(memory, scope):
            record = paging.to_record(page)
            sizes = "/".join(str(cost) for cost in reversed(page.costs))
            rows.append(ResidentRow(f"{page.id}\t{page.type}\t{sizes}\t{record['floor']}", record))
    return ResidentAnswer(rows, 0 if rows else NO_MATCH)


def _verify(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import find_scopes, paging

    rows = []
    for scope in find_scopes(memory, call.folder):
        pages = paging.read_pages(memory, scope)
        drift = paging.find_drift(memory, scope, pages)
        paging.rebuild(memory, scope, pages)
        rows += [ResidentRow(f"drift\t{id}", {"drift": id}) for id in drift]
    return ResidentAnswer(rows, NO_MATCH if rows else 0)


def _recall(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import recalling

    query, options = call.text(call.words), {"scope": None, "context": None, **call.options}
    result = recalling.recall(memory, call.folder, query, **options)
    code, said = recalling.REASONS[result.reason]
    if said:
        memory.say(f"{result.reason}: {said}")
        return ResidentAnswer([ResidentRow(None, {"reason": result.reason})], code)
    return ResidentAnswer(
        ResidentRow(f"{one.ref}: {one.text}", {"reason": "ok", **one._asdict()})
        for one in result.found
    )


def _stale(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from . import find_scopes, recalling

    days = call.options.get("days", recalling.DAYS)
    found = recalling.list_stale(memory, find_scopes(memory, call.folder), days)
    rows = [
        ResidentRow(f"{one.ref}: {one.day or 'no date'}: {one.text}", one._asdict())
        for one in found
    ]
    return ResidentAnswer(rows, 0 if rows else NO_MATCH)


def _tell_records(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    from ...truth.resident import records

    kind, wanted = call.verb.removesuffix("s") + "s", call.words
    rows = []
    for one in records.read(memory.home, kind):
        if not wanted or one.get("id") in wanted:
            name = one.get("type") or one.get("id", "")
            what = one.get("what") or f"{one.get('did', '')} {one.get('used', '')}".strip()
            told = "\t".join(map(str, (one.get("at", ""), name, one.get("scope", ""), what)))
            rows += [ResidentRow(told, one)]
            for page in one.get("pages", []) if wanted else []:
                rows.append(ResidentRow("\t".join(map(str, page)), {"page": page}))
    if wanted and not rows:
        raise NoInput(f"no trace '{wanted[0]}'", cure="see 'mem-resident traces'")
    return ResidentAnswer(rows, 0 if rows else NO_MATCH)


_SWITCH = ResidentVerb(_switch, options=("context",), personal=True)
VERBS: dict[str, ResidentVerb] = {
    "": ResidentVerb(_print_block, options=("context",)),
    "show": ResidentVerb(_show, options=("context",)),
    "remember": ResidentVerb(_remember, 2, -1, " SCOPE TEXT...|-", ("topic", "replaces")),
    "flush": ResidentVerb(_flush),
    "drop": ResidentVerb(_drop, 1, -1, " ID...", personal=True),
    "recall": ResidentVerb(_recall, 1, -1, " QUERY...|-", ("scope", "context")),
    "stale": ResidentVerb(_stale, options=("days",)),
    "confirm": ResidentVerb(_confirm, 1, -1, " REF..."),
    "pages": ResidentVerb(_pages),
    "verify": ResidentVerb(_verify),
    "faults": ResidentVerb(_tell_records),
    "traces": ResidentVerb(_tell_records),
    "trace": ResidentVerb(_tell_records, 1, 1, " ID"),
    "on": _SWITCH,
    "off": _SWITCH,
    "trust": ResidentVerb(_trust, 0, 1, " [DIR]", personal=True),
    "untrust": ResidentVerb(_untrust, 0, 1, " [DIR]", personal=True),
}
