"""damaging.py [TRIALS [FIRST [SHARE [COMMAND...]]]]: a memory folder in which one thing is damaged,
and what every command makes of it. Prints what is wrong, a line each, and figures on standard
error.

Trial N is the same on every machine: a file or a folder of the home is chosen, each kind in its
turn, and what becomes of it (bytes, a length, a type, a mode, an owner). Each of SHARE commands
meets the damage afresh, others each time: in 500 trials of 12 each of them meets each kind.

- its answer is the right one where only what is derived was damaged, and there is one warning;
- otherwise it is an answer, or a refusal that names something of the home or says what to do;
- never an internal error, and never more than LONGEST seconds;
- a reader leaves the files as they are; a writer takes nothing away but what it was asked.
"""

import contextlib
import functools
import gc
import os
import pkgutil
import random
import re
import select
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "bin")
LONGEST = 10.0  # seconds of work
PATIENCE = 4  # times that by the clock, in which it could have had a processor
NOW = "2026-01-30T14:30:00Z"
REFUSALS = {1, 2, 65, 66, 69, 74, 75, 77, 78}

#: what can be made again from the rest, and costs nothing but that (docs/files.md)
DERIVED = ("index", "vectors", "remind/seen.json")
#: what a command keeps for the next one: it may be written again as a whole
_MARKERS = "first-seen|last-forget|last-audit|nights|outages"
STATE = re.compile(rf"raw/maintenance-log/({_MARKERS})\.json|relay/\w+")
_LOCK = re.compile(r"(\A|/)(\.?lock|\.turn|[\w.-]+\.lock)(\Z|/|\.[\w-]+\.bad)")


class Command(NamedTuple):
    words: str
    given: str = ""  # on standard input
    writes: bool = False


OLD, PAGE = "logs/discord-thread/100/20260105T090000Z.md", "knowledge/heating.md"
WINDOW, OTHER = "logs/cli/x/20260130T142355Z.md", "logs/discord-thread/200/20260110T090000Z.md"

COMMANDS = [
    Command("mem-recall when does the plumber come"),
    Command("mem-recall --lexical heating"),
    Command("mem-recall --inject which plants need water"),
    Command("mem-recall --explain Ann"),
    Command("mem-recall --knowledge the heating"),
    Command("mem-recall --knowledge --inject phones"),
    Command("mem-recall --since 2026-01-05 --until 2026-01-06 yesterday"),
    Command("mem-log"),
    Command("mem-log discord-thread/100"),
    Command("mem-log -n 5"),
    Command(f"mem-show {OLD}:3 -C 2"),
    Command(f"mem-show {WINDOW}:3 --window"),
    Command("mem-pin --list"),
    Command("mem-graph"),
    Command("mem-graph --health"),
    Command("mem-lint"),
    Command("mem-lint --logs"),
    Command("mem-lint --kg-health"),
    Command("mem-lint --rebuild-kg"),
    Command("mem-lint --prune"),
    Command("mem-audit"),
    Command("mem-audit --notice"),
    Command("mem-index --status"),
    Command("mem-index --verify"),
    Command("mem-index --rebuild"),
    Command("mem-embed"),
    Command("mem-embed --status"),
    Command("remind-list"),
    Command("remind-list --check"),
    Command("remind-scan --dry-run"),
    Command("work-session list"),
    Command("work-xp"),
    Command("work-session show --session session-1767862800"),
    Command("work-log check"),
    Command("agent-route --replay"),
    Command("agent-turn --dry-run --model openai:x --context cli/x which plants need water"),
    Command("discord-relay --status"),
    Command("mem-append --context cli/x --role user", "a new line", writes=True),
    Command("mem-append --context discord-thread/100 --role agent", "another", writes=True),
    Command("mem-new discord-thread/200", writes=True),
    Command(f"mem-pin {OTHER}:3", writes=True),
    Command("mem-pin --text 'a pinned text' --context cli/x", writes=True),
    Command("mem-note --type project --name new", "Something new.\n", writes=True),
    Command("mem-note --observe", "Something seen.\n", writes=True),
    Command(f"mem-forget --yes {OTHER}:3", writes=True),
    Command("mem-lint --fix", writes=True),
    Command("mem-lint --prune --apply", writes=True),
    Command("mem-audit --done", writes=True),
    Command("remind-add --at '2026-05-02 09:00' call the tax office", writes=True),
    Command("remind-edit rid_AAAAAAAAAAAA --time 10:00", writes=True),
    Command("remind-rm rid_BBBBBBBBBBBB", writes=True),
    Command("remind-scan --stdout", writes=True),
    Command(
        "work-session task 'mend it' --agent backend --session session-1767862800", writes=True
    ),
    Command("work-log task agent=backend description='mend it'", writes=True),
    Command("work-xp --award 5 --reason 'a word' backend", writes=True),
    Command("agent-route Fix the typos in the README", writes=True),
]


# --- a home


def fill(root: str) -> None:
    """A home that has a file of every kind."""
    lines = [
        ("discord-thread/100", "2026-01-05T09:00:00Z", "user", "Ann", "The door code is 4711."),
        ("discord-thread/100", "2026-01-05T09:01:00Z", "agent", "", "Noted: the door code."),
        ("discord-thread/100", "2026-01-05T10:00:00Z", "user", "Ann", "The heating is cold again."),
        ("discord-thread/200", "2026-01-10T09:00:00Z", "user", "Zoë", "Who waters the plants?"),
        ("discord-thread/200", "2026-01-10T09:01:00Z", "agent", "", "The plumber comes on Friday."),
    ]
    fact = "{role} number {n} of the {what}: the {noun} needs water on day {n}"
    for n in range(24):
        what, noun = ("heating", "plants", "door")[n % 3], ("fern", "cactus", "palm")[n % 3]
        role, author = ("user", "Bo") if n % 2 else ("agent", "")
        text = fact.format(role=role, n=n, what=what, noun=noun)
        lines.append(("cli/x", f"2026-01-20T{n // 6:02}:{n % 6}0:00Z", role, author, text))
    import json

    for context in ("discord-thread/100", "discord-thread/200", "cli/x"):
        at = {
            "discord-thread/100": "2026-01-05T09:00:00Z",
            "discord-thread/200": "2026-01-10T09:00:00Z",
        }
        keys = ("context", "timestamp", "role", "author", "content")
        given = "".join(
            json.dumps(dict(zip(keys, line))) + "\n" for line in lines if line[0] == context
        )
        now = at.get(context, "2026-01-30T14:23:55Z")
        must(root, Command(f"mem-append --jsonl --now {now}", given))
    must(root, Command("mem-new discord-thread/100 --now 2026-01-12T09:00:00Z"))
    must(root, Command("mem-append --context discord-thread/100 --role user", "And what now?"))
    must(root, Command(f"mem-pin {OLD}:3"))
    page = "mem-note --type project --name"
    must(
        root,
        Command(f"{page} auth --triple alice owns auth", "# Tokens\n\nFor phones. [[heating]]\n"),
    )
    must(root, Command(f"{page} heating --tag house", "# Heating\n\nThe plumber is Mr Kowalski.\n"))
    must(root, Command("mem-note --type user --name german", "Ann wants answers in German.\n"))
    must(root, Command("mem-note --observe --now 2026-01-01", "Seemed tired.\n"))
    must(root, Command("work-log metric name=latency value=41 at=2026-01-08T10:00:00Z"))
    must(root, Command("agent-route Bump lodash to 4.17.21"))
    must(root, Command("work-session start --agent backend --session session-1767862800 --repo /r"))
    must(
        root, Command("work-session task 'the parser' --agent backend --session session-1767862800")
    )
    write = lambda path, text: put(os.path.join(root, path), text)
    write(
        "reminders.md",
        '- [ ] date=2026-03-03 time=09:00 recur=none msg="water the fern" id=rid_AAAAAAAAAAAA\n',
    )
    write(
        "config.toml",
        '[relay]\nallow = "7"\n[embed]\nmodel = "embedded"\n[remind]\nconfirm = "none"\n',
    )
    write(".env", "OPENAI_API_KEY=abcdefgh12345678\n")
    write("system-prompt.md", "You are Mind.\n")
    write("skills/tea/SKILL.md", "---\nname: tea\ndescription: how tea is made\n---\nBoil water.\n")
    write("raw/browser/notes.md", "# Bookmarks\n\nA page on cacti.\n")
    write("work/logs/tool-1.txt", "a long output\n" * 50)
    must(root, Command("work-log praise agent=backend reason=quick --now 2026-01-11"))
    write("work/teams.toml", '[[team]]\nname = "Home"\nagents = [{ name = "backend" }]\n')
    write("relay/cursor.json", '{"cursor":1334}\n')
    write("relay/inbox.jsonl", '{"did":"done","of":[1334]}\n')
    write("relay/alive", "2026-01-30T14:23:55.120Z 1\n")
    write("relay/identifications.json", '{"times":[]}\n')
    write("workspace/draft.txt", "half a thought\n")
    os.makedirs(os.path.join(root, "raw/images"), exist_ok=True)
    for words in ("remind-add --at '2026-04-02 09:00' --recur weekly pay the rent",):
        run(root, Command(words))
    with open(os.path.join(root, "reminders.md")) as file:
        text = re.sub(r"rid_[A-Z2-7]{12}(?<!A{12})", "rid_BBBBBBBBBBBB", file.read())
    write("reminders.md", text)
    run(root, Command("remind-scan --stdout"))
    must(root, Command("mem-lint --prune --apply --nightly"))
    must(root, Command("mem-embed"))
    must(root, Command("agent-turn --dry-run --model openai:x --context cli/x hello"))
    must(root, Command("mem-recall heating"))


def put(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)


def restore(source: str, home: str, kept: str) -> None:
    """Make `home` what `source` is. Its files stay the same to an index, also those that a command
    replaced: `kept` has another name of each."""
    modes = {part: os.lstat(full).st_mode for part, full in walk(source) if os.path.isdir(full)}
    open_folders(home)
    with looking(source):
        copy(source, home, kept)
    for part in sorted(modes, key=lambda part: part.count("/"), reverse=True):
        if part and stat.S_ISDIR(modes[part]):
            os.chmod(os.path.join(home, part), stat.S_IMODE(modes[part]))


def copy(source: str, home: str, kept: str) -> None:
    there = dict(walk(source))
    for part, full in reversed(list(walk(home))):
        if part not in there or kind(full) != kind(there[part]):
            remove(full)
    for part, full in there.items():
        target, other = os.path.join(home, part), os.path.join(kept, part)
        if stat.S_ISDIR(kind(full)):
            os.makedirs(target, 0o700, exist_ok=True)
            os.chmod(target, 0o700)
        elif stat.S_ISREG(kind(full)):
            put_back(full, target, other)
        elif not os.path.lexists(target):
            make(full, target)
    for part, full in reversed(there.items()):
        if stat.S_ISDIR(kind(full)):
            shutil.copystat(full, os.path.join(home, part))
            give_back(full, os.path.join(home, part))


def put_back(full: str, target: str, other: str) -> None:
    wanted = os.stat(full)
    known = os.stat(other).st_ino if os.path.isfile(other) else 0
    if os.path.exists(target):
        there = os.stat(target)
        if there.st_ino == known and is_alike(there, wanted):
            return
        if known and there.st_ino != known:
            os.unlink(target)
    if known and not os.path.exists(target):
        os.link(other, target)
    if os.path.exists(target):
        os.chmod(target, 0o600)
    with readable(full):
        shutil.copyfile(full, target)
        os.truncate(target, wanted.st_size)
    shutil.copystat(full, target)
    os.chmod(target, stat.S_IMODE(wanted.st_mode))
    give_back(full, target)


def is_alike(one: os.stat_result, other: os.stat_result) -> bool:
    look = lambda at: (at.st_size, at.st_mtime_ns, at.st_mode, at.st_uid)
    return look(one) == look(other)


def give_back(full: str, target: str) -> None:
    wanted = os.stat(full)
    if os.stat(target).st_uid != wanted.st_uid:
        os.chown(target, wanted.st_uid, wanted.st_gid)


@contextlib.contextmanager
def readable(full: str) -> Iterator[None]:
    """A normal user looks at a file of their own by force, and puts its mode back."""
    before = os.stat(full)
    os.chmod(full, 0o600)
    yield
    os.chmod(full, stat.S_IMODE(before.st_mode))
    os.utime(full, ns=(before.st_atime_ns, before.st_mtime_ns))


def make(full: str, target: str) -> None:
    """What is not a file, as it is."""
    if stat.S_ISLNK(kind(full)):
        os.symlink(os.readlink(full), target)
    elif stat.S_ISFIFO(kind(full)):
        os.mkfifo(target, 0o600)
    else:
        bind(target)


def bind(path: str) -> None:
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.basename(path))
    os.chdir(here)


def kind(full: str) -> int:
    return stat.S_IFMT(os.lstat(full).st_mode)


def walk(root: str) -> Iterator[tuple[str, str]]:
    """(path below the root, whole path) of everything, folders before what is in them. Inside of
    `looking` a normal user sees all of it."""
    if os.path.isdir(root):
        yield "", root
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(folders + names):
            full = os.path.join(folder, name)
            yield os.path.relpath(full, root), full


@contextlib.contextmanager
def looking(root: str) -> Iterator[None]:
    """Folders that may not be looked into can be, for a while."""
    closed = open_folders(root)
    try:
        yield
    finally:
        for full, mode in reversed(closed):
            if os.path.isdir(full) and not os.path.islink(full):
                os.chmod(full, mode)


def open_folders(root: str) -> list[tuple[str, int]]:
    """The folders that could not be looked into, and their modes."""
    closed = []
    for folder, folders, _ in os.walk(root):
        for name in folders:
            full = os.path.join(folder, name)
            mode = os.lstat(full).st_mode
            if stat.S_ISDIR(mode) and not os.access(full, os.R_OK | os.W_OK | os.X_OK):
                closed.append((full, stat.S_IMODE(mode)))
                os.chmod(full, 0o700)
    return closed


def remove(path: str) -> None:
    if not stat.S_ISDIR(kind(path)):
        return os.unlink(path)
    for _, full in walk(path):
        if stat.S_ISDIR(kind(full)):
            os.chmod(full, 0o700)
    shutil.rmtree(path)


# --- damage


def flip(path: str, rnd: random.Random) -> None:
    overwrite(path, rnd, lambda count: rnd.randbytes(count), rnd.choice([1, 1, 1, 2, 8, 64, 4096]))


def zero(path: str, rnd: random.Random) -> None:
    overwrite(path, rnd, bytes, rnd.choice([1, 16, 512, 4096, 1 << 20]))


def overwrite(path: str, rnd: random.Random, make: Callable[[int], bytes], count: int) -> None:
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        at = rnd.randrange(size) if size else 0
        file.seek(at)
        file.write(make(max(1, min(count, size - at))))


def cut(path: str, rnd: random.Random) -> None:
    size = os.path.getsize(path)
    os.truncate(path, rnd.choice([0, size // 2, max(0, size - 1), rnd.randrange(size + 1)]))


def grow(path: str, rnd: random.Random) -> None:
    if rnd.random() < 0.3:
        os.truncate(path, os.path.getsize(path) + rnd.choice([1, 4096, 1 << 24]))
    else:
        with open(path, "ab") as file:
            file.write(rnd.randbytes(rnd.choice([1, 100, 5000])))


def replace(path: str, rnd: random.Random) -> None:
    """By something of another type."""
    remove(path)
    kinds = ["nothing", "folder", "full", "pipe", "socket", "loop", "nowhere", "device", "file"]
    new = rnd.choice(kinds)
    if new in ("folder", "full"):
        os.mkdir(path, 0o700)
    if new == "full":
        put(os.path.join(path, "x.md"), "x\n")
    elif new == "pipe":
        os.mkfifo(path, 0o600)
    elif new == "socket":
        bind(path)
    elif new in ("loop", "nowhere", "device"):
        target = {
            "loop": os.path.basename(path),
            "nowhere": "/nonexistent/x",
            "device": "/dev/zero",
        }
        os.symlink(target[new], path)
    elif new == "file":
        put(path, "neither here nor there\n")


def restrict(path: str, rnd: random.Random) -> None:
    os.chmod(path, rnd.choice([0o000, 0o100, 0o200, 0o400, 0o500, 0o444, 0o777, 0o4755]))


def give(path: str, rnd: random.Random) -> None:
    """To another owner, where one may; else the times change."""
    try:
        os.chown(path, 65534, 65534)
    except PermissionError:
        os.utime(path, (0, rnd.choice([0, 4_000_000_000])))


OF_FILES = [flip, flip, flip, zero, cut, cut, grow, replace, replace, restrict, give]
OF_FOLDERS = [replace, replace, restrict, give]


def kind_of(home: str, part: str) -> str:
    """What stands for a file and for others like it."""
    if _LOCK.search(part):
        return "a lock"
    folder, name = os.path.split(part)
    if os.path.isdir(os.path.join(home, part)):
        return f"{part.partition('/')[0]}/"
    if name.endswith((".md", ".txt", ".vectors")) and folder:
        top = "/".join(folder.split("/")[: 2 if folder.startswith("raw/") else 1])
        return f"{top}/*{os.path.splitext(name)[1]}"
    return re.sub(r"session-\d+", "session-*", part)


class Plan(NamedTuple):
    """The kinds of files that there are, and who meets which of them in a trial."""

    kinds: dict[str, list[str]]  # their paths

    @classmethod
    def of(cls, home: str) -> "Plan":
        kinds: dict[str, list[str]] = {}
        for part, _ in walk(home):
            if part:
                kinds.setdefault(kind_of(home, part), []).append(part)
        return cls(dict(sorted(kinds.items())))

    def choose(self, trial: int) -> tuple[str, int]:
        """A kind, and how often it was chosen that way before. What is derived can only be healed:
        half of the trials are about it, and half of these about the index."""
        at, kinds = trial // 2, [*self.kinds]
        if trial % 2 == 0:
            if at % 2 == 0:
                return "index/mind.db", at // 2
            at, kinds = at // 2, [kind for kind in kinds if is_derived(self.kinds[kind][0])]
        return kinds[at % len(kinds)], at // len(kinds)

    def pick(self, trial: int, commands: list[Command], share: int) -> list[Command]:
        """The commands that meet it: one after the other, in an order of the kind's own."""
        kind, times = self.choose(trial)
        order = random.Random(kind).sample(commands, len(commands))
        return [order[(times * share + n) % len(order)] for n in range(min(share, len(order)))]


def damage(home: str, plan: Plan, trial: int) -> tuple[str, str]:
    """Damage something; its path below the home, and what was done."""
    rnd = random.Random(trial)
    part = rnd.choice(plan.kinds[plan.choose(trial)[0]])
    how = rnd.choice(OF_FOLDERS if os.path.isdir(os.path.join(home, part)) else OF_FILES)
    return part, spoil(home, part, how, rnd)


def spoil(
    home: str, part: str, how: Callable[[str, random.Random], None], rnd: random.Random
) -> str:
    path = os.path.join(home, part)
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        os.chmod(path, 0o600)  # ended windows are 0400
    how(path, rnd)
    if stat.S_ISREG(mode) and how is not restrict and os.path.isfile(path):
        os.chmod(path, stat.S_IMODE(mode))
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return f"{how.__name__}: gone"
    return f"{how.__name__}: {stat.filemode(there.st_mode)} {there.st_uid} {there.st_size}"


def is_derived(part: str) -> bool:
    return any(part == one or part.startswith(f"{one}/") for one in DERIVED)


# --- running a command


class Outcome(NamedTuple):
    code: int  # -9: it took too long
    out: str
    said: list[str]
    seconds: float


def run(home: str, command: Command) -> Outcome:
    """In a copy of this process, which has loaded what all of them load."""
    import shlex

    words = shlex.split(command.words)
    with tempfile.TemporaryFile() as given, contextlib.ExitStack() as kept:
        given.write(command.given.encode())
        given.seek(0)
        out, err = (kept.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            os.setpgid(0, 0)
            become(words, home, [given.fileno(), out.fileno(), err.fileno()])
        os.close(writing)
        if not ends(child, reading):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        os.close(reading)
        _, status, usage = os.wait4(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "backslashreplace"))
    code, seconds = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
    return Outcome(code, texts[0], texts[1].splitlines(), seconds)


def ends(child: int, reading: int) -> bool:
    """Whether a process ends, which then can be read from this descriptor."""
    begun, given = time.monotonic(), LONGEST * PATIENCE
    while (left := begun + given + waited(child) - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            return True
    return False


def waited(pid: int) -> float:
    """Seconds in which a process could run and others had the machine, where Linux tells."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def become(words: list[str], home: str, streams: list[int]) -> None:
    try:
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        os.environ.update(MIND_HOME=home, MIND_NOW=NOW)
        sys.argv = [os.path.join(BIN, words[0]), *words[1:]]
        exec(page(words[0]), {"__name__": "__main__", "__file__": sys.argv[0]})
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(70)  # a page ends by itself


@functools.cache
def page(name: str) -> Any:
    with open(os.path.join(BIN, name), encoding="utf-8") as file:
        return compile(file.read(), file.name, "exec")


def must(home: str, command: Command) -> None:
    ended = run(home, command)
    assert ended.code == 0, (command, ended)


# --- judging


class Entry(NamedTuple):
    kind: int
    mode: int
    content: bytes | str


def truth(home: str) -> dict[str, Entry]:
    """All that is not derived, and no lock: path -> what is there."""
    modes = {part: os.lstat(full).st_mode for part, full in walk(home) if os.path.isdir(full)}
    with looking(home):
        found = {}
        for part, full in walk(home):
            # what was set aside of what is derived stands beside it
            if not is_derived(re.sub(r"\.[\w.-]*\.bad\Z", "", part)) and not _LOCK.search(part):
                found[part] = entry(full)
                if stat.S_ISDIR(found[part].kind) and part in modes:
                    found[part] = found[part]._replace(mode=stat.S_IMODE(modes[part]))
    return found


def entry(full: str) -> Entry:
    mode = os.lstat(full).st_mode
    content: bytes | str = ""
    if stat.S_ISLNK(mode):
        content = os.readlink(full)
    elif stat.S_ISREG(mode):
        with readable(full), open(full, "rb") as file:
            content = file.read()
    return Entry(stat.S_IFMT(mode), stat.S_IMODE(mode), content)


def compare(
    before: dict[str, Entry], after: dict[str, Entry], command: Command, lost: set
) -> Iterator[str]:
    """What a command has done to files that it should not have. `lost`: what it takes away from a
    sound home, as (path, line)."""
    for path in sorted(before):
        old, new = before[path], after.get(path)
        if new == old or path.endswith(".tmp"):
            continue
        if not command.writes:
            yield f"{path} is gone" if new is None else f"{path} was changed"
        elif new is None:
            if (path, None) not in lost:
                yield f"{path} is gone"
        elif new.kind != old.kind and not STATE.fullmatch(path):
            yield f"{path} became something else"
        elif isinstance(new.content, bytes) and not STATE.fullmatch(path):
            assert isinstance(old.content, bytes)
            if new.content.startswith(old.content):
                continue
            kept = set(new.content.split(b"\n"))
            for line in old.content.split(b"\n"):
                if line not in kept and (path, line) not in lost and line:
                    yield f"{path} lost {line[:60]!r}"
                    break


def losses(before: dict[str, Entry], after: dict[str, Entry]) -> set:
    lost: set = {(path, None) for path in before if path not in after}
    for path, old in before.items():
        new = after.get(path)
        if new and isinstance(old.content, bytes) and isinstance(new.content, bytes):
            lost |= {
                (path, line)
                for line in set(old.content.split(b"\n")) - set(new.content.split(b"\n"))
            }
    return lost


def plain(text: str) -> str:
    """What differs from run to run is masked."""
    text = re.sub(r"rid_(?!A{12}|B{12})[A-Z2-7]{12}", "rid_X", text)
    text = re.sub(r"^[0-9a-f]{20}$", "an event of work", text, flags=re.M)
    return re.sub(r"(?m)^bytes\t\d+$", "bytes", text)


class Sound(NamedTuple):
    outcome: Outcome
    lost: set


class Bench:
    """A home, what every command says of it, and a place for damaged copies."""

    def __init__(self, folder: str, chosen: list[str]):
        names = "home", "template", "damaged", "kept"
        self.home, self.template, self.damaged, self.kept = (os.path.join(folder, n) for n in names)
        self.commands = [c for c in COMMANDS if not chosen or any(w in c.words for w in chosen)]
        self.runs, self.slowest, self.healed = 0, 0.0, 0
        fill(self.home)
        restore(self.home, self.template, self.kept)
        for part, full in walk(self.home):
            if stat.S_ISDIR(kind(full)):
                os.mkdir(os.path.join(self.kept, part))
            elif stat.S_ISREG(kind(full)):
                os.link(full, os.path.join(self.kept, part))
        self.known: dict[Command, Sound] = {}
        self.plan, self.met = Plan.of(self.home), set[tuple[Command, str]]()

    def sound(self, command: Command) -> Sound:
        """What a command says and takes away where nothing is damaged."""
        if command not in self.known:
            restore(self.template, self.home, self.kept)
            before = truth(self.home)
            outcome = run(self.home, command)
            assert outcome.code in (0, 1), (command, outcome)
            self.known[command] = Sound(outcome, losses(before, truth(self.home)))
        return self.known[command]

    def try_one(self, trial: int, share: int) -> Iterator[str]:
        restore(self.template, self.damaged, "")
        where, what = damage(self.damaged, self.plan, trial)
        for command in self.plan.pick(trial, self.commands, share):
            self.met.add((command, self.plan.choose(trial)[0]))
            usual = self.sound(command)
            restore(self.damaged, self.home, self.kept)
            before = truth(self.home)
            first, second = run(self.home, command), None
            self.runs += 1
            self.slowest = max(self.slowest, first.seconds)
            problems = [*self._judge(command, first, usual.outcome, where)]
            problems += compare(before, truth(self.home), command, usual.lost)
            if is_derived(where) and not command.writes and first.said != usual.outcome.said:
                second = run(self.home, command)
                self.healed += 1
                if second.said != usual.outcome.said:
                    problems.append(f"said again: {second.said}")
            for problem in problems:
                yield f"{trial} {where} ({what}): {command.words}: {problem}"

    def _judge(self, command: Command, got: Outcome, usual: Outcome, where: str) -> Iterator[str]:
        derived = is_derived(where)
        if got.code == -9 or got.seconds > LONGEST:
            yield f"no end, or {got.seconds:.0f} s"
        elif got.code == 70 or any("Traceback" in line for line in got.said):
            yield f"internal error: {got.said}"
        elif got.code not in REFUSALS | {0}:
            yield f"exit {got.code}: {got.said}"
        elif got.code not in (0, 1) and not any(
            self.home in line or "'" in line or ".env" in line for line in got.said
        ):
            yield f"exit {got.code} that names nothing: {got.said}"
        elif derived and got.code not in (0, 1):
            yield f"refused: {got.code} {got.said}"
        elif "--verify" in command.words and got.code == 1:
            return  # it says what is not as the files have it
        elif derived and (got.code, plain(got.out)) != (usual.code, plain(usual.out)):
            yield f"another answer: {got.code} {got.out!r:.300} not {usual.out!r:.300}, {got.said}"
        elif derived and len(new := [line for line in got.said if line not in usual.said]) > 1:
            yield f"more than one warning: {new}"


def load() -> None:
    """Everything that a command may load, so that a copy of this process starts at once."""
    import plainmind

    for module in pkgutil.walk_packages(plainmind.__path__, "plainmind."):
        if not re.search(r"discord\.|chat_embedded|google|confine|forward|manual", module.name):
            with contextlib.suppress(ImportError):
                __import__(module.name)
    from plainmind.ground import files

    for command in COMMANDS:
        page(command.words.split()[0])
    gc.freeze()
    files.sync = lambda fd: None  # the damage is there already, and no power fails


def main(trials: int = 500, first: int = 0, share: int = 12, *chosen: str) -> int:
    load()
    for name in [name for name in os.environ if name.startswith("MIND_")]:
        del os.environ[name]
    folder = tempfile.mkdtemp()
    count = 0
    try:
        bench = Bench(folder, list(chosen))
        for trial in range(first, first + trials):
            for problem in bench.try_one(trial, share):
                count += 1
                print(problem, flush=True)
        figures = f"{trials} damages, {bench.runs} runs, {bench.healed} healed with a warning, "
        pairs = len(bench.commands) * len(bench.plan.kinds)
        figures += f"{len(bench.met)} of {pairs} pairs of a command and a kind of file, "
        print(f"{figures}{count} wrong, the slowest {bench.slowest:.1f} s", file=sys.stderr)
    finally:
        remove(folder)
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4]), *sys.argv[4:]))
