"""Digests that every recall and every append makes. `hashlib` would load OpenSSL for them, which
takes 2 ms; these are the same without it."""

from typing import Literal

__all__ = ["blake2b", "digest_63", "sha256"]

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b
try:
    from _sha2 import sha256  # type: ignore[import-not-found]  # from Python 3.12 on
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256


def digest_63(data: bytes, order: Literal["little", "big"] = "little") -> int:
    """63 bits of BLAKE2b, which is what a database takes for an integer."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), order) >> 1
