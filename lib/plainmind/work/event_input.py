"""What work-log is given, made into events of the journal: words, a JSON object, or JSON Lines."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..formats import decode_utf8, strict_json
from ..formats.work import journal as grammar
from ..formats.work.journal import Author, Fields, Mint
from ..formats.work.schemas import COMMON, SCHEMAS
from ..ground import clock, files, stream
from ..ground.errors import BadData, Failure, Usage
from ..ground.paths import Home
from ..truth.work import journal
from .pairs import read_pairs

INPUT = "<stdin>"


def read_draft(
    type: str, words: tuple[str, ...], reason: str | None, read: Callable[[], bytes], now: int
) -> Fields:
    """The fields of one event, of its words and, where there are none or '-' is one, of the JSON
    object that `read` gives. A void's first word is the event's id. Usage, BadData."""
    if type not in SCHEMAS:
        raise Usage(f"no type '{type}'", cure="use one of " + ", ".join(SCHEMAS))
    kinds = {field.name: field.kind for field in (*COMMON, *SCHEMAS[type].fields)}
    if type == "void" and words and "=" not in words[0] and words[0] != "-":
        words = (f"of={words[0]}", *words[1:])
    if reason is not None:
        words = (*words, f"reason={reason}" if reason != "-" else "reason=-")
    pairs = tuple(word for word in words if word != "-")
    found = [("type", type)]
    if pairs != words or not words:
        if any(word.partition("=")[2] == "-" for word in pairs):
            raise Usage("only one of '-' and FIELD=- can be standard input")
        found += [pair for pair in _read_object(read).items() if pair != ("type", type)]
    for word in pairs:
        convert = lambda key, text: _convert(kinds.get(key, ""), text)  # noqa: E731
        found += read_pairs((word,), read, "field", convert).items()
    fields = dict(found)
    if len(fields) < len(found):
        names = [name for name, _ in found]
        twice = next(name for name in names if names.count(name) > 1)
        raise Usage(f"'{twice}' is given twice", cure="give it once")
    return read_times(fields, now)


def _read_object(read: Callable[[], bytes]) -> Fields:
    try:
        value = strict_json.parse(decode_utf8(read(), INPUT, "utf-8-sig"))
    except BadData as error:
        error.place = error.place if error.place.startswith(INPUT) else _place(error.place)
        raise
    if type(value) is not dict:
        raise BadData("not a JSON object", place=INPUT, cure='write {"FIELD": …}; or give words')
    return value


def _place(line: str) -> str:
    return f"{INPUT}:{line}".removesuffix(":")


def _convert(kind: str, text: str) -> Any:
    """A word's text as a value of the kind; what it is not stays a text, and is refused as one."""
    if kind in ("number", "whole"):
        try:
            return int(text) if text.strip("+-").isdecimal() else float(text)
        except ValueError:
            return text
    if kind == "flag":
        return {"true": True, "false": False}.get(text, text)
    if kind == "agents":
        return text.split(",") if text else None
    return text


def read_times(fields: Fields, now: int) -> Fields:
    """The fields with their times, which a person may have written, as the journal has them."""
    schema = SCHEMAS.get(str(fields.get("type")))
    for field in (*COMMON, *(schema.fields if schema else ())):
        value = fields.get(field.name) if field.kind == "time" else None
        if type(value) is str and value:
            try:
                fields[field.name] = clock.to_text(_read_time(value, now))
            except BadData as error:
                raise BadData(f"{field.name}: {error.what}", cure=error.cure) from None
    return fields


def _read_time(text: str, now: int) -> int:
    try:
        return clock.parse(text)
    except BadData:
        from ..ground import when  # a program's own time need not pay for it

        return when.read_instant(text, now)


def append_lines(
    home: Home, lines: Iterable[bytes], author: Author, session: Any
) -> Iterator[Fields]:
    """Append the events of JSON Lines, and yield each once it is on disk; one that was there is
    left out. `session` gives the clock and takes reports of lines that are refused, of which
    nothing is written (cli.Session)."""
    mint, last, repeats, left_out = Mint(), 0, journal.Repeats(home), 0
    try:
        for batch in stream.list_batches(lines):
            now, drafts, events = session.now, [], []
            for number, line in batch:
                try:
                    draft = read_times(grammar.parse_object(line), now)
                    event = journal.compose(draft, now, mint, author)
                    grammar.render(event)  # one that is too long is this line's fault
                    drafts.append(draft)
                    events.append(event)
                except Failure as failure:
                    failure.place = f"{INPUT}:{number}"
                    session.report(failure)
            try:
                dry_run = session.dry_run
                new = journal.append_missing(home, drafts, events, repeats, dry_run=dry_run)
            except (Failure, OSError) as error:
                told = error if isinstance(error, Failure) else files.to_failure(error)
                if last:
                    told.cure = f"up to line {last} all is written, and nothing after it"
                raise told from None
            last, left_out = batch[-1][0], left_out + len(events) - len(new)
            yield from new
    except KeyboardInterrupt:
        session.say(f"interrupted; up to line {last} all is written")
        raise
    if left_out:
        session.remark(f"{left_out} events were there already")
