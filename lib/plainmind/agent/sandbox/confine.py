"""The launcher of the rungs without a namespace of processes: a program of its own, run by path
with `python -IS`.

    confine.py DESCRIPTOR PROGRAM ARG…

where the descriptor gives

    {"landlock": {"read": […], "write": […], "list": […], "devices": […], "unlinked": […]} | null,
     "network": false, "parent": PID}

It confines a child by Landlock and seccomp where told to, waits for it, and then ends everything
that descends from it: as their subreaper it inherits whatever made itself a daemon. It imports
nothing of the house and only what starts fast. Sources: landlock(7), seccomp(2), prctl(2),
capabilities(7), linux/landlock.h, linux/audit.h.
"""

import ctypes
import os
import signal
import stat
import sys

# linux/landlock.h: rights on files, and those that make sense on a file, not a folder
EXECUTE, WRITE, READ, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, DEVICE_IOCTL = 1 << 13, 1 << 14, 1 << 15
MAKING = sum(1 << bit for bit in range(4, 13))
ON_FILES = EXECUTE | WRITE | READ | TRUNCATE | DEVICE_IOCTL
SEEING = EXECUTE | READ | READ_DIR
CHANGING = SEEING | WRITE | MAKING | REFER | TRUNCATE
LEAST_ABI = 6  # before it, signals reach all of a user; before 3, what is read can be truncated

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same number on every architecture
_PR_CAPBSET_DROP, _CAPABILITY_VERSION_3 = 24, 0x20080522
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
_O_PATH = 0o10000000

#: machine -> audit architecture, then the numbers of calls
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS = {
    "x86_64": {
        "socket": 41, "io_uring_setup": 425, "add_key": 248, "request_key": 249, "keyctl": 250,
        "shmget": 29, "semget": 64, "msgget": 68,
    },
    "aarch64": {
        "socket": 198, "io_uring_setup": 425, "add_key": 217, "request_key": 218, "keyctl": 219,
        "shmget": 194, "semget": 190, "msgget": 186,
    },
}  # fmt: skip
#: sockets could be had through a ring too; keys are the user's, whatever the namespace
_NEVER = ("io_uring_setup", "add_key", "request_key", "keyctl")
_SHARED = ("shmget", "semget", "msgget")  # of the whole machine without a namespace, and they stay
_X32 = 0x40000000
UNIX, INTERNET = (1,), (2, 10, 16)  # address families; netlink is asked for names and routes

_alone = False  # whether a signal to all reaches nothing but descendants

_libc = ctypes.CDLL(None, use_errno=True)


def read_landlock_abi() -> int:
    """The version of Landlock the kernel has, 0 for none."""
    if sys.platform != "linux" or os.uname().machine not in _CALLS:
        return 0
    return max(0, _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def restrict_files(
    network: bool,
    *,
    read: list[str],
    write: list[str],
    list: list[str],
    devices: list[str],
    unlinked: list[str],
) -> None:
    """Take from this process, for ever, every right on files but those named, if they are there.
    Below the folders `unlinked` a path is none that leads through a link."""
    known = (1 << 16) - 1
    ruleset = _create_ruleset(known, 0 if network else 0b11, 0b11)
    granted = ((read, SEEING), (write, CHANGING), (list, READ_DIR), (devices, READ | WRITE))
    for paths, rights in granted:
        for path in paths:
            _allow(ruleset, path, rights & known, unlinked)
    _restrict_self(ruleset)


def build_call_filter(families: tuple[int, ...], shared: bool) -> bytes:
    """A seccomp filter: sockets of these address families only, no keys, no rings; without
    `shared`, no System V memory. The refused get EPERM. b'' where calls have no known numbers.
    """
    machine = os.uname().machine
    if machine not in _CALLS:
        return b""
    calls = _CALLS[machine]
    never = [calls[name] for name in (*_NEVER, *(() if shared else _SHARED))]
    # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JGE|K, RET|K
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM
    # (code, where to when so, where to when not, value); the places are made relative below
    lines: list[tuple[int, str, str, int]] = [
        (load, "", "", 4),  # seccomp_data.arch
        (equal, "", "refuse", _ARCHITECTURES[machine]),
        (load, "", "", 0),  # .nr
        *([(at_least, "refuse", "", _X32)] if machine == "x86_64" else []),
        *((equal, "refuse", "", number) for number in never),
        (equal, "", "allow", calls["socket"]),
        (load, "", "", 16),  # .args[0]
        *((equal, "allow", "", family) for family in families),
        (give, "", "", refuse),
        (give, "", "", allow),
    ]
    places = {"refuse": len(lines) - 2, "allow": len(lines) - 1}
    return b"".join(
        code.to_bytes(2, sys.byteorder)
        + bytes(places[to] - at - 1 if to else 0 for to in (yes, no))
        + value.to_bytes(4, sys.byteorder)
        for at, (code, yes, no, value) in enumerate(lines)
    )


def restrict_calls(network: bool) -> None:
    """No sockets, for D-Bus and Docker do anything for whoever asks; with a network, its own."""
    program = build_call_filter(INTERNET if network else (), shared=False)
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    filled = Program(len(program) // 8, ctypes.addressof(buffer))
    if _libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(filled), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def drop_capabilities() -> None:
    """What root may do beyond a user, for ever: kernel modules, the clock, files of others."""
    for number in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # refused of a user, who has none
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def main(instructions: int, argv: list[str]) -> int:
    """Run `argv` confined; its exit code, as a shell would tell it."""
    import json

    with open(instructions, encoding="utf-8") as file:
        bounds = json.load(file)
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        _libc.prctl(_PR_SET_SUBREAPER, 1, 0, 0, 0)
    global _alone
    _alone = bool(bounds["landlock"]) and _confine_signals()
    signal.signal(signal.SIGTERM, _stop)
    if os.getppid() != bounds["parent"]:  # killed before it could be told
        return 128 + signal.SIGTERM
    child = os.fork()
    if not child:
        _exec_confined(bounds, argv)
    status = _wait_for(child)
    # the command ended by itself; what it left has no leave to stay
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_all()
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def _exec_confined(bounds: dict, argv: list[str]) -> None:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if bounds["landlock"]:
            if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "no_new_privs")
            drop_capabilities()
            restrict_files(bounds["network"], **bounds["landlock"])
            restrict_calls(bounds["network"])
        os.execvp(argv[0], argv)
    except BaseException as error:  # never may the child go on as if it were confined
        os.write(2, f"the sandbox cannot be set up: {error}\n".encode())
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def _wait_for(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def _stop(*_) -> None:
    _end_all()
    raise SystemExit(128 + signal.SIGTERM)


def _confine_signals() -> bool:
    """Let signals of this process reach only what descends from it; whether they do."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    _restrict_self(_create_ruleset(0, 0, 0b10))
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return True
    return False


def _end_all() -> None:
    """Kill every descendant: all a signal reaches, or the children, whose own then become ours."""
    while True:
        # all at once where that is safe: nothing is forked meanwhile
        for pid in [-1] if _alone else _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    own = str(os.getpid()).encode()
    return [pid for pid, (state, parent, *_) in list_processes() if parent == own and state != b"Z"]


def list_processes(leader: int = 0) -> list[tuple[int, list[bytes]]]:
    """Ids of processes, and what follows the name in /proc/ID/stat: state, parent, group, session.

    [] where there is no /proc. With the `leader` of a session, those of that session; no file is
    read of the others.
    """
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        try:
            pid = int(name)
            if not leader or os.getsid(pid) == leader:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    found.append((pid, file.read().rpartition(b")")[2].split()))
        except (OSError, ValueError):  # gone, or not a process
            continue
    return found


def _create_ruleset(files: int, network: int, scopes: int) -> int:
    attributes = (ctypes.c_uint64 * 3)(files, network, scopes)
    return _syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(24), 0)


def _restrict_self(ruleset: int) -> None:
    _syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _open(path: str, unlinked: list[str]) -> int:
    """A path as it is now; step by step below a folder where no link is followed."""
    root = min((r for r in unlinked if path.startswith(r.rstrip("/") + "/")), key=len, default=path)
    fd = os.open(root, _O_PATH | os.O_CLOEXEC)
    for step in filter(None, path[len(root) :].split("/")):
        folder = fd
        try:
            fd = os.open(step, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
    return fd


def _allow(ruleset: int, path: str, rights: int, unlinked: list[str]) -> None:
    try:
        fd = _open(path, unlinked)
    except OSError:
        return
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISLNK(mode):
            return
        if not stat.S_ISDIR(mode):
            rights &= ON_FILES
        # struct landlock_path_beneath_attr is packed: u64, s32
        packed = rights.to_bytes(8, sys.byteorder) + fd.to_bytes(4, sys.byteorder)
        attribute = ctypes.create_string_buffer(packed, 12)
        _syscall(_ADD_RULE, ruleset, 1, attribute, 0)
    finally:
        os.close(fd)


def _syscall(number: int, *arguments) -> int:
    result = _libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2:]))
