"""Checking and fixing pages: `mem-lint` without `--logs`.

What is wrong with a page by itself is told by `formats.page`; `checks` look at it among the others,
at what it points at, and at the time. Changes nothing but what has a single possible correction;
refuses to know the index."""

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

from ...formats.page import likeness, page, page_images, page_links, repairs
from ...formats.page.page import Page
from ...ground import exchange, file_states, files
from ...ground.errors import Failure, NoInput, NotPermitted
from ...ground.paths import Home
from ...ground.zone import to_day
from ..log.verify import Finding
from . import maintenance, page_facts, page_files, retention, skill_heads
from .checks import duplicates, registry
from .checks.vault import Vault
from .foreign import ForeignVault
from .page_facts import Mask, PageFacts
from .page_files import list_entries
from .vault_rules import VaultRules


def find_problems(
    home: Home,
    wanted: Sequence[str],
    now: int,
    mask: Mask,
    progress: Callable[[int, int], None] = lambda done, of: None,
    *,
    dry: bool = False,
) -> Iterator[Finding]:
    """What is wrong with these pages, or with all when none is named. `mask` hides secrets; `dry`:
    nothing is kept for the next time."""
    yield from (_finding(*found) for found in _findings(home, wanted, now, mask, progress, dry))


def _findings(
    home: Home,
    wanted: Sequence[str],
    now: int,
    mask: Mask,
    progress: Callable[[int, int], None],
    dry: bool,
) -> Iterator[Finding]:
    is_kept = hasattr(mask, "values") and not isinstance(home, ForeignVault)
    known = page_facts.KnownFacts(home if is_kept else None, mask, whole=not wanted)
    facts: dict[str, PageFacts] = {}
    entries = [one for place in page_files.places(home) for one in list_entries(home, place)]
    for number, (path, entry) in enumerate(entries, 1):
        try:
            state = file_states.state_of(entry.stat())
            one = known.find(path, state)
            if one is None:
                progress(number, len(entries))
                one = _read(home, path, mask)
                known.keep(path, state, one)
            facts[path] = one
        except (OSError, Failure) as error:
            if not wanted or path in wanted:
                what = f"cannot be read: {files.to_failure(error).what}"
                yield Finding(path, 1, "text", what)
    checked = [facts[path].page for path in wanted or facts if path in facts]
    vault = Vault(home, facts, checked, known, to_day(now), whole=not wanted)
    checks = list(registry.load(registry.OF_PAGES))
    for read in checked:
        problems = chain.from_iterable(check.find_problems(read, vault) for check in checks)
        every = chain(read.problems, facts[read.path].problems, problems)
        yield from (Finding(read.path, *problem) for problem in vault.list_wrong(read, every))
    for check in registry.load(registry.OF_VAULTS):
        yield from check.find_findings(vault)
    if not dry:
        known.save()


def _read(home: Home, path: str, mask: Mask) -> PageFacts:
    data = page_files.read_content(home, path)
    scanned = page_facts.scan(
        chain([data], page_files.read_rest(home, path, len(data))), len(data), mask
    )
    return _extract(page.parse(data, path), scanned)


def _extract(one: Page, scanned: page_facts.ByteScan) -> PageFacts:
    checks = registry.load(registry.OF_ONE)
    features = likeness.extract_features(one.body)
    text = " ".join(one.body.split())
    return PageFacts(
        one._replace(body=""),
        [problem for check in checks for problem in check.find_problems(one, scanned)],
        page_links.find_links(one),
        page_links.find_images(one),
        bool(one.image) and page_images.is_shown(one, one.image),
        scanned.is_template,
        duplicates.count_words(one.body),
        page_facts.digest(one.body),
        page_facts.digest(text) if text else "",
        likeness.sketch(features),
    )


def _finding(path: str, line: int, code: str, message: str) -> Finding:
    """A finding on one line, whatever a page is called, and says that it quotes."""
    if not message.isprintable():
        message = "".join(c if c.isprintable() else "\ufffd" for c in message)
    return Finding(page_files.to_printable(path), line, code, message)


def fix(home: Home, wanted: Sequence[str], *, dry: bool) -> Iterator[Finding | Failure]:
    """Fix what has a single possible correction (formats.page.repairs), each page for itself. Says
    what was, or with `dry` would be, done. A failure is of one page; the others are fixed. A person
    may be saving the page at this moment: the repair is made on what they saved."""
    rules = VaultRules(home)
    if not dry:
        _settle(home, wanted)
    for path in wanted or list(page_files.list_paths(home)):
        try:
            data = page_files.read_whole(home, path)
        except (OSError, Failure):  # gone meanwhile, or not to be read: findings says so
            continue
        made = _repair(rules, data, path, named=bool(wanted))
        if not wanted and (shorter := _shortened(data, made.data, path)):
            yield _finding(path, 1, "unfixed", shorter)
            continue
        if made.done and not dry:
            try:
                made = _fix_page(rules, path, named=bool(wanted))
            except NoInput:  # gone meanwhile
                continue
            except OSError as error:
                yield files.to_failure(error)
                continue
            except Failure as failure:
                yield failure
                continue
        for line, code, message in made.done:
            yield _finding(path, line, f"{'fixable' if dry else 'fixed'}-{code}", message)
    if not wanted and not rules.is_foreign:
        yield from skill_heads.fix(home, dry=dry)


def _shortened(data: bytes, made: bytes, path: str) -> str:
    """What a repair would do to the life of a page that is kept for ever; '' when nothing."""
    if data == made or not page_files.is_knowledge(path):
        return ""
    old, new = page.parse(data, path), page.parse(made, path)
    days = retention.life(new)
    if days is None or retention.life(old) is not None:
        return ""
    cure = f"mem-lint --fix {shlex.quote(path)} does"
    return f"once it is fixed, it is {new.type} of {new.day}, kept {days} days; {cure}"


def _settle(home: Home, wanted: Sequence[str]) -> None:
    """Clear up after repairs that were cut off, and make durable what they did."""
    paths = wanted or page_files.list_paths(home)
    for place in sorted({*map(os.path.dirname, paths), *page_files.places(home)}):
        if exchange.find_leftovers(folder := home.path(place)):
            with maintenance.lock(home):
                exchange.recover_all(folder)
        if os.path.isdir(folder):
            files.sync_folder(folder)


def _repair(rules: VaultRules, data: bytes, path: str, *, named: bool) -> repairs.Repaired:
    """The page, repaired: of one that its owner keeps by other rules than ours, what is wrong by
    any; of a template nothing."""
    read = page.parse(data, path)
    if rules.is_fixed_as_ours(read, named):
        return repairs.repair(data, path, partial(_is_there, rules.home))
    if rules.is_template(read, page.is_template(data)):
        return repairs.Repaired(data, [])
    return repairs.repair(data, path, syntax_only=True)


def _fix_page(rules: VaultRules, path: str, *, named: bool) -> repairs.Repaired:
    """Fix a page. What was done is that of the last try: a person's save may bring more."""
    last = repairs.Repaired(b"", [])

    def edit(data: bytes) -> bytes:
        nonlocal last
        last = _repair(rules, data, path, named=named)
        return last.data

    with maintenance.lock(rules.home):
        page_files.change_page(rules.home, path, edit, settled=True)
    return last


def _is_there(home: Home, image: str) -> bool:
    try:
        return os.path.isfile(home.path(home.relative(image)))
    except (NotPermitted, ValueError):
        return False


def resolve_page(home: Home, path: str) -> str:
    """The page that an argument names, relative to the home. NoInput, NotPermitted."""
    part = home.relative(path)
    check_place(home, part, path)
    if not os.path.isfile(home.path(part)):
        raise page_files.describe_missing(home, f"no such page: '{path}'")
    return part


def check_place(home: Home, part: str, said: str) -> None:
    """NotPermitted where no page of ours, or of somebody's vault, can be."""
    if isinstance(home, ForeignVault):
        return
    if page_files.is_foreign(part):
        what = f"'{said}' belongs to the program that put it under raw/"
        raise NotPermitted(what, cure="see mem-audit, which looks at all of raw/")
    if not page_files.place_of(home, part) or not part.endswith(".md"):
        what = f"'{said}' is neither a page nor a window"
        raise NotPermitted(what, cure="give a path such as knowledge/tea.md")
