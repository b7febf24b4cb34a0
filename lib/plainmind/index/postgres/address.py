"""The address of a database, as the setting index.engine has it: no password is ever in it, and
what is said of it names neither a user nor a password."""

import re
from typing import NamedTuple

from ...ground.errors import Misconfigured

SCHEMES = ("postgresql://", "postgres://")
_PASSWORD = re.compile(  # also one that is not written as an address has it: 'a/b', 'a@b', 'a?b'
    r"^[a-z]+://(?:[^/@]*:[^/@]*|[^?@]*:[^?]*)@|[?&](?:ssl)?password="
)


class Address(NamedTuple):
    """Where a database is; `password` is what `.env` has for it, '' if nothing."""

    url: str
    password: str = ""

    @classmethod
    def parse(cls, url: str, password: str = "") -> "Address":
        """Misconfigured when it is not one, or has a password in it."""
        if not url.startswith(SCHEMES):
            what = "index.engine: neither sqlite nor an address postgresql://USER@HOST/DATABASE"
            raise Misconfigured(what, cure="fix the setting")
        if _PASSWORD.search(url):
            cure = "put it in the memory folder's .env, as PGPASSWORD"
            raise Misconfigured("index.engine: a password in the address", cure=cure)
        return cls(url, password)

    def __str__(self) -> str:
        scheme, _, rest = self.url.partition("://")
        place = rest.partition("?")[0].rpartition("@")[2]
        return f"{scheme}://{place}"
