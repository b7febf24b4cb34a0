"""forked.py PLACE LINK WORD...: a command of the suite, forked by the nursery that is at PLACE.

LINK stands on the PATH of a test for the page of its name: the same to a shell, in a third of the
time. Where a fork is not the same (a locale that is not UTF-8, no folder, no such stream), the page
is run. Nothing is imported that would cost more than it saves.
"""

import _socket
import marshal
import os
import sys

LOCALES = ("LC_ALL", "LC_CTYPE", "LANG")
READ_AT_THE_START = {"PYTHONIOENCODING", "PYTHONPATH", "PYTHONUTF8"}
BIN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../bin")


def main(place: str, link: str, *words: str) -> None:
    folder, name = os.path.split(link)
    env = {k: v for k, v in os.environ.items() if k not in ("NURSERY", "FORKED")}
    env["PATH"] = env["PATH"].replace(f"{folder}:", "", 1)
    page = [os.path.join(os.path.normpath(BIN), name), *words]
    try:
        line = None if needs_start(env) else order(place, page, env)
    except OSError:
        line = None
    if not line:
        os.execve(page[0], page, env)
    read_line(line)
    line.sendall(b"\n")
    code = int(read_line(line))
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def needs_start(env: dict[str, str]) -> bool:
    locale = next((env[name] for name in LOCALES if env.get(name)), "UTF-8")
    return not locale.upper().endswith(("UTF-8", "UTF8")) or not READ_AT_THE_START.isdisjoint(env)


def order(place: str, page: list[str], env: dict[str, str]) -> _socket.socket:
    """As forks.Nursery.start has it."""
    umask = os.umask(0o077)
    os.umask(umask)
    data = marshal.dumps((page, env, os.getcwd(), umask))
    for stream in range(3):  # or the line would be one of them
        os.fstat(stream)
    streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in range(3))
    line = _socket.socket(_socket.AF_UNIX)
    line.connect(place)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)
    line.sendmsg([b"%d\n" % len(data)], [rights])
    line.sendall(data)
    return line


def read_line(line: _socket.socket) -> bytes:
    said = b""
    while not said.endswith(b"\n"):
        said += line.recv(1)
    return said


if __name__ == "__main__":
    main(*sys.argv[1:])
