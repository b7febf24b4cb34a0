"""Writing pages: what may become one, and changing one.

Owns the refusals: a near-duplicate, a name that is taken, a secret, what a recall had injected, what the agent may not do to a
page. A page is on disk before anything says so. Only a command that somebody gave comes here: nothing is written unasked.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from ..formats import day
from ..formats.log import injected_blocks
from ..formats.page import likeness, page, page_edit, page_links, triple
from ..formats.page.triple import Triple
from ..ground import clock, exchange, files
from ..ground.errors import NO_MATCH, BadData, Failure, NoInput, NotPermitted
from ..index import pages as rows
from ..index import store
from ..index.store import Store
from ..truth.log import reader
from ..truth.pages import maintenance, page_files, retention
from . import forgetting
from .moments import Means

FOREVER = 1 << 30  # days
LARGEST = 256 * 1024  # bytes of a body
MOST_NUMBERS = 1000  # of pages whose titles give the same name, that are looked at


class Draft(NamedTuple):
    """A page that is still to be written. `fields` are values as formats.page.page_edit takes them; `cites` are references."""

    fields: Mapping[str, Any]
    body: str
    name: str = ""  # '' makes one of the title
    place: str = page_files.KNOWLEDGE
    cites: Sequence[str] = ()


class Written(NamedTuple):
    path: str
    fresh: bool  # False: it was there already, word for word
    conflicts: Sequence[str] = ()  # where saves of a person that collided with the change are kept

    @property
    def ref(self) -> str:
        return f"{self.path}:1"


def kind(means: Means, observe: bool, compaction: bool) -> tuple[str, str, str]:
    """Folder, type and source of a page that a command is to write, unless it says otherwise."""
    if observe:
        return page_files.OBSERVATIONS, page.FALLBACK_TYPE, "observe"
    if compaction:
        return page_files.COMPACTION, "compaction", "compaction"
    return page_files.KNOWLEDGE, page.FALLBACK_TYPE, "agent" if means.inside else "explicit"


# --- what may be written


def fields(means: Means, given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they go into a head, from what a person or a line of JSON gave. BadData says which does not fit."""
    made: dict[str, Any] = {}
    for key, value in given.items():
        if value is None:
            continue
        if key in ("date", "valid_from", "valid_to"):
            made[key] = _day(key, value)
            if key == "date" and not made[key]:
                raise BadData("a page has a date", cure="give one, such as 2026-05-08")
        elif key == "tags":
            made[key] = [_tag(tag) for tag in _texts(key, value) if tag.strip()]
        elif key == "triples":
            made[key] = [_triple(each) for each in _list(key, value)]
        elif key in ("type", "tier"):
            made[key] = _choice(key, value)
        elif key == "image":
            made[key] = _image(means, _text(key, value))
        elif key == "supersedes":
            made[key] = [
                page.name_of(page_files.find_page(means.home, name)) for name in _texts(key, value)
            ]
        else:
            made[key] = _text(key, value)
    if made.get("valid_from") and made.get("valid_to") and made["valid_to"] < made["valid_from"]:
        raise BadData("valid_to is before valid_from", cure="mend one of them")
    return made


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise BadData(f"'{key}' is no text on one line", cure="give one")
    return value.strip()


def _list(key: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise BadData(f"'{key}' is no list", cure="give a list")
    return value


def _texts(key: str, value: Any) -> list[str]:
    return [_text(key, each) for each in ([value] if isinstance(value, str) else _list(key, value))]


def _choice(key: str, value: Any) -> str:
    choices = page.TYPES if key == "type" else page.TIERS
    if value not in choices:
        raise BadData(f"unknown {key} '{str(value)[:40]}'", cure=f"use one of {', '.join(choices)}")
    return value


def _day(key: str, value: Any) -> date | None:
    text = _text(key, value)
    found = day.parse_iso(text) or day.guess(text)
    if text and not found:
        raise BadData(f"'{text[:40]}' is no day", cure=f"write {key} as 2026-05-08")
    return found


def _tag(tag: str) -> str:
    tag = tag.strip().lstrip("#")
    if page.key_in_tag(tag):
        raise BadData(f"the tag '{tag[:40]}' says a type or a tier", cure="use --type and --tier")
    return tag


def _triple(value: Any) -> Triple:
    parts = _texts("triples", value)
    if len(parts) != 3 or not all(parts) or not triple.normalize_predicate(parts[1]):
        raise BadData("a triple has a subject, a predicate and an object", cure="give three texts")
    made = triple.normalize(Triple(*parts))
    if made.predicate in triple.COPULAS | triple.VAGUE:
        raise BadData(
            f"the predicate '{parts[1]}' says nothing by itself",
            cure="name the relation: not 'x is owner of y' but 'x owns y'",
        )
    return made


def _image(means: Means, path: str) -> str:
    if not path:
        return ""
    part = means.home.relative(path)
    if not os.path.isfile(means.home.path(part)):
        raise NoInput(
            f"no such picture: '{path}'", cure="put it below the home first, into raw/images"
        )
    return part


def from_json(means: Means, line: bytes) -> Draft:
    """A draft from one line of `mem-note --jsonl`. BadData says what is wrong."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadData(f"no JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("body"), str):
        raise BadData("no 'body'", cure='write {"body": "…", "type": "…", "name": "…"}')
    body, name, cites = (
        value.pop("body"),
        value.pop("name", "") or "",
        value.pop("sources", None) or [],
    )
    if unknown := sorted(set(value) - set(page.KEYS)):
        raise BadData(f"unknown key '{unknown[0][:40]}'", cure=f"use {', '.join(page.KEYS)}")
    if "type" not in value:
        raise BadData("no 'type'", cure=f"use one of {', '.join(page.TYPES)}")
    return Draft(
        fields(means, value),
        body,
        page.check_name(_text("name", name)) if name else "",
        cites=_texts("sources", cites),
    )


def body_of(data: bytes) -> str:
    """A body as it was given: text in UTF-8, its lines ended by \\n."""
    try:
        return data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadData(
            "no UTF-8",
            place=f"<stdin>:{data.count(chr(10).encode(), 0, error.start) + 1}",
            cure="send text",
        ) from None


def _check(means: Means, made: Mapping[str, Any], body: str, force: bool) -> None:
    """BadData for what no page may hold."""
    if any("\ud800" <= char <= "\udfff" for char in body):
        raise BadData("half of a surrogate pair in the body", cure="send text")
    if len(body.encode()) > LARGEST:
        raise BadData(f"a body of more than {LARGEST // 1024} KB", cure="make several pages of it")
    if "\0" in body:
        raise BadData("a NUL in the body", cure="send text")
    if page.has_frontmatter(body):
        raise BadData(
            "a text with a head of its own",
            cure="give its fields by options, and only what stands below the head",
        )
    if injected_blocks.strip(body) != body:
        raise BadData(
            "a block that a recall had injected is no knowledge",
            cure="say it in your own words, and cite the log with --cite",
        )
    said = "\n".join([body, *(str(value) for value in made.values())])
    if not force and means.env.mask(said) != said:
        line = next(
            (n for n, row in enumerate(body.split("\n"), 1) if means.env.mask(row) != row), 1
        )
        raise BadData(
            "something that looks like a secret",
            place=f"<stdin>:{line}",
            cure="leave it out; --force if it is none",
        )


# --- writing


def write(means: Means, draft: Draft, *, force: bool = False) -> Written:
    """A new page, on disk. A near-duplicate of one that is there, or a name that is taken, is a Failure with code 1."""
    body = draft.body.strip("\n")
    _check(means, draft.fields, body, force)
    if draft.place != page_files.KNOWLEDGE and (
        draft.fields.get("triples") or draft.fields.get("supersedes")
    ):
        raise BadData(
            "only a page of knowledge states facts, or takes another's place",
            cure="write one with --type",
        )
    if not body.strip() and not draft.fields.get("triples"):
        raise BadData("nothing to write", cure="give the text on standard input, or --triple")
    made = _ordered(means, draft)
    name = (
        draft.name
        or page.slugify(page.parse(body.encode(), "x").title if body.startswith("#") else body)
        or "page"
    )
    if image := made.get("image"):
        shown = any(
            target.name == image for target in page_links.find_images(page.parse(body.encode(), ""))
        )
        body += "" if shown else f"\n\n{page_edit.render_image(image)}"
    data = page_edit.compose(made, body)
    if draft.place != page_files.KNOWLEDGE:
        name = f"{clock.to_stamp(means.now()).lower()}-{name}"
    with maintenance.lock(means.home):
        written = _create(means, draft, name, data, body, force)
        if written.fresh:
            _count(means)
        elif maintenance.is_retention_due(
            means.home
        ):  # whoever wrote it may have been killed in the middle of that
            forgetting.retain(means)
    past = (
        retention.judge_page(page.parse(data, written.path), day.from_instant(means.now()))
        if draft.place == page_files.KNOWLEDGE
        else None
    )
    if past:
        means.say(f"{written.path}: {past.finding.message}; retention deletes it next time")
    return written


def _ordered(means: Means, draft: Draft) -> dict[str, Any]:
    """The fields in the order in which formats.page names them, with their defaults and citations."""
    given = {"date": day.from_instant(means.now()), "tier": page.FALLBACK_TIER, **draft.fields}
    cited = [_cited(means, ref) for ref in draft.cites]
    return {
        key: value for key in page.KEYS if (value := cited if key == "sources" else given.get(key))
    }


def _cited(means: Means, ref: str) -> str:
    event = reader.read_event(means.home, ref.split(" sha256:")[0])
    return page.cite(event.ref, event.content)


def _create(means: Means, draft: Draft, name: str, data: bytes, body: str, force: bool) -> Written:
    exchange.recover_all(means.home.path(draft.place))
    if there := _same(means, draft, name, body):
        files.sync_with_parent(
            os.path.dirname(means.home.path(there))
        )  # whoever wrote it may have been killed before that
        return Written(there, False)
    if draft.name:
        _refuse_taken(means, draft.place, name)
    if not force and draft.place != page_files.OBSERVATIONS:
        _refuse_near(means, draft.place, body)
    return Written(
        page_files.create_page(means.home, draft.place, name, data, numbered=not draft.name), True
    )


def _same(means: Means, draft: Draft, name: str, body: str) -> str:
    """The path of a page of this name that says all of it already, '' when there is none: what was cut off can be done again."""
    given = {
        key: value
        for key, value in _ordered(means, draft).items()
        if key in draft.fields or key == "sources"
    }
    numbers = (
        ("", *(f"-{number}" for number in range(2, MOST_NUMBERS))) if not draft.name else ("",)
    )
    for number in numbers:
        path = f"{draft.place}/{name}{number}.md"
        try:
            old = page_files.read_whole(means.home, path)
        except (OSError, Failure):  # there is none, or what can never be read to its end
            break
        if page.parse(old, path).body.strip("\n") == body and _says(old, path, given):
            return path
    return ""


def _says(old: bytes, path: str, given: Mapping[str, Any]) -> bool:
    """Whether a page has these fields: setting them would change nothing that is read."""
    try:
        made = page_edit.set_fields(old, path, given)
    except BadData:
        return False
    return page.parse(old, path)._replace(lines={}, problems=[]) == page.parse(made, path)._replace(
        lines={}, problems=[]
    )


def _refuse_taken(means: Means, place: str, name: str) -> None:
    try:
        there = page_files.find_page(means.home, f"{place}/{name}.md")
    except NoInput:
        return
    raise Failure(
        f"there is a page '{there}' that says something else",
        cure=f"change it with --update {_argument(there)}",
        code=NO_MATCH,
    )


def _argument(path: str) -> str:
    """What --update takes for a page."""
    return page.name_of(path) if path.startswith(f"{page_files.KNOWLEDGE}/") else path


def _refuse_near(means: Means, place: str, body: str) -> None:
    """A Failure when a page of the place says nearly the same."""
    mine = likeness.extract_features(body)

    def work(opened: Store) -> list[tuple[float, str]]:
        rows.take_in(opened)
        return rows.near(opened, body)

    for _, path in store.use(means.home, work, means.say):
        if not path.startswith(f"{place}/"):
            continue
        try:
            share = likeness.measure_share(
                mine, likeness.extract_features(page_files.read_page(means.home, path).body)
            )
        except (OSError, Failure):  # gone meanwhile
            continue
        if share >= likeness.ALIKE:
            cure = f"change it with --update {_argument(path)}, or insist with --force"
            raise Failure(
                f"'{path}' says {'the same' if share == 1 else f'{share:.0%} of it'} already",
                cure=cure,
                code=NO_MATCH,
            )


def update(
    means: Means,
    name: str,
    changed: Mapping[str, Any],
    body: str | None,
    cites: Sequence[str],
    *,
    force: bool = False,
) -> Written:
    """Fields or body of a page that is there; all else of it stays, and so does what a person saves at this moment.

    A new body dates the page today, unless a date is given.
    """
    _check(means, changed, body or "", force)
    made = dict(changed)
    if cites:
        made["sources"] = [_cited(means, ref) for ref in cites]
    if body is not None and "date" not in made:
        made["date"] = day.from_instant(means.now())
    with maintenance.lock(means.home):
        path = page_files.find_page(means.home, name)
        kept: set[bytes] = set()

        def edit(data: bytes) -> bytes:
            if means.inside:
                _protect(means, path, data, made, body, kept)
            return page_edit.set_fields(data, path, made, body)

        conflicts = page_files.change_page(means.home, path, edit)
        _count(means)
    return Written(path, True, conflicts)


def _protect(
    means: Means,
    path: str,
    data: bytes,
    made: Mapping[str, Any],
    body: str | None,
    kept: set[bytes],
) -> None:
    """What the agent may not do to a page: let it age faster, or replace its text so that nobody can read it any more.

    The page as it was is kept among the observations, for the next audit. NotPermitted for the former.
    """
    old = page.parse(data, path)
    days = [retention.DATED.get(kind, FOREVER) for kind in (made.get("type", old.type), old.type)]
    if days[0] < days[1] or old.day and made.get("date", old.day) < old.day:
        raise NotPermitted(
            "refused from inside the sandbox: the page would be deleted earlier",
            place=path,
            cure="ask the user to do it",
        )
    if body is not None and old.body.strip() and data not in kept:
        name = f"{clock.to_stamp(means.now()).lower()}-{page.slugify(old.name) or 'page'}-before"
        page_files.create_page(means.home, page_files.OBSERVATIONS, name, data, numbered=True)
        kept.add(data)


def _count(means: Means) -> None:
    """One write more; every 50th lets go what is past. The caller holds the lock."""
    if maintenance.count_write(means.home, means.now()):
        forgetting.retain(means)
