"""What mem-sync does for a command's session: beginning, a run, what is shared, purging."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..formats.log import window_heads
from ..formats.log.window_heads import WindowHead
from ..ground import clock, files, stream
from ..ground.errors import Busy, Failure, Misconfigured
from ..ground.outages import OutageReports
from ..truth.log.verify import Finding
from . import membership, purging, remotes, rules, snapshot, syncing
from .merging import HEADS
from .repository import BASE, DISK, MAIN, REMOTE, Repository
from .syncing import Options, Syncing, SyncReport


def begin(session: Any, remote: str | None = None, number: int = 0) -> None:
    """Make the repository, and name its remote. BadData, NoInput for what is not one. `number`: of
    this machine, where no remote allots one."""
    address = "" if remote is None else remotes.check(remote)
    files.make_folder(session.home.root)
    with syncing.lock(session.home), Repository(session.home) as repository:
        repository.create()
        if address:
            repository.set_remote(address)
        machine = membership.know_self(session.home)
        if number:
            membership.keep(session.home, machine._replace(number=number))
    session.say(f"run mem-sync now, and then every few minutes{'' if address else '; no remote'}")


def run(session: Any, deleted: bool) -> Iterator[Finding | Failure]:
    """One run, and what it found."""
    with _open(session) as repository, syncing.lock(session.home):
        one = _syncing(session, repository, deleted)
        report, asked = one.run(), bool(repository.remote)
    yield from _tell(session, report)
    # a schedule asks every few minutes, and a laptop is offline for hours
    always = not session.quiet or stream.stderr_is_terminal()
    outages = OutageReports(session.home, "mem-sync", session.report, always=always)
    outages.asked = asked
    if report.unavailable:
        outages.report(report.unavailable)
    outages.end(session.say)


def is_begun(session: Any) -> bool:
    """Whether the memory folder is shared, or is to be."""
    return Repository(session.home).exists


def _syncing(session: Any, repository: Repository, deleted: bool = False) -> Syncing:
    vectors = session.settings["sync.vectors"]
    options = Options(session.key, vectors, deleted)
    now = lambda: session.now
    return Syncing(session.home, repository, options, now, _follow(session), _show(session))


def _show(session: Any) -> Callable[[str], None]:
    """What git says of its progress, as that of any long work."""
    progress = session.progress("syncing")

    def show(text: str) -> None:
        for done, of in re.findall(r"\((\d+)/(\d+)\)", text)[-1:]:
            progress(int(done), int(of))

    return show


def _tell(session: Any, report: SyncReport) -> Iterator[Finding | Failure]:
    yield from report.findings
    yield from report.failures
    if report.received:
        session.remark(f"files that other machines changed: {report.received}")


def _follow(session: Any) -> syncing.Forget:
    """Takes back here what another machine took back, with all that was made from it, after what a
    run that was killed left undone."""

    def forget(refs: Sequence[str], meta_too: bool) -> None:
        from ..memory import Memory, event_forgetting

        if not refs and not event_forgetting.is_unfinished(session.home):
            return
        failed: list[Failure] = []
        memory = Memory.of(session)
        for found in event_forgetting.forget(
            memory, session.key, refs, meta_too=meta_too, reason="", report=failed.append
        ):
            if found.code != event_forgetting.HISTORY:
                session.say(f"{found} (taken back on another machine)")
        if failed:
            raise failed[0]

    return forget


def _open(session: Any) -> Repository:
    quiet_for = session.settings["sync.timeout"]
    repository = Repository(session.home, quiet_for)
    if not repository.exists:
        cure = "run 'mem-sync init REMOTE' first"
        raise Misconfigured(f"{session.home.root} is not shared", cure=cure)
    return repository


def list_status(session: Any) -> Iterator[tuple[str, str | int]]:
    """What is shared with whom: names and values."""
    with _open(session) as repository:
        refs = repository.refs()
        machine = membership.know_self(session.home)
        yield "remote", re.sub(r"(?<=://)[^/\s]*@", "", repository.remote) or "none"
        yield "machine", f"{machine.number} {machine.host}"
        tree = repository.read_tree(refs.get(MAIN))
        for one in membership.list_members(repository, tree):
            if one.id != machine.id:
                yield "other", f"{one.number} {one.host}"
        yield "files", len([path for path in tree if rules.find_shared(path)])
        yield "committed", _time_of(repository, refs.get(MAIN))
        yield "pushed", "yes" if refs.get(MAIN) == refs.get(BASE) else "no"
        before = repository.read_tree(refs.get(DISK) or refs.get(MAIN))
        vectors = session.settings["sync.vectors"]
        taken = snapshot.take(repository, before, vectors=vectors)
        changed = {*taken.files.items()} - {*before.items()}
        yield "changed", len(changed)
        for path in (*taken.unknown, *taken.links):
            yield "not shared", path


def _time_of(repository: Repository, commit: str | None) -> str:
    if not commit:
        return "never"
    return clock.to_text(1000 * int(repository.git.run("show", "-s", "--format=%ct", commit)))


def read_heads(session: Any, say: Callable[[str], object] = len) -> list[WindowHead]:
    """The heads that the remote's last commit has. Unavailable."""
    with _open(session) as repository, syncing.lock(session.home):
        if not repository.remote:
            raise Misconfigured("there is no remote", cure="name a file of heads, or init a remote")
        fetched = repository.fetch(say)
        tree = repository.read_tree(fetched)
        return window_heads.parse(repository.read(tree.get(HEADS)))


def purge(session: Any, refs: Sequence[str], yes: bool) -> Iterator[Finding | Failure]:
    """Rewrite history without texts that were taken back; where there is a remote, only with a
    person's yes, and there first: what only this machine forgets would come back with it."""
    targets = purging.find_targets(session.home, refs)
    with _open(session) as repository, syncing.lock(session.home):
        report = _syncing(session, repository).run()
        if report.unavailable:
            raise report.unavailable
        main, remote = repository.refs().get(MAIN), repository.remote
        if main is None or repository.refs().get(DISK):
            raise Busy("not all files could be brought up to date", cure="run mem-sync, then this")
        new, count = purging.rewrite(repository, main, targets)
        if not remote or yes:
            _replace(session, repository, main, new)
        elif count:
            session.say(f"{count} old files have it; --yes rewrites them here and on the remote")
    for target in targets:
        if count and remote and not yes:
            yield Finding(target.path, target.block.line, "history", "old versions have its text")


def _replace(session: Any, repository: Repository, main: str, new: str) -> None:
    if new == main:
        return
    if repository.remote and not repository.push(new, expected=main, say=_show(session)):
        raise Busy("another machine pushed meanwhile", cure="run it again")
    remote = {BASE: new, f"{REMOTE}/main": new} if repository.remote else {}
    repository.move({MAIN: new, **remote})
    repository.prune()
