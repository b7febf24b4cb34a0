"""An import: every file of a history, read in order; what is found, counted; session files,
archived.

Owns which sessions belong to a repository, and that one file that fails does not stop the rest.
Refuses to know the tools' layouts, and where the lines go."""

import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...formats.page.summary import ConversationSummary
from ...ground import files, masks
from ...ground.errors import Failure, Usage
from ...ground.paths import Home
from .conservation import Reasons
from .finding import find_sources
from .items import HistoryEvent, HistoryItem, HistoryPage, Lost, Skipped, Unread, WorkEvent, digest
from .order import Turns
from .sources import HistoryReader, Source

LONGEST_NAME = 200  # bytes, of what a file or a folder is kept under; less its ending


class ImportChoice(NamedTuple):
    """Which files are read: those of sessions in the repository `root` is the top of, or all;
    `archive` is where they are kept."""

    paths: tuple[str, ...]
    root: str = ""
    archive: Home | None = None


Progress = Callable[[int, int], None]  # told of bytes read, of all


def check_options(
    tool: str,
    history: HistoryReader,
    context: str | None,
    repo: str | None,
    archive: bool,
    scope: str | None,
) -> None:
    """Usage for options that a tool's history does not have."""
    if repo and not history.sessions:
        raise Usage(f"--repo: {tool} has no sessions of repositories", cure="leave it out")
    if archive and (not repo or tool not in ("pi", "claude")):
        what = "--archive keeps the sessions of one repository"
        raise Usage(what, cure="add --repo, of pi or claude")
    if context and (history.pages or history.journal):
        what = "pages" if history.pages else "events of work"
        raise Usage(f"--context: {what} have none", cure="leave it out")
    if scope and tool != "claude-memory":
        raise Usage("--scope: only claude-memory fills one", cure="leave it out")


def run(history: HistoryReader, choice: ImportChoice, progress: Progress) -> Iterator[HistoryItem]:
    """What is in the files: pages, failures and what is left out as it is found, then the events,
    each context's in order of time."""
    with Turns() as turns:
        for one in _read(history, choice, progress):
            if isinstance(one, HistoryEvent):
                turns.add(one)
            else:
                yield one
        yield from turns


def _read(
    history: HistoryReader, choice: ImportChoice, progress: Progress
) -> Iterator[HistoryItem]:
    found = list(find_sources(choice.paths, history))
    total = sum(source.size for source in found if isinstance(source, Source))
    before = 0
    for source in found:
        if not isinstance(source, Source):
            yield source
            continue
        read = _Reading(before, source.size, total, progress)
        try:
            if choice.root and not is_inside(history.cwd(source), choice.root):
                yield Skipped("elsewhere")
            else:
                if choice.archive:
                    yield from _archived(choice.archive, source, history.cwd(source))
                yield from _number_equals(history.read(source, read))
        except Failure as failure:
            failure.place = failure.place or source.place
            yield failure
        except OSError as error:
            yield files.to_failure(error)
        before += source.size
        progress(before, total)


def _number_equals(found: Iterator[HistoryItem]) -> Iterator[HistoryItem]:
    """What is in a file; texts that are said again in it, where nothing tells them apart, are told
    apart by their number."""
    seen: Counter[str] = Counter()
    for one in found:
        if isinstance(one, HistoryEvent) and not one.id and one.meta.get("undated"):
            text = digest(f"{one.context} {one.role} {one.content}")
            seen[text] += 1
            if seen[text] > 1:
                one = one._replace(id=digest(f"{seen[text]} {text}"))
        yield one


def _archived(home: Home, source: Source, cwd: str) -> Iterator[Failure]:
    """Keep a session's file; that this failed does not keep its events back."""
    try:
        archive_session(home, source, cwd)
    except OSError as error:
        yield files.to_failure(error)


class _Reading:
    """Bytes read of one file. A file that is read twice is not counted twice."""

    def __init__(self, before: int, size: int, total: int, progress: Progress):
        self._before, self._size, self._total, self._progress = before, size, total, progress
        self._read = self._told = 0

    def __call__(self, count: int) -> None:
        self._read = min(self._read + count, self._size)
        if self._read - self._told > 256 * 1024:  # often enough to be seen to move
            self._told = self._read
            self._progress(self._before + self._read, self._total)


class Tally:
    """What an import found, in numbers. `line` is that of something to keep."""

    NAMED = 5  # ids of lost rows, of each reason

    def __init__(self, journal: bool = False) -> None:
        self._journal = journal  # events of work are of no conversation
        self.lost: dict[str, list[str]] = {}
        self.read = False  # whether there was anything at all
        self.conversations: set[str] = set()
        self.kept: Counter[str] = Counter()
        self.skipped = Reasons()

    def add(self, found: HistoryItem) -> None:
        self.read = self.read or not isinstance(found, Unread)
        if isinstance(found, HistoryEvent):
            self.conversations.add(found.context)
            self.kept[found.role] += 1
        elif isinstance(found, WorkEvent):
            self.kept[f"{found.fields['type']} event"] += 1
        elif isinstance(found, HistoryPage | ConversationSummary):
            self.kept["page" if isinstance(found, HistoryPage) else "summary"] += 1
        else:
            self.skipped.add(found.reason if isinstance(found, Skipped) else "broken")
            if isinstance(found, Lost):
                ids = self.lost.setdefault(found.reason, [])
                ids += [masks.cut(str(found.value), 40) or "no id"][: self.NAMED + 1 - len(ids)]

    def counts(self) -> dict[str, int]:
        order = ("user", "agent", "tool", "system", "page", "summary")
        work = sorted(name for name in self.kept if name.endswith(" event"))
        kept = {name: self.kept[name] for name in (*order, *work) if self.kept[name]}
        skipped = self.skipped.counts
        left = {f"skipped {reason}": skipped[reason] for reason in sorted(skipped)}
        first = {} if self._journal else {"conversations": len(self.conversations)}
        return {**first, **kept, **left}

    def lines(self, verbose: bool) -> Iterator[str]:
        """What was left out and why, when something was; all counts, when `verbose`."""
        reasons = [(count, why) for why, count in self.skipped.counts.items() if why != "broken"]
        if reasons:
            told = ", ".join(self._tell(sorted(reasons, reverse=True)))
            yield f"{sum(count for count, _ in reasons)} passed over: {told}"
        if verbose:
            yield ", ".join(f"{name}: {count}" for name, count in self.counts().items())

    def _tell(self, reasons: list[tuple[int, str]]) -> Iterator[str]:
        """Rows that were lost first, with their ids; values of columns, as a group, last."""
        columns = [(count, why) for count, why in reasons if why.startswith("column ")]
        for count, why in sorted(reasons, key=lambda reason: reason[1] not in self.lost):
            if why.startswith("column "):
                continue
            ids = self.lost.get(why, [])
            named = ", ".join(ids[: self.NAMED]) + ", …" * (len(ids) > self.NAMED)
            yield f"{count} {_plural(why) if count > 1 else why}" + (f" ({named})" if ids else "")
        if columns:
            count = sum(count for count, _ in columns)
            told = ", ".join(f"{n} {why.removeprefix('column ')}" for n, why in columns)
            yield f"{count} {'values' if count > 1 else 'value'} in columns of no event: {told}"


def _plural(reason: str) -> str:
    """Of what the reader of a team's database says: 'row of', 'value of', 'task that was'."""
    many = re.sub(r"^(row|value|task)(?= of | without | that )", r"\1s", reason)
    return many.replace(" that was ", " that were ") if many != reason else reason


def is_inside(cwd: str, root: str) -> bool:
    top = root.rstrip("/") + "/"
    return os.path.isabs(cwd) and _is_name(cwd) and f"{os.path.normpath(cwd)}/".startswith(top)


def _is_name(path: str) -> bool:
    """Whether a file system could have it: what a session says is any text."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def archive_session(home: Home, source: Source, cwd: str) -> None:
    """Keep a session's file below raw/sessions/, in the place of what it grew from, beside others
    of its name."""
    folder = home.path("raw", "sessions", _shown(os.path.normpath(cwd).replace("/", "-")))
    name = _shown(source.name.removesuffix(".jsonl"))
    with source.opened() as file:
        data = file.read()
    for path in _list_archived(folder, name):
        old = files.read(path)
        data_of_it = _without_forgotten(old, data)
        if old.startswith(data_of_it):
            return
        if data_of_it.startswith(old):
            files.replace(path, data_of_it)
            return
    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    paths = (os.path.join(folder, f"{name}{number}.jsonl") for number in numbers)
    files.create(next(path for path in paths if not os.path.lexists(path)), data)


def _without_forgotten(old: bytes, data: bytes) -> bytes:
    """A session with the lines that mem-forget blanked in its archive: they do not come back."""
    blanks = {n: row for n, row in enumerate(old.split(b"\n")) if b"(forgotten)" in row}
    if not blanks:
        return data
    return b"\n".join(blanks.get(n, row) for n, row in enumerate(data.split(b"\n")))


def _list_archived(folder: str, name: str) -> list[str]:
    """The files there are of this name, whatever their numbers."""
    pattern = re.compile(rf"{re.escape(name)}(-[0-9]+)?\.jsonl")
    others = os.listdir(folder) if os.path.isdir(folder) else []
    names = sorted(filter(pattern.fullmatch, others), key=lambda other: (len(other), other))
    return [os.path.join(folder, other) for other in names]


def _shown(name: str) -> str:
    """A name of what can be printed; a long one is cut, and ends in its digest."""
    plain = "".join([char if char.isprintable() else "_" for char in name]).encode()
    if len(plain) <= LONGEST_NAME:
        return plain.decode()
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: LONGEST_NAME - 9].decode('utf-8', 'ignore')}-{digest}"
