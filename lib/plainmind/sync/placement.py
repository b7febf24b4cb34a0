"""The files of a memory folder become what was merged: each under its lock, merged once more with
what was changed meanwhile (truth.placing).

First what is new, then texts that were taken back, whose records are there by now, last the windows
of which an end was moved, as that end is elsewhere by now. Owns this order.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from ..formats.merging import windows
from ..ground import files
from ..ground.errors import Failure
from ..ground.paths import Home
from ..truth import placing
from ..truth.log.writer import Log
from . import rules
from .merging import Conflict, MergedTree, Merger
from .repository import Tree
from .snapshot import FilesNow


class Placement:
    def __init__(
        self,
        home: Home,
        merger: Merger,
        forget: Callable[[Sequence[str], bool], None] | None,
        taken: FilesNow | None = None,
        *,
        vectors: bool = False,
    ):
        self.home, self.merger, self._forget, self._taken = home, merger, forget, taken
        self._vectors = vectors
        self.log = Log(home, merger.key)
        self.conflicts: list[Conflict] = []
        self._read = merger.repository.read

    def list_changed(self, ours: Tree, made: MergedTree) -> list[str]:
        """The files that are not what was merged, but for those that were altered."""
        changed = (path for path in {*ours, *made.tree} if ours.get(path) != made.tree.get(path))
        shared = (path for path in changed if rules.find_shared(path, vectors=self._vectors))
        return sorted(path for path in shared if path not in made.altered)

    def run(self, todo: Iterable[str], ours: Tree, made: MergedTree) -> dict[str, Failure | None]:
        """Bring these files up to what was merged; what could not be, and why. One that is away is
        left: a folder whose disk is not there would seem to have lost all others."""
        left: dict[str, Failure | None] = {}
        forked = {fork.path for fork in made.forks}
        blanked: dict[str, list[tuple[str, bool]]] = {}
        todo = sorted(todo, key=lambda path: (path in forked, path))
        for path in todo:
            if self._taken and self._taken.is_away(path):
                left[path] = None
                continue
            old, new = (self._blob(tree.get(path)) for tree in (ours, made.tree))
            try:
                if _is_window(path):
                    found = self._place_window(path, old, new or b"", made, path in forked)
                    if found:
                        blanked[path] = found
                else:
                    self._place_file(path, old, new)
            except (Failure, OSError) as error:
                left[path] = files.to_failure(error)
        for path, some in blanked.items():
            try:
                self._take_back(path, some, self._read(made.tree[path]), made)
            except (Failure, OSError) as error:
                left[path] = files.to_failure(error)
        return left

    def _blob(self, oid: str | None) -> bytes | None:
        return None if oid is None else self._read(oid)

    def _place_file(self, path: str, old: bytes | None, new: bytes | None) -> None:
        rule = rules.find_shared(path, vectors=True)
        assert rule
        merge = lambda base, now, new: self.merger.merge_file(path, base, now, new)
        grows = rule.kind == rules.JOURNAL
        keep = lambda data: self._keep(path, rule.lock, data)
        placing.place(self.home, path, rule.lock, (old, new), merge, keep, grows=grows)

    def _keep(self, path: str, lock: str, data: bytes) -> None:
        """Keep our version beside the file, which is about to become theirs."""
        copy = self.merger.name_copy(path, data)
        with suppress(FileExistsError):
            files.create(self.home.path(copy), data)
        self.conflicts.append(Conflict(path, copy))

    def _place_window(
        self, path: str, old: bytes | None, new: bytes, made: MergedTree, is_forked: bool
    ) -> list[tuple[str, bool]]:
        """Bring a window up to what was merged, but for texts that are to be taken back: those."""
        if is_forked and old is not None:
            placing.move_tail(self.log, path, old, new)
            return []
        is_forgotten = self.merger.find_records(path, (made.tree,))
        gone = windows.find_blanked(old or b"", new)
        wanted = windows.with_texts(old or b"", new) if gone and self._forget else new
        placing.place_window(
            self.log, path, lambda now: windows.merge_window(now, wanted, is_forgotten)
        )
        return [(f"{path}:{one.line}", meta) for one, meta in gone] if self._forget else []

    def _take_back(
        self, path: str, some: list[tuple[str, bool]], new: bytes, made: MergedTree
    ) -> None:
        """Take back what another machine took back, with all that was made from it here."""
        assert self._forget
        for meta_too in (False, True):
            if refs := [ref for ref, meta in some if meta == meta_too]:
                self._forget(refs, meta_too)
        is_forgotten = self.merger.find_records(path, (made.tree,))
        placing.place_window(
            self.log, path, lambda now: windows.merge_window(now, new, is_forgotten)
        )


def _is_window(path: str) -> bool:
    rule = rules.find(path)
    return rule is not None and rule.kind == rules.WINDOW
