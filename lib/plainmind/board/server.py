"""The board on a socket, until it is told to end."""

import socket
from collections.abc import Callable

from ..ground.errors import BUSY, Failure, Misconfigured
from ..memory import Memory
from . import access, application
from .access import Doors

TOKEN = "MIND_BOARD_TOKEN"


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any that is free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((address, port))
        opened.listen(128)  # who asks before the application is there waits
    except OSError as error:
        opened.close()
        what = f"cannot listen on {address}, port {port}: {(error.strerror or '').lower()}"
        raise Failure(
            what, cure="is a board running? else name another --port", code=BUSY
        ) from None
    return opened


def find_doors(address: str, port: int, token: str) -> Doors:
    """What a board there asks for. Misconfigured when others can reach it and there is no token."""
    if address in ("127.0.0.1", "::1"):
        return Doors(port, token=token)
    if len(token) < access.LEAST:
        what = f"{TOKEN} has no value of {access.LEAST} characters or more, and others can reach "
        cure = f"put one into .env: {TOKEN}=$(openssl rand -hex 16)"
        raise Misconfigured(f"{what}{address}", cure=cure)
    return Doors(port, hosts=(), token=token)


def tell_address(address: str, port: int) -> str:
    """What a browser is given: of all addresses, the one that this machine is at for itself."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, address)
    return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{port}/"


def serve(opened: socket.socket, open_memory: Callable[[], Memory], doors: Doors) -> None:
    """Until SIGINT or SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        application.make(open_memory, doors),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        limit_concurrency=200,
    )
    uvicorn.Server(config).run(sockets=[opened])
