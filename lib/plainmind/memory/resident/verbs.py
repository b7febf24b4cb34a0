"""What each verb of mem-resident takes, and carrying it out: rows to print, and an exit code."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ...formats.resident import operation
from ...ground.errors import BadData, Failure, NotPermitted, Usage
from ...truth.resident import trust
from .. import Memory


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
    """A line of output, and the same as a JSON object."""

    text: str
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
    return VERBS[call.verb].carry_out(memory, call)


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
    own = memory.home.path("memory") + os.sep
    for one in flushed.committed:
        path = one.path if not one.path.startswith(own) else one.path[len(memory.home.root) + 1 :]
        ref = f"{path}:{one.line}"
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


_SWITCH = ResidentVerb(_switch, options=("context",), personal=True)
VERBS: dict[str, ResidentVerb] = {
    "": ResidentVerb(_print_block, options=("context",)),
    "show": ResidentVerb(_show, options=("context",)),
    "remember": ResidentVerb(_remember, 2, -1, " SCOPE TEXT...|-", ("topic", "replaces")),
    "flush": ResidentVerb(_flush),
    "drop": ResidentVerb(_drop, 1, -1, " ID...", personal=True),
    "confirm": ResidentVerb(_confirm, 1, -1, " REF..."),
    "on": _SWITCH,
    "off": _SWITCH,
    "trust": ResidentVerb(_trust, 0, 1, " [DIR]", personal=True),
    "untrust": ResidentVerb(_untrust, 0, 1, " [DIR]", personal=True),
}
