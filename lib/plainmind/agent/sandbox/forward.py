"""The inside end of the broker: a program of its own, run with `python -IS` by a command's second
line.

    MIND_BROKER=SOCKET|DESCRIPTOR forward.py PROGRAM ARG…

Hands the arguments and the three streams to the broker and ends with the command's exit code. It
imports nothing of the house and only what starts fast.
"""

import _socket
import os
import sys


def main(program: str, arguments: list[str], broker: str) -> int:
    try:
        connection = _connect_inherited(int(broker)) if broker.isdigit() else _connect(broker)
        values = [os.environ.get(name, "") for name in ("MIND_SESSION", "MIND_AGENT")]
        words = os.fsencode("\0".join([*values, os.path.abspath(program), *arguments]))
        _hand_over(connection, b"%d\n%s" % (len(words), words))
        return int(connection.recv(16) or b"75")
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        what = f"the way out of the sandbox is closed ({error.strerror})"
        cure = "run it directly from the command"
        os.write(2, f"{os.path.basename(program)}: {what}; {cure}\n".encode())
        return 75


def _connect(path: str) -> _socket.socket:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(path)
    return connection


def _connect_inherited(fd: int) -> _socket.socket:
    """Where no socket may be made: one of a pair goes through the descriptor that was inherited."""
    passed_on = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM, 0, os.dup(fd))
    own, other = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    _send_with(passed_on, b".", other.fileno())
    other.close()
    return own


def _hand_over(connection: _socket.socket, data: bytes) -> None:
    sent = _send_with(connection, data[:65536], 0, 1, 2)
    while sent < len(data):
        sent += connection.send(data[sent:])


def _send_with(connection: _socket.socket, data: bytes, *fds: int) -> int:
    """Send data, and descriptors with it."""
    packed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in fds)
    return connection.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:], os.environ["MIND_BROKER"]))
