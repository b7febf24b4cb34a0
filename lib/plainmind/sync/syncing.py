"""One run of mem-sync: commit, fetch, merge, push; whatever is killed, the next run goes on.

    1  what the files are is committed                  refs/heads/main
    2  what the remote has is fetched                   refs/mind/remote
    3  both are merged into one commit on top of it     main, base; disk is what the files were
    4  the files become what was merged                 disk goes
    5  it is pushed; who loses begins again at 1

Between 3 and 4, and within 4, `disk` says what the files were made from, so what a person or an
append has changed is told from what is not brought to them yet. Owns this order, and what is said.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..formats.log import window_heads
from ..formats.log.window_heads import WindowHead
from ..ground import backoff, chance, files
from ..ground.errors import Busy, Failure, Unavailable
from ..ground.paths import Home
from ..truth.log import heads, reader
from ..truth.log.verify import Finding
from ..truth.machines import Machine
from . import membership, rules, snapshot
from .merging import HEADS, MergedTree, Merger
from .placement import Placement
from .repository import BASE, DISK, MAIN, Committer, Repository, Tree

TRIES = 8  # pushes of which each may lose to another machine's
PAUSES = backoff.Backoff(0.2, 5.0)

#: (references, whether words of headers go, too): takes texts back on this machine
Forget = Callable[[Sequence[str], bool], None]


class Options(NamedTuple):
    """`key`: of the logs' digests. `deleted`: files of a folder that is empty were deleted, all."""

    key: bytes = b""
    vectors: bool = False
    deleted: bool = False
    offline: bool = False


class SyncReport(NamedTuple):
    """What a run found; `unavailable`: why the remote was not reached."""

    findings: list[Finding]
    received: int = 0  # files that other machines changed
    sent: bool = False
    unavailable: Unavailable | None = None
    failures: Sequence[Failure] = ()


class Syncing:
    """The runs of one home. The caller holds the lock of all runs (`lock`)."""

    def __init__(
        self,
        home: Home,
        repository: Repository,
        options: Options,
        now: Callable[[], int],
        forget: Forget | None = None,
        say: Callable[[str], object] = len,
    ):
        self.home, self.repository, self.options, self.now = home, repository, options, now
        self._forget, self._say = forget, say
        self._findings: dict[tuple[str, str], Finding] = {}
        self._failures: list[Failure] = []
        self._received: set[str] = set()
        self._taken: snapshot.FilesNow | None = None
        self._is_rewritten = False
        self.machine = Machine()

    def run(self) -> SyncReport:
        repository, sent = self.repository, False
        self.machine = membership.know_self(self.home)
        self._finish_forgetting()
        remote = repository.remote
        seen: set[str | None] = set()  # what the remote had
        unavailable: Unavailable | None = None
        for attempt in range(TRIES):
            self.commit_files()
            if not remote or self.options.offline:
                break
            try:
                fetched = repository.fetch(self._say)
                seen.add(fetched)
                self._merge_fetched(fetched)
                sent = self._push(fetched)
            except Unavailable as failure:
                unavailable = failure
                break
            if sent:
                break
            backoff.sleep(PAUSES.delay(attempt + 1, chance.draw_fraction()))
        else:
            if len(seen) == 1:  # nobody pushed
                cure = "where no git runs there, delete the '*.lock' that a killed one left"
                raise Unavailable(f"the remote takes nothing: {repository.refusal}", cure=cure)
            raise Busy(f"{TRIES} times another machine pushed first", cure="run it again")
        if not remote:
            self._settle_number(repository.refs().get(MAIN))
        if self._is_rewritten:
            repository.prune()
        else:
            repository.tidy()
        found = list(self._findings.values())
        return SyncReport(found, len(self._received), sent, unavailable, self._failures)

    def _finish_forgetting(self) -> None:
        """Go on with what was being taken back when a run was killed."""
        try:
            if self._forget:
                self._forget((), False)
        except Failure as failure:
            self._failures.append(failure)

    # --- what the files are

    def commit_files(self) -> None:
        """Commit what the files are, merged with what was not brought to them yet."""
        repository, refs = self.repository, self.repository.refs()
        main, disk = refs.get(MAIN), refs.get(DISK)
        before, known = repository.read_tree(disk or main), repository.read_tree(main)
        options = self.options
        taken = snapshot.take(repository, before, vectors=options.vectors, deleted=options.deleted)
        self._tell_taken(taken)
        ours = {path: oid for path, oid in before.items() if self._stays(taken, path)}
        ours |= taken.files
        self.machine = membership.take_number(repository, known, self.machine)
        merger = self._merger()
        made = merger.merge(before, ours, known, believes_ours=False)
        self._tell_merged(made, "altered here, and not shared; mem-lint --logs says more")
        tree = self._complete(made.tree, known)
        if tree == known:
            commit = main
        else:
            message = f"{self.machine.host}: {_describe(known, tree)}"
            commit = repository.commit(tree, main, self._author(), message, self.now())
        self._taken = taken
        place = self._placement(merger)
        todo = place.list_changed(ours, made)
        if todo:
            self._move({MAIN: commit, DISK: disk or main}, refs)
            self._place(place, todo, ours, made, commit)
        else:
            self._move({MAIN: commit, DISK: None}, refs)

    def _stays(self, taken: snapshot.FilesNow, path: str) -> bool:
        """Whether a file of the repository is not looked at here: of a kind that stays, or away."""
        shared = rules.find_shared(path, vectors=self.options.vectors)
        return shared is None or taken.is_away(path)

    def _tell_taken(self, taken: snapshot.FilesNow) -> None:
        for folder in taken.away:
            what = (
                f"all files of {folder}/ are gone, as if its disk were away: nothing was deleted "
            )
            what += "elsewhere; if you deleted them, run mem-sync --deleted"
            self._find(folder, 1, "away", what)
        for path in taken.unreadable:
            self._find(path, 1, "unreadable", "it cannot be read, and is not shared")

    def _complete(self, tree: Tree, before: Tree) -> Tree:
        """The tree with this machine's file, and the heads of all its windows."""
        whole = membership.enter(self.repository, tree, self.machine)
        return {**whole, HEADS: self.repository.put(self._render_heads(whole, before))}

    def _render_heads(self, tree: Tree, before: Tree) -> bytes:
        data = self.repository.read(before.get(HEADS))
        windows = {path: oid for path, oid in tree.items() if path.startswith("logs/")}
        old = {path: oid for path, oid in before.items() if path.startswith("logs/")}
        if windows == old and data.count(b"\n") == len(old):
            return data
        known = window_heads.latest_by_window(window_heads.parse(data))
        rows = []
        for path, oid in sorted(windows.items()):
            head = known.get(path) if before.get(path) == oid else None
            rows.append(window_heads.render(head or self._find_head(path, oid)))
        return b"".join(rows)

    def _find_head(self, path: str, oid: str) -> WindowHead:
        data = self.repository.read(oid)
        return heads.find_head(reader.parse_window(path, data))

    # --- what the remote has

    def _merge_fetched(self, fetched: str | None) -> None:
        repository, refs = self.repository, self.repository.refs()
        main, base = refs[MAIN], refs.get(BASE)
        if fetched is None or repository.contains(main, fetched):
            return
        is_rewritten = base is not None and not repository.contains(fetched, base)
        before = repository.merge_base(main, fetched)
        if base and is_rewritten:
            before = self._follow_rewriting(base, fetched) or before
        is_new = not is_rewritten and self._was_set_back(fetched, main)
        ours, theirs = repository.read_tree(main), repository.read_tree(fetched)
        own = membership.path_of(self.machine.number)
        machine = membership.take_number(repository, theirs, self.machine, renew=is_new)
        if machine != self.machine:
            ours = {path: oid for path, oid in ours.items() if path != own}
            self.machine = machine
        if is_new or machine.number != membership.know_self(self.home).number:
            membership.keep(self.home, machine._replace(number=machine.number if is_new else 0))
        merger = self._merger()
        made = merger.merge(repository.read_tree(before), ours, theirs, believes_ours=True)
        self._tell_merged(made, "the remote's copy was altered, and is put right")
        tree = self._complete(made.tree, theirs)
        commit = fetched
        if tree != theirs:
            message = f"{machine.host}: {_describe(theirs, tree)}"
            commit = repository.commit(tree, fetched, self._author(), message, self.now())
        place = self._placement(merger)
        # what could not be brought to the files before is not in them now
        disk = refs.get(DISK) or main
        there = repository.read_tree(disk)
        self._move({MAIN: commit, DISK: disk, BASE: fetched}, refs)
        todo = place.list_changed(there, made)
        self._received |= set(todo)
        self._place(place, todo, there, made, commit)

    def _follow_rewriting(self, base: str, fetched: str) -> str | None:
        """What was last merged, as it is in the remote's history since that was rewritten; None
        where that is another history: then nothing counts as taken out there."""
        repository = self.repository
        found = repository.find_counterpart(base, fetched)
        self._is_rewritten = found is not None
        what = "was rewritten, as --purge does, and is followed" if found else "is another one: "
        what += "" if found else "all files of both are kept"
        self._find("sync/git", 1, "rewritten", f"the remote's history {what}")
        return found

    def _was_set_back(self, fetched: str, main: str) -> bool:
        """Whether the remote has what this machine committed, and does not know."""
        if self.machine.id not in self.repository.authors_between(fetched, [main]):
            return False
        what = "this memory was set back to an older copy, or copied to another machine: what it "
        what += "had since came back, and it has a new number"
        self._find("sync/machine.json", 1, "set-back", what)
        return True

    def _tell_merged(self, made: MergedTree, altered: str) -> None:
        for conflict in made.conflicts:
            what = f"changed on two machines in the same place; this machine's is '{conflict.copy}'"
            self._find(conflict.path, 1, "conflict", what)
        for fork in made.forks:
            for line, place in fork.places.items():
                self._find(
                    fork.path, line, "moved", f"is {place} now, as both machines went on here"
                )
        for path, line in made.altered.items():
            self._find(path, line, "altered", altered)

    # --- the files become what was merged

    def _place(
        self, place: Placement, todo: Iterable[str], ours: Tree, made: MergedTree,
        commit: str | None,
    ) -> None:  # fmt: skip
        left = place.run(todo, ours, made)
        for conflict in place.conflicts:
            what = f"changed at the same moment; this machine's is '{conflict.copy}'"
            self._find(conflict.path, 1, "conflict", what)
        repository, refs = self.repository, self.repository.refs()
        if not left:
            self._move({DISK: None}, refs)
            return
        self._failures += [failure for failure in left.values() if failure]
        tree = repository.read_tree(commit)
        for path in left:
            tree.pop(path, None)
            if path in ours:
                tree[path] = ours[path]
        if refs.get(DISK) and repository.read_tree(refs[DISK]) == tree:
            return
        message = "what could not be brought to the files yet"
        disk = repository.commit(tree, commit, self._author(), message, self.now())
        self._move({DISK: disk}, refs)

    # --- what is sent

    def _push(self, fetched: str | None) -> bool:
        repository, main = self.repository, self.repository.refs()[MAIN]
        if not repository.contains(fetched, main) and not repository.push(main, say=self._say):
            return False
        self._move({BASE: main}, repository.refs())
        self._settle_number(main)
        return True

    def _settle_number(self, main: str | None) -> None:
        """The number is this machine's once its file is where all machines see it."""
        members = membership.list_members(self.repository, self.repository.read_tree(main))
        if (self.machine.number, self.machine.id) in [(m.number, m.id) for m in members]:
            membership.keep(self.home, self.machine)

    def _move(self, wanted: dict[str, str | None], refs: dict[str, str]) -> None:
        changed = {ref: oid for ref, oid in wanted.items() if refs.get(ref) != oid}
        if changed:
            self.repository.move(changed)

    def _merger(self) -> Merger:
        return Merger(self.repository, self.machine, self.options.key, self.now())

    def _placement(self, merger: Merger) -> Placement:
        vectors = self.options.vectors
        return Placement(self.home, merger, self._forget, self._taken, vectors=vectors)

    def _author(self) -> Committer:
        return Committer(f"{self.machine.host} {self.machine.number}", self.machine.id)

    def _find(self, path: str, line: int, code: str, message: str) -> None:
        self._findings.setdefault((path, code + str(line)), Finding(path, line, code, message))


def lock(home: Home):
    """Held for a run; nobody waits. Busy."""
    return files.lock(home.path("sync", "lock"), wait=0)


def _describe(before: Tree, after: Tree) -> str:
    """`2 windows, 1 page`: what a commit changed."""
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    changed -= {HEADS}
    counts: dict[str, int] = {}
    for path in changed:
        first = path.split("/", 1)[0] if "/" in path else os.path.basename(path)
        counts[first] = counts.get(first, 0) + 1
    return ", ".join(f"{count} of {name}" for name, count in sorted(counts.items())) or "joins"
