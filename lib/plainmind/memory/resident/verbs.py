"""What each verb of mem-resident takes, and carrying it out: rows to print, and an exit code."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ...ground.errors import NotPermitted, Usage
from ...truth.resident import trust
from .. import Memory


class ResidentCall(NamedTuple):
    """A verb with its words. `folder` is where its project is looked for, None for nowhere."""

    verb: str
    words: tuple[str, ...]
    folder: str | None
    options: dict[str, Any]

    @property
    def context(self) -> str | None:
        return self.options.get("context")


class ResidentRow(NamedTuple):
    """A line of output, and the same as a JSON object."""

    text: str
    record: dict[str, Any]


class ResidentAnswer(NamedTuple):
    rows: Iterable[ResidentRow] = ()
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
    verb: str, words: tuple[str, ...], folder: str | None, options: dict[str, Any]
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
    return ResidentCall(verb, words, folder, used)


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

    return ResidentAnswer(
        ResidentRow(str(row), row._asdict())
        for row in survey.list_files(memory, call.folder, call.context)
    )


def _trust(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    project = trust.name_project(call.words[0] if call.words else call.folder or ".")
    trust.trust(memory.home, project)
    return ResidentAnswer([ResidentRow(project, {"project": project})])


def _untrust(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    import os

    given = call.words[0] if call.words else call.folder or "."
    project = trust.find_project(memory.home, given) or os.path.realpath(given)
    trust.untrust(memory.home, project)
    return ResidentAnswer([ResidentRow(project, {"project": project})])


def _switch(memory: Memory, call: ResidentCall) -> ResidentAnswer:
    trust.switch(memory.home, call.context, call.verb == "on")
    return ResidentAnswer()


_SWITCH = ResidentVerb(_switch, options=("context",), personal=True)
VERBS: dict[str, ResidentVerb] = {
    "": ResidentVerb(_print_block, options=("context",)),
    "show": ResidentVerb(_show, options=("context",)),
    "on": _SWITCH,
    "off": _SWITCH,
    "trust": ResidentVerb(_trust, 0, 1, " [DIR]", personal=True),
    "untrust": ResidentVerb(_untrust, 0, 1, " [DIR]", personal=True),
}
