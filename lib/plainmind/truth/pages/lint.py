"""What is wrong with pages: each alone (formats.page), with the others, with what they point at, and with time.

    head, yaml, text, twice, date, type, tier, tags, triples, predicate, entity, source, image, sources, supersedes, validity
                  what formats.page says of one page
    name          a name that another page has but for case, spaces or hyphens: a link may mean either; or one that no line of
                  output can name, or a link that leads out of the home: nothing reads those
    folder        a page in a folder below knowledge/, where nothing reads it
    duplicate     word for word what another page says
    near-duplicate   four words in five, and pairs of neighbouring words, are another page's
    stale         of type user or project, and dated more than a year ago
    expired       what retention will delete
    future        dated after tomorrow
    link          a link to a page that is not there
    image         a picture that is not there
    sources       an event it rests on that is gone, or says something else now
    supersedes    a page it takes the place of that is not there, or itself, round in a circle
    superseded    still L1, though another page takes its place or its last day is past
    size          more than 1,000 estimated tokens in L1, or 4,000 in L2: a turn is given only a part of it
    secret        something that looks like a key, a token or a webhook
    recalled      what a recall had put before a message, stored as if it were known

Owns these checks. Changes nothing; refuses to know the index.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from math import ceil
from typing import NamedTuple

from ...formats import day
from ...formats.log import injected_blocks
from ...formats.page import likeness, page, page_links, repairs
from ...formats.page.page import Page
from ...ground import exchange, files
from ...ground.errors import Failure, NoInput, NotPermitted
from ...ground.paths import Home
from ...ground.tokens import CHARACTERS
from ..log import reader
from ..log.verify import Finding
from . import maintenance, page_files, retention

STALE_DAYS = 365
MOST_L1, MOST_L2 = 1000, 4000  # tokens
LONGEST_SECRET = 4096  # bytes, of one that two pieces of a page have between them


def find_problems(
    home: Home, wanted: Sequence[str], now: int, mask: Callable[[str], str]
) -> Iterator[Finding]:
    """What is wrong with these pages (all there are, when none is named). `mask` hides secrets in a text."""
    yield from (_finding(*found) for found in _findings(home, wanted, now, mask))


def _findings(
    home: Home, wanted: Sequence[str], now: int, mask: Callable[[str], str]
) -> Iterator[Finding]:
    known: dict[str, Page] = {}
    looked: dict[str, _Looked] = {}
    for path in page_files.list_paths(home):
        try:
            data = page_files.read_content(home, path)
            if not wanted or path in wanted:
                looked[path] = _looked(
                    chain([data], page_files.read_rest(home, path, len(data))), len(data), mask
                )
        except (OSError, Failure) as error:
            if not wanted or path in wanted:
                what = (files.to_failure(error) if isinstance(error, OSError) else error).what
                yield Finding(path, 1, "text", f"cannot be read: {what}")
            continue
        known[path] = page.parse(data, path)
    checked = [known[path] for path in wanted or known if path in known]
    vault = _Vault(home, known)
    for each in checked:
        own = list(each.problems)
        own += vault.problems(each)
        own += _of_time(each, now)
        own += _of_text(each, looked[each.path].times)
        own += looked[each.path].secrets
        yield from (Finding(each.path, *problem) for problem in sorted(own))
    yield from _names(checked, known)
    yield from _duplicates(checked, known)
    if not wanted:
        for path in chain.from_iterable(
            page_files.find_outside(home, place) for place in page_files.PLACES
        ):
            yield Finding(
                path,
                1,
                "name",
                "a link that leads out of the home, where nothing is read; put the file in its place",
            )
        yield from _folders(home)


def _finding(path: str, line: int, code: str, message: str) -> Finding:
    """A finding on one line, whatever a page is called, and says that it quotes."""
    message = (
        message
        if message.isprintable()
        else "".join(c if c.isprintable() else "\ufffd" for c in message)
    )
    return Finding(page_files.to_printable(path), line, code, message)


class _Vault:
    """All pages, for what one says of others."""

    def __init__(self, home: Home, known: Mapping[str, Page]):
        self.home = home
        self._places: dict[str, str] = {}
        for path, each in known.items():
            if path.startswith(f"{page_files.KNOWLEDGE}/"):
                self._places.setdefault(page.link_key(each.name), path)
        self._successors: dict[str, str] = {}
        for each in known.values():
            for name in each.supersedes:
                self._successors.setdefault(page.link_key(name), each.name)
        self._supersedes = {
            page.link_key(each.name): [page.link_key(n) for n in each.supersedes]
            for each in known.values()
        }
        self._opened: dict[str, dict[int, str]] = {}

    def problems(self, each: Page) -> Iterator[page.PageProblem]:
        for target in page_links.find_links(each):
            if page.link_key(page.name_of(target.name)) not in self._places:
                yield page.PageProblem(
                    target.line, "link", f"no page '{target.name[:80]}'; make it, or mend the link"
                )
        for target in page_links.find_images(each):
            if not self._is_there(each.path, target.name):
                yield page.PageProblem(
                    target.line,
                    "image",
                    f"no file '{target.name[:80]}'; put it there, or mend the link",
                )
        if each.image:
            yield from self._image(each)
        for cited in each.sources:
            yield from self._source(cited)
        yield from self._supersession(each)

    def _image(self, each: Page) -> Iterator[page.PageProblem]:
        line = each.lines["image"]
        try:
            self.home.relative(each.image)
        except NotPermitted:
            yield page.PageProblem(
                line, "image", f"'{each.image[:80]}' is outside the home; keep it in raw/images"
            )
            return
        if not os.path.isfile(self.home.path(each.image)):
            yield page.PageProblem(
                line,
                "image",
                f"no file '{each.image[:80]}' in the home; put it there, or remove the key",
            )
        elif not any(target.name == each.image for target in page_links.find_images(each)):
            yield page.PageProblem(
                line,
                "image",
                f"'{each.image[:80]}' is not shown in the body; mem-lint --fix shows it",
            )

    def _is_there(self, path: str, name: str) -> bool:
        for place in (
            name.lstrip("/"),
            os.path.join(os.path.dirname(path), name),
            f"raw/images/{name}",
        ):
            try:
                if "\0" not in name and os.path.isfile(self.home.path(self.home.relative(place))):
                    return True
            except (NotPermitted, ValueError):
                continue
        return False

    def _source(self, cited: page.Citation) -> Iterator[page.PageProblem]:
        path, _, line = cited.ref.rpartition(":")
        if path not in self._opened:
            try:
                opened = reader.read_window(self.home, path)
                self._opened[path] = {
                    block.line: opened.event(block).content for block in opened.blocks()
                }
            except Failure:
                self._opened[path] = {}
        content = self._opened[path].get(int(line))
        if content is None:
            yield page.PageProblem(
                cited.line,
                "sources",
                f"no event at {cited.ref}; restore the log, or remove the source",
            )
        elif not page.digest_content(content).startswith(cited.digest[:12]):
            yield page.PageProblem(
                cited.line,
                "sources",
                f"{cited.ref} says something else now; run mem-lint --logs, then look at both",
            )

    def _supersession(self, each: Page) -> Iterator[page.PageProblem]:
        for name in each.supersedes:
            key = page.link_key(name)
            if key not in self._places:
                yield page.PageProblem(
                    each.lines["supersedes"],
                    "supersedes",
                    f"no page '{name[:80]}'; remove it, or mend the name",
                )
            elif self._leads_to(key, page.link_key(each.name)):
                yield page.PageProblem(
                    each.lines["supersedes"],
                    "supersedes",
                    f"'{name[:80]}' takes the place of this page, too; remove one",
                )
        successor = self._successors.get(page.link_key(each.name))
        if each.tier == "L1" and successor:
            yield page.PageProblem(
                each.lines.get("tier", 1),
                "superseded",
                f"still L1, and '{successor}' takes its place; mem-note --update {each.name} --tier L2",
            )

    def _leads_to(self, start: str, goal: str) -> bool:
        seen, edge = set(), [start]
        while edge:
            key = edge.pop()
            if key == goal:
                return True
            if key not in seen:
                seen.add(key)
                edge.extend(self._supersedes.get(key, ()))
        return False


def _of_time(each: Page, now: int) -> Iterator[page.PageProblem]:
    today, line = day.from_instant(now), each.lines.get("date", 1)
    if each.tier == "L1" and each.valid_to and each.valid_to < today:
        yield page.PageProblem(
            each.lines["valid_to"],
            "superseded",
            f"still L1, and its last day was {each.valid_to}; make it L2, or mend the day",
        )
    if not each.day or not each.path.startswith(f"{page_files.KNOWLEDGE}/"):
        return
    age = (today - each.day).days
    if age < -1:
        yield page.PageProblem(
            line, "future", f"dated {each.day}, which is to come; mend the date, or say valid_from"
        )
    elif each.type in ("user", "project") and age > STALE_DAYS:
        yield page.PageProblem(
            line,
            "stale",
            f"dated {each.day}, {age} days ago; if it still holds: mem-note --update {each.name} --date {today}",
        )
    elif expired := retention.judge_page(each, today):
        yield page.PageProblem(
            line,
            "expired",
            f"dated {each.day}, and {expired.rule}; mem-lint --prune --apply deletes it",
        )


def _of_text(each: Page, times: float) -> Iterator[page.PageProblem]:
    """`times`: how long the whole is, of which this was read."""
    if each.lines and page.has_frontmatter(each.body):
        yield page.PageProblem(
            each.body_line, "head", "a second head, which nobody reads; make one of both"
        )
    tokens, most = (
        ceil(len(each.body) * times / CHARACTERS),
        MOST_L1 if each.tier == "L1" else MOST_L2,
    )
    if tokens > most:
        yield page.PageProblem(
            each.body_line,
            "size",
            f"about {tokens:,} tokens, of which a turn is given a part; make pages of at most {most:,}",
        )
    if injected_blocks.strip(each.body) != each.body:
        line = each.body_line + each.body[: each.body.index("INJECTED_CONTEXT_")].count("\n")
        yield page.PageProblem(line, "recalled", "a recall's own block, stored; remove it")
    elif injected_blocks.strip_recalled_lines(each.body) != each.body:
        yield page.PageProblem(
            each.body_line,
            "recalled",
            "lines of a recall's answer, stored; say it in a sentence, and cite the log in 'sources'",
        )


class _Looked(NamedTuple):
    """What there is to say of all of a page's bytes."""

    secrets: list[page.PageProblem]
    times: float  # how long it is, of what is read of it


def _looked(pieces: Iterable[bytes], read: int, mask: Callable[[str], str]) -> _Looked:
    lines: dict[int, None] = {}
    size, number, before = 0, 1, b""
    for piece in pieces:
        size += len(piece)
        data = before + piece
        text = data.decode("utf-8", "replace")
        if mask(text) != text:
            rows = [at for at, row in enumerate(text.split("\n"), number) if mask(row) != row]
            lines |= dict.fromkeys(
                rows or [number]
            )  # one of several lines is found in the whole only
        before = data[-LONGEST_SECRET:]
        before = before[before.find(b"\n") + 1 :]
        number += data.count(b"\n") - before.count(b"\n")
    said = "something that looks like a secret; remove it here, and change it where it is used"
    return _Looked([page.PageProblem(line, "secret", said) for line in lines], size / max(read, 1))


def _names(checked: Sequence[Page], known: Mapping[str, Page]) -> Iterator[Finding]:
    groups: dict[str, list[str]] = defaultdict(list)
    for path in known:
        if path.startswith(f"{page_files.KNOWLEDGE}/"):
            groups[page.link_key(page.name_of(path))].append(path)
    for each in checked:
        if not page_files.is_printable(each.path):
            yield Finding(
                each.path,
                1,
                "name",
                "a control character, or no UTF-8, in its name, so that nothing reads it; rename it",
            )
        others = [path for path in groups.get(page.link_key(each.name), ()) if path != each.path]
        if others and each.path.startswith(f"{page_files.KNOWLEDGE}/"):
            yield Finding(
                each.path, 1, "name", f"a link to it may mean {others[0]} as well; rename one"
            )


def _duplicates(checked: Sequence[Page], known: Mapping[str, Page]) -> Iterator[Finding]:
    """Each pair once, at the later of the two paths."""
    words = {path: likeness.extract_features(each.body) for path, each in known.items()}
    sketches = {path: likeness.sketch(found) for path, found in words.items() if found}
    named = {each.path for each in checked}
    bodies: dict[str, str] = {}
    for path, each in known.items():
        text = " ".join(each.body.split())
        first = bodies.setdefault(text, path) if text else path
        if first != path and (path in named or first in named):
            yield Finding(
                path,
                known[path].body_line,
                "duplicate",
                f"says word for word what {first} says; remove one",
            )
    for one, other in likeness.find_candidates(sketches):
        if not (one in named or other in named) or " ".join(known[one].body.split()) == " ".join(
            known[other].body.split()
        ):
            continue
        share = likeness.measure_share(words[one], words[other])
        if share >= likeness.ALIKE:
            message = f"{share:.0%} of it is in {one} too; make one page of both"
            yield Finding(other, known[other].body_line, "near-duplicate", message)


def _folders(home: Home) -> Iterator[Finding]:
    for folder, folders, names in os.walk(home.path(page_files.KNOWLEDGE)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if folder != home.path(page_files.KNOWLEDGE):
            for name in sorted(names):
                if name.endswith(".md") and not name.startswith("."):
                    path = os.path.relpath(os.path.join(folder, name), home.root)
                    yield Finding(
                        path,
                        1,
                        "folder",
                        "in a folder, where nothing reads it; move it to knowledge/",
                    )


def fix(home: Home, wanted: Sequence[str], *, dry: bool) -> Iterator[Finding | Failure]:
    """Repair what has one right form (formats.page.repairs), each page for itself; says what was, or with `dry` would be, done.
    A failure is of one page, and the others are repaired.

    A person may be saving the page at this moment: the repair is made on what they saved.
    """
    if not dry:
        _settle(home, wanted)
    for path in wanted or list(page_files.list_paths(home)):
        try:
            data = page_files.read_whole(home, path)
        except (OSError, Failure):  # gone meanwhile, or not to be read: findings says so
            continue
        made = repairs.repair(data, path, partial(_is_there, home))
        if made.done and not dry:
            try:
                made = _mend(home, path)
            except NoInput:  # gone meanwhile
                continue
            except OSError as error:
                yield files.to_failure(error)
                continue
            except Failure as failure:
                yield failure
                continue
        yield from (
            _finding(path, line, f"fixed-{code}", message) for line, code, message in made.done
        )


def _settle(home: Home, wanted: Sequence[str]) -> None:
    """Clear up after repairs that were cut off, and make durable what they had done: nobody will do it again."""
    for place in sorted({os.path.dirname(path) for path in wanted} or page_files.PLACES):
        if exchange.find_leftovers(folder := home.path(place)):
            with maintenance.lock(home):
                exchange.recover_all(folder)
        if os.path.isdir(folder):
            files.sync_folder(folder)


def _mend(home: Home, path: str) -> repairs.Repaired:
    """Repair a page; what was done is that of the last try, since a person's save may have brought more."""
    last = repairs.Repaired(b"", [])

    def edit(data: bytes) -> bytes:
        nonlocal last
        last = repairs.repair(data, path, partial(_is_there, home))
        return last.data

    with maintenance.lock(home):
        page_files.change_page(home, path, edit, settled=True)
    return last


def _is_there(home: Home, image: str) -> bool:
    try:
        return os.path.isfile(home.path(home.relative(image)))
    except (NotPermitted, ValueError):
        return False


def resolve_page(home: Home, path: str) -> str:
    """The page that an argument names, relative to the home. NoInput, NotPermitted."""
    part = home.relative(path)
    if os.path.dirname(part) not in page_files.PLACES or not part.endswith(".md"):
        raise NotPermitted(
            f"'{path}' is no page and no window", cure="give a path such as knowledge/tea.md"
        )
    if not os.path.isfile(home.path(part)):
        raise NoInput(
            f"no such page: '{path}'", cure=f"see the names with: ls {home.shell_path('knowledge')}"
        )
    return part
