"""git, as a subprocess that nobody's configuration reaches.

Owns how git is called: a repository without a work tree and without an index, so nothing that git
does ever touches a file of the memory; no configuration of the person's or of the system's, no
hooks, signatures, filters, prompts or background work; English messages; an end for what says
nothing for long. Refuses to know what is in the repository.
"""

import os
import re
import selectors
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

from ..ground import clock
from ..ground.errors import InputOutput, Misconfigured, Unavailable

KILLED = 5.0  # seconds between asking git to end and ending it

_CONFIG = {
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.untrackedCache": "false",
    "core.fsync": "committed,reference",
    "core.sharedRepository": "0600",
    "core.quotePath": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "push.gpgSign": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.fsckObjects": "true",
    "fetch.writeCommitGraph": "false",
    # what would be dangerous to check out, which is never done here: a page may be called so, and
    # whoever fetched its commit could fetch nothing any more; rules.py says which names are written
    **{
        f"fetch.fsck.{name}": "ignore"
        for name in (
            "hasDot",
            "hasDotdot",
            "hasDotgit",
            "gitmodulesBlob",
            "gitmodulesLarge",
            "gitmodulesName",
            "gitmodulesParse",
            "gitmodulesPath",
            "gitmodulesSymlink",
            "gitmodulesUpdate",
            "gitmodulesUrl",
            "gitattributesBlob",
            "gitattributesLarge",
            "gitattributesLineLength",
            "gitattributesSymlink",
            "gitignoreSymlink",
            "mailmapSymlink",
            "largePathname",  # which a git before 2.43 does not know, and says so
        )
    },
    "core.protectNTFS": "false",
    "core.protectHFS": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "receive.autoGC": "false",
    "protocol.ext.allow": "never",
    "advice.detachedHead": "false",
    "safe.directory": "*",
}
#: what is said of a repository of which a part is not there, or not whole
_DAMAGED = re.compile(
    "not (?:a git repository|in a git directory|a tree object|a valid object)|bad (?:object|tree)"
    "|(?:corrupt|missing|loose) |unable to (?:read|parse)|[Cc]ould not (?:read|parse)"
    "|invalid object"
)
#: how to go on without it
AGAIN = "move the folder sync/ away, and run 'mem-sync init REMOTE' again: no file is lost"
_FULL = ("No space left on device", "Out of diskspace")
#: of the environment, what leads to a remote
_PASSED = ("PATH", "HOME", "SSH_AUTH_SOCK", "TMPDIR", "http_proxy", "https_proxy", "all_proxy",
           "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GIT_SSH_COMMAND",
           "GIT_SSL_CAINFO")  # fmt: skip


class GitFailed(InputOutput):
    """git ended with a code (`ended`): what it said."""

    def __init__(self, arguments: Sequence[str], ended: int, out: bytes, said: str):
        said = re.sub(r"(?<=://)[^/\s]*@", "", said)  # a password in an address
        super().__init__(f"git {arguments[0]} ended with {ended}: {' '.join(said.split())}")
        self.ended, self.out, self.said = ended, out, said


class Git:
    """git in one repository. `folder` is its own, without a work tree. `quiet_for`: seconds after
    which what talks to a remote and says nothing is ended."""

    def __init__(
        self, folder: str, quiet_for: float = 60.0, config: Mapping[str, str] | None = None
    ):
        self.folder, self.quiet_for = folder, quiet_for
        self._config = {**_CONFIG, **(config or {})}

    def run(
        self, *arguments: str, stdin: bytes | None = None, codes: Sequence[int] = (0,)
    ) -> bytes:
        """What git prints. GitFailed for a code that is not one of these; InputOutput where git
        was killed, or the disk is full."""
        with self._start(arguments, stdin is not None) as process:
            out, errors = process.communicate(stdin)
        said = errors.decode("utf-8", "replace")
        try:
            return self._end(arguments, process.returncode, out, said, codes)
        except GitFailed as failed:
            if _DAMAGED.search(said):
                failed.place, failed.cure = self.folder, AGAIN
            raise

    def talk(
        self, *arguments: str, codes: Sequence[int] = (0,), say: Callable[[str], object] = len
    ) -> bytes:
        """The same for what talks to a remote: it is ended when nothing is heard of it for long.
        `say` is told of its progress. Unavailable."""
        process = self._start(arguments, False, group=True)
        assert process.stdout and process.stderr
        heard: dict[object, list[bytes]] = {process.stdout: [], process.stderr: []}
        try:
            with selectors.DefaultSelector() as selector:
                for stream in heard:
                    selector.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]
                while selector.get_map():
                    ready = selector.select(self.quiet_for)
                    if not ready:
                        what = f"the remote said nothing for {self.quiet_for:g} s"
                        raise Unavailable(what, cure="try again; sync.timeout is how long to wait")
                    for key, _ in ready:
                        data = os.read(key.fd, 65536)
                        heard[key.fileobj].append(data)
                        if not data:
                            selector.unregister(key.fileobj)
                        elif key.fileobj is process.stderr:
                            say(data.decode("utf-8", "replace").replace("\r", "\n").strip())
            process.wait()
        finally:
            _end_group(process)
            process.stdout.close()
            process.stderr.close()
        out, said = (b"".join(parts) for parts in heard.values())
        return self._end(arguments, process.returncode, out, said.decode("utf-8", "replace"), codes)

    def open(self, *arguments: str) -> subprocess.Popen:
        """git as a process that is asked, and answers; whoever opens it closes it."""
        return self._start(arguments, True, errors=subprocess.DEVNULL)

    def _start(
        self, arguments: Sequence[str], asks: bool, *, group: bool = False,
        errors: int = subprocess.PIPE,
    ) -> subprocess.Popen:  # fmt: skip
        program = shutil.which("git")
        if not program:
            raise Misconfigured("git is not installed", cure="install git, 2.31 or later")
        return subprocess.Popen(
            [program, f"--git-dir={self.folder}", "--no-replace-objects", *arguments],
            stdin=subprocess.PIPE if asks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=self._environment(),
            cwd=os.path.dirname(self.folder),
            start_new_session=group,
        )

    def _environment(self) -> dict[str, str]:
        env = {name: os.environ[name] for name in _PASSED if name in os.environ}
        env.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=20")
        env |= {
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_CONFIG_COUNT": str(len(self._config)),
        }
        for number, (key, value) in enumerate(self._config.items()):
            env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return env

    def _end(
        self, arguments: Sequence[str], code: int, out: bytes, said: str, codes: Sequence[int]
    ) -> bytes:
        if code in codes:
            return out
        if code < 0:
            what = f"git {arguments[0]} was ended by signal {-code}"
            raise InputOutput(what, cure="run mem-sync again: nothing is lost")
        own = [row for row in re.split(r"[\r\n]", said) if not row.startswith("remote:")]
        if any(words in row for row in own for words in _FULL):
            raise InputOutput("no space left on device", place=self.folder, cure="make room")
        raise GitFailed(arguments, code, out, said)


def _end_group(process: subprocess.Popen) -> None:
    """End git and what it has started (ssh), if they run."""
    if process.poll() is not None:
        return
    end = clock.monotonic() + KILLED
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        while process.poll() is None and (sign == signal.SIGKILL or clock.monotonic() < end):
            clock.sleep(0.01)
        if process.poll() is not None:
            break
    process.wait()
