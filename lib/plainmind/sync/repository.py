"""The repository of a memory folder, `sync/git`: trees of files by path, blobs, commits, refs.

    refs/heads/main    what this machine's files are, merged with all that was fetched
    refs/mind/base     what the remote had when it was last merged; what both sides came from
    refs/mind/disk     what the files were, while `main` is not brought to all of them yet
    refs/mind/remote   what was fetched

History is a line: what is fetched comes first, and what is new here is one commit on top of it.
Every write is whole or not there: objects are packed and synced by one git process, and refs move
afterwards, all at once. A process that is killed leaves objects that nothing names.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from ..ground import files
from ..ground.errors import InputOutput, Misconfigured, Unavailable
from ..ground.paths import Home
from . import remotes
from .git import AGAIN, Git, GitFailed

FOLDER = "sync/git"
MAIN, BASE, DISK, REMOTE = "refs/heads/main", "refs/mind/base", "refs/mind/disk", "refs/mind/remote"
_NEW = "refs/mind/new"  # of a commit that is being made; nothing reads it

#: what a git that failed leaves: a lock; half of a pack, and fast-import's report of it
_LOCK, _HALF = re.compile(r"\.lock\Z"), re.compile(r"\A(?:tmp_|fast_import_crash_)")
OLDEST = (2, 31)  # git that takes its configuration from the environment
MOST = 64 * 1024 * 1024  # bytes that wait to be written
Tree = dict[str, str]  # path -> oid of its blob


class Committer(NamedTuple):
    """Who commits: a machine. `id` tells it from all others, also from one of its number."""

    name: str
    id: str


def oid_of(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Repository:
    """`read` answers from what was put here and not committed yet, too."""

    def __init__(
        self, home: Home, quiet_for: float = 60.0, config: Mapping[str, str] | None = None
    ):
        self.home = home
        self.git = Git(home.path(FOLDER), quiet_for, config)
        self._new: dict[str, bytes] = {}
        self._size = 0  # of these
        self._trees: dict[str, Tree] = {}
        self._reader: subprocess.Popen | None = None
        self.refusal = ""  # what the remote said of the last push that was lost

    def __enter__(self) -> "Repository":
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader:
            assert self._reader.stdin and self._reader.stdout
            with suppress(BrokenPipeError):
                self._reader.stdin.close()
            self._reader.stdout.close()
            self._reader.wait()
            self._reader = None

    # --- as a whole

    @property
    def exists(self) -> bool:
        """InputOutput where there is something else, such as half of one."""
        if os.path.isfile(os.path.join(self.git.folder, "HEAD")):
            return True
        with suppress(FileNotFoundError):
            if os.listdir(self.git.folder):
                raise InputOutput("not a repository", place=self.git.folder, cure=AGAIN)
        return False

    def create(self) -> None:
        """Make it, if it is not there: under another name first, so that half of one is none."""
        if self.exists:
            return
        aside = f"{self.git.folder}.new"
        shutil.rmtree(aside, ignore_errors=True)
        files.make_folder(os.path.dirname(self.git.folder))
        self._check_version()
        maker = Git(aside)
        options = ("--bare", "--quiet", "--object-format=sha1", "--initial-branch=main")
        maker.run("init", *options, "--template=", aside)
        os.rename(aside, self.git.folder)
        files.sync_folder(os.path.dirname(self.git.folder))

    def _check_version(self) -> None:
        """Misconfigured for a git to which its configuration cannot be given (git.Git)."""
        told = self.git.run("--version").decode("utf-8", "replace")
        match = re.search(r"(\d+)\.(\d+)", told)
        if match and (int(match[1]), int(match[2])) < OLDEST:
            what = f"{told.strip()} is too old"
            raise Misconfigured(what, cure="install git {}.{} or later".format(*OLDEST))

    @property
    def remote(self) -> str:
        """The address of the remote; '' for none."""
        found = self.git.run("config", "--get", "remote.origin.url", codes=(0, 1))
        return found.decode("utf-8", "replace").strip()

    def set_remote(self, address: str) -> None:
        self.git.run("config", "remote.origin.url", address)

    def tidy(self) -> None:
        """Pack what has gathered, if it is much."""
        self.git.run("-c", "gc.auto=3000", "gc", "--auto", "--quiet", codes=(0, 1, 128))

    # --- refs

    def refs(self) -> dict[str, str]:
        """Every ref that is there, and the oid of its commit."""
        told = self.git.run("for-each-ref", "--format=%(refname) %(objectname)").decode()
        return dict(row.split(" ", 1) for row in told.split("\n") if row)

    def move(self, refs: Mapping[str, str | None]) -> None:
        """Let refs name other commits, all or none of them; None takes one away."""
        lines = [f"update {ref} {oid}" if oid else f"delete {ref}" for ref, oid in refs.items()]
        text = "\n".join(["start", *lines, "prepare", "commit", ""])
        try:
            self.git.run("update-ref", "--stdin", stdin=text.encode())
        except GitFailed as failed:
            cure = f"if no mem-sync runs, delete the files '*.lock' below {self.git.folder}"
            if ".lock" in failed.said and self._break_locks():
                self.git.run("update-ref", "--stdin", stdin=text.encode())
                return
            raise InputOutput(str(failed), cure=cure) from None

    def _break_locks(self) -> bool:
        """Delete locks of refs that a killed git left: the caller holds the lock of all runs."""
        return self._delete(_LOCK)

    def _delete(self, left: re.Pattern[str]) -> bool:
        found = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.git.folder)
            for name in names
            if left.search(name)
        ]
        for path in found:
            os.unlink(path)
        return bool(found)

    # --- objects

    def read_tree(self, commit: str | None) -> Tree:
        """The files of a commit; none of None. What is not a plain file is passed over."""
        if not commit:
            return {}
        if commit not in self._trees:
            found: Tree = {}
            for row in self.git.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
                head, _, path = row.partition(b"\t")
                mode, kind, oid = head.decode().split()
                if kind == "blob" and mode in ("100644", "100755"):
                    found[os.fsdecode(path)] = oid
            self._trees[commit] = found
        return dict(self._trees[commit])

    def put(self, data: bytes) -> str:
        """Keep bytes for the next commit; their oid."""
        oid = oid_of(data)
        if oid not in self._new:
            self._new[oid] = data
            self._size += len(data)
        if self._size > MOST:
            self._import([], self._new)
        return oid

    def _import(self, lines: list[bytes], blobs: Iterable[str]) -> bytes:
        """Write blobs that were put here, and what these commands of fast-import say."""
        parts: list[bytes] = []
        for oid in [oid for oid in dict.fromkeys(blobs) if oid in self._new]:
            data = self._new[oid]
            parts += [b"blob\ndata %d\n" % len(data), data, b"\n"]
        stdin = b"".join([*parts, *lines, b"done\n"])
        options = ("--quiet", "--force", "--done", "--date-format=raw")
        try:
            out = self.git.run("fast-import", *options, stdin=stdin)
        except InputOutput as failed:
            self._delete(_HALF)  # on a full disk each run would leave another one
            said = failed.said if isinstance(failed, GitFailed) else ""
            if ".lock" not in said or not self._break_locks():
                raise InputOutput(failed.what, place=self.git.folder, cure=failed.cure) from None
            out = self.git.run("fast-import", *options, stdin=stdin)
        for oid in list(blobs):
            self._size -= len(self._new.pop(oid, b""))
        self._reread()
        return out

    def _reread(self) -> None:
        """A reader that was started before does not see every new pack."""
        self.__exit__()

    def read(self, oid: str | None) -> bytes:
        """The bytes of a blob; of None, none."""
        if oid is None:
            return b""
        if oid in self._new:
            return self._new[oid]
        reader = self._reader = self._reader or self.git.open("cat-file", "--batch")
        assert reader.stdin and reader.stdout
        with suppress(BrokenPipeError):
            reader.stdin.write(f"{oid}\n".encode())
            reader.stdin.flush()
        head = reader.stdout.readline().split()
        if not head:  # it is gone, whatever the repository has
            raise InputOutput("git cat-file was ended", cure="run mem-sync again: nothing is lost")
        if len(head) != 3:
            raise InputOutput(
                f"object {oid} is missing or damaged", place=self.git.folder, cure=AGAIN
            )
        data = reader.stdout.read(int(head[2]) + 1)[:-1]
        if oid_of(data) != oid:
            raise InputOutput(f"object {oid} is damaged", place=self.git.folder, cure=AGAIN)
        return data

    def commit(
        self, tree: Tree, parent: str | None, author: Committer, message: str, now: int
    ) -> str:
        """A commit with these files, on disk; no ref names it yet. `now`: ms."""
        before = self.read_tree(parent)
        changed = {path: oid for path, oid in tree.items() if before.get(path) != oid}
        gone = [path for path in before if path not in tree]
        # a parent is never younger, or git stops looking for it
        when = now // 1000
        if parent:
            told = self.git.run("show", "-s", "--format=%ct", parent)
            when = max(when, int(told) + 1)
        who = f"{author.name} <{author.id}@mem-sync> {max(0, when)} +0000".encode()
        text = os.fsencode(message)
        lines = [b"commit %s\nmark :1\n" % _NEW.encode()]
        lines.append(b"author %s\ncommitter %s\ndata %d\n%s\n" % (who, who, len(text), text))
        lines.append(b"from %s\n" % parent.encode() if parent else b"")
        lines += [b"D %s\n" % _quote(path) for path in gone]
        lines += [
            b"M 100644 %s %s\n" % (oid.encode(), _quote(path)) for path, oid in changed.items()
        ]
        lines.append(b"\nget-mark :1\n")
        out = self._import(lines, list(changed.values()))
        oid = out.decode().split()[0]
        self._trees[oid] = dict(tree)
        return oid

    def import_history(self, lines: Iterable[bytes], blobs: list[str]) -> str:
        """Make commits by commands of fast-import that make `main`; the oid of the last one. No ref
        names it yet."""
        ref, new = MAIN.encode(), _NEW.encode()
        renamed = []
        for line in lines:
            if line.startswith((b"commit ", b"reset ")):
                line = line.replace(ref, new)
            renamed.append(line)
        self._import([b"reset %s\n" % new, *renamed], blobs)
        oid = self.refs()[_NEW]
        self.git.run("update-ref", "-d", _NEW)
        return oid

    def prune(self) -> None:
        """Let go of what no ref names, now."""
        self._reread()
        self.git.run("update-ref", "-d", _NEW)
        self.git.run("gc", "--prune=now", "--quiet")
        self._trees.clear()

    def contains(self, commit: str | None, other: str | None) -> bool:
        """Whether the history of a commit has another."""
        if not commit or not other:
            return not other
        if commit == other:
            return True
        try:
            self.git.run("merge-base", "--is-ancestor", other, commit)
        except GitFailed as failed:
            if failed.ended == 1:
                return False
            raise InputOutput(str(failed), place=self.git.folder) from None
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        return self.git.run("merge-base", one, other, codes=(0, 1)).decode().strip() or None

    def find_counterpart(self, commit: str, other: str) -> str | None:
        """The commit of another history that this one has become, by its author, time and message;
        None where there is none, or more than one."""
        form = "--format=%ae %at %ct %s"
        told = self.git.run("log", "-1", form, commit)
        rows = self.git.run("log", f"{form}%x00%H", other).split(b"\n")
        found = [row.rpartition(b"\0") for row in rows if row]
        same = [oid.decode() for text, _, oid in found if text == told.rstrip(b"\n")]
        return same[0] if len(same) == 1 else None

    def authors_between(self, commit: str, without: Iterable[str]) -> set[str]:
        """The ids of the machines that made commits of a history which these do not have."""
        excluded = [f"^{oid}" for oid in without]
        out = self.git.run("log", "--format=%ae", commit, *excluded).decode("utf-8", "replace")
        return {row.partition("@")[0] for row in out.split("\n") if row}

    # --- the remote

    def fetch(self, say: Callable[[str], object] = len) -> str | None:
        """What the remote has, None for nothing yet. Unavailable."""
        try:
            refs = "+refs/heads/*:refs/mind/remote/*"
            options = (
                "--no-tags",
                "--no-write-fetch-head",
                "--prune",
                "--progress",
                "--no-auto-gc",
            )
            self.git.talk("fetch", *options, "origin", refs, say=say)
        except GitFailed as failed:
            if ".lock" in failed.said and self._break_locks():
                return self.fetch(say)
            raise Unavailable(
                remotes.explain(failed), cure=remotes.find_cure(failed, self.remote)
            ) from None
        return self.refs().get(f"{REMOTE}/main")

    def push(
        self, commit: str, expected: str | None = None, say: Callable[[str], object] = len
    ) -> bool:
        """Let the remote have a history; False when somebody else was faster. `expected`: of a
        history that was rewritten, what the remote has now. Unavailable."""
        lease = [f"--force-with-lease=main:{expected}"] if expected else []
        options = ("--porcelain", "--progress", "--no-verify", *lease)
        try:
            self.git.talk("push", *options, "origin", f"{commit}:{MAIN}", say=say)
        except GitFailed as failed:
            if remotes.is_lost(failed):
                self.refusal = remotes.explain(failed)
                return False
            raise Unavailable(
                remotes.explain(failed), cure=remotes.find_cure(failed, self.remote)
            ) from None
        return True


def _quote(path: str) -> bytes:
    """A path as fast-import takes it."""
    data = os.fsencode(path)
    if data.startswith(b'"') or b"\n" in data:
        data = data.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        return b'"' + data + b'"'
    return data
