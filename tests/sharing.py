"""One machine of several that share a memory, for tests."""

import os

import pytest
from plainmind.ground import files
from plainmind.ground.paths import Home
from plainmind.sync import remotes, syncing
from plainmind.sync.repository import Repository
from plainmind.sync.syncing import Options, Syncing
from plainmind.truth.log import blanking, reader, verify
from plainmind.truth.log.writer import EventDraft, Log
from scene import NOW

CONTEXT = "chat/all"


class Machine:
    """One of them. `forget`: how texts are taken back; None blanks them and no more."""

    def __init__(self, root: str, name: str, remote: str):
        self.name, self.remote = name, remote
        self.home = Home(os.path.join(root, name))
        self.now, self.forget = NOW, None
        self.repository = Repository(self.home, config=git_config())
        self.repository.create()
        if remote:
            self.repository.set_remote(remotes.check(remote))

    def sync(self, **options) -> syncing.SyncReport:
        self.now += 1000
        with Repository(self.home, config=git_config()) as repository, syncing.lock(self.home):
            one = Syncing(self.home, repository, Options(**options), lambda: self.now, self.forget)
            return one.run()

    def say(self, text: str, context: str = CONTEXT, **meta) -> str:
        self.now += 1000
        (written,) = Log(self.home).append(
            context, [EventDraft(self.now, "user", text, meta)], self.now
        )
        return written.ref

    def take_back(self, refs: list[str]) -> None:
        """mem-forget, as far as the log goes."""
        self.now += 1000
        log = Log(self.home)
        for ref in refs:
            path, _, line = ref.rpartition(":")
            opened = reader.read_window(self.home, path)
            targets = blanking.find_targets(opened, int(line), int(line))
            blanking.record(log, targets, False, "", self.now)
            blanking.blank(log, path, targets, False)

    def write(self, path: str, text: str) -> None:
        files.replace(self.home.path(path), text.encode())

    def read(self, path: str) -> str:
        return files.read(self.home.path(path)).decode()

    def texts(self) -> list[str]:
        windows = (reader.read_window(self.home, path) for path in reader.list_windows(self.home))
        return [window.event(one).content for window in windows for one in window.blocks()]

    def files(self) -> dict[str, bytes]:
        """What is to be the same on all machines."""
        from plainmind.sync import rules

        found = {}
        for folder, _, names in os.walk(self.home.root):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.home.root)
                if rules.find_shared(path):
                    found[path] = files.read(os.path.join(folder, name))
        return found

    def problems(self) -> list[str]:
        return [str(found) for found in verify.verify_windows(self.home, [])]


def git_config() -> dict[str, str]:
    """No fsync: tests/faults proves those."""
    return {"core.fsync": "none"}


def make_machines(root: str, remote: str):
    """Make a machine by its host's name, in a folder."""
    from plainmind.truth import machines as of_truth

    def make(name: str) -> Machine:
        one = Machine(root, name, remote)
        sync = one.sync

        def run(**options):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(of_truth, "host_name", lambda: name)
                return sync(**options)

        one.sync = run
        return one

    return make
