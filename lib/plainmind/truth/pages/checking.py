"""What `mem-lint` looks at: pages, or windows, or what its arguments name of both; and the pins."""

from collections.abc import Callable, Iterator, Sequence

from ...ground.errors import Failure
from ...ground.paths import Home
from .. import naming
from ..log import verify
from ..log.verify import Finding
from . import lint


def resolve_argument(home: Home, path: str, logs: bool) -> str:
    """The page or window that an argument names, relative to the home. NoInput, NotPermitted."""
    part = home.find(path) if logs else naming.find(home, path)
    return part if logs or part.startswith("logs/") else lint.resolve_page(home, part)


def fix(home: Home, wanted: Sequence[str], dry: bool) -> Iterator[Finding | Failure]:
    """Repair the pages that are wanted, all when none is named."""
    named = [path for path in wanted if not path.startswith("logs/")]
    if named or not wanted:
        yield from lint.fix(home, named, dry=dry)


def find_problems(
    home: Home,
    wanted: Sequence[str],
    logs: bool,
    now: int,
    mask: Callable[[str], str],
    key: bytes,
    progress: Callable[[int, int], None],
) -> Iterator[Finding | Failure]:
    """What is wrong; a failure is of one window, and the others are looked at."""
    windows = [path for path in wanted if logs or path.startswith("logs/")]
    named = [path for path in wanted if path not in windows]
    for chosen_windows in [[path] for path in windows] or ([[]] if logs else []):
        try:
            yield from verify.verify_windows(home, chosen_windows, key, progress)
        except Failure as failure:
            yield failure
    if not logs and (named or not wanted):
        yield from lint.find_problems(home, named, now, mask)
        if not wanted:
            yield from verify.verify_pins(home)
