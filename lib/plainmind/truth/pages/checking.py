"""What `mem-lint` looks at: pages, windows, and the pins; or what its arguments name: a page, a
window, a folder of pages, which may be somebody's vault outside the memory folder."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ...ground.errors import Failure, NoInput, NotPermitted, Usage
from ...ground.paths import Home
from .. import naming
from ..log import verify
from ..log.verify import Finding
from . import foreign, lint, page_files


class Selection(NamedTuple):
    """What is looked at of one folder: `paths` relative to it, all there is when it is `whole`. An
    answer names what is `outside` the memory folder in full, or `relative` to the working directory
    if that is how it was named."""

    home: Home
    paths: Sequence[str] = ()
    whole: bool = False
    outside: bool = False
    relative: bool = False

    def name(self, found: Finding | Failure) -> Finding | Failure:
        if not self.outside or isinstance(found, Failure):
            return found
        full = self.home.path(found.path)
        return found._replace(path=os.path.relpath(full) if self.relative else full)


def resolve_argument(home: Home, path: str, logs: bool, inside: bool) -> Selection:
    """What an argument names. `inside`: the agent asks, whom nothing outside the home is told.
    NoInput, NotPermitted."""
    full = os.path.realpath(path) if "\0" not in path else ""
    outside = not os.path.join(full, "").startswith(os.path.join(os.path.realpath(home.root), ""))
    try:
        if full == os.path.realpath(home.root):
            return Selection(home, whole=True)
        part = home.find(path) if logs else _find(home, path)
        if os.path.isdir(home.path(part)) and not logs:
            return _select_folder(home, part)
        is_log = logs or part.startswith("logs/")
        return Selection(home, [part if is_log else lint.resolve_page(home, part)])
    except (NoInput, NotPermitted):
        is_page = os.path.isdir(full) or full.endswith(".md") and os.path.isfile(full)
        if logs or inside or not outside or not is_page:
            raise
    return _select_outside(path, full)


def _find(home: Home, path: str) -> str:
    """A page's or a window's path; a folder of pages, also from the working directory."""
    part = home.find(path)
    return part if os.path.isdir(home.path(part)) else naming.find(home, path)


def _select_folder(home: Home, part: str) -> Selection:
    inside = [path for path in page_files.list_paths(home) if path.startswith(f"{part}/")]
    if not inside:
        lint.check_place(home, os.path.join(part, "page.md"), part)
    return Selection(home, inside)


def _select_outside(path: str, full: str) -> Selection:
    """A page or a folder of somebody else's vault, or of another memory folder."""
    home, relative = foreign.find_vault(full), not os.path.isabs(path)
    chosen = Selection(home, whole=True)
    if full != home.root:
        part = os.path.relpath(full, home.root)
        chosen = Selection(home, [part])
        if os.path.isdir(full):
            chosen = _select_folder(home, part)
        else:
            lint.check_place(home, part, path)
    return chosen._replace(outside=True, relative=relative)


def _merge(home: Home, chosen: Iterable[Selection] | None) -> list[Selection]:
    """One for each folder; None is all of the home's."""
    merged: dict[str, Selection] = {}
    for one in [Selection(home, whole=True)] if chosen is None else chosen:
        known = merged.get(one.home.root, one._replace(paths=()))
        paths = dict.fromkeys((*known.paths, *one.paths))
        whole, relative = known.whole or one.whole, known.relative and one.relative
        merged[one.home.root] = known._replace(paths=list(paths), whole=whole, relative=relative)
    return list(merged.values())


def fix(home: Home, chosen: Sequence[Selection] | None, dry: bool) -> Iterator[Finding | Failure]:
    """Repair the pages that are chosen, all of the home's for None."""
    for one in _merge(home, chosen):
        named = [path for path in one.paths if not path.startswith("logs/")]
        if named or one.whole:
            yield from map(one.name, lint.fix(one.home, () if one.whole else named, dry=dry))


def check_usage(
    paths: bool, kept: str, logs: bool, apply: bool, prune: bool, fix: bool, graph: bool, dry: bool
) -> None:
    """Usage for what does not go together. `kept`: the option about digests that are kept."""
    if paths and (prune or graph):
        raise Usage("--prune and --kg-health take no paths", cure="leave them out")
    if kept and not logs or kept == "--heads" and paths:
        raise Usage(f"{kept} goes with --logs", cure="and --heads with nothing else")
    if apply and not prune:
        raise Usage("--apply goes with --prune", cure="see first what mem-lint --prune prints")
    if dry and not fix and not prune:
        raise Usage("--dry-run goes with --fix or --prune", cure="without them nothing is changed")


def find_problems(
    home: Home,
    chosen: Sequence[Selection] | None,
    logs: bool,
    now: int,
    mask: Callable[[str], str],
    key: bytes,
    progress: Callable[[int, int], None],
    dry: bool = False,
) -> Iterator[Finding | Failure]:
    """What is wrong; a failure is of one window, and the others are looked at."""
    for one in _merge(home, chosen):
        is_ours = one.home.root == home.root
        windows = [path for path in one.paths if is_ours and (logs or path.startswith("logs/"))]
        named = [path for path in one.paths if path not in windows]
        for wanted in [[path] for path in windows] or ([[]] if logs else []):
            try:
                yield from verify.verify_windows(home, wanted, key, progress)
            except Failure as failure:
                yield failure
        if not logs and (named or one.whole):
            every = () if one.whole else named
            given = one.home, every, now, mask, progress
            yield from map(one.name, lint.find_problems(*given, dry=dry))
            if one.whole and is_ours:
                yield from verify.verify_pins(home)
