"""Writing pages: making one, and changing one.

Owns the refusals: a near-duplicate, a name that is taken, what the agent may not do to a page. A
page is on disk before anything says so. Pages are written only by an explicit command, never
extracted by a model.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..formats.page import likeness, page, page_edit, page_images, page_keys
from ..ground import clock, exchange, files
from ..ground.errors import NO_MATCH, BadData, Failure, NotPermitted
from ..ground.zone import to_day
from ..truth.log import reader
from ..truth.pages import maintenance, page_files
from . import Memory
from .drafting import PageDraft, check, from_json

FOREVER = 1 << 30  # days
MOST_NUMBERS = 1000  # of pages whose titles give the same name, that are looked at


class PageWritten(NamedTuple):
    path: str
    fresh: bool  # False: it was there already, word for word
    conflicts: Sequence[str] = ()  # where saves of a person that collided with the change are kept

    @property
    def ref(self) -> str:
        return f"{self.path}:1"


def write(memory: Memory, draft: PageDraft, *, force: bool = False) -> PageWritten:
    """A new page, on disk. A near-duplicate of one that is there, or a name that is taken, is a
    Failure with code 1."""
    body = draft.body.strip("\n")
    check(memory, draft.fields, body, force)
    curated, triples = draft.place == page_files.KNOWLEDGE, draft.fields.get("triples")
    if not curated and (triples or draft.fields.get("supersedes")):
        what = "only a page of knowledge states facts, or takes another's place"
        raise BadData(what, cure="write one with --type")
    if not body.strip() and not triples:
        raise BadData("nothing to write", cure="give the text on standard input, or --triple")
    made = _ordered(memory, draft)
    title = page.parse(body.encode(), "x").title if body.startswith("#") else body
    name = draft.name or page.slugify(title) or "page"
    if image := made.get("image"):
        place = f"{draft.place}/"
        if not page_images.is_shown(page.parse(body.encode(), place), image):
            body += f"\n\n{page_images.render_image(image, place)}"
    data = page_edit.compose(made, body)
    if not curated:
        name = f"{clock.to_stamp(memory.now()).lower()}-{name}"
    with maintenance.lock(memory.home):
        written = _create(memory, draft, name, data, body, force)
        if written.fresh:
            count(memory)
        elif maintenance.is_retention_due(memory.home):  # its writer may have been killed in it
            _retain(memory)
    return written


def write_lines(memory: Memory, lines: Iterable[bytes], session: Any, *, force: bool) -> None:
    """Write a page for each JSON object, and print its reference; a line that cannot be written is
    reported, and the others are. `session` prints and takes the reports (cli.Session)."""
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                session.acknowledge([write(memory, from_json(memory, line), force=force).ref])
        except Failure as failure:
            failure.place = failure.place or f"<stdin>:{number}"
            session.report(failure)


def _ordered(memory: Memory, draft: PageDraft) -> dict[str, Any]:
    """The fields in the order of formats.page.page.KEYS, with defaults and citations."""
    given = {"date": to_day(memory.now()), "tier": page.FALLBACK_TIER, **draft.fields}
    given["sources"] = [_cited(memory, ref) for ref in draft.cites]
    return {key: given[key] for key in page_keys.KEYS if given.get(key)}


def _cited(memory: Memory, ref: str) -> str:
    event = reader.read_event(memory.home, ref.split(" sha256:")[0])
    return page.cite(event.ref, event.content)


def _create(
    memory: Memory, draft: PageDraft, name: str, data: bytes, body: str, force: bool
) -> PageWritten:
    exchange.recover_all(memory.home.path(draft.place))
    if there := _same(memory, draft, name, body):
        # whoever wrote it may have been killed before that
        files.sync_with_parent(os.path.dirname(memory.home.path(there)))
        return PageWritten(there, False)
    if draft.name:
        _refuse_taken(memory, draft.place, name)
    if not force and draft.place != page_files.OBSERVATIONS:
        _refuse_near(memory, draft.place, body)
    path = page_files.create_page(memory.home, draft.place, name, data, numbered=not draft.name)
    return PageWritten(path, True)


def _same(memory: Memory, draft: PageDraft, name: str, body: str) -> str:
    """The path of a page of this name that says all of it already, '' when there is none: what was
    cut off can be done again."""
    asked = {*draft.fields, "sources"}
    given = {key: value for key, value in _ordered(memory, draft).items() if key in asked}
    for number in range(1, 2 if draft.name else MOST_NUMBERS):
        path = f"{draft.place}/{name}{f'-{number}' if number > 1 else ''}.md"
        try:
            old = page_files.read_whole(memory.home, path)
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
    before, after = (page.parse(data, path) for data in (old, made))
    alike = [each.triple for each in before.triples] == [each.triple for each in after.triples]
    # whatever lines they are on
    nowhere: dict[str, Any] = {
        "lines": {}, "problems": [], "triples": (), "linked": (), "body_line": 0,
    }  # fmt: skip
    return alike and before._replace(**nowhere) == after._replace(**nowhere)


def _refuse_taken(memory: Memory, place: str, name: str) -> None:
    there = next(iter(page_files.find_alike(memory.home, place, name)), "")
    if not there:
        return
    cure = f"change it with --update {_argument(memory, there)}"
    raise Failure(f"there is a page '{there}' that says something else", cure=cure, code=NO_MATCH)


def _argument(memory: Memory, path: str) -> str:
    """What --update takes for a page."""
    name = page_files.short_name(memory.home, path)
    return name if path.startswith(f"{page_files.KNOWLEDGE}/") else path


def _refuse_near(memory: Memory, place: str, body: str) -> None:
    """A Failure when a page of the place says nearly the same."""
    mine = likeness.extract_features(body)
    for path in _near(memory, mine):
        if not path.startswith(f"{place}/"):
            continue
        try:
            there = page_files.read_page(memory.home, path)
        except (OSError, Failure):  # gone meanwhile
            continue
        share = likeness.measure_share(mine, likeness.extract_features(there.body))
        if share >= likeness.ALIKE:
            what = f"'{path}' says {'the same' if share == 1 else f'{share:.0%} of it'} already"
            cure = f"change it with --update {_argument(memory, path)}, or insist with --force"
            raise Failure(what, cure=cure, code=NO_MATCH)


def _near(memory: Memory, features: frozenset[str]) -> list[str]:
    """Paths of pages that may be near-duplicates of a text, most alike first."""
    mine, least = likeness.sketch(features), likeness.ALIKE - likeness.SLACK
    if not mine:
        return []
    near: list[tuple[float, str]] = []
    for index in memory.opened():
        with index:
            found = index.find_alike(mine)
            shares = [(likeness.estimate(mine, theirs), path) for path, theirs in found]
            near = [(-share, path) for share, path in shares if share >= least]
    return [path for _, path in sorted(near)]


def update(
    memory: Memory,
    name: str,
    changed: Mapping[str, Any],
    body: str | None,
    cites: Sequence[str],
    *,
    force: bool = False,
) -> PageWritten:
    """Fields or body of a page that is there; all else of it stays, and so does what a person saves
    at this moment. A new body dates the page today, unless a date is given."""
    check(memory, changed, body or "", force)
    made = dict(changed)
    if cites:
        made["sources"] = [_cited(memory, ref) for ref in cites]
    if body is not None and "date" not in made:
        made["date"] = to_day(memory.now())
    page_files.find_page(memory.home, name)  # what is refused makes no folder for a lock
    with maintenance.lock(memory.home):
        path = page_files.find_page(memory.home, name)
        kept: set[bytes] = set()

        def edit(data: bytes) -> bytes:
            if memory.inside:
                _protect(memory, path, data, made, body, kept)
            before = page.parse(data, path).image
            return page_images.keep_shown(
                page_edit.set_fields(data, path, made, body), path, before
            )

        conflicts = page_files.change_page(memory.home, path, edit)
        count(memory)
    return PageWritten(path, True, conflicts)


def _protect(
    memory: Memory,
    path: str,
    data: bytes,
    made: Mapping[str, Any],
    body: str | None,
    kept: set[bytes],
) -> None:
    """What the agent may not do to a page: let it age faster (NotPermitted), or replace its text so
    that nobody can read it any more: it is kept among the observations, for the next audit."""
    from ..truth.pages import retention

    old = page.parse(data, path)
    new = page.parse(page_edit.set_fields(data, path, made, body), path)
    days = [retention.life(one) or FOREVER for one in (new, old)]
    if days[0] < days[1] or old.day and made.get("date", old.day) < old.day:
        what = "refused from inside the sandbox: the page would be deleted earlier"
        raise NotPermitted(what, place=path, cure="ask the user to do it")
    if body is not None and old.body.strip() and data not in kept:
        name = f"{clock.to_stamp(memory.now()).lower()}-{page.slugify(old.name) or 'page'}-before"
        page_files.create_page(memory.home, page_files.OBSERVATIONS, name, data, numbered=True)
        kept.add(data)


def count(memory: Memory) -> None:
    """One write more; every 50th lets go what is past. The caller holds the lock."""
    if maintenance.count_write(memory.home, memory.now()):
        _retain(memory)


def _retain(memory: Memory) -> None:
    from . import forgetting  # every 50th write needs it

    forgetting.retain(memory)
