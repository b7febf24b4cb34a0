"""Digests that every recall makes. `hashlib` would load OpenSSL for them, which takes 2 ms."""

from typing import Literal

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b


def digest_63(data: bytes, order: Literal["little", "big"] = "little") -> int:
    """63 bits of BLAKE2b, which is what a database takes for an integer."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), order) >> 1
