"""The board on a socket, until it is told to end."""

import errno
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

from ..ground.address import is_loopback
from ..ground.errors import BUSY, NOT_PERMITTED, Failure, Misconfigured, Usage
from ..memory import Memory
from . import access, application
from .access import Doors

TOKEN = access.TOKEN
_CODES = {errno.EADDRINUSE: BUSY, errno.EACCES: NOT_PERMITTED}


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any that is free. Usage for an address that is not of
    this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # its protocol named, or asyncio leaves Nagle's algorithm on: 40 ms more for each answer
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((address, port))
        opened.listen(128)  # who asks before the application is there waits
    except (OSError, UnicodeError) as error:
        opened.close()
        reason = (getattr(error, "strerror", "") or str(error)).lower()
        what = f"cannot listen on '{address}', port {port}: {reason}"
        code = _CODES.get(getattr(error, "errno", None) or 0)
        if code is None:
            raise Usage(what, cure="name an address of this machine") from None
        free = "is a board running? else name another --port"
        cure = free if code == BUSY else "name a --port from 1024 on"
        raise Failure(what, cure=cure, code=code) from None
    return opened


def find_doors(address: str, port: int, token: str) -> Doors:
    """What a board there asks for. Misconfigured when others can reach it and there is no token."""
    if len(token.strip()) < access.LEAST and (token or not is_loopback(address)):
        short = f"{TOKEN} is shorter than {access.LEAST} characters"
        what = short if token else f"no {TOKEN}, and others can reach '{address}'"
        cure = f"put {TOKEN}=… into .env, with what 'openssl rand -hex 16' prints"
        raise Misconfigured(what, cure=cure)
    return Doors(port, (*access.LOOPBACK, _write_host(address)), token.strip())


def tell_addresses(address: str, port: int) -> list[str]:
    """What a browser is given: of all addresses, the one that this machine is at for itself, and
    the one by which others reach it."""
    every = {"0.0.0.0": ("127.0.0.1", "192.0.2.1"), "::": ("::1", "2001:db8::1")}
    here, elsewhere = every.get(address, (address, ""))
    hosts = [here, _find_own(elsewhere)] if elsewhere else [here]
    return [f"http://{_write_host(host)}:{port}/" for host in dict.fromkeys(hosts) if host]


def _find_own(elsewhere: str) -> str:
    """Which address of this machine would be the sender's of what goes to another one, an example's
    that nobody has; '' where nothing would go. The system's table of routes knows, and nothing is
    sent: UDP has no greeting."""
    family = socket.AF_INET6 if ":" in elsewhere else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.connect((elsewhere, 9))
            return opened.getsockname()[0]
    except OSError:
        return ""


def _write_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address.lower()


def prepare(
    opened: socket.socket, open_memory: Callable[[], Memory], find: Callable[[str], Doors]
) -> Callable[[], None]:
    """What serves until SIGINT or SIGTERM, which it heeds from now on; what is being answered then
    is given a second. `find`: the doors for a token, as `find_doors`."""
    import asyncio

    import uvicorn
    from anyio.to_thread import current_default_thread_limiter

    from .connections import BoardConnection

    ended = asyncio.Event()
    config = uvicorn.Config(
        application.make(open_memory, find, ended),
        log_config=None,
        log_level="critical",  # what it would say of requests has seen no mask
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http=BoardConnection,
        timeout_graceful_shutdown=1,
    )

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield  # ours end it; its own would end the process by the signal

    server = Server(config)

    def end(number: int, frame: object) -> None:
        server.should_exit = True
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)

    async def answer() -> None:
        current_default_thread_limiter().total_tokens = application.THREADS
        await server.serve([opened])

    return lambda: asyncio.run(answer())
