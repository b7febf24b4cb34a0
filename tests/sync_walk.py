"""A random walk of machines that share a memory: what people and agents do, and what goes wrong.

Every step may be cut off: a process is forked, and ends itself, or the git it has just started, by
kill -9 at a place that is drawn. What was acknowledged is written down outside of the homes, by the
process that heard it, and `check` asks for it at the end.
"""

import os
import random
import signal
import time

from plainmind.ground import exchange, files
from plainmind.ground.paths import window_sort_key
from plainmind.sync import git
from plainmind.sync.repository import Repository
from plainmind.sync.syncing import Options, Syncing
from plainmind.truth import machines as of_truth
from plainmind.truth.log import pinning, reader, verify
from plainmind.truth.log.writer import Log

CONTEXTS = ("chat/all", "cli/work", "discord-thread/7")
PAGES = ("tea", "router", "rules")
HOUR = 3_600_000
#: how often each step is taken
WEIGHTS = {
    "say": 30, "note": 10, "edit": 10, "pin": 5, "remind": 6, "forget": 3, "new": 3, "sync": 22,
    "offline": 5, "kill": 12, "beside": 5, "clock": 3,
}  # fmt: skip


class Walk:
    """`steps` counts what was done, by its name; `heard` is what must be there in the end."""

    def __init__(self, machines: list, seed: int):
        self.machines, self.chance = machines, random.Random(seed)
        self.heard: dict[str, str] = {}  # text -> who said it
        self.forgotten: set[str] = set()
        self.words: set[str] = set()  # written into pages and reminders, and never changed
        self.steps: dict[str, int] = {}
        self.number = self.died = self.conflicts = 0
        for one in machines:
            one.now += self.chance.randrange(-HOUR, HOUR)

    def go(self, count: int) -> None:
        names = [*WEIGHTS]
        for _ in range(count):
            (name,) = self.chance.choices(names, list(WEIGHTS.values()))
            self.number += 1
            self.steps[name] = self.steps.get(name, 0) + 1
            getattr(self, name)(self.chance.choice(self.machines))

    # --- what people and agents do

    def say(self, one) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.number += 1
            text = f"word{self.number} of {one.name}\nsecond line"
            one.say(text, self.chance.choice(CONTEXTS))
            self.heard[text] = one.name

    def note(self, one) -> None:
        """Somebody appends a line of its own to a page, or makes it."""
        path = f"knowledge/{self.chance.choice(PAGES)}.md"
        word = f"fact{self.number}"
        self.words.add(word)
        self._save(one, path, lambda text: text + f"{word} is true.\n")

    def edit(self, one) -> None:
        """Somebody changes the first line, as others do at the same time."""
        path = f"knowledge/{self.chance.choice(PAGES)}.md"
        self._save(one, path, lambda text: f"state{self.number}\n{text.partition(chr(10))[2]}")

    def remind(self, one) -> None:
        word = f"call{self.number}"
        self.number += 1
        self.words.add(word)
        self._save(one, "reminders.md", lambda text: text + f"- [ ] {word} (2027-01-30 09:00)\n")

    def pin(self, one) -> None:
        event = self._any_event(one)
        if event and event.content in self.heard:
            pinning.pin(one.home, event)

    def new(self, one) -> None:
        one.now += 1000
        Log(one.home).start_window(self.chance.choice(CONTEXTS), one.now)

    def forget(self, one) -> None:
        event = self._any_event(one)
        if event and event.content in self.heard:
            one.take_back([event.ref])
            self.forgotten.add(event.content)

    def clock(self, one) -> None:
        one.now += self.chance.randrange(-HOUR, HOUR)

    def sync(self, one) -> None:
        codes = [found.code for found in one.sync().findings]
        self.conflicts += codes.count("conflict")

    def offline(self, one) -> None:
        one.sync(offline=True)

    def kill(self, one) -> None:
        """A sync that ends before its time."""
        one.now += 1000
        after, only_git = self.chance.randrange(1, 60), self.chance.random() < 0.3
        pid = os.fork()
        if pid == 0:
            try:
                _die_after(after, only_git, self.chance.random() * 0.004)
                of_truth.host_name = lambda: one.name
                config = {"core.fsync": "none"}
                with Repository(one.home, config=config) as repository:
                    options = Options()
                    Syncing(one.home, repository, options, lambda: one.now, one.forget).run()
            except BaseException:
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        self.died += os.WIFSIGNALED(status)

    def beside(self, one) -> None:
        """A sync while things are said and written on the same machine."""
        pid = os.fork()
        if pid == 0:
            try:
                one.sync()
            except BaseException:
                os._exit(1)
            os._exit(0)
        for _ in range(4):
            self.say(one)
            self.number += 1
            self.note(one)
            self.edit(one)
        _, status = os.waitpid(pid, 0)
        assert status in (0, 256)  # 1: it was busy

    def _any_event(self, one):
        paths = list(reader.list_windows(one.home))
        if not paths:
            return None
        window = reader.read_window(one.home, self.chance.choice(paths))
        blocks = [b for b in window.blocks() if b.role == "user"]
        return window.event(self.chance.choice(blocks)) if blocks else None

    def _save(self, one, path: str, change) -> None:
        full = one.home.path(path)
        if os.path.exists(full):
            with open(full) as file:
                text = file.read()
            with open(f"{full}.mine", "w") as file:
                file.write(change(text))
            os.rename(f"{full}.mine", full)
        else:
            one.write(path, change(f"state{self.number}\n"))

    # --- what must be

    def settle(self) -> None:
        """A last sync of each, and one more, as the first has not seen the last one's."""
        for _ in range(2):
            for one in self.machines:
                one.sync()

    def check(self) -> None:
        first, *others = self.machines
        for one in others:
            assert one.files().keys() == first.files().keys()
            assert one.files() == first.files()
        texts = first.texts()
        said = [text for text in texts if text.startswith("word")]
        assert len(said) == len(set(said)), "an event is doubled"
        assert set(said) == self.heard.keys() - self.forgotten
        whole = b"".join(
            data for path, data in first.files().items() if path[:4] != "logs"
        ).decode()
        assert [word for word in self.words if word not in whole] == []
        assert all(b"<<<<" not in data and b">>>>" not in data for data in first.files().values())
        for one in self.machines:
            assert [str(found) for found in verify.verify_windows(one.home, [])] == []
            for context in CONTEXTS:
                names = one.home.list_windows(context)
                assert sorted(names, key=window_sort_key) == names


def _die_after(count: int, only_git: bool, delay: float) -> None:
    """End this process, or the git that it starts then, at the so manyth thing that it does."""
    left = count

    def tick() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    start = git.Git._start

    def start_and_die(self, *arguments, **more):
        process = start(self, *arguments, **more)
        if tick():
            time.sleep(delay)
            os.kill(process.pid, signal.SIGKILL)
            if not only_git:
                os.kill(os.getpid(), signal.SIGKILL)
        return process

    def dying(function):
        def run(*arguments, **more):
            if tick():
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **more)

        return run

    git.Git._start = start_and_die
    for module, names in ((files, ("write_temporary", "append", "sync_folder")),
                          (exchange, ("swap",)), (os, ("rename", "unlink", "link"))):  # fmt: skip
        for name in names:
            setattr(module, name, dying(getattr(module, name)))
